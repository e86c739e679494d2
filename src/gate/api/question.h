/* SPDX-License-Identifier: Apache-2.0 */
/* A question to the store, from an exchange that waits for the answer. Either may end first: when its client goes, the
 * exchange leaves the question alone, and a worker ends only when it has all its answers. */
#ifndef SL_GATE_QUESTION_H
#define SL_GATE_QUESTION_H

#include "base/secret.h"
#include "base/str.h"
#include "store/reprice.h"
#include "store/store.h"

struct sl_key;
struct sl_publisher;
struct sl_question;
struct sl_reprice;
struct sl_route;
struct sl_settings;
struct sl_xchg;

/* Must end the exchange. */
typedef void sl_question_fn(struct sl_xchg *x, struct sl_question *question);

/* The part of a question that its asker sees. */
struct sl_question {
    union { /* each begins with `base` */
        struct sl_store_job base;
        struct sl_store_route_job route_job;
        struct sl_store_key_job key;
        struct sl_store_group_job group;
        struct sl_store_audit_job audit;
        struct sl_store_nodes_job nodes;
        struct sl_store_rotate_job rotate;
        struct sl_store_reprice_job reprice_job;
    };
    struct sl_secret token;         /* of a new key; shown only once */
    struct sl_route *route;         /* the route that the caller's body defines, held; or NULL */
    struct sl_settings *settings;   /* held */
    struct sl_reprice *reprice;     /* owned; what a reprice job found */
    struct sl_publisher *publisher; /* for a route that is replaced: to find the other routes */
};

/* NULL: the exchange was failed (no store, no memory). */
struct sl_question *sl_question_new(struct sl_xchg *x, enum sl_store_verb verb, struct sl_str name);
/* The same for a key: creates one, or changes `key`. */
struct sl_question *sl_question_new_key(struct sl_xchg *x, enum sl_store_key_verb verb, const struct sl_key *key);
/* The same for a group. */
struct sl_question *sl_question_new_group(struct sl_xchg *x, enum sl_store_group_verb verb, struct sl_str path);
/* The same for a page of the audit. */
struct sl_question *sl_question_new_audit(struct sl_xchg *x, uint64_t before_id, uint32_t max);
/* The same for the nodes of a store that is shared. */
struct sl_question *sl_question_new_nodes(struct sl_xchg *x);
/* The same for a new secret key. */
struct sl_question *sl_question_new_rotate(struct sl_xchg *x);
/* The same for pricing usage anew by the settings' prices; `text` is for the audit, and is copied. */
struct sl_question *sl_question_new_reprice(struct sl_xchg *x, bool is_dry, struct sl_str text);
/* Takes over `question` in every case. A change with ?wait=all in its query is answered when all nodes have it, or
 * after some seconds; then the answer names the others (sl_api_pending_write). */
void sl_question_ask(struct sl_question *question, sl_question_fn *on_answer);
/* For a question that was not asked. */
void sl_question_free(struct sl_question *question);
/* 503: the store failed, was full, or refused for a reason that is not the caller's fault. */
void sl_question_fail(struct sl_xchg *x, int r, const struct sl_err *err);
/* For a route. False: it was missing or the change failed, and the client was refused. */
bool sl_question_done_or_refuse(struct sl_xchg *x, const struct sl_question *question);

#endif
