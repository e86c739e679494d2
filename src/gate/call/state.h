/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange: one client request from its first byte to its last log line. Each part of it has one owner, who writes
 * it. It is on the request's arena, and freed with it.
 *
 *   HEAD ──> BODY ──> UPSTREAM ──> RELAY ──> DONE
 *     │        │       │  ↺ next attempt       ↑
 *     └────────┴───────┴───────── reply ───────┘
 */
#ifndef SL_GATE_STATE_H
#define SL_GATE_STATE_H

#include "gate/call/part.h"
#include "gate/call/path.h"
#include "gate/desk.h"
#include "llm/core/error.h"

struct sl_arena;
struct sl_asked;
struct sl_call;
struct sl_charge;
struct sl_detours;
struct sl_env;
struct sl_form_reader;
struct sl_group;
struct sl_hreq;
struct sl_plan;
struct sl_route;
struct sl_settings;
struct sl_spent;
struct sl_target;
struct sl_traffic;
struct sl_trace;
struct sl_trace_try;
struct sl_tries;
struct sl_upload;
struct sl_worker;

enum sl_xchg_state { SL_XS_HEAD, SL_XS_BODY, SL_XS_UPSTREAM, SL_XS_RELAY, SL_XS_DONE, SL_XS_COUNT };

/* Who calls; written by the front and by auth. */
struct sl_caller {
    struct sl_str own_id;     /* x-sluice-id: log/ident.h */
    struct sl_str request_id; /* the caller's; the same text as own_id: it gave none */
    struct sl_str address;    /* the peer's, or the one that a trusted proxy gives: gate/call/peer.h */
    struct sl_str principal;  /* the key's, else the address */
    struct sl_key *key;       /* held; NULL: no auth, or an open path */
    struct sl_group *group;   /* held; the key's when the call began; NULL: none */
    /* The hash of the session (session.h) that stood in for the key; on the arena; NULL: none. */
    const unsigned char *session;
};

/* What its provider bills for an attempt without a whole answer. */
struct sl_billed {
    bool is_known, is_estimated;
    int64_t input, output, cost_nano; /* -1: not known */
};

/* What happened, for the log, the metrics and the gateway's own headers. The part that sees it writes it. */
struct sl_record {
    /* Written by the plan. */
    const struct sl_target *target; /* tried last */
    struct sl_str target_name;      /* if the route names its targets; else p == NULL */
    bool is_away;                   /* a target of another route: gate/call/detour.h */
    uint32_t n_attempts;
    struct sl_trace_try *try;     /* its span; NULL: it has none */
    struct sl_tries *tries;       /* each attempt; NULL: there is one target, and it was asked once at most */
    uint64_t upstream_first_usec; /* when the first attempt began; the other times are of the last one */
    uint64_t upstream_start_usec, upstream_head_usec, upstream_end_usec;
    /* Written by the attempt. */
    uint64_t connect_start_usec, connected_usec; /* 0: an older connection was used */
    uint64_t sent_usec;
    struct sl_str dropped; /* members of the call that the provider cannot express */
    /* Written by the relay. */
    uint32_t lost; /* parts of the reply that the client does not get: enum sl_lost */
    int upstream_status;
    bool is_stream;    /* events went to the client */
    uint32_t n_events; /* of the upstream's stream */
    struct sl_str upstream_request_id;
    struct sl_str upstream_code; /* its code of an error ("model_not_found") */
    struct sl_str upstream_said; /* the beginning of its message, without credentials: for the operator only */
    struct sl_usage usage;
    struct sl_str error_text;   /* our description of what the upstream did; never its own text */
    struct sl_str error_inside; /* the same with more detail, for the operator only; p == NULL: no more detail */
    uint64_t first_byte_usec;
    uint64_t queued_usec; /* how long it waited for a place at a target */
    bool is_final;        /* the fault would come again */
    /* Written by the part that ends it. */
    enum sl_error_type error_type;
    struct sl_str told; /* the message that the client got; p == NULL: it is not the gateway's */
    /* Written by charge. */
    uint64_t reserved_input; /* tokens; 0: none were */
    /* Written by spent. */
    struct sl_spent *spent;  /* attempts before the last one that were billed; the newest first */
    struct sl_billed billed; /* of the attempt that ended just now, for the logs */
    uint32_t n_left;         /* attempts that ended, and another one took their place */
    bool is_estimated;       /* a part of `usage` is an estimate */
    /* Written by measure. */
    uint32_t n_measured; /* attempts that the metrics have counted */
    bool is_cost_apart;  /* it depends on more than the counts of `usage`: gate/call/asked.h */
    int64_t cost_nano;   /* of the call, in nano-dollars; SL_COST_UNKNOWN until its end, and where nobody knows it */
};

/* The description for the operator. */
SL_INLINE struct sl_str sl_record_error(const struct sl_record *record)
{
    return record->error_inside.p ? record->error_inside : record->error_text;
}

/* The targets that are asked: the route's own, or those of one of its `fallback.routes`. */
struct sl_at {
    struct sl_route *route;
    struct sl_traffic *traffic; /* NULL: the route has one target */
};

struct sl_xchg {
    struct sl_worker *worker;
    struct sl_desk *desk; /* the worker's */
    struct sl_hreq *req;
    struct sl_arena *arena; /* the request's */
    struct sl_link link;    /* in the desk's list */
    enum sl_xchg_state state;
    struct sl_part_list parts;

    /* Of the front. */
    struct sl_settings *settings; /* held */
    struct sl_caller caller;
    uint64_t begun_wall_usec; /* the parts of own_id that differ between a worker's requests */
    uint32_t id_counter;
    const struct sl_path *path; /* NULL: no row fits */
    struct sl_path_match match;
    const struct sl_dialect *dialect; /* for errors only, until the path is known */
    struct sl_route *route;           /* held, or NULL */
    /* Held; for a shadow call: the route of the call that it copies (shadow.h). Nobody waits for it. */
    struct sl_route *shadow_of;
    struct sl_at at;
    struct sl_detours *detours; /* NULL: there are none, or not yet */
    struct sl_call *call;       /* empty until the body is read */
    struct sl_env *env;
    struct sl_charge *charge;      /* of the limits; NULL: there are none */
    struct sl_charge *charge_away; /* of those of another route that it went on to; NULL: none */

    uint64_t deadline_usec; /* the caller's own; 0: none */
    bool has_own;           /* the call has one of our headers, x-sluice-… */
    bool asks_cost; /* the client wants to read in the reply's body what the call cost, and there it has a place */
    struct sl_str made_at; /* the target that made the response which the call is about or continues; p == NULL: any may
                              be asked */
    bool is_noted;         /* its response can be asked for again: gate/call/follow.h */

    struct sl_trace *trace;      /* for OpenTelemetry; NULL: none */
    struct sl_upload *upload;    /* for a body that goes up while it comes; NULL: it is whole */
    struct sl_form_reader *form; /* reads that body */
    struct sl_asked *asked;      /* what its price needs of the body; NULL: not read */

    struct sl_plan *plan; /* NULL until the call is admitted */
    /* Of the plan: the call is over, and will be counted. Afterwards nothing runs beside its last attempt, whose times
     * are known. */
    void (*on_over)(struct sl_xchg *x);
    /* Of the relay: the upstream's headers for a reply that the gateway makes from its body; NULL: none. */
    const struct sl_headers *beside;
    struct sl_record record;
};
SL_LIST_FUNCTIONS(sl_xchg_list, struct sl_xchg, link);

/* All changes of the state go through here. */
void sl_xchg_set_state(struct sl_xchg *x, enum sl_xchg_state to);

/* True: it is a call of a model. */
bool sl_xchg_is_invocation(const struct sl_xchg *x);
/* True: the target's price holds for what was asked. In a raw passage the client names the model; and an answer that is
 * read again was paid before. */
bool sl_xchg_has_price(const struct sl_xchg *x);

#endif
