/* SPDX-License-Identifier: Apache-2.0 */
/* A database as one end of a copy, and its migration by hand. */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/random.h"
#include "store/dir.h"
#include "store/postgres/priv.h"
#include "store/tool.h"

/* A whole table is read at once, and written elsewhere before the next one. */
#define READ_SEC      "600"
#define PATIENCE_USEC (605 * SL_USEC_PER_SEC)
#define BEGIN_READ                                                \
    SL_PG_BEGIN_READ "; SET LOCAL statement_timeout = '" READ_SEC \
                     "s'; SET LOCAL idle_in_transaction_session_timeout = 0"

struct end {
    struct sl_pg_conn conn;
    struct sl_seal seal;
    char mark[128], node[96];
    bool is_target;
};

int sl_pg_migrate_at(const char *url, struct sl_err *err)
{
    struct sl_pg_conn conn = { 0 };
    int r = sl_pg_open(&conn, url, err);
    r = r < 0 ? r : sl_pg_migrate(&conn, err);
    sl_pg_close(&conn);
    return r;
}

/* Other nodes may have begun to use it: they wait for the lock, and read everything anew behind it. */
static int empty_check(struct sl_pg_conn *conn, struct sl_err *err)
{
    int64_t n = 0;
    int r = sl_pg_int(conn, "SELECT value FROM meta WHERE key = 'change' FOR UPDATE", &n, err);
    r = r < 0 ? r
              : sl_pg_int(conn,
                          "SELECT (SELECT count(*) FROM routes) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM "
                          "key_groups) + (SELECT count(*) FROM limits) + (SELECT count(*) FROM audit) + (SELECT "
                          "count(*) FROM usage_series)",
                          &n, err);
    return r < 0 ? r : n ? sl_fail(err, SL_E_EXISTS, "the database has a store already: name an empty one") : 0;
}

static int mark_make(struct end *end, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(&end->conn.base,
                                      "INSERT INTO meta (key, value) VALUES (?, 0) ON CONFLICT (key) DO NOTHING", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(end->mark));
    return sl_db_run(&end->conn.base, stmt, err);
}

static int end_open(struct end *end, const char *url, struct sl_err *err)
{
    struct sl_err cause = { 0 };
    struct sl_pg_conn *conn = &end->conn;
    if (!sl_dir_key_variable()) {
        return sl_fail(err, SL_E_KEY, "SLUICE_SECRET_KEY must have the secret key of the database's store");
    }
    int r = sl_dir_key(NULL, false, &end->seal, &cause);
    if (r < 0) {
        return sl_fail(err, r, "%s", cause.text);
    }
    r = sl_pg_open(conn, url, err);
    r = r < 0 ? r : sl_pg_migrate(conn, err);
    r = r < 0 ? r : sl_pg_key_check(conn, &end->seal, err);
    r = r < 0 ? r : sl_pg_script(conn, end->is_target ? SL_PG_BEGIN : BEGIN_READ, err);
    if (r == 0 && end->is_target) {
        r = empty_check(conn, err);
        r = r < 0 ? r : mark_make(end, err);
    }
    conn->patience_usec = end->is_target ? 0 : PATIENCE_USEC;
    return r;
}

int sl_pg_end_open(const struct sl_store_end *conf, bool is_target, struct sl_db **ret, struct sl_err *err)
{
    struct end *end = calloc(1, sizeof(*end));
    if (!end) {
        return sl_fail_nomem(err);
    }
    end->is_target = is_target;
    end->conn.base.seal = &end->seal;
    end->conn.base.node = end->node;
    end->conn.base.mark = end->mark;
    snprintf(end->node, sizeof(end->node), "%s", conf->node);
    sl_pg_mark_name(conf->node, end->mark, sizeof(end->mark));
    int r = end_open(end, conf->url, err);
    if (r < 0) {
        SL_IGNORE(sl_pg_end_close(&end->conn.base, false, NULL) < 0); /* the first failure is the one to report */
        return r;
    }
    *ret = &end->conn.base;
    return 0;
}

/* The log goes on with the number that the copied store had reached. */
static int log_begin(struct sl_pg_conn *conn, struct sl_err *err)
{
    int64_t token;
    sl_random_bytes(&token, sizeof(token));
    struct sl_db *db = &conn->base;
    int r = sl_db_exec(db, "DELETE FROM changes", err);
    struct sl_stmt *stmt = r < 0
                               ? NULL
                               : sl_db_stmt(db,
                                            "INSERT INTO changes (number, token, kind, name, id) SELECT value, ?, -1, "
                                            "'', 0 FROM meta WHERE key = 'change'",
                                            err);
    if (!stmt) {
        return r < 0 ? r : SL_E_NOMEM;
    }
    sl_db_bind_int(stmt, 1, token);
    r = sl_db_run(db, stmt, err);
    return r < 0 ? r : sl_db_exec(db, "NOTIFY sluice", err);
}

int sl_pg_end_close(struct sl_db *base, bool is_whole, struct sl_err *err)
{
    struct sl_pg_conn *conn = SL_CONTAINER_OF(base, struct sl_pg_conn, base);
    struct end *end = SL_CONTAINER_OF(conn, struct end, conn);
    int r = is_whole && end->is_target ? log_begin(conn, err) : 0;
    r = r < 0 || !is_whole ? r : sl_pg_script(conn, "COMMIT", err);
    sl_pg_close(conn); /* what was not committed is gone */
    sl_seal_done(&end->seal);
    free(end);
    return r;
}
