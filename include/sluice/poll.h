/* SPDX-License-Identifier: Apache-2.0 */
/* A client in a program's poll(2) loop, as inline functions:
 *
 *   struct pollfd fds[SLUICE_POLL_MAX];
 *   size_t n = sluice_poll_add(client, fds, SLUICE_POLL_MAX);      … and the program's own behind them
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

/* Enough for a dozen calls at once; more need a larger array: sluice_fds tells. */
#define SLUICE_POLL_MAX 64

/* Fills in what the client waits for; returns how many entries it wrote, at most `cap`. */
static inline size_t sluice_poll_add(sluice_client *client, struct pollfd *fds, size_t cap)
{
    sluice_fd wanted[SLUICE_POLL_MAX];
    size_t max = cap < SLUICE_POLL_MAX ? cap : SLUICE_POLL_MAX;
    size_t n = sluice_fds(client, wanted, max);
    size_t i;
    if (n > max) {
        n = max;
    }
    for (i = 0; i < n; i++) {
        fds[i].fd = wanted[i].fd;
        fds[i].events = (short)((wanted[i].events & SLUICE_READ ? POLLIN : 0) |
                                (wanted[i].events & SLUICE_WRITE ? POLLOUT : 0));
        fds[i].revents = 0;
    }
    return n;
}

/* The timeout for poll: the client's, or the program's own `msec` (-1: none) when that is sooner. */
static inline int sluice_poll_timeout(sluice_client *client, int msec)
{
    int64_t due = sluice_timeout_msec(client);
    if (due < 0 || (msec >= 0 && msec < due)) {
        return msec;
    }
    return due > 0x7fffffff ? 0x7fffffff : (int)due;
}

/* Hands the first `n` entries back after poll, and the timers. As sluice_drive. */
static inline int sluice_poll_drive(sluice_client *client, const struct pollfd *fds, size_t n, sluice_error **err)
{
    size_t i;
    int r = sluice_drive(client, -1, 0, err);
    for (i = 0; i < n && r == 0; i++) {
        short got = fds[i].revents;
        if (got) {
            r = sluice_drive(client, fds[i].fd,
                             (got & (POLLIN | POLLHUP) ? SLUICE_READ : 0) | (got & POLLOUT ? SLUICE_WRITE : 0) |
                                 (got & (POLLERR | POLLNVAL) ? SLUICE_FAULT : 0),
                             err);
        }
    }
    return r;
}

#ifdef __cplusplus
}
#endif

#endif
