/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/copy.h"

#include "store/sql/rows.h"
#include "store/tool.h"
#include "store/usage.h"

#define M4  "?, ?, ?, ?"
#define M5  M4 ", ?"
#define M7  M4 ", ?, ?, ?"
#define M10 M5 ", " M5
#define M11 M7 ", " M4
#define M12 M7 ", " M5

struct table {
    const char *name, *select, *insert;
    int n;                  /* columns */
    const char *sequence;   /* of its ids, where they are never used twice; else NULL */
    int at_name, at_sealed; /* of what is encrypted; -1: nothing */
};

#define TABLE(name, columns, marks) \
    name, "SELECT " columns " FROM " name " ORDER BY 1", "INSERT INTO " name " (" columns ") VALUES (" marks ")"
#define SUM(symbol, column)  ", " column
#define MARK(symbol, column) ", ?"

static const struct table tables[] = {
    { TABLE("routes", "id, name, version, created_usec, updated_usec, spec, sealed", M7), 7, "routes_id_seq", 1, 6 },
    { TABLE("limits", "route, version, limits", "?, ?, ?"), 3, NULL, -1, -1 },
    { TABLE("key_groups", "id, path, version, created_usec, updated_usec, limits, children", M7), 7,
      "key_groups_id_seq", -1, -1 },
    { TABLE("keys",
            "id, version, name, principal, role, routes, hash, created_sec, expires_sec, last_used_sec, group_path, "
            "limits",
            M12),
      12, "keys_id_seq", -1, -1 },
    { TABLE("audit", "id, at_usec, principal, key, request_id, action, target, before, after, top, n", M11), 11,
      "audit_id_seq", -1, -1 },
    { TABLE("answers", "n, ids, route, target, principal, end_usec", M4 ", ?, ?"), 6, NULL, -1, -1 },
    { TABLE("usage_series", "id, route, target, provider, model, grp, key, principal, tier, above", M10), 10,
      "usage_series_id_seq", -1, -1 },
    { TABLE("usage", "span, at, series, requests" SL_USAGE_MORE_SUMS(SUM), M4 SL_USAGE_MORE_SUMS(MARK)),
      3 + SL_USAGE_SUM_COUNT, NULL, -1, -1 },
};

/* The route's configuration under the other key, in `out`. */
static int seal_again(const struct sl_db *from, const struct sl_db *to, struct sl_str name, struct sl_str sealed,
                      struct sl_buf *out, struct sl_err *err)
{
    struct sl_secret plain = { 0 };
    int r = sl_sealed_read(from->seal, name, sealed, &plain);
    if (r == SL_E_KEY) {
        sl_fail(err, r, "the credentials of route '%.*s' cannot be decrypted with the secret key", SL_STR_ARG(name));
    } else if (r == 0) {
        r = sl_seal_close(to->seal, name, sl_secret_reveal(&plain), out);
    }
    sl_secret_done(&plain);
    return r < 0 && r != SL_E_KEY ? sl_fail_nomem(err) : r;
}

static void column_copy(struct sl_stmt *from, struct sl_stmt *to, int i)
{
    switch (from->ops->column_type(from, i)) {
    case SL_DB_INT:
        sl_db_bind_int(to, i + 1, sl_db_column_int(from, i));
        break;
    case SL_DB_BYTES:
        sl_db_bind_blob(to, i + 1, sl_db_column_str(from, i));
        break;
    case SL_DB_TEXT:
        sl_db_bind_str(to, i + 1, sl_db_column_str(from, i));
        break;
    case SL_DB_NULL:
    case SL_DB_OTHER: /* a damaged row: what must not be NULL is refused */
        break;
    }
}

static int row_copy(const struct table *table, struct sl_db *from, struct sl_stmt *row, struct sl_db *to,
                    struct sl_err *err)
{
    struct sl_buf sealed = SL_BUF_INIT(SL_SEALED_MAX);
    struct sl_stmt *insert = sl_db_stmt(to, table->insert, err);
    if (!insert) {
        return err->code;
    }
    for (int i = 0; i < table->n; i++) {
        column_copy(row, insert, i);
    }
    int r = 0;
    if (table->at_sealed >= 0) {
        r = seal_again(from, to, sl_db_column_str(row, table->at_name), sl_db_column_str(row, table->at_sealed),
                       &sealed, err);
        sl_db_bind_blob(insert, table->at_sealed + 1, sl_buf_str(&sealed));
    }
    r = r < 0 ? r : sl_db_run(to, insert, err);
    sl_buf_done(&sealed);
    return r;
}

/* Ids that were used once are never used again, by the copy neither. */
static int ids_copy(const struct table *table, struct sl_db *from, struct sl_db *to, struct sl_err *err)
{
    int64_t last = 0;
    struct sl_stmt *get = sl_db_stmt(from, from->ops->last_id_get, err);
    if (!get) {
        return err->code;
    }
    sl_db_bind_str(get, 1, sl_str_c(table->name));
    sl_db_bind_str(get, 2, sl_str_c(table->sequence));
    int r = sl_db_row(from, get, err);
    if (r > 0) {
        last = sl_db_column_int(get, 0);
    }
    sl_db_reset(get);
    struct sl_stmt *set = r < 0 || !last ? NULL : sl_db_stmt(to, to->ops->last_id_set, err);
    if (!set) {
        return r < 0 ? r : last ? err->code : 0;
    }
    sl_db_bind_int(set, 1, last);
    sl_db_bind_str(set, 2, sl_str_c(table->name));
    sl_db_bind_str(set, 3, sl_str_c(table->sequence));
    return sl_db_run(to, set, err);
}

static int table_copy(const struct table *table, struct sl_db *from, struct sl_db *to, uint64_t *ret_n,
                      struct sl_err *err)
{
    int r = table->sequence ? ids_copy(table, from, to, err) : 0;
    struct sl_stmt *select = r < 0 ? NULL : sl_db_stmt(from, table->select, err);
    if (!select) {
        return r < 0 ? r : err->code;
    }
    for (*ret_n = 0; r == 0 && (r = sl_db_row(from, select, err)) > 0; ++*ret_n) {
        r = row_copy(table, from, select, to, err);
    }
    sl_db_reset(select);
    return r;
}

/* --- counters and sums --- */

struct counting {
    struct sl_store to;
    int r;
    struct sl_err *err;
};

static void on_counter(void *arg, const struct sl_store_counter *counter)
{
    struct counting *counting = arg;
    if (counting->r == 0) {
        counting->r = sl_sql_counter_put(&counting->to, counter, counting->err);
    }
}

static int counters_copy(struct sl_db *from, struct sl_db *to, struct sl_err *err)
{
    struct sl_store source = { .sql = from };
    struct counting counting = { .to.sql = to, .err = err };
    int r = sl_sql_counters_load(&source, 0, on_counter, &counting, err);
    return r < 0 ? r : counting.r;
}

static int meta_copy(struct sl_db *from, const char *from_key, struct sl_db *to, const char *to_key, struct sl_err *err)
{
    struct sl_stmt *get = sl_db_stmt(from, "SELECT value FROM meta WHERE key = ?", err);
    struct sl_stmt *set = get ? sl_db_stmt(to, "UPDATE meta SET value = ? WHERE key = ?", err) : NULL;
    if (!set) {
        return err->code;
    }
    sl_db_bind_str(get, 1, sl_str_c(from_key));
    sl_db_bind_str(set, 2, sl_str_c(to_key));
    int r = sl_db_row(from, get, err);
    if (r > 0) {
        sl_db_bind_int(set, 1, sl_db_column_int(get, 0));
        r = sl_db_run(to, set, err);
        sl_db_reset(get);
    }
    return r;
}

int sl_sql_copy(struct sl_db *from, struct sl_db *to, struct sl_store_copied *ret, struct sl_err *err)
{
    static const char *const sums[] = { "change", "usage_callers", "usage_minutes", "usage_hours", "usage_days" };
    uint64_t n[SL_ARRAY_LEN(tables)];
    int r = 0;
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(tables); i++) {
        r = table_copy(&tables[i], from, to, &n[i], err);
    }
    r = r < 0 ? r : counters_copy(from, to, err);
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(sums); i++) {
        r = meta_copy(from, sums[i], to, sums[i], err);
    }
    r = r < 0 ? r : meta_copy(from, from->mark, to, to->mark, err);
    if (r == 0) {
        ret->n_routes = n[0];
        ret->n_keys = n[3];
        ret->n_usage = n[7];
    }
    return r;
}
