/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice db check`, `sluice db backup FILE`, and `sluice secret rotate` without a daemon. */
#include <stdio.h>

#include "base/env.h"
#include "daemon/daemon.h"
#include "store/dir.h"
#include "store/tool.h"

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

int sl_cmd_db_check(const char *data)
{
    struct sl_arena arena;
    struct sl_str dir;
    struct sl_err err = { 0 };
    struct sl_store_report report;
    sl_arena_init(&arena, NULL);
    int r = dir_find(data, &arena, &dir, &err);
    r = r < 0 ? r : sl_store_check(dir.p, &report, &err);
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
    int r = dir_find(data, &arena, &dir, &err);
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

int sl_cmd_secret_rotate(const char *data, bool *ret_is_running)
{
    struct sl_arena arena;
    struct sl_str dir;
    struct sl_err err = { 0 };
    uint64_t n = 0;
    sl_arena_init(&arena, NULL);
    int r = dir_find(data, &arena, &dir, &err);
    r = r < 0 ? r : sl_store_rotate(dir.p, &n, &err);
    sl_arena_done(&arena);
    *ret_is_running = r == SL_E_BUSY;
    if (r == 0) {
        fprintf(stderr, "the credentials of %llu route%s are encrypted under a new secret key\n", (unsigned long long)n,
                n == 1 ? "" : "s");
    }
    return r == 0 ? SL_EXIT_OK : *ret_is_running ? SL_EXIT_LOCAL : told(&err);
}
