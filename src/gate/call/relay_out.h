/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the relay, and the functions towards the client that all modes use. */
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

/* The most bytes that are written at once. */
#define SL_RELAY_OUT_MAX 65536
/* Held bytes of a reply are counted into server.limits.memory only if they are more. */
#define SL_RELAY_COUNTED_MIN 65536

/* The reply of one attempt. */
struct sl_relay {
    struct sl_part part;
    struct sl_xchg *x;
    const struct sl_target *target;
    const struct sl_language *language; /* the upstream's */
    const struct sl_http_req *request;  /* as it was sent */
    struct sl_secrets secrets;          /* its credentials, which are masked in errors */
    enum sl_relay_mode mode;
    struct sl_headers headers; /* for the client */
    struct sl_headers said;    /* as they came */
    int64_t length;
    bool is_head_sent;
    bool has_words; /* something was translated: an end alone is no answer */
    /* Called before an error is sent to a client that has nothing yet. True: another attempt follows instead. NULL: no
     * other is possible. */
    bool (*moves)(void *user, struct sl_llm_error *io_error);
    void *moves_user;
    struct sl_bond *bond;          /* for several targets: looks at what the client gets; NULL: nothing is looked for */
    bool is_plain;                 /* known: nothing is sealed in what it gets */
    bool is_unsure;                /* the first bytes will show whether it is a stream; until then they are in `hold` */
    bool waits_for_cost;           /* a whole reply is held until its cost is known, as far as it is short */
    bool is_usage_read;            /* HELD: the record has the reply's usage */
    bool is_in_time;               /* the head said that it is a stream, and was sent at once */
    size_t n_counted;              /* bytes held, as counted into server.limits.memory */
    struct sl_pass_state pass;     /* of events that are passed on */
    struct sl_relay_events events; /* EVENTS */
    struct sl_buf edited;          /* EVENTS: the text in place of an event */
    struct sl_json_scan *scan;     /* HELD, RAW */
    struct sl_buf hold;            /* HELD, COLLECT: the reply */
    struct sl_frames *frames;      /* TRANSLATE_EVENTS, GATHER */
    struct sl_gather *gather;      /* GATHER */
    struct sl_unwrap *unwrap;      /* NULL: nothing is unwrapped */
    struct sl_buf out;             /* events written in this turn */
    void *provider_state, *dialect_state;
    struct sl_timer heartbeat; /* for a sign of life between events, when nothing was sent for a while */
    uint64_t sent_usec;        /* when something was sent last */
};

/* True: client and upstream speak the same language. */
bool sl_relay_is_same_language(const struct sl_relay *relay);
/* Call this before a reply, or a part of one, is written: sets how long the upstream has taken so far. */
void sl_relay_clock(struct sl_relay *relay);
/* True: the same language, and a stream has the same framing, too. */
bool sl_relay_is_same_form(const struct sl_relay *relay);
/* `length` -1: not known. ON, or TOLD. */
struct sl_verdict sl_relay_head_send(struct sl_relay *relay, int status, int64_t length);
/* Sends body bytes to the client; they must live until the flush. */
void sl_relay_send(struct sl_relay *relay, struct sl_str bytes);
/* Sends the head of an event stream. */
struct sl_verdict sl_relay_stream_head_send(struct sl_relay *relay);
/* For the timer: sends a sign of life between two events, when nothing else was sent for a while. */
void sl_relay_on_heartbeat(struct sl_timer *timer);
/* Sends what was written in this turn. */
void sl_relay_out_send(struct sl_relay *relay);
/* Masks credentials in an upstream's error, for the client and the log. */
void sl_relay_error_mask(struct sl_relay *relay, struct sl_llm_error *error);
/* The stream is complete: writes its end in the client's dialect, or an error if that end is too large. DONE, or as
 * sl_relay_stream_fail. */
struct sl_verdict sl_relay_stream_finish(struct sl_relay *relay);
/* The stream ends with this error, as an event of the client's dialect. DONE; TOLD: it is too large, and the stream was
 * cut. */
struct sl_verdict sl_relay_stream_fail(struct sl_relay *relay, const struct sl_llm_error *error);
/* Allocates the state of the client's writer of streams. SL_E_NOMEM. */
SL_MUST int sl_relay_writer_start(struct sl_relay *relay);
void sl_relay_writer_stop(struct sl_relay *relay);
/* True: another attempt is made instead of this error, and the verdict must be AGAIN. False: the error's message may
 * say why there is none. */
bool sl_relay_moves(struct sl_relay *relay, struct sl_llm_error *io_error);
/* True: the upstream sent its last event, or an error. Whoever leaves or breaks now only ends a connection. Usage and
 * error_type are noted. */
bool sl_relay_is_said(struct sl_relay *relay);
/* The reply is no answer, or breaks: reads what it says of its usage all the same, because that is billed. For what is
 * held as text; the usage of events is read as they come. */
void sl_relay_usage_save(struct sl_relay *relay);
/* The reply cannot be completed: sends an error if no head was sent; in a stream the dialect's error event and a clean
 * end; otherwise cuts. DONE, or TOLD. */
struct sl_verdict sl_relay_broken(struct sl_relay *relay, enum sl_error_type type, struct sl_str text);
/* The same, because of upstream.limits.event. */
struct sl_verdict sl_relay_event_refuse(struct sl_relay *relay);
/* The same, because of r: SL_E_LIMIT, SL_E_BUDGET (server.limits.memory) or SL_E_NOMEM. */
struct sl_verdict sl_relay_refuse(struct sl_relay *relay, int r);
/* Counts the `held` bytes into server.limits.memory. SL_E_BUDGET: there is no room for them. */
SL_MUST int sl_relay_count(struct sl_relay *relay, size_t held);

#endif
