/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to a database that speaks SQL, for the rows that every such kind of store has. It belongs to the thread
 * that runs the jobs. A statement is written once for all kinds: parameters are `?`, ids come back by RETURNING, and
 * the lesser of two numbers is least(a, b). */
#ifndef SL_STORE_SQL_DB_H
#define SL_STORE_SQL_DB_H

#include "base/buf.h"
#include "store/seal.h"

struct sl_db;
struct sl_store_job;
struct sl_store_route;

/* Each kind's own struct begins with this. */
struct sl_stmt {
    const struct sl_db_ops *ops;
};

enum sl_db_type { SL_DB_NULL, SL_DB_INT, SL_DB_TEXT, SL_DB_BYTES, SL_DB_OTHER };

struct sl_db_ops {
    struct sl_stmt *(*stmt)(struct sl_db *db, const char *sql, struct sl_err *err);
    int (*row)(struct sl_db *db, struct sl_stmt *stmt, struct sl_err *err);
    void (*reset)(struct sl_stmt *stmt);
    void (*bind_int)(struct sl_stmt *stmt, int at, int64_t value);
    void (*bind_str)(struct sl_stmt *stmt, int at, struct sl_str text);
    void (*bind_blob)(struct sl_stmt *stmt, int at, struct sl_str bytes);
    enum sl_db_type (*column_type)(struct sl_stmt *stmt, int at);
    int64_t (*column_int)(struct sl_stmt *stmt, int at);
    struct sl_str (*column_str)(struct sl_stmt *stmt, int at);
    int64_t (*changes)(struct sl_db *db);
    /* SL_STORE_JOB_ROTATE; SL_STORE_JOB_NODES (NULL: nobody else writes here). */
    int (*rotate)(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
    int (*nodes)(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
    /* The parameters are the members of struct sl_store_counter (owner, name, incarnation, key, who, kind, period_usec,
     * zone, end_usec, used); the time; the time and how many sessions stay. Then the node, when the rows have one. */
    const char *counter_put, *counters_load, *counters_expire;
    /* The last id that a table has given, and how a table is told so while it is empty. Parameters of the first: the
     * table's name, its sequence's; of the second: the id, and both. */
    const char *last_id_get, *last_id_set;
};

/* Each kind's own struct begins with this. */
struct sl_db {
    const struct sl_db_ops *ops;
    bool is_open;
    const char *name; /* for messages: where the rows are */
    const struct sl_seal *seal;
    void (*describe)(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);
    const char *node;   /* whose counters these are; NULL: nobody else writes here */
    const char *mark;   /* the usage's mark in `meta` */
    uint64_t change;    /* the number of the last change */
    bool is_tick_due;   /* a job waits for what the next tick writes */
    uint64_t swept_day; /* of the last sweep of the usage's callers; since 1970 */
};

/* The statement for a literal, reset and without bound values (a parameter that is not bound is NULL); NULL with `err`
 * set. Borrowed until the next call for the same literal. */
SL_INLINE struct sl_stmt *sl_db_stmt(struct sl_db *db, const char *sql, struct sl_err *err)
{
    return db->ops->stmt(db, sql, err);
}

/* 1: there is a row; 0: no more (reset); <0: failed (reset). SL_E_EXISTS: a constraint. */
SL_MUST SL_INLINE int sl_db_row(struct sl_db *db, struct sl_stmt *stmt, struct sl_err *err)
{
    return db->ops->row(db, stmt, err);
}

SL_INLINE void sl_db_reset(struct sl_stmt *stmt)
{
    stmt->ops->reset(stmt);
}

/* Runs a statement whose rows, if any, nobody reads, and resets it. */
SL_MUST SL_INLINE int sl_db_run(struct sl_db *db, struct sl_stmt *stmt, struct sl_err *err)
{
    int r = sl_db_row(db, stmt, err);
    sl_db_reset(stmt);
    return r < 0 ? r : 0;
}

/* Runs a statement without parameters. */
SL_MUST SL_INLINE int sl_db_exec(struct sl_db *db, const char *sql, struct sl_err *err)
{
    struct sl_err cause = { 0 };
    struct sl_stmt *stmt = sl_db_stmt(db, sql, &cause);
    return stmt ? sl_db_run(db, stmt, err) : sl_fail(err, cause.code, "%s", cause.text);
}

/* Runs an INSERT that returns the new row's id. */
SL_MUST SL_INLINE int sl_db_insert(struct sl_db *db, struct sl_stmt *stmt, uint64_t *ret_id, struct sl_err *err)
{
    int r = sl_db_row(db, stmt, err);
    if (r > 0) {
        *ret_id = (uint64_t)stmt->ops->column_int(stmt, 0);
    }
    sl_db_reset(stmt);
    return r < 0 ? r : 0;
}

/* How many rows the last statement changed. */
SL_INLINE int64_t sl_db_changes(struct sl_db *db)
{
    return db->ops->changes(db);
}

/* The number of the next change; the transaction stores it at its commit. */
SL_INLINE uint64_t sl_db_next_change(struct sl_db *db)
{
    return ++db->change;
}

SL_INLINE void sl_db_bind_int(struct sl_stmt *stmt, int at, int64_t value)
{
    stmt->ops->bind_int(stmt, at, value);
}

SL_INLINE void sl_db_bind_str(struct sl_stmt *stmt, int at, struct sl_str text)
{
    stmt->ops->bind_str(stmt, at, text);
}

SL_INLINE void sl_db_bind_blob(struct sl_stmt *stmt, int at, struct sl_str bytes)
{
    stmt->ops->bind_blob(stmt, at, bytes);
}

SL_INLINE bool sl_db_column_is_null(struct sl_stmt *stmt, int at)
{
    return stmt->ops->column_type(stmt, at) == SL_DB_NULL;
}

SL_INLINE int64_t sl_db_column_int(struct sl_stmt *stmt, int at)
{
    return stmt->ops->column_int(stmt, at);
}

/* Borrowed until the statement's next step. p == NULL for NULL. */
SL_INLINE struct sl_str sl_db_column_str(struct sl_stmt *stmt, int at)
{
    return stmt->ops->column_str(stmt, at);
}

/* True: it is a text in UTF-8. */
SL_INLINE bool sl_db_column_is_text(struct sl_stmt *stmt, int at)
{
    return stmt->ops->column_type(stmt, at) == SL_DB_TEXT && sl_str_is_utf8(sl_db_column_str(stmt, at));
}

/* True: it is a number from 1 on. */
SL_INLINE bool sl_db_column_is_number(struct sl_stmt *stmt, int at)
{
    return stmt->ops->column_type(stmt, at) == SL_DB_INT && sl_db_column_int(stmt, at) > 0;
}

#endif
