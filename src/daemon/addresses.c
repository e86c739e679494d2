/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/addresses.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "gate/call/auth.h"
#include "gate/config/settings.h"
#include "net/bind.h"

int sl_addresses_allow(const struct sl_addresses *addresses, const struct sl_settings *settings, struct sl_err *err)
{
    for (uint32_t i = 0; i < addresses->n; i++) {
        const struct sl_bind_addr *addr = &addresses->v[i];
        if (!sl_auth_may_listen(settings, sl_str_c(addr->text), sl_bind_is_local(addr), err)) {
            return SL_E_INVAL;
        }
    }
    return 0;
}

bool sl_addresses_are_local(const struct sl_addresses *addresses)
{
    bool are_local = true;
    for (uint32_t i = 0; are_local && i < addresses->n; i++) {
        are_local = sl_bind_is_local(&addresses->v[i]);
    }
    return are_local;
}

void sl_addresses_tell_open(const struct sl_addresses *addresses, const struct sl_settings *settings)
{
    for (uint32_t i = 0; i < addresses->n; i++) {
        struct sl_err err = { 0 };
        const struct sl_bind_addr *addr = &addresses->v[i];
        if (sl_auth_is_open(settings, sl_str_c(addr->text), sl_bind_is_local(addr), &err)) {
            sl_log(SL_LOG_WARNING, "serve", "%s", err.text);
        }
    }
}

/* A supervisor's sockets replace server.listen. */
static int addresses_inherit(struct sl_addresses *addresses, uint32_t n, struct sl_err *err)
{
    addresses->v = calloc(n, sizeof(*addresses->v));
    addresses->inherited = calloc(n, sizeof(*addresses->inherited));
    if (!addresses->v || !addresses->inherited) {
        return sl_fail_nomem(err);
    }
    addresses->n = n;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        r = sl_activation_get(i, &addresses->inherited[i], &addresses->v[i], err);
    }
    return r;
}

int sl_addresses_probe(struct sl_addresses *addresses, const struct sl_settings *settings, struct sl_err *err)
{
    uint32_t n_inherited = sl_activation_count();
    if (n_inherited) {
        return addresses_inherit(addresses, n_inherited, err);
    }
    const struct sl_server_settings *s = &settings->server;
    addresses->v = calloc(s->n_listen, sizeof(*addresses->v));
    if (!addresses->v) {
        return sl_fail_nomem(err);
    }
    addresses->n = s->n_listen;
    for (uint32_t i = 0; i < s->n_listen; i++) {
        struct sl_bind_addr *addr = &addresses->v[i];
        int r = sl_bind_parse(s->listen[i].address, addr, err);
        if (r < 0) {
            return r;
        }
        if (!sl_auth_may_listen(settings, s->listen[i].address, sl_bind_is_local(addr), err)) {
            return SL_E_INVAL;
        }
        r = sl_bind_probe(addr, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* One listening socket of one worker. All workers share a unix socket or an inherited one: those behind the `first` get
 * duplicates. */
static int socket_open(const struct sl_addresses *addresses, const struct sl_thread *first, bool is_first, uint32_t i,
                       int *ret_fd, struct sl_err *err)
{
    const struct sl_bind_addr *addr = &addresses->v[i];
    if (!addresses->inherited && (is_first || !addr->is_unix)) {
        return sl_bind_listen(addr, ret_fd, err);
    }
    int fd = is_first ? addresses->inherited[i] : fcntl(first->fds[i], F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return sl_fail(err, SL_E_IO, "cannot share the socket %s", addr->text);
    }
    *ret_fd = fd;
    return 0;
}

int sl_addresses_listen(const struct sl_addresses *addresses, const struct sl_server_settings *server,
                        const struct sl_thread *first, struct sl_thread *thread, struct sl_err *err)
{
    uint32_t n = addresses->n;
    thread->listeners = calloc(n, sizeof(*thread->listeners));
    thread->fds = calloc(n, sizeof(*thread->fds));
    thread->are_unix = calloc(n, sizeof(*thread->are_unix));
    thread->is_inherited = addresses->inherited != NULL;
    thread->have_proxy_protocol = calloc(n, sizeof(*thread->have_proxy_protocol));
    if (!thread->listeners || !thread->fds || !thread->are_unix || !thread->have_proxy_protocol) {
        return sl_fail_nomem(err);
    }
    for (uint32_t i = 0; i < n; i++) {
        thread->are_unix[i] = addresses->v[i].is_unix;
        thread->have_proxy_protocol[i] = i < server->n_listen && server->listen[i].has_proxy_protocol;
        int r = socket_open(addresses, first, thread == first, i, &thread->fds[i], err);
        if (r < 0) {
            return r;
        }
        sl_tcp_keepalive(thread->fds[i], server->tcp_keepalive_usec);
        thread->n_listeners = i + 1;
    }
    return 0;
}

void sl_addresses_unlisten(struct sl_thread *thread)
{
    free(thread->listeners);
    free(thread->fds);
    free(thread->are_unix);
    free(thread->have_proxy_protocol);
}

void sl_addresses_done(struct sl_addresses *addresses)
{
    for (uint32_t i = 0; i < addresses->n && !addresses->inherited; i++) {
        sl_bind_unlink(&addresses->v[i]);
    }
    free(addresses->v);
    free(addresses->inherited);
}
