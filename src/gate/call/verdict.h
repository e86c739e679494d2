/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions about a reply and about another attempt. The functions decide by their parameters alone, without an
 * exchange. */
#ifndef SL_GATE_VERDICT_H
#define SL_GATE_VERDICT_H

#include "llm/core/error.h"

struct sl_headers;

enum sl_relay_mode {
    SL_RELAY_NONE,
    SL_RELAY_HELD,             /* a whole reply, held until it is known to be an answer; then RAW */
    SL_RELAY_RAW,              /* bytes are passed on; a scanner reads the usage */
    SL_RELAY_EVENTS,           /* whole events are passed on */
    SL_RELAY_COLLECT,          /* the whole reply is read, then translated */
    SL_RELAY_TRANSLATE_EVENTS, /* translated frame by frame */
    SL_RELAY_GATHER,           /* a stream that the client did not ask for: frame by frame into one reply */
    SL_RELAY_COLLECT_ERROR,    /* status >= 300: read whole, then passed on or translated */
    SL_RELAY_MODE_COUNT
};

enum sl_verdict_kind {
    SL_VERDICT_ON,    /* more will come */
    SL_VERDICT_DONE,  /* the client has everything: the exchange may end */
    SL_VERDICT_AGAIN, /* nothing was sent to the client, and another attempt may succeed */
    SL_VERDICT_TOLD,  /* the client got something else; the exchange is gone */
};

struct sl_verdict {
    enum sl_verdict_kind kind;
    enum sl_error_type why; /* for AGAIN */
    uint64_t wait_usec;     /* for AGAIN: the wait before it */
    bool is_without_usage;  /* for AGAIN: the target refused stream_options, which the gateway had added; not a fault */
};

#define SL_VERDICT(kind_) ((struct sl_verdict){ .kind = SL_VERDICT_##kind_ })

/* The wait that an upstream asks for, in seconds, as a date, or in milliseconds, which win. False: it asks for none. */
bool sl_wait_asked(const struct sl_headers *headers, uint64_t now_wall_usec, uint64_t *ret_usec);
/* Decides by the head alone whether another attempt should follow: AGAIN with the wait, or ON. It knows no exchange. */
struct sl_verdict sl_verdict_of_head(int status, const struct sl_headers *headers, uint64_t now_wall_usec);
/* The mode for a reply. `is_stream`: the reply is a stream. */
enum sl_relay_mode sl_relay_mode_of(int status, bool is_stream, bool is_stream_asked, bool is_same_language);

/* The facts for the decision about another attempt. */
struct sl_chance {
    bool is_head_sent;             /* something was sent to the client */
    uint32_t n_retries, n_allowed; /* attempts that the policy counts */
    uint64_t now_usec, wait_usec;
    uint64_t end_usec; /* the end of the time for the whole call */
};
bool sl_may_retry(const struct sl_chance *chance);

#endif
