/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided about a reply and about another attempt: from what is given, no exchange is known here. */
#ifndef SL_GATE_VERDICT_H
#define SL_GATE_VERDICT_H

#include "llm/core/error.h"

struct sl_headers;

enum sl_relay_mode {
    SL_RELAY_NONE,
    SL_RELAY_HELD,             /* a whole reply that may pass, until it is seen to be an answer; then RAW */
    SL_RELAY_RAW,              /* bytes through; a scanner reads usage as it passes */
    SL_RELAY_EVENTS,           /* whole events through */
    SL_RELAY_COLLECT,          /* the whole reply, then translated */
    SL_RELAY_TRANSLATE_EVENTS, /* frame by frame */
    SL_RELAY_GATHER,           /* a stream where none was asked for: frame by frame to one reply */
    SL_RELAY_COLLECT_ERROR,    /* status >= 300: whole, then passed on or translated */
    SL_RELAY_MODE_COUNT
};

enum sl_verdict_kind {
    SL_VERDICT_ON,    /* more is to come */
    SL_VERDICT_DONE,  /* all of it went to the client: the exchange may end */
    SL_VERDICT_AGAIN, /* nothing went to the client, another attempt may do better */
    SL_VERDICT_TOLD,  /* the client was told something else; the exchange is gone */
};

struct sl_verdict {
    enum sl_verdict_kind kind;
    enum sl_error_type why; /* of AGAIN */
    uint64_t wait_usec;     /* of AGAIN: before it */
    bool is_without_usage;  /* of AGAIN: what was asked for beside the call was refused; no fault of anybody */
};

#define SL_VERDICT(kind_) ((struct sl_verdict){ .kind = SL_VERDICT_##kind_ })

/* What an upstream asks everybody to wait: in seconds, a date, or milliseconds where it says both. False: nothing. */
bool sl_wait_asked(const struct sl_headers *headers, uint64_t now_wall_usec, uint64_t *ret_usec);
/* Does a head ask for another attempt before it is looked at? AGAIN with the wait, or ON. Knows no exchange. */
struct sl_verdict sl_verdict_of_head(int status, const struct sl_headers *headers, uint64_t now_wall_usec);
/* Which way a reply goes. `is_stream`: its bytes are one. */
enum sl_relay_mode sl_relay_mode_of(int status, bool is_stream, bool is_stream_asked, bool is_same_language);

/* How things stand when another attempt is asked for. */
struct sl_chance {
    bool is_head_sent;             /* bytes have left for the client */
    uint32_t n_retries, n_allowed; /* those that the policy counts */
    uint64_t now_usec, wait_usec;
    uint64_t end_usec; /* of the time for the whole call */
};
bool sl_may_retry(const struct sl_chance *chance);

#endif
