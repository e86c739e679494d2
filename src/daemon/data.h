/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory of `sluice serve`: found, locked, its database opened, loaded and started. */
#ifndef SL_DAEMON_DATA_H
#define SL_DAEMON_DATA_H

#include "base/arena.h"

struct sl_gate;

/* `given` NULL: the state folder of who runs this. The gate has its file's routes and its limiter. Sets gate->store
 * (NULL: runs without) and *ret_dir (NULL: none; on `arena`). <0 only for what a person must mend before anything is
 * served: another process has the directory, or the secret key does not fit. Everything else is told, and serving goes
 * on. */
SL_MUST int sl_data_open(struct sl_gate *gate, const char *given, struct sl_arena *arena, const char **ret_dir,
                         struct sl_err *err);

#endif
