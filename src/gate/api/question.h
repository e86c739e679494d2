/* SPDX-License-Identifier: Apache-2.0 */
/* A question to the store and the exchange that waits for the answer. Either may end first: an exchange whose client
 * has gone leaves its question behind, and a worker ends only when it has all its answers. */
#ifndef SL_GATE_PENDING_H
#define SL_GATE_PENDING_H

#include "gate/worker.h"
#include "store/store.h"

struct sl_xchg;

enum sl_pending_kind { SL_PENDING_ROUTE, SL_PENDING_KEY, SL_PENDING_AUDIT, SL_PENDING_ROTATE };

struct sl_pending {
    union { /* by kind; each begins with `base` */
        struct sl_store_job base;
        struct sl_store_route_job job;
        struct sl_store_key_job key;
        struct sl_store_audit_job audit;
        struct sl_store_rotate_job rotate;
    };
    enum sl_pending_kind kind;
    struct sl_arena arena; /* who asks, for the audit */
    struct sl_worker *worker;
    struct sl_xchg *x; /* NULL: gone. The loop's thread only */
    struct sl_post post;
    struct sl_secret token;       /* of a new key: told once */
    struct sl_route *route;       /* what the caller's body defines, held; or NULL */
    struct sl_settings *settings; /* held */
    void (*on_answer)(struct sl_xchg *x, struct sl_pending *pending); /* ends the exchange */
};

/* NULL: the exchange was failed (no store, no memory). */
struct sl_pending *sl_pending_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name);
/* The same for a key: create, or revoke the one with that number. */
struct sl_pending *sl_pending_new_key(struct sl_xchg *x, uint64_t revoke_id);
/* The same for a page of the audit. */
struct sl_pending *sl_pending_new_audit(struct sl_xchg *x, uint64_t before_id, uint32_t max);
/* The same for another secret key. */
struct sl_pending *sl_pending_new_rotate(struct sl_xchg *x);
/* Takes `pending` on every path. */
void sl_pending_ask(struct sl_pending *pending, void (*on_answer)(struct sl_xchg *x, struct sl_pending *pending));
/* One that was not asked. */
void sl_pending_free(struct sl_pending *pending);
/* The exchange ends. */
void sl_pending_leave(struct sl_xchg *x);
/* The store failed, was full, or refused for a reason that is not the caller's: 503. */
void sl_pending_fail(struct sl_xchg *x, int r, const struct sl_err *err);

#endif
