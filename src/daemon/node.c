/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/random.h"
#include "gate/config/settings.h"
#include "store/dir.h"

#define ID_LEN    8 /* hexadecimal digits */
#define HOST_MAX  63
#define FILE_NAME "node.id"

static bool is_id(const char *text, ssize_t n)
{
    return n >= ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

/* Takes the id of the file, or writes the one that is in `id`. A lost race with another process leaves either's. */
static int id_keep(const char *dir, char id[ID_LEN + 1], struct sl_err *err)
{
    char path[4200], text[ID_LEN + 1] = "";
    snprintf(path, sizeof(path), "%s/" FILE_NAME, dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t n = fd < 0 ? -1 : read(fd, text, ID_LEN);
    int why = n < 0 ? errno : 0;
    if (n == 0 && pwrite(fd, id, ID_LEN, 0) != ID_LEN) {
        why = errno ? errno : ENOSPC;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (why) {
        return sl_fail(err, SL_E_IO, "cannot keep this node's id in %s: %s", path, strerror(why));
    }
    if (n > 0 && !is_id(text, n)) {
        return sl_fail(err, SL_E_INVAL, "%s must have 8 hexadecimal digits: remove it, and a new one is made", path);
    }
    if (n > 0) {
        memcpy(id, text, ID_LEN);
    }
    return 0;
}

static void host_get(char host[HOST_MAX + 1])
{
    memset(host, 0, HOST_MAX + 1);
    if (gethostname(host, HOST_MAX) < 0 || !*host) {
        snprintf(host, HOST_MAX + 1, "node");
    }
}

int sl_node_host(struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    char host[HOST_MAX + 1];
    host_get(host);
    *ret = sl_arena_dup(arena, sl_str_c(host));
    return ret->p ? 0 : sl_fail_nomem(err);
}

int sl_node_name(const char *dir, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    char host[HOST_MAX + 1], id[ID_LEN + 1];
    uint32_t random;
    sl_random_bytes(&random, sizeof(random));
    snprintf(id, sizeof(id), "%08x", random);
    host_get(host);
    int r = dir ? sl_dir_make(dir, err) : 0;
    r = r < 0 || !dir ? r : id_keep(dir, id, err);
    if (r == 0) {
        *ret = sl_arena_printf(arena, "%s-%s", host, id);
        r = ret->p ? 0 : sl_fail_nomem(err);
    }
    return r;
}

int sl_node_check(const struct sl_settings *settings, struct sl_err *err)
{
    const char *admin = sl_env_secret("SLUICE_ADMIN_KEY");
    if (!sl_secret_is_set(&settings->store.postgres)) {
        return 0;
    }
    if (!sl_dir_key_variable()) {
        return sl_fail(err, SL_E_INVAL,
                       "store.postgres needs SLUICE_SECRET_KEY, the same on all nodes (openssl rand -hex 32 makes "
                       "one): the credentials of routes are encrypted under it");
    }
    if (settings->auth.mode == SL_AUTH_KEYS && !settings->auth.has_admin_key && !(admin && *admin)) {
        return sl_fail(
            err, SL_E_INVAL,
            "store.postgres needs auth.admin_key (or SLUICE_ADMIN_KEY), the same on all nodes: no node makes "
            "a key of its own");
    }
    return 0;
}
