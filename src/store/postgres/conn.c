/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/conn.h"

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/word.h"
#include "store/postgres/priv.h"

/* The most parameters of a statement. */
#define PARAMS_MAX 48
/* A server that says nothing for this long is gone: its own time limits for writes end sooner. */
#define PATIENCE_USEC (7 * SL_USEC_PER_SEC)

/* Oids of pg_type, which never change. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25 };

struct sl_pg_stmt {
    struct sl_stmt base;
    struct sl_pg_conn *conn;
    const char *key; /* a literal: found by its address */
    char *text;      /* the same with $1 for ? */
    int n_params;
    Oid types[PARAMS_MAX];
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    uint64_t ints[PARAMS_MAX];
    char *mended[PARAMS_MAX]; /* a text that the server would not take, as it is sent; NULL: none */
    PGresult *result;
    int row; /* -1: before the first */
};

/* --- failures --- */

/* One line: libpq's texts have several. */
static void line_make(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    for (; *text && n + 1 < cap; text++) {
        if (*text != '\n' && *text != '\t') {
            out[n++] = *text;
        } else if (n && out[n - 1] != ' ' && text[1]) {
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
}

/* For failures of the connection itself. */
static int conn_fail(struct sl_pg_conn *conn, struct sl_err *err)
{
    char line[SL_ERR_TEXT_MAX - 40];
    line_make(conn->pq->PQerrorMessage(conn->conn), line, sizeof(line));
    conn->is_lost = true;
    return sl_fail(err, SL_E_IO, "the database failed: %s", line[0] ? line : "the connection was lost");
}

/* Of a session that is over, or of a server that takes no writes any more. */
static bool is_of_end(const char *state)
{
    return strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 || strcmp(state, "25006") == 0 ||
           strcmp(state, "25P03") == 0;
}

static int result_fail(struct sl_pg_conn *conn, const PGresult *result, struct sl_err *err)
{
    const struct sl_pq *pq = conn->pq;
    const char *state = pq->PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = pq->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[SL_ERR_TEXT_MAX - 40];
    if (!state || pq->PQstatus(conn->conn) == CONNECTION_BAD) {
        return conn_fail(conn, err);
    }
    line_make(text ? text : "", line, sizeof(line));
    if (strcmp(state, "23505") == 0) {
        return sl_fail(err, SL_E_EXISTS, "%s", line);
    }
    if (strncmp(state, "22", 2) == 0) {
        return sl_fail(err, SL_E_INVAL, "the database cannot store this: %s", line);
    }
    conn->is_lost |= is_of_end(state);
    /* a deadlock, or a transaction that another one overtook */
    conn->may_again = strncmp(state, "40", 2) == 0;
    conn->was_timed_out = strcmp(state, "57014") == 0;
    return sl_fail(err, SL_E_IO, "the database failed: %s (%s)", line, state);
}

/* --- waiting --- */

/* Waits until bytes come or can be sent, and takes those that came. */
static int bytes_wait(struct sl_pg_conn *conn, short events, struct sl_err *err)
{
    uint64_t now = sl_clock_usec(), end = now + (conn->patience_usec ? conn->patience_usec : PATIENCE_USEC);
    struct pollfd fd = { .fd = conn->pq->PQsocket(conn->conn), .events = events };
    int n = -1;
    while (fd.fd >= 0 && n < 0 && now < end) { /* a signal ends a wait, too */
        n = poll(&fd, 1, (int)((end - now + 999) / 1000));
        now = sl_clock_usec();
    }
    if (fd.fd >= 0 && n <= 0) {
        conn->is_lost = true;
        return sl_fail(err, SL_E_IO, "the database at %s does not answer", conn->host);
    }
    return fd.fd < 0 || !conn->pq->PQconsumeInput(conn->conn) ? conn_fail(conn, err) : 0;
}

/* Sends what was queued, and takes answers on the way, so that neither side waits for the other. */
static int flush_wait(struct sl_pg_conn *conn, struct sl_err *err)
{
    int left, r = 0;
    while (r == 0 && (left = conn->pq->PQflush(conn->conn)) != 0) {
        r = left < 0 ? conn_fail(conn, err) : bytes_wait(conn, POLLIN | POLLOUT, err);
    }
    return r;
}

/* The next result of what was sent; NULL with 0: there is no more. */
static int result_next(struct sl_pg_conn *conn, PGresult **ret, struct sl_err *err)
{
    int r = 0;
    while (r == 0 && conn->pq->PQisBusy(conn->conn)) {
        r = bytes_wait(conn, POLLIN, err);
    }
    *ret = r == 0 ? conn->pq->PQgetResult(conn->conn) : NULL;
    return r;
}

/* Waits for all results of what was sent; the last one stays in *ret, or each is dropped. */
static int results_take(struct sl_pg_conn *conn, PGresult **ret, struct sl_err *err)
{
    const struct sl_pq *pq = conn->pq;
    PGresult *result;
    int r = flush_wait(conn, err), failed = 0;
    while (r == 0 && (r = result_next(conn, &result, err)) == 0 && result) {
        ExecStatusType status = pq->PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && !failed) {
            failed = result_fail(conn, result, err);
        }
        if (!ret || failed) {
            pq->PQclear(result);
        } else {
            pq->PQclear(*ret);
            *ret = result;
        }
    }
    return r < 0 ? r : failed;
}

int sl_pg_script(struct sl_pg_conn *conn, const char *sql, struct sl_err *err)
{
    conn->may_again = conn->was_timed_out = false;
    if (!conn->conn || conn->is_lost) {
        return sl_fail(err, SL_E_IO, "there is no connection to the database");
    }
    if (!conn->pq->PQsendQuery(conn->conn, sql)) {
        return conn_fail(conn, err);
    }
    return results_take(conn, NULL, err);
}

void sl_pg_rollback(struct sl_pg_conn *conn)
{
    if (conn->conn && !conn->is_lost && conn->pq->PQtransactionStatus(conn->conn) != PQTRANS_IDLE &&
        sl_pg_script(conn, "ROLLBACK", NULL) < 0) {
        conn->is_lost = true; /* the first failure is the one to report */
    }
}

/* --- statements --- */

static struct sl_pg_conn *conn_of(struct sl_db *base)
{
    return SL_CONTAINER_OF(base, struct sl_pg_conn, base);
}

static struct sl_pg_stmt *stmt_of(struct sl_stmt *base)
{
    return SL_CONTAINER_OF(base, struct sl_pg_stmt, base);
}

static void stmt_free(struct sl_pg_stmt *stmt)
{
    if (stmt) {
        stmt->conn->pq->PQclear(stmt->result);
        for (int i = 0; i < PARAMS_MAX; i++) {
            free(stmt->mended[i]);
        }
        free(stmt->text);
        free(stmt);
    }
}

/* Writes $1 for the first ?, $2 for the next; ?1 is $1. Texts in quotes have none in our statements. */
static int text_make(struct sl_pg_stmt *stmt)
{
    struct sl_buf text = SL_BUF_INIT(65536);
    int n = 0;
    for (const char *c = stmt->key; *c; c++) {
        if (*c != '?') {
            sl_buf_add_char(&text, *c);
        } else if (c[1] >= '1' && c[1] <= '9') {
            stmt->n_params = SL_MAX(stmt->n_params, c[1] - '0');
            sl_buf_add_char(&text, '$');
        } else {
            sl_buf_printf(&text, "$%d", ++n);
        }
    }
    sl_buf_add_char(&text, '\0');
    stmt->n_params = SL_MAX(stmt->n_params, n);
    SL_ASSERT(stmt->n_params <= PARAMS_MAX);
    stmt->text = text.p;
    return sl_buf_status(&text);
}

static void bindings_clear(struct sl_pg_stmt *stmt)
{
    memset(stmt->types, 0, sizeof(stmt->types));
    memset(stmt->values, 0, sizeof(stmt->values));
    memset(stmt->lengths, 0, sizeof(stmt->lengths));
}

static void op_reset(struct sl_stmt *base)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    stmt->conn->pq->PQclear(stmt->result);
    stmt->result = NULL;
    stmt->row = -1;
}

static struct sl_stmt *op_stmt(struct sl_db *base, const char *sql, struct sl_err *err)
{
    struct sl_pg_conn *conn = conn_of(base);
    for (uint32_t i = 0; i < conn->n_stmts; i++) {
        struct sl_pg_stmt *stmt = conn->stmts[i];
        if (stmt->key == sql) {
            op_reset(&stmt->base);
            bindings_clear(stmt);
            return &stmt->base;
        }
    }
    SL_ASSERT(conn->n_stmts < SL_PG_STMTS_MAX);
    struct sl_pg_stmt *made = calloc(1, sizeof(*made));
    if (!made) {
        sl_fail_nomem(err);
        return NULL;
    }
    made->base.ops = base->ops;
    made->conn = conn;
    made->key = sql;
    made->row = -1;
    if (text_make(made) < 0) {
        stmt_free(made);
        sl_fail_nomem(err);
        return NULL;
    }
    conn->stmts[conn->n_stmts++] = made;
    return &made->base;
}

static int stmt_exec(struct sl_pg_conn *conn, struct sl_pg_stmt *stmt, struct sl_err *err)
{
    int formats[PARAMS_MAX];
    for (int i = 0; i < stmt->n_params; i++) {
        formats[i] = 1;
    }
    conn->may_again = conn->was_timed_out = false;
    if (!conn->conn || conn->is_lost) {
        return sl_fail(err, SL_E_IO, "there is no connection to the database");
    }
    if (!conn->pq->PQsendQueryParams(conn->conn, stmt->text, stmt->n_params, stmt->types, stmt->values, stmt->lengths,
                                     formats, 1)) {
        return conn_fail(conn, err);
    }
    int r = results_take(conn, &stmt->result, err);
    if (r == 0 && stmt->result) {
        int64_t n = 0;
        SL_IGNORE(sl_parse_i64(sl_str_c(conn->pq->PQcmdTuples(stmt->result)), 0, INT64_MAX, &n) < 0);
        conn->n_changed = n;
    }
    return r;
}

static int op_row(struct sl_db *base, struct sl_stmt *stmt_base, struct sl_err *err)
{
    struct sl_pg_conn *conn = conn_of(base);
    struct sl_pg_stmt *stmt = stmt_of(stmt_base);
    int r = stmt->result ? 0 : stmt_exec(conn, stmt, err);
    if (r == 0 && stmt->result && ++stmt->row < conn->pq->PQntuples(stmt->result)) {
        return 1;
    }
    op_reset(stmt_base);
    return r;
}

static void op_bind(struct sl_pg_stmt *stmt, int at, Oid type, const char *p, size_t n)
{
    stmt->types[at - 1] = type;
    stmt->values[at - 1] = p ? p : "";
    stmt->lengths[at - 1] = (int)n;
}

static void op_bind_int(struct sl_stmt *base, int at, int64_t value)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    stmt->ints[at - 1] = htobe64((uint64_t)value);
    op_bind(stmt, at, OID_INT8, (const char *)&stmt->ints[at - 1], sizeof(stmt->ints[0]));
}

/* The text with '?' for NUL and for bytes that are no UTF-8; NULL: no memory. */
static char *mended_make(struct sl_str text)
{
    char *made = malloc(text.n + 1);
    for (size_t i = 0; made && i < text.n;) {
        struct sl_str rest = sl_str_sub(text, i, text.n);
        uint32_t c;
        bool is_sound = sl_utf8_next(&rest, &c) && c != 0;
        size_t n = is_sound ? text.n - i - rest.n : 1;
        memcpy(made + i, is_sound ? text.p + i : "?", n);
        i += n;
    }
    return made;
}

/* The server refuses a text with NUL or with bytes that are no UTF-8, and with it everything else that its transaction
 * writes. Callers and upstreams choose some texts. */
static void op_bind_str(struct sl_stmt *base, int at, struct sl_str text)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    free(stmt->mended[at - 1]);
    stmt->mended[at - 1] = NULL;
    if (SL_UNLIKELY(text.n && (memchr(text.p, 0, text.n) || !sl_str_is_utf8(text)))) {
        stmt->mended[at - 1] = mended_make(text);
        text = stmt->mended[at - 1] ? sl_str_make(stmt->mended[at - 1], text.n) : SL_STR("");
    }
    op_bind(stmt, at, OID_TEXT, text.p, text.n);
}

static void op_bind_blob(struct sl_stmt *base, int at, struct sl_str bytes)
{
    op_bind(stmt_of(base), at, OID_BYTEA, bytes.p, bytes.n);
}

static enum sl_db_type op_column_type(struct sl_stmt *base, int at)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    const struct sl_pq *pq = stmt->conn->pq;
    if (pq->PQgetisnull(stmt->result, stmt->row, at)) {
        return SL_DB_NULL;
    }
    switch (pq->PQftype(stmt->result, at)) {
    case OID_INT8:
    case OID_INT4:
    case OID_INT2:
        return SL_DB_INT;
    case OID_TEXT:
        return SL_DB_TEXT;
    case OID_BYTEA:
        return SL_DB_BYTES;
    default:
        return SL_DB_OTHER;
    }
}

static int64_t op_column_int(struct sl_stmt *base, int at)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    const struct sl_pq *pq = stmt->conn->pq;
    const char *p = pq->PQgetvalue(stmt->result, stmt->row, at);
    int n = pq->PQgetlength(stmt->result, stmt->row, at);
    uint64_t eight = 0;
    uint32_t four = 0;
    if (n == (int)sizeof(eight)) {
        memcpy(&eight, p, sizeof(eight));
        return (int64_t)be64toh(eight);
    }
    if (n == (int)sizeof(four)) {
        memcpy(&four, p, sizeof(four));
        return (int32_t)be32toh(four);
    }
    return 0;
}

static struct sl_str op_column_str(struct sl_stmt *base, int at)
{
    struct sl_pg_stmt *stmt = stmt_of(base);
    const struct sl_pq *pq = stmt->conn->pq;
    if (pq->PQgetisnull(stmt->result, stmt->row, at)) {
        return SL_STR_NONE;
    }
    return sl_str_make(pq->PQgetvalue(stmt->result, stmt->row, at),
                       (size_t)pq->PQgetlength(stmt->result, stmt->row, at));
}

static int64_t op_changes(struct sl_db *base)
{
    return conn_of(base)->n_changed;
}

static const struct sl_db_ops ops = {
    .stmt = op_stmt,
    .row = op_row,
    .reset = op_reset,
    .bind_int = op_bind_int,
    .bind_str = op_bind_str,
    .bind_blob = op_bind_blob,
    .column_type = op_column_type,
    .column_int = op_column_int,
    .column_str = op_column_str,
    .changes = op_changes,
    .rotate = sl_pg_rotate_run,
    .nodes = sl_pg_nodes_run,
    .counter_put = "INSERT INTO counters (owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, used, "
                   "node) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, owner, name, incarnation, key, "
                   "who, kind, period_usec, zone) DO UPDATE SET end_usec = excluded.end_usec, used = excluded.used",
    .last_id_get = "SELECT coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'sluice' AND ?1 <> '' AND "
                   "sequencename = ?2",
    .last_id_set = "SELECT setval(('sluice.' || ?3)::regclass, ?1) WHERE ?2 <> ''",
    .counters_load = "SELECT owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, used FROM counters "
                     "WHERE end_usec > ? AND node = ? ORDER BY end_usec DESC",
    .counters_expire =
        "DELETE FROM counters WHERE end_usec <= ?1 OR (node = ?3 AND key = 'session' AND end_usec <= (SELECT "
        "end_usec FROM counters WHERE node = ?3 AND key = 'session' ORDER BY end_usec DESC LIMIT 1 OFFSET ?2))",
};

int sl_pg_int(struct sl_pg_conn *conn, const char *sql, int64_t *ret, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(&conn->base, sql, err);
    int r = stmt ? sl_db_row(&conn->base, stmt, err) : SL_E_NOMEM;
    if (r == 1) {
        *ret = sl_db_column_int(stmt, 0);
        sl_db_reset(stmt);
    }
    return r < 0 ? r : r == 0 ? SL_E_NOTFOUND : 0;
}

/* --- opening --- */

static void on_notice(void *arg, const char *text)
{
    (void)arg; /* hints such as "already exists, skipping" are of no use to an operator */
    (void)text;
}

/* What the URL does not say. What stands before `dbname` is overridden by the URL. */
static PGconn *connect_to(const struct sl_pq *pq, const char *url)
{
    static const char *const names[] = {
        "connect_timeout",  "keepalives_idle",      "keepalives_interval", "keepalives_count", "tcp_user_timeout",
        "application_name", "target_session_attrs", "client_encoding",     "dbname",           NULL
    };
    const char *values[SL_ARRAY_LEN(names)] = { "3", "5", "2", "3", "5000", "sluice", "read-write", "UTF8", url, NULL };
    return pq->PQconnectdbParams(names, values, 1);
}

static int version_check(const struct sl_pg_conn *conn, struct sl_err *err)
{
    int version = conn->pq->PQserverVersion(conn->conn);
    return version >= SL_PG_VERSION_MIN
               ? 0
               : sl_fail(err, SL_E_UNSUPPORTED, "the server is PostgreSQL %d.%d; 13 or newer is needed",
                         version / 10000, version % 10000);
}

int sl_pg_open(struct sl_pg_conn *conn, const char *url, struct sl_err *err)
{
    int r = sl_pq_load(&conn->pq, err);
    if (r < 0) {
        return r;
    }
    conn->base.ops = &ops;
    conn->is_lost = false;
    conn->conn = connect_to(conn->pq, url);
    if (!conn->conn) {
        return sl_fail_nomem(err);
    }
    if (conn->pq->PQstatus(conn->conn) != CONNECTION_OK) {
        char line[SL_ERR_TEXT_MAX - 40];
        line_make(conn->pq->PQerrorMessage(conn->conn), line, sizeof(line));
        sl_fail(err, SL_E_IO, "cannot reach the database: %s", line);
        sl_pg_close(conn);
        return SL_E_IO;
    }
    const char *host = conn->pq->PQhost(conn->conn);
    snprintf(conn->host, sizeof(conn->host), "%s", host ? host : "");
    conn->pq->PQsetNoticeProcessor(conn->conn, on_notice, NULL);
    r = version_check(conn, err);
    if (r == 0 && conn->pq->PQsetnonblocking(conn->conn, 1) < 0) {
        r = conn_fail(conn, err);
    }
    if (r < 0) {
        sl_pg_close(conn);
    }
    conn->base.is_open = r == 0;
    return r;
}

void sl_pg_close(struct sl_pg_conn *conn)
{
    for (uint32_t i = 0; i < conn->n_stmts; i++) {
        stmt_free(conn->stmts[i]);
    }
    conn->n_stmts = 0;
    if (conn->conn) {
        conn->pq->PQfinish(conn->conn);
    }
    conn->conn = NULL;
    conn->base.is_open = false;
}

bool sl_pg_was_notified(struct sl_pg_conn *conn)
{
    bool found = false;
    if (!conn->conn || conn->is_lost) {
        return false;
    }
    if (!conn->pq->PQconsumeInput(conn->conn)) {
        conn->is_lost = true;
    }
    for (PGnotify *notify; (notify = conn->pq->PQnotifies(conn->conn)) != NULL; found = true) {
        conn->pq->PQfreemem(notify);
    }
    return found;
}

/* A pooler gives its clients process ids of its own. */
int sl_pg_is_pooled(struct sl_pg_conn *conn, bool *ret, struct sl_err *err)
{
    int64_t pid = 0;
    int r = sl_pg_int(conn, "SELECT pg_backend_pid()", &pid, err);
    *ret = pid != conn->pq->PQbackendPID(conn->conn);
    return r;
}

int sl_pg_url_check(const char *url, struct sl_err *err)
{
    const struct sl_pq *pq = NULL;
    char *why = NULL;
    int r = sl_pq_load(&pq, err);
    if (r < 0) {
        return r;
    }
    PQconninfoOption *options = pq->PQconninfoParse(url, &why);
    if (!options) {
        /* what stands behind may be a part of the password */
        const char *end = why ? strstr(why, ": \"") : NULL;
        r = sl_fail(err, SL_E_INVAL, "%.*s", why ? end ? (int)(end - why) : (int)strcspn(why, "\n") : 0,
                    why ? why : "");
    }
    pq->PQconninfoFree(options);
    pq->PQfreemem(why);
    return r;
}
