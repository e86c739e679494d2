/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's two small protocols: sd_notify(3) as plain datagrams to $NOTIFY_SOCKET, and sd_listen_fds(3). Without their
 * variables nothing happens. Main thread. */
#ifndef SL_DAEMON_NOTIFY_H
#define SL_DAEMON_NOTIFY_H

#include "base/err.h"

struct sl_bind_addr;

/* Sends "READY=1
 * STATUS=…"; it is lost when nobody listens. */
void sl_notify(const char *fmt, ...) SL_PRINTF(1, 2);
/* Reports the beginning of a reload, with the time that Type=notify-reload asks for. READY=1 reports the end. */
void sl_notify_reloading(void);

/* How many sockets were passed to this process (LISTEN_FDS, LISTEN_PID). */
unsigned sl_activation_count(void);
/* The i-th socket: a listening TCP or unix stream socket, made non-blocking and close-on-exec; anything else is an
 * error that names it. `ret_addr` is where it listens. */
SL_MUST int sl_activation_get(unsigned i, int *ret_fd, struct sl_bind_addr *ret_addr, struct sl_err *err);

#endif
