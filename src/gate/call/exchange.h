/* SPDX-License-Identifier: Apache-2.0 */
/* One client request from its first byte to its last log line. It lies on the request's arena and is gone with it.
 *
 *   HEAD ──> BODY ──> UPSTREAM ──> RELAY ──> DONE
 *     │        │       │  ↺ next attempt       ↑
 *     └────────┴───────┴───────── reply ───────┘
 */
#ifndef SL_GATE_EXCHANGE_H
#define SL_GATE_EXCHANGE_H

#include "base/list.h"
#include "gate/policy/admit.h"
#include "gate/call/headers.h"
#include "gate/call/own.h"
#include "gate/call/path.h"
#include "gate/worker.h"
#include "json/scan.h"
#include "llm/core/frames.h"
#include "llm/core/language.h"
#include "wire/sse.h"

enum sl_xchg_state { SL_XS_HEAD, SL_XS_BODY, SL_XS_UPSTREAM, SL_XS_RELAY, SL_XS_DONE, SL_XS_COUNT };

enum sl_relay_mode {
    SL_RELAY_NONE,
    SL_RELAY_RAW,              /* bytes through; a scanner reads usage as it passes */
    SL_RELAY_EVENTS,           /* whole events through */
    SL_RELAY_COLLECT,          /* the whole reply, then translated */
    SL_RELAY_TRANSLATE_EVENTS, /* frame by frame */
    SL_RELAY_COLLECT_ERROR,    /* status >= 400: whole, then passed on or translated */
};

/* An incomplete event waits this long for its end, then it flows. */
#define SL_RELAY_HOLD_MAX 65536
/* An upstream's error body beyond this is passed on unread, or cut where it must be translated. */
#define SL_RELAY_ERROR_MAX 262144

struct sl_xchg {
    struct sl_worker *worker;
    struct sl_hreq *req;
    struct sl_link link;
    enum sl_xchg_state state;
    struct sl_settings *settings; /* held */
    struct sl_route *route;       /* held, or NULL */
    const struct sl_path *path;
    struct sl_path_match match;
    const struct sl_dialect *dialect; /* of errors, until the path says more */
    struct sl_str request_id;
    struct sl_key *key;      /* held; NULL: no auth, or an open path */
    struct sl_addr client;   /* the peer, or whom a trusted proxy speaks for: gate/call/peer.h */
    struct sl_str principal; /* who asks: the key's, else the client's address */
    struct sl_env env;
    struct sl_call call;
    struct sl_ticket ticket;
    struct sl_pending *pending; /* a question to the store, or NULL: gate/api/question.h */

    /* the attempt */
    const struct sl_target *target;
    struct sl_http_req up;
    struct sl_hcall hcall;
    struct sl_local_play *play; /* a reply made here (provider mock) */
    uint32_t n_attempts;
    uint32_t n_measured; /* of them: those that the metrics know */
    uint32_t n_retries;  /* those of them that upstream.retries counts */
    bool asked_usage;
    bool usage_was_refused;
    struct sl_timer backoff;

    /* the relay */
    enum sl_relay_mode mode;
    int upstream_status;
    struct sl_headers up_headers; /* the reply's, as they go down */
    struct sl_headers up_said;    /* the same as they came */
    struct sl_str upstream_request_id;
    int64_t up_length;
    bool is_head_sent;
    bool is_paused;
    bool is_lf_due;      /* the next LF belongs to an event that was not passed on */
    bool is_flowing;     /* an event larger than the hold is being passed on in pieces */
    struct sl_buf hold;  /* an incomplete event, or the collected reply */
    size_t hold_counted; /* of its capacity, into server.limits.memory */
    struct sl_sse_split split;
    struct sl_pass_state pass;
    struct sl_json_scan *scan;
    struct sl_frames *frames;
    struct sl_buf out; /* events written in this turn */
    void *provider_state, *dialect_state;
    struct sl_arena_mark frame_mark;

    /* what happened, for the log */
    struct sl_usage usage;
    enum sl_error_type error_type;
    struct sl_str error_text;     /* our words for what the upstream did; never its own */
    uint64_t upstream_first_usec; /* the first attempt's start; the others are the last one's */
    uint64_t upstream_start_usec, upstream_head_usec, upstream_end_usec, first_byte_usec;
    struct sl_scrape *scrape; /* GET /metrics, while it is made */
};

SL_LIST_FUNCTIONS(sl_xchg_list, struct sl_xchg, link);

extern const struct sl_hserver_cbs sl_xchg_server_cbs;

/* The drain's time is over: every running exchange ends with an error in its dialect (503 where nothing left yet, the
 * error event in a stream, a cut in a whole reply). */
void sl_xchg_end_all(struct sl_worker *worker);

/* Every move goes through here. */
void sl_xchg_set_state(struct sl_xchg *x, enum sl_xchg_state to);

/* Replies with JSON (or any text) made here and ends the exchange. `body` lives during the call. */
void sl_xchg_reply(struct sl_xchg *x, int status, struct sl_str content_type, struct sl_str body);
/* The same with more headers (on the exchange's arena); an empty `content_type` is none. */
void sl_xchg_reply_with(struct sl_xchg *x, int status, struct sl_headers *headers, struct sl_str content_type,
                        struct sl_str body);
/* The same from an error in the client's dialect; logs its type. */
void sl_xchg_fail(struct sl_xchg *x, struct sl_llm_error *error);
/* The dialect's 404 for a name that is no route's, or no route of this caller's. */
void sl_xchg_fail_no_route(struct sl_xchg *x, struct sl_str name);
void sl_xchg_fail_text(struct sl_xchg *x, enum sl_error_type type, const char *fmt, ...) SL_PRINTF(3, 4);
/* The reply was given whole: log, settle, hand the request back. The exchange is gone. */
void sl_xchg_end(struct sl_xchg *x);
/* The reply broke after its head: log, settle, cut. The exchange is gone. */
void sl_xchg_cut(struct sl_xchg *x);

/* attempt.c: builds and starts the next attempt (fails the exchange itself). */
void sl_attempt_start(struct sl_xchg *x);
/* Nothing of the attempt calls back afterwards. */
void sl_attempt_cancel(struct sl_xchg *x);
void sl_attempt_pause(struct sl_xchg *x);
void sl_attempt_resume(struct sl_xchg *x);
/* Another try after a while, whatever the policy says; nothing has left for the client yet. */
void sl_attempt_again(struct sl_xchg *x, enum sl_error_type why, uint64_t wait_usec);
/* Another try, when the policy allows one; false: give the error to the client. */
bool sl_attempt_retry(struct sl_xchg *x, enum sl_error_type why, uint64_t wait_usec);

/* relay.c: what an upstream sends, from the network or made here. */
void sl_relay_on_head(struct sl_xchg *x, int status, const struct sl_headers *headers, int64_t length);
void sl_relay_on_data(struct sl_xchg *x, struct sl_str bytes);
void sl_relay_on_turn(struct sl_xchg *x);
void sl_relay_on_end(struct sl_xchg *x, bool is_until_close);
void sl_relay_on_error(struct sl_xchg *x, enum sl_error_type type, struct sl_str text);
/* The upstream's stream has said its last word, be it an error: who leaves or breaks now ends only a connection. What
 * it said is noted (usage, error_type). */
bool sl_relay_is_over(struct sl_xchg *x);
void sl_relay_done(struct sl_xchg *x); /* frees what the relay holds outside the arena */

/* record.c: the line for the access log. */
void sl_record_write(struct sl_xchg *x, int status);

/* measure.c: what the metrics are told. The exchange when its reply is about to be complete, and the gateway's own time
 * in it when it is; an attempt that ended with `type` (once each);
 * what a limit decided. */
void sl_measure_exchange(struct sl_xchg *x, int status);
void sl_measure_overhead(struct sl_xchg *x);
void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec);
void sl_measure_limit(struct sl_xchg *x, bool is_refused);
/* The exchange is gone: what is being made for it has no reader. */
void sl_scrape_forget(struct sl_xchg *x);

#endif
