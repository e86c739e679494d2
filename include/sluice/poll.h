/* SPDX-License-Identifier: Apache-2.0 */
/* A client in a program's poll(2) loop:
 *
 *   size_t n;
 *   while ((n = sluice_poll_add(client, fds, cap)) > cap) {
 *       grow fds to n entries, cap = n
 *   }
 *   … and add the program's own entries behind them
 *   poll(fds, n, sluice_poll_timeout(client, -1));
 *   sluice_poll_drive(client, fds, n, &err);
 */
#ifndef SLUICE_POLL_H
#define SLUICE_POLL_H

#include <poll.h>

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Enough for a dozen calls at once, to begin with. */
#define SLUICE_POLL_MAX 64

/* The descriptors that the client waits for now: writes at most `cap` entries and returns how many there are (at least
 * one, the wake-up). When it returns more than `cap`, the rest is not watched: make room and ask again. Ask again after
 * every drive. 0 when another thread uses the client. SINCE 0.2.0. */
size_t sluice_poll_fds(sluice_client *client, struct pollfd *fds, size_t cap);

/* The same under its older name; until 0.2.0 it gave at most SLUICE_POLL_MAX entries and returned how many it wrote. */
static inline size_t sluice_poll_add(sluice_client *client, struct pollfd *fds, size_t cap)
{
    return sluice_poll_fds(client, fds, cap);
}

/* The timeout for poll: the client's, or the program's own `msec` (-1: none) if that is shorter. */
static inline int sluice_poll_timeout(sluice_client *client, int msec)
{
    int64_t due = sluice_timeout_msec(client);
    if (due < 0 || (msec >= 0 && msec < due)) {
        return msec;
    }
    return due > 0x7fffffff ? 0x7fffffff : (int)due;
}

/* After poll: drives the client with the first `n` entries, and its timers. As sluice_drive. */
static inline int sluice_poll_drive(sluice_client *client, const struct pollfd *fds, size_t n, sluice_error **err)
{
    size_t i;
    int r = 0;
    for (i = 0; i < n && r == 0; i++) {
        short got = fds[i].revents;
        if (got) {
            r = sluice_drive(client, fds[i].fd,
                             (got & (POLLIN | POLLHUP) ? SLUICE_READ : 0) | (got & POLLOUT ? SLUICE_WRITE : 0) |
                                 (got & (POLLERR | POLLNVAL) ? SLUICE_FAULT : 0),
                             err);
        }
    }
    return r ? r : sluice_drive(client, -1, 0, err);
}

#ifdef __cplusplus
}
#endif

#endif
