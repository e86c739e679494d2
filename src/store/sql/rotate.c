/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypts every row anew, in one transaction. */
#include <stdio.h>

#include "store/sql/rows.h"

static int row_write(struct sl_db *db, int64_t id, const struct sl_buf *sealed, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE routes SET sealed = ? WHERE id = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_blob(stmt, 1, sl_buf_str(sealed));
    sl_db_bind_int(stmt, 2, id);
    return sl_db_run(db, stmt, err);
}

/* Encrypts the statement's current row with the next key. */
static int row_rotate(struct sl_db *db, struct sl_stmt *stmt, const struct sl_seal *next, struct sl_err *err)
{
    struct sl_buf sealed = SL_BUF_INIT(SL_SEALED_MAX);
    struct sl_secret plain = { 0 };
    struct sl_str name = sl_db_column_str(stmt, 1);
    int r = sl_sealed_read(db->seal, name, sl_db_column_str(stmt, 2), &plain);
    if (r == SL_E_KEY) {
        r = sl_fail(err, r,
                    "the credentials of route '%.*s' cannot be decrypted with the secret key: delete the route, or "
                    "bring its key back",
                    SL_STR_ARG(name));
    } else if (r == 0) {
        r = sl_seal_close(next, name, sl_secret_reveal(&plain), &sealed);
        r = r < 0 ? sl_fail_nomem(err) : row_write(db, sl_db_column_int(stmt, 0), &sealed, err);
    }
    sl_secret_done(&plain);
    sl_buf_done(&sealed);
    return r;
}

static int rows_rotate(struct sl_db *db, const struct sl_seal *next, uint64_t *ret_n, struct sl_err *err)
{
    int64_t id = 0;
    for (*ret_n = 0;; ++*ret_n) {
        struct sl_stmt *stmt = sl_db_stmt(db, "SELECT id, name, sealed FROM routes WHERE id > ? ORDER BY id LIMIT 1",
                                          err);
        if (!stmt) {
            return err->code;
        }
        sl_db_bind_int(stmt, 1, id);
        int r = sl_db_row(db, stmt, err);
        if (r <= 0) {
            return r;
        }
        id = sl_db_column_int(stmt, 0);
        r = row_rotate(db, stmt, next, err);
        sl_db_reset(stmt);
        if (r < 0) {
            return r;
        }
    }
}

int sl_sql_rotate_rows(struct sl_db *db, struct sl_store_job *base, const struct sl_seal *next, struct sl_err *err)
{
    struct sl_store_rotate_job *job = SL_CONTAINER_OF(base, struct sl_store_rotate_job, base);
    char text[48];
    int r = rows_rotate(db, next, &job->n_routes, err);
    if (r < 0) {
        return r;
    }
    snprintf(text, sizeof(text), "{\"routes\":%llu}", (unsigned long long)job->n_routes);
    const struct sl_audit_row row = {
        .at_usec = job->now_usec, .who = base->who, .action = SL_STR("secret.rotate"), .after = sl_str_c(text)
    };
    return sl_audit_add(db, &row, err);
}
