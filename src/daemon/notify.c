/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "net/bind.h"

/* sd_listen_fds(3): the first descriptor that was passed. */
#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX   1024

static bool notify_addr(struct sockaddr_un *addr, socklen_t *len)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof(addr->sun_path) || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    *addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(addr->sun_path, path, n);
    if (path[0] == '@') { /* Linux's abstract names begin with NUL, and their length ends them */
        addr->sun_path[0] = '\0';
    }
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
    return true;
}

void sl_notify(const char *fmt, ...)
{
    struct sockaddr_un addr;
    socklen_t len;
    if (!notify_addr(&addr, &len)) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    SL_IGNORE(sendto(fd, text, SL_MIN((size_t)n, sizeof(text) - 1), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (struct sockaddr *)&addr, len) < 0); /* when the supervisor is gone, that is not our problem */
    close(fd);
}

void sl_notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* systemd's clock, not libuv's */
    unsigned long long usec = (unsigned long long)now.tv_sec * 1000000ULL + (unsigned long long)now.tv_nsec / 1000;
    sl_notify("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reading the configuration again", usec);
}

unsigned sl_activation_count(void)
{
    const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
    uint64_t pid, n;
    if (!pid_text || !n_text || sl_parse_u64(sl_str_c(pid_text), 1, INT32_MAX, &pid) < 0 || pid != (uint64_t)getpid() ||
        sl_parse_u64(sl_str_c(n_text), 0, LISTEN_FDS_MAX, &n) < 0) {
        return 0;
    }
    return (unsigned)n;
}

/* The name in $LISTEN_FDNAMES, or "". */
static struct sl_str activation_name(unsigned i)
{
    struct sl_str rest = sl_str_c(getenv("LISTEN_FDNAMES")), name = SL_STR("");
    for (unsigned k = 0; k <= i; k++) {
        if (!rest.p || !sl_str_next(&rest, ':', &name)) {
            return SL_STR("");
        }
    }
    return name;
}

static void addr_format(struct sl_bind_addr *addr)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (addr->is_unix) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->addr;
        snprintf(addr->text, sizeof(addr->text), "unix:%s", un->sun_path[0] ? un->sun_path : "(abstract)");
    } else if (addr->addr.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&addr->addr;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(addr->text, sizeof(addr->text), "%s:%u", host, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr->addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(addr->text, sizeof(addr->text), "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

int sl_activation_get(unsigned i, int *ret_fd, struct sl_bind_addr *ret_addr, struct sl_err *err)
{
    int fd = LISTEN_FDS_START + (int)i, type = 0, is_listening = 0;
    struct sl_str name = activation_name(i);
    socklen_t n = sizeof(type), m = sizeof(is_listening);
    struct sl_bind_addr addr = { .len = sizeof(addr.addr) };
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &m) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr.addr, &addr.len) < 0) {
        int why = errno;
        return sl_fail(err, SL_E_INVAL, "LISTEN_FDS: descriptor %d (%.*s) is no socket: %s", fd, SL_STR_ARG(name),
                       strerror(why));
    }
    int family = addr.addr.ss_family;
    addr.is_unix = family == AF_UNIX;
    if (type != SOCK_STREAM || !is_listening || (!addr.is_unix && family != AF_INET && family != AF_INET6)) {
        return sl_fail(
            err, SL_E_INVAL,
            "LISTEN_FDS: descriptor %d (%.*s) must be a listening stream socket, TCP or unix (ListenStream=)", fd,
            SL_STR_ARG(name));
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return sl_fail(err, SL_E_IO, "LISTEN_FDS: descriptor %d: %s", fd, strerror(errno));
    }
    addr_format(&addr);
    *ret_fd = fd;
    *ret_addr = addr;
    return 0;
}
