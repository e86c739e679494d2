/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL. Every wait has an end, for a server that is stopped or a network that swallows packets
 * too. It keeps nothing in the server's session (no named statements, no SET outside of a transaction), so a pooler may
 * give each transaction another session. It belongs to one thread. */
#ifndef SL_STORE_POSTGRES_CONN_H
#define SL_STORE_POSTGRES_CONN_H

#include "store/postgres/pq.h"
#include "store/sql/db.h"

/* The most different statements in the source. */
#define SL_PG_STMTS_MAX 96
/* The least version of the server: 13. */
#define SL_PG_VERSION_MIN 130000

struct sl_pg_stmt;

struct sl_pg_conn {
    struct sl_db base;
    const struct sl_pq *pq;
    PGconn *conn;
    struct sl_pg_stmt *stmts[SL_PG_STMTS_MAX];
    uint32_t n_stmts;
    int64_t n_changed;
    uint64_t patience_usec; /* how long the server may say nothing; 0: as long as a write may take */
    bool is_lost;           /* it must be opened again */
    bool was_timed_out;     /* the last failure was the server's time limit for a statement */
    bool may_again;         /* the last failure passes when the transaction is run again */
    char host[128];
};

/* Begins a transaction that writes, and one that reads as of one moment. Their names are those of the schema. */
#define SL_PG_BEGIN                                                               \
    "BEGIN; SET LOCAL search_path = sluice; SET LOCAL statement_timeout = 5000; " \
    "SET LOCAL lock_timeout = 4000; SET LOCAL idle_in_transaction_session_timeout = 10000"
#define SL_PG_BEGIN_READ                                                                \
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = sluice; " \
    "SET LOCAL statement_timeout = 30000; SET LOCAL idle_in_transaction_session_timeout = 30000"

/* Connects to the first of the URL's hosts that takes writes. SL_E_IO; SL_E_UNSUPPORTED: no libpq, or the server is too
 * old. The texts never have the URL's password. */
SL_MUST int sl_pg_open(struct sl_pg_conn *conn, const char *url, struct sl_err *err);
/* The members of `base` that the store set stay. */
void sl_pg_close(struct sl_pg_conn *conn);
/* Runs statements without parameters; rows are dropped. */
SL_MUST int sl_pg_script(struct sl_pg_conn *conn, const char *sql, struct sl_err *err);
/* Ends a transaction after a failure. */
void sl_pg_rollback(struct sl_pg_conn *conn);
/* True: notifications came since the last call. */
bool sl_pg_was_notified(struct sl_pg_conn *conn);
/* True: a pooler stands between, so that the session is not this connection's own. */
SL_MUST int sl_pg_is_pooled(struct sl_pg_conn *conn, bool *ret, struct sl_err *err);
/* Reads one number or text; SL_E_NOTFOUND leaves `err` alone. */
SL_MUST int sl_pg_int(struct sl_pg_conn *conn, const char *sql, int64_t *ret, struct sl_err *err);

/* Checks a URL without connecting. SL_E_INVAL. */
SL_MUST int sl_pg_url_check(const char *url, struct sl_err *err);

#endif
