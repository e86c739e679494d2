/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that the process serves on: those of server.listen, or the sockets that a supervisor handed over. */
#ifndef SL_DAEMON_ADDRESSES_H
#define SL_DAEMON_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_bind_addr;
struct sl_err;
struct sl_server_settings;
struct sl_settings;
struct sl_thread;

struct sl_addresses {
    struct sl_bind_addr *v; /* owned */
    int *inherited;         /* owned; sockets of a supervisor that replace server.listen, or NULL */
    uint32_t n;
};

/* Finds them, and checks that each is free and may be served on. Also after a failure, call sl_addresses_done. */
SL_MUST int sl_addresses_probe(struct sl_addresses *addresses, const struct sl_settings *settings, struct sl_err *err);
/* Removes the files of unix sockets. */
void sl_addresses_done(struct sl_addresses *addresses);

/* Checks that these settings may serve on them; SL_E_INVAL. */
SL_MUST int sl_addresses_allow(const struct sl_addresses *addresses, const struct sl_settings *settings,
                               struct sl_err *err);
/* True: only this machine can connect. */
bool sl_addresses_are_local(const struct sl_addresses *addresses);
/* Warns about each that everyone may call. */
void sl_addresses_tell_open(const struct sl_addresses *addresses, const struct sl_settings *settings);

/* Opens the listening sockets of one worker. `first`: the first worker, which is called before the others. After a
 * failure, too, sl_addresses_unlisten frees what the worker got; the sockets themselves belong to its listeners. */
SL_MUST int sl_addresses_listen(const struct sl_addresses *addresses, const struct sl_server_settings *server,
                                const struct sl_thread *first, struct sl_thread *thread, struct sl_err *err);
void sl_addresses_unlisten(struct sl_thread *thread);

#endif
