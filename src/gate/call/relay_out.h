/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends on its way to the client: the relay's state, and what its ways share towards the client. */
#ifndef SL_GATE_RELAY_OUT_H
#define SL_GATE_RELAY_OUT_H

#include "base/buf.h"
#include "gate/call/mask.h"
#include "gate/call/part.h"
#include "gate/call/relay_events.h"
#include "gate/call/verdict.h"
#include "llm/core/error.h"
#include "llm/core/frame.h"
#include "net/loop.h"
#include "wire/headers.h"

struct sl_bond;
struct sl_frames;
struct sl_gather;
struct sl_unwrap;
struct sl_json_scan;
struct sl_language;
struct sl_xchg;

/* What is written of our own in one go. */
#define SL_RELAY_OUT_MAX 65536
/* What is held of a reply is counted into server.limits.memory when it is more. */
#define SL_RELAY_COUNTED_MIN 65536

/* One attempt's reply. */
struct sl_relay {
    struct sl_part part;
    struct sl_xchg *x;
    const struct sl_target *target;
    const struct sl_language *language; /* the upstream's */
    const struct sl_http_req *request;  /* as it was sent */
    struct sl_secrets secrets;          /* its credentials are masked in errors */
    enum sl_relay_mode mode;
    struct sl_headers headers; /* as they go to the client */
    struct sl_headers said;    /* as they came */
    int64_t length;
    bool is_head_sent;
    bool has_words; /* something came of what is translated: an end alone is no answer */
    /* Asked before an error is told to a client that has heard nothing yet: true, another attempt is made in its place.
     * NULL: no other one could be. */
    bool (*moves)(void *user, struct sl_llm_error *io_error);
    void *moves_user;
    struct sl_bond *bond;          /* of several targets: it sees what the client gets; NULL: nothing is looked for */
    bool is_plain;                 /* what goes to it is known to have nothing of that */
    bool is_unsure;                /* the first bytes will say whether it is a stream: what of them came is in `hold` */
    bool is_in_time;               /* the head said that it is a stream, and was passed on at once */
    size_t n_counted;              /* of what is held, into server.limits.memory */
    struct sl_pass_state pass;     /* events that pass */
    struct sl_relay_events events; /* EVENTS */
    struct sl_buf edited;          /* EVENTS: an event in another's place */
    struct sl_json_scan *scan;     /* HELD, RAW */
    struct sl_buf hold;            /* HELD, COLLECT: the reply */
    struct sl_frames *frames;      /* TRANSLATE_EVENTS, GATHER */
    struct sl_gather *gather;      /* GATHER */
    struct sl_unwrap *unwrap;      /* NULL: what comes is the answer itself */
    struct sl_buf out;             /* events written in this turn */
    void *provider_state, *dialect_state;
    struct sl_timer heartbeat; /* between events, when the client has heard nothing for a while */
    uint64_t sent_usec;        /* when it last heard something */
};

/* The client speaks what the upstream speaks. */
bool sl_relay_is_same_language(const struct sl_relay *relay);
/* Before a reply, or a part of one, is written: how long the upstream has been at it. */
void sl_relay_clock(struct sl_relay *relay);
/* And what the upstream sends is what the client reads: no other framing of a stream either. */
bool sl_relay_is_same_form(const struct sl_relay *relay);
/* `length` -1: not known. ON, or TOLD. */
struct sl_verdict sl_relay_head_send(struct sl_relay *relay, int status, int64_t length);
/* Body bytes to the client; they must live until the flush. */
void sl_relay_send(struct sl_relay *relay, struct sl_str bytes);
/* The head of an event stream. */
struct sl_verdict sl_relay_stream_head_send(struct sl_relay *relay);
/* The timer's: writes the client's sign of life between two events when nothing else was said for a while. */
void sl_relay_on_heartbeat(struct sl_timer *timer);
/* What was written in this turn. */
void sl_relay_out_send(struct sl_relay *relay);
/* Of what an upstream's error says its quotes of the credential: no more, neither to the client nor in a log. */
void sl_relay_error_mask(struct sl_relay *relay, struct sl_llm_error *error);
/* The stream is complete in the client's dialect: DONE. */
struct sl_verdict sl_relay_stream_finish(struct sl_relay *relay);
/* Room for what the client's writer of streams must remember. SL_E_NOMEM. */
SL_MUST int sl_relay_writer_start(struct sl_relay *relay);
void sl_relay_writer_stop(struct sl_relay *relay);
/* Is another attempt made in place of telling this error? Then the verdict is AGAIN; else it may say why not. */
bool sl_relay_moves(struct sl_relay *relay, struct sl_llm_error *io_error);
/* The upstream's stream has said its last word, be it an error: who leaves or breaks now ends only a connection. What
 * it said is noted (usage, error_type). */
bool sl_relay_is_said(struct sl_relay *relay);
/* The reply cannot be completed. Before the head an error; in a stream the dialect's error event and a clean end;
 * otherwise a cut. DONE, or TOLD. */
struct sl_verdict sl_relay_broken(struct sl_relay *relay, enum sl_error_type type, struct sl_str text);
/* The same because of upstream.limits.event. */
struct sl_verdict sl_relay_event_refuse(struct sl_relay *relay);
/* The same because of r: SL_E_LIMIT, SL_E_BUDGET (server.limits.memory) or SL_E_NOMEM. */
struct sl_verdict sl_relay_refuse(struct sl_relay *relay, int r);
/* `held` bytes are held now: counted into server.limits.memory. SL_E_BUDGET: they may not be. */
SL_MUST int sl_relay_count(struct sl_relay *relay, size_t held);

#endif
