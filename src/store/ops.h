/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a kind of store. Each function keeps the promises of the public function of its name in store.h (or
 * tool.h). */
#ifndef SL_STORE_OPS_H
#define SL_STORE_OPS_H

#include <stdatomic.h>

#include "store/store.h"

struct sl_seal;
struct sl_db;
struct sl_store_end;
struct sl_store_looker;
struct sl_store_report;
struct sl_usage_query;
struct sl_usage_row;

/* Each kind's own struct begins with this. */
struct sl_usage_reader {
    const struct sl_store_ops *ops;
};

/* Each kind's own struct begins with this. */
struct sl_store {
    const struct sl_store_ops *ops;
    struct sl_db *sql;           /* for the rows of kinds that speak SQL */
    atomic_bool was_read;        /* the kind sets it after a complete load; it is never cleared */
    atomic_uint_fast64_t change; /* the last one in force; the kind sets it */
    atomic_bool is_failing;      /* the operator was told once; only the kind's thread writes it */
};

struct sl_store_ops {
    const char *name;
    bool is_shared;
    int (*open)(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err);
    int (*load)(struct sl_store *store, struct sl_err *err);
    int (*start)(struct sl_store *store, struct sl_err *err);
    void (*close)(struct sl_store *store);
    int (*submit)(struct sl_store *store, struct sl_store_job *job);
    void (*seal)(struct sl_store *store, struct sl_seal *ret);

    /* Call this within on_tick. */
    int (*counter_put)(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
    int (*counters_expire)(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err);
    int (*answers_put)(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                       struct sl_err *err);
    int (*answers_expire)(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
    int (*key_used)(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);
    int (*usage_put)(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err);
    int (*usage_mark)(struct sl_store *store, uint64_t mark, struct sl_err *err);
    int (*usage_marked)(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err);
    int (*usage_thin)(struct sl_store *store, uint64_t now_sec, struct sl_err *err);
    /* Call this before the start. */
    int (*counters_load)(struct sl_store *store, uint64_t now_usec,
                         void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                         struct sl_err *err);

    int (*answers_load)(struct sl_store *store, uint64_t now_usec,
                        void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                        struct sl_err *err);

    /* These have a connection of their own. */
    int (*usage_open)(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err);
    int (*usage_begin)(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err);
    int (*usage_run)(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                     int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err);
    void (*usage_close)(struct sl_usage_reader *reader);

    /* One end of a copy: with its transaction, and a lock on what must not change meanwhile. A target is empty. */
    int (*end_open)(const struct sl_store_end *end, bool is_target, struct sl_db **ret, struct sl_err *err);
    int (*end_close)(struct sl_db *db, bool is_whole, struct sl_err *err);

    int (*migrate)(const char *url, struct sl_err *err);   /* NULL: a start does it */
    int (*url_check)(const char *url, struct sl_err *err); /* NULL: this kind has none */
    int (*look)(const char *url, const struct sl_store_looker *looker, struct sl_store_report *ret,
                struct sl_err *err); /* NULL: the same */

    /* These work on a directory, whether a daemon runs or not. NULL: this kind has none. */
    int (*check)(const char *dir, const struct sl_store_looker *looker, struct sl_store_report *ret,
                 struct sl_err *err);
    int (*backup)(const char *dir, const char *file, struct sl_err *err);
    int (*rotate)(const char *dir, uint64_t *ret_routes, struct sl_err *err);
};

/* In kinds.c: the built-in kinds, and NULL at the end. */
extern const struct sl_store_ops *const sl_store_kinds[];

#endif
