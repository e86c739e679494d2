/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_STORE_POSTGRES_PRIV_H
#define SL_STORE_POSTGRES_PRIV_H

#include "store/jobs.h"
#include "store/postgres/conn.h"
#include "store/postgres/keep.h"
#include "store/postgres/postgres.h"
#include "store/sql/rows.h"
#include "store/usage.h"

/* The database's clock, and how long ago a node that lives was seen (SL_STORE_NODE_GONE_USEC). */
#define SL_PG_NOW  "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#define SL_PG_GONE "15000000"

/* Of changes that no copy has yet. */
#define SL_PG_NOTED_MAX (64u << 20)

struct sl_pg {
    struct sl_store base;
    struct sl_store_cbs cbs;
    char *url, *notify_url; /* with their passwords; notify_url NULL: none */
    char *node;
    int64_t instance;     /* a random number: of the processes of this name, this one */
    char mark[128];       /* of this node's usage */
    char *dir;            /* NULL: none */
    int lock_fd;          /* of the data directory; -1: none */
    struct sl_seal seal;  /* written under the jobs' lock, and only by the store's thread */
    struct sl_seal other; /* during a rotation: the one that may take its place, or had it; not set: none */
    char print[SL_FINGERPRINT_LEN + 1], other_print[SL_FINGERPRINT_LEN + 1]; /* of the two */
    bool is_next;             /* `seal` is that of SLUICE_SECRET_KEY_NEW */
    struct sl_pg_conn conn;   /* belongs to the thread, once that runs */
    struct sl_pg_conn listen; /* for notify_url */
    bool hears;               /* notifications come on `conn` */
    bool was_deaf;            /* the operator was told that notify_url does not work */
    uint64_t applied;         /* the last change that is in force here … */
    int64_t token;            /* … and its token: another history has another one */
    bool is_loaded;           /* `applied` says something */
    uint64_t max_stale_usec;  /* of the copy in the data directory; 0: any age */
    uint64_t kept;            /* what the copy in the data directory has … */
    bool has_kept;            /* … if one was written or read */
    struct sl_buf unkept;     /* the changes after it, because the database may go before the next copy */
    uint64_t known_usec;      /* by the wall clock: when the database last said what is in force */
    uint64_t keep_usec;       /* no new copy before then */
    uint64_t confirm_usec;    /* when it is said next that the copy is as new as the database */
    bool in_tick;             /* a tick has begun its transaction */
    bool tick_has_usage;
    struct sl_buf usage[2 + SL_USAGE_OF_COUNT + SL_USAGE_SUM_COUNT]; /* the rows of a tick, column by column */
    uint32_t n_usage;
    uint32_t n_ticks;
    uint64_t retry_usec;           /* no attempt to open before then */
    uint64_t listen_retry_usec;    /* the same for `listen` */
    struct sl_err broken;          /* why it is not open */
    bool was_tick_lost;            /* the last tick's transaction failed */
    uint64_t tick_usec, poll_usec; /* when the next is due */
    uint64_t said, said_usec;      /* which change it told others that it has, and when */
    struct sl_store_job *waiting;  /* for other nodes to have their change */
    uint64_t look_usec;            /* when it is looked whether they have it */

    pthread_t thread;
    bool is_started;
    int wake_fd;
    struct sl_jobs jobs; /* its lock also guards the seal */
};

static inline struct sl_pg *sl_pg_of(struct sl_store *store)
{
    return SL_CONTAINER_OF(store, struct sl_pg, base);
}

/* --- schema.c --- */

/* Makes or migrates the schema, when it is older. SL_E_FOREIGN: it is newer. */
SL_MUST int sl_pg_migrate(struct sl_pg_conn *conn, struct sl_err *err);

/* Looks and changes nothing: the schema's version (0: there is none), the secret key, the number of routes. */
SL_MUST int sl_pg_look(const char *url, const struct sl_store_looker *looker, struct sl_store_report *ret,
                       struct sl_err *err);

/* --- secret.c: the secret key --- */

/* The keys of the environment. SL_E_KEY, SL_E_INVAL. */
SL_MUST int sl_pg_keys_take(struct sl_pg *store, struct sl_err *err);
/* SL_E_KEY: the store has another key's fingerprint. The first node leaves its own there. */
SL_MUST int sl_pg_key_check(struct sl_pg_conn *conn, const struct sl_seal *seal, struct sl_err *err);
/* The same for the keys of the environment, without changing anything; *ret is the one that holds. */
SL_MUST int sl_pg_key_look(struct sl_db *db, struct sl_seal *ret, struct sl_err *err);
/* Uses the one of the two keys that the rows are under. SL_E_KEY: neither. */
SL_MUST int sl_pg_keys_settle(struct sl_pg *store, struct sl_err *err);
/* Begins a transaction that reads rows that are encrypted. */
SL_MUST int sl_pg_begin_read(struct sl_pg *store, struct sl_err *err);
/* What SL_STORE_JOB_ROTATE does; and the end of each transaction that may have done it. */
SL_MUST int sl_pg_rotate_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
void sl_pg_rotate_end(struct sl_pg *store, bool is_durable);

/* --- changes.c: the change log --- */

/* The newest row of the log. In a transaction. */
SL_MUST int sl_pg_last_change(struct sl_pg_conn *conn, uint64_t *ret_number, int64_t *ret_token, struct sl_err *err);
/* Brings into force what other nodes changed. It begins a transaction if there is something. */
SL_MUST int sl_pg_catch_up(struct sl_pg *store, struct sl_err *err);
/* Locks the change number, so that this transaction is the only one that changes something, and brings what came before
 * into force. */
SL_MUST int sl_pg_changes_begin(struct sl_pg *store, struct sl_err *err);
/* Writes the log's rows for the events of the jobs; *ret_token is the last one's. */
SL_MUST int sl_pg_changes_write(struct sl_pg *store, const struct sl_store_job *list, int64_t *ret_token,
                                struct sl_err *err);

/* --- nodes.c: the processes that share the database --- */

/* Says that this node lives, and which change it has. SL_E_BUSY: another process does that under its name. */
SL_MUST int sl_pg_node_say(struct sl_pg *store, struct sl_err *err);
/* When that is due again. */
uint64_t sl_pg_node_due(const struct sl_pg *store);
/* Says that it ends. */
void sl_pg_node_leave(struct sl_pg *store);
/* In a transaction: what SL_STORE_JOB_NODES does. */
SL_MUST int sl_pg_nodes_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);

/* --- wait.c: changes that wait for other nodes --- */

/* Takes those out of the list that were made and wait. */
void sl_pg_wait_take(struct sl_pg *store, struct sl_store_job **list);
/* Answers those that all nodes have, or that have waited long enough; `is_end`: all of them. */
void sl_pg_wait_look(struct sl_pg *store, bool is_end);

/* --- stand_in.c: the copy in the data directory --- */

/* Puts the copy in force, because the database cannot be read. Without one nothing happens. */
void sl_pg_stand_in(struct sl_pg *store);
/* Reads everything from the database: puts it in force, and keeps it. In a transaction. */
SL_MUST int sl_pg_load_kept(struct sl_pg *store, struct sl_kept_at at, struct sl_err *err);
/* Notes a change that is in force now. */
void sl_pg_note(struct sl_pg *store, const struct sl_store_event *event);
/* Writes a new copy when something has changed and the last one is old enough: from the database, or while that is
 * away from the last copy and what was noted. */
void sl_pg_keep(struct sl_pg *store, bool is_last);

/* --- tick.c: what a tick writes --- */

/* Begins the tick's transaction, if none is there. */
SL_MUST int sl_pg_tick_begin(struct sl_pg *store, struct sl_err *err);
/* Ends the tick's transaction, if one was begun. */
SL_MUST int sl_pg_tick_end(struct sl_pg *store, struct sl_err *err);
int sl_pg_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);
int sl_pg_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                      struct sl_err *err);
int sl_pg_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
int sl_pg_answers_load(struct sl_store *store, uint64_t now_usec,
                       void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                       struct sl_err *err);
int sl_pg_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
int sl_pg_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err);
int sl_pg_counters_load(struct sl_store *store, uint64_t now_usec,
                        void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                        struct sl_err *err);
int sl_pg_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err);
int sl_pg_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err);
int sl_pg_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err);
int sl_pg_usage_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err);

/* --- usage_write.c: the rows of a tick --- */

void sl_pg_usage_init_rows(struct sl_pg *store);
void sl_pg_usage_done_rows(struct sl_pg *store);
/* Forgets them. */
void sl_pg_usage_begin_rows(struct sl_pg *store);
/* Notes one; it is written with others. */
SL_MUST int sl_pg_usage_add_row(struct sl_pg *store, const struct sl_usage_row *row, struct sl_err *err);
SL_MUST int sl_pg_usage_write_rows(struct sl_pg *store, struct sl_err *err);

/* --- usage_read.c --- */

int sl_pg_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err);
int sl_pg_usage_begin(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err);
int sl_pg_usage_run(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                    int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err);
void sl_pg_usage_close(struct sl_usage_reader *reader);

/* --- copy.c --- */

int sl_pg_end_open(const struct sl_store_end *conf, bool is_target, struct sl_db **ret, struct sl_err *err);
int sl_pg_end_close(struct sl_db *db, bool is_whole, struct sl_err *err);
int sl_pg_migrate_at(const char *url, struct sl_err *err);

/* --- among each other --- */

/* The row of `meta` with the mark of a node's usage. */
void sl_pg_mark_name(const char *node, char *out, size_t cap);

#endif
