/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice db check`, `sluice db backup FILE`, `sluice db copy`, `sluice db migrate`, and `sluice secret rotate` without
 * a daemon. */
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "store/dir.h"
#include "store/tool.h"

/* Of a database that has a URL. */
#define KIND "postgres"

static int told(const struct sl_err *err)
{
    fprintf(stderr, "sluice: %s\n", err->text);
    return SL_EXIT_LOCAL;
}

static int dir_find(const char *given, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    bool is_asked;
    int r = sl_dir_resolve(given, arena, ret, &is_asked, err);
    return r == 0 && !ret->p ? sl_fail(err, SL_E_INVAL, "`--data none` has no database") : r;
}

/* The same, but the store must be in the directory. */
static int own_find(const char *given, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    char database[4200], node[4200], run[4200];
    int r = dir_find(given, arena, ret, err);
    if (r < 0) {
        return r;
    }
    snprintf(database, sizeof(database), "%s/sluice.db", ret->p);
    snprintf(node, sizeof(node), "%s/node.id", ret->p);
    snprintf(run, sizeof(run), "%s/node.run", ret->p);
    return access(database, F_OK) != 0 && (access(node, F_OK) == 0 || access(run, F_OK) == 0)
               ? sl_fail(
                     err, SL_E_UNSUPPORTED,
                     "%s has no database: the store of this node is in PostgreSQL, whose own tools check it and back "
                     "it up",
                     ret->p)
               : 0;
}

int sl_cmd_db_check(const char *data)
{
    struct sl_arena arena;
    struct sl_str dir;
    struct sl_err err = { 0 };
    struct sl_store_report report;
    sl_arena_init(&arena, NULL);
    int r = own_find(data, &arena, &dir, &err);
    r = r < 0 ? r : sl_store_check(dir.p, NULL, &report, &err);
    if (r == 0) {
        printf("%s: ok, schema %d, %llu route%s, %llu with limits\n", dir.p, report.schema,
               (unsigned long long)report.n_routes, report.n_routes == 1 ? "" : "s",
               (unsigned long long)report.n_limits);
    }
    sl_arena_done(&arena);
    return r < 0 ? told(&err) : SL_EXIT_OK;
}

int sl_cmd_db_backup(const char *data, const char *file)
{
    struct sl_arena arena;
    struct sl_str dir;
    struct sl_err err = { 0 };
    sl_arena_init(&arena, NULL);
    int r = own_find(data, &arena, &dir, &err);
    r = r < 0 ? r : sl_store_backup(dir.p, file, &err);
    if (r == 0) {
        const char *key = sl_env_secret("SLUICE_SECRET_KEY");
        if (key && *key) {
            fprintf(stderr, "wrote %s; the secret key is not in it: keep what SLUICE_SECRET_KEY holds, too\n", file);
        } else {
            fprintf(stderr, "wrote %s; the secret key is not in it: keep %s/" SL_DIR_KEY " elsewhere too\n", file,
                    dir.p);
        }
    }
    sl_arena_done(&arena);
    return r < 0 ? told(&err) : SL_EXIT_OK;
}

static int url_check(const char *url, struct sl_err *err)
{
    struct sl_str text = sl_str_c(url);
    return sl_str_has_prefix(text, SL_STR("postgres://")) || sl_str_has_prefix(text, SL_STR("postgresql://"))
               ? sl_store_url_check(KIND, url, err)
               : sl_fail(err, SL_E_INVAL, "it must be a URL like postgres://user@host:5432/database");
}

int sl_cmd_db_migrate(const char *url)
{
    struct sl_err err = { 0 };
    int r = url_check(url, &err);
    r = r < 0 ? r : sl_store_migrate(KIND, url, &err);
    if (r == 0) {
        fprintf(stderr, "the database's schema is that of this version\n");
    }
    return r < 0 ? told(&err) : SL_EXIT_OK;
}

int sl_cmd_db_copy(const char *data, const char *url, bool is_back)
{
    struct sl_arena arena;
    struct sl_str dir, node;
    struct sl_err err = { 0 };
    struct sl_store_copied copied;
    sl_arena_init(&arena, NULL);
    int r = url_check(url, &err);
    r = r < 0 ? r : dir_find(data, &arena, &dir, &err);
    r = r < 0 ? r : sl_node_name(dir.p, &arena, &node, &err);
    if (r == 0) {
        const struct sl_store_end ends[] = { { .dir = dir.p }, { .kind = KIND, .url = url, .node = node.p } };
        r = sl_store_copy(&ends[is_back], &ends[!is_back], &copied, &err);
    }
    sl_arena_done(&arena);
    if (r < 0) {
        return told(&err);
    }
    fprintf(stderr,
            "copied %llu route%s, %llu key%s and %llu sum%s of usage, with groups, limits, counters and audit\n",
            (unsigned long long)copied.n_routes, copied.n_routes == 1 ? "" : "s", (unsigned long long)copied.n_keys,
            copied.n_keys == 1 ? "" : "s", (unsigned long long)copied.n_usage, copied.n_usage == 1 ? "" : "s");
    return SL_EXIT_OK;
}

int sl_cmd_secret_rotate(const char *data, bool *ret_is_running)
{
    struct sl_arena arena;
    struct sl_str dir;
    struct sl_err err = { 0 };
    uint64_t n = 0;
    sl_arena_init(&arena, NULL);
    int r = own_find(data, &arena, &dir, &err);
    bool is_shared = r == SL_E_UNSUPPORTED; /* only a node that runs can do it */
    r = r < 0 ? r : sl_store_rotate(dir.p, &n, &err);
    sl_arena_done(&arena);
    *ret_is_running = r == SL_E_BUSY || is_shared;
    if (r == 0) {
        fprintf(stderr, "the credentials of %llu route%s are encrypted under a new secret key\n", (unsigned long long)n,
                n == 1 ? "" : "s");
    }
    return r == 0 ? SL_EXIT_OK : *ret_is_running ? SL_EXIT_LOCAL : told(&err);
}
