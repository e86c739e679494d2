/* SPDX-License-Identifier: Apache-2.0 */
#include "net/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"

/* --- addresses --- */

static int bind_parse_unix(struct sl_str path, struct sl_bind_addr *addr, struct sl_err *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&addr->addr;
    if (path.n == 0 || path.n >= sizeof(un->sun_path) || memchr(path.p, 0, path.n)) {
        return sl_fail(err, SL_E_INVAL, "unix:%.*s: the path of a unix socket has 1 to %zu bytes", SL_STR_ARG(path),
                       sizeof(un->sun_path) - 1);
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    addr->is_unix = true;
    return 0;
}

static void bind_set_v4(struct sl_bind_addr *addr, uint32_t ip, uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&addr->addr;
    *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
    addr->len = sizeof(*in);
}

static void bind_set_v6(struct sl_bind_addr *addr, const struct in6_addr *ip, uint16_t port)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->addr;
    *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *ip };
    addr->len = sizeof(*in6);
}

bool sl_bind_is_local(const struct sl_bind_addr *addr)
{
    if (addr->is_unix) {
        return true;
    }
    if (addr->addr.ss_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)&addr->addr)->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&addr->addr)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static bool machine_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* `host` as written before the port; false: it is no address. */
static bool bind_set_host(struct sl_bind_addr *addr, struct sl_str host, uint16_t port)
{
    char text[INET6_ADDRSTRLEN + 2] = "";
    struct in_addr v4;
    struct in6_addr v6;
    if (sl_str_eq_c(host, "*")) {
        if (machine_has_ipv6()) {
            bind_set_v6(addr, &in6addr_any, port);
        } else {
            bind_set_v4(addr, INADDR_ANY, port);
        }
        return true;
    }
    if (sl_str_case_eq(host, SL_STR("localhost"))) {
        bind_set_v4(addr, INADDR_LOOPBACK, port);
        return true;
    }
    if (host.n >= sizeof(text)) {
        return false;
    }
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        memcpy(text, host.p + 1, host.n - 2);
        if (strlen(text) != host.n - 2 || inet_pton(AF_INET6, text, &v6) != 1) {
            return false;
        }
        bind_set_v6(addr, &v6, port);
        return true;
    }
    memcpy(text, host.p, host.n);
    if (strlen(text) != host.n || inet_pton(AF_INET, text, &v4) != 1) {
        return false;
    }
    bind_set_v4(addr, ntohl(v4.s_addr), port);
    return true;
}

int sl_bind_parse(struct sl_str text, struct sl_bind_addr *ret, struct sl_err *err)
{
    struct sl_bind_addr addr = { 0 };
    if (sl_str_has_prefix(text, SL_STR("unix:"))) {
        int r = bind_parse_unix(sl_str_sub(text, 5, text.n), &addr, err);
        if (r < 0) {
            return r;
        }
    } else {
        const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
        uint64_t port;
        if (!colon || sl_parse_u64(sl_str_sub(text, (size_t)(colon - text.p) + 1, text.n), 0, UINT16_MAX, &port) < 0 ||
            !bind_set_host(&addr, sl_str_make(text.p, (size_t)(colon - text.p)), (uint16_t)port)) {
            return sl_fail(err, SL_E_INVAL,
                           "\"%.*s\" is no address to listen on: expected IP:PORT, [IPv6]:PORT, localhost:PORT, *:PORT "
                           "or unix:/path",
                           SL_STR_ARG(text));
        }
    }
    snprintf(addr.text, sizeof(addr.text), "%.*s", SL_STR_ARG(text));
    *ret = addr;
    return 0;
}

/* --- binding --- */

static int bind_fail(const struct sl_bind_addr *addr, int error, struct sl_err *err)
{
    const char *hint = "";
    if (error == EADDRNOTAVAIL) {
        hint = " (no interface of this machine has it)";
    } else if (error == EACCES && !addr->is_unix) {
        hint = " (a low port needs CAP_NET_BIND_SERVICE, in a systemd unit AmbientCapabilities=)";
    }
    return sl_fail(err, error == EADDRINUSE ? SL_E_EXISTS : SL_E_IO, "cannot listen on %s: %s%s", addr->text,
                   strerror(error), hint);
}

/* Returns a bound socket, or sets the error. */
static int bind_open(const struct sl_bind_addr *addr, bool is_shared, int *ret_fd, struct sl_err *err)
{
    int fd = socket(addr->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bind_fail(addr, errno, err);
    }
    int on = 1;
    int v6_only = addr->text[0] != '*';
    bool ok = true;
    if (!addr->is_unix) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
             (!is_shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
    }
    if (ok && addr->addr.ss_family == AF_INET6) {
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0;
    }
    if (!ok || bind(fd, (const struct sockaddr *)&addr->addr, addr->len) < 0) {
        int error = errno;
        close(fd);
        return bind_fail(addr, error, err);
    }
    *ret_fd = fd;
    return 0;
}

static int bind_probe_unix(const struct sl_bind_addr *addr, struct sl_err *err)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->addr;
    struct stat st;
    if (lstat(un->sun_path, &st) < 0) {
        return errno == ENOENT ? 0 : bind_fail(addr, errno, err);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return sl_fail(err, SL_E_EXISTS, "cannot listen on %s: a file that is no socket is there", addr->text);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bind_fail(addr, errno, err);
    }
    int r = connect(fd, (const struct sockaddr *)&addr->addr, addr->len);
    int error = errno;
    close(fd);
    if (r < 0 && error == ECONNREFUSED) { /* with EAGAIN a daemon listens there, and its queue is full */
        return unlink(un->sun_path) == 0 || errno == ENOENT ? 0 : bind_fail(addr, errno, err);
    }
    return bind_fail(addr, EADDRINUSE, err);
}

int sl_bind_probe(struct sl_bind_addr *io_addr, struct sl_err *err)
{
    if (io_addr->is_unix) {
        return bind_probe_unix(io_addr, err);
    }
    int fd = -1;
    int r = bind_open(io_addr, false, &fd, err);
    if (r < 0) {
        return r;
    }
    /* The port is at the same place in the addresses of both families. */
    struct sockaddr_in *in = (struct sockaddr_in *)&io_addr->addr;
    if (in->sin_port == 0) {
        struct sockaddr_storage got;
        socklen_t len = sizeof(got);
        if (getsockname(fd, (struct sockaddr *)&got, &len) < 0) {
            r = bind_fail(io_addr, errno, err);
        } else {
            in->sin_port = ((struct sockaddr_in *)&got)->sin_port;
            char *colon = strrchr(io_addr->text, ':');
            SL_ASSERT(colon);
            snprintf(colon, sizeof(io_addr->text) - (size_t)(colon - io_addr->text), ":%u", ntohs(in->sin_port));
        }
    }
    close(fd);
    return r;
}

int sl_bind_listen(const struct sl_bind_addr *addr, int *ret_fd, struct sl_err *err)
{
    int fd = -1;
    int r = bind_open(addr, true, &fd, err);
    if (r < 0) {
        return r;
    }
    if (listen(fd, SL_BACKLOG) < 0) {
        r = bind_fail(addr, errno, err);
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

void sl_bind_unlink(const struct sl_bind_addr *addr)
{
    if (addr->is_unix) {
        /* If it stays, the next start removes it. */
        SL_IGNORE(unlink(((const struct sockaddr_un *)&addr->addr)->sun_path));
    }
}
