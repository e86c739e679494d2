/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory of `sluice serve`: finds and locks it, and opens, loads and starts its database. */
#ifndef SL_DAEMON_DATA_H
#define SL_DAEMON_DATA_H

#include "base/arena.h"

struct sl_gate;
struct sl_settings;

/* `given` NULL: the user's state folder. The gate must have its file's routes and its limiter. Sets gate->store (NULL:
 * runs without one) and *ret_dir (NULL: none; on `arena`). <0 only for what a person must repair before anything is
 * served: another process has the directory, or the secret key does not fit. Other faults are reported, and serving
 * goes on. */
SL_MUST int sl_data_open(struct sl_gate *gate, const struct sl_settings *settings, const char *given,
                         struct sl_arena *arena, const char **ret_dir, struct sl_err *err);

#endif
