/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on, and sockets bound to them: every worker has its own on the same address (SO_REUSEPORT). */
#ifndef SL_NET_BIND_H
#define SL_NET_BIND_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

/* The most connections that wait to be accepted. */
#define SL_BACKLOG 4096

/* "127.0.0.1:5000", "[::1]:5000", "localhost:5000", "*:5000", "unix:/path". Port 0 is allowed (for tests):
 * sl_bind_probe replaces it by the real one. */
struct sl_bind_addr {
    struct sockaddr_storage addr;
    socklen_t len;
    bool is_unix;
    char text[128]; /* as written, for messages */
};
SL_MUST int sl_bind_parse(struct sl_str text, struct sl_bind_addr *ret, struct sl_err *err);
/* Binds once without SO_REUSEPORT and closes again: so a port in use (also by another daemon that has SO_REUSEPORT) is
 * an error that names it. Port 0 is replaced by a free one. A stale file of a unix socket (nobody answers) is removed;
 * a live one is an error. */
SL_MUST int sl_bind_probe(struct sl_bind_addr *io_addr, struct sl_err *err);
/* A listening, non-blocking, close-on-exec socket. For unix sockets the workers share one descriptor: dup it. */
SL_MUST int sl_bind_listen(const struct sl_bind_addr *addr, int *ret_fd, struct sl_err *err);

/* True: only this machine can reach it: a unix socket, 127.0.0.0/8, ::1. */
bool sl_bind_is_local(const struct sl_bind_addr *addr);
/* Removes a unix socket's file, after the last close. */
void sl_bind_unlink(const struct sl_bind_addr *addr);

#endif
