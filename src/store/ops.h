/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of store does. Each function keeps what store.h (or tool.h) promises of the public one of its name. */
#ifndef SL_STORE_OPS_H
#define SL_STORE_OPS_H

#include <stdatomic.h>

#include "store/store.h"

struct sl_seal;
struct sl_store_report;

/* Each kind's own struct begins with it. */
struct sl_store {
    const struct sl_store_ops *ops;
    atomic_bool was_read;   /* set by the kind behind a whole load, never cleared */
    atomic_bool is_failing; /* told to the operator once; the kind's thread writes it */
};

struct sl_store_ops {
    const char *name;
    int (*open)(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err);
    int (*load)(struct sl_store *store, struct sl_err *err);
    int (*start)(struct sl_store *store, struct sl_err *err);
    void (*close)(struct sl_store *store);
    int (*submit)(struct sl_store *store, struct sl_store_job *job);
    void (*seal)(struct sl_store *store, struct sl_seal *ret);

    /* Within on_tick. */
    int (*counter_put)(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
    int (*counters_expire)(struct sl_store *store, uint64_t now_usec, struct sl_err *err);
    int (*answer_put)(struct sl_store *store, const struct sl_store_answer *answer, struct sl_err *err);
    int (*answers_expire)(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
    int (*key_used)(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);
    /* Before the start. */
    int (*counters_load)(struct sl_store *store, uint64_t now_usec,
                         void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                         struct sl_err *err);

    int (*answers_load)(struct sl_store *store, uint64_t now_usec,
                        void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                        struct sl_err *err);

    /* On a directory, with a daemon or without. */
    int (*check)(const char *dir, struct sl_store_report *ret, struct sl_err *err);
    int (*backup)(const char *dir, const char *file, struct sl_err *err);
    int (*rotate)(const char *dir, uint64_t *ret_routes, struct sl_err *err);
};

/* kinds.c: the kinds that are built in, NULL behind the last. */
extern const struct sl_store_ops *const sl_store_kinds[];

#endif
