/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/store_conf.h"

#include "base/num.h"
#include "base/opt.h"
#include "store/tool.h"

#define NODE_MAX 72 /* an automatic name has as many at most */

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

static int url_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_err err = { 0 };
    struct sl_str url = sl_secret_reveal(field);
    if (!sl_str_has_prefix(url, SL_STR("postgres://")) && !sl_str_has_prefix(url, SL_STR("postgresql://"))) {
        return FAIL(bind, val, "must be a URL like postgres://user:password@host:5432/database");
    }
    return sl_store_url_check("postgres", url.p, &err) < 0 ? FAIL(bind, val, "%s", err.text) : 0;
}

const struct sl_opt sl_store_opts[] = {
    { "postgres", SL_OPT_SECRET, offsetof(struct sl_store_settings, postgres), NULL, 0, 0, SL_OPT_REQUIRED, NULL, NULL,
      url_check, "the URL of a database on PostgreSQL 13 or newer, as libpq reads it; it may name several hosts" },
    { "notify_url", SL_OPT_SECRET, offsetof(struct sl_store_settings, notify_url), NULL, 0, 0, 0, NULL, NULL, url_check,
      "the URL of the same database without a pooler, to hear of changes at once; default: `postgres`, and once a "
      "second behind a pooler" },
    { "max_stale", SL_OPT_USEC, offsetof(struct sl_store_settings, max_stale_usec), "0s", 0,
      36500ull * 86400 * SL_USEC_PER_SEC, 0, NULL, NULL, NULL,
      "how old the copy in the data directory may be with which a node starts while the database is away; 0s: of any "
      "age" },
    { 0 },
};

int sl_store_conf_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    if (val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "sqlite")) {
        return 0;
    }
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be sqlite, or a map like { postgres: $SLUICE_STORE_URL }");
    }
    return sl_opt_bind(bind, sl_store_opts, val, field);
}

int sl_node_conf_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct sl_str name = *(const struct sl_str *)field;
    size_t n = 0;
    while (n < name.n && name.p[n] && strchr(allowed, name.p[n])) {
        n++;
    }
    return n == 0 || n != name.n || n > NODE_MAX
               ? FAIL(bind, val, "must be auto, or a name of up to %d letters, digits, '.', '_' and '-'", NODE_MAX)
               : 0;
}

bool sl_store_conf_same(const void *a, const void *b)
{
    const struct sl_store_settings *x = a, *y = b;
    return x->max_stale_usec == y->max_stale_usec &&
           sl_str_eq(sl_secret_reveal(&x->postgres), sl_secret_reveal(&y->postgres)) &&
           sl_str_eq(sl_secret_reveal(&x->notify_url), sl_secret_reveal(&y->notify_url));
}

void sl_store_conf_done(struct sl_store_settings *store)
{
    sl_secret_done(&store->postgres);
    sl_secret_done(&store->notify_url);
}
