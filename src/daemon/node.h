/* SPDX-License-Identifier: Apache-2.0 */
/* This process among those that share a store. */
#ifndef SL_DAEMON_NODE_H
#define SL_DAEMON_NODE_H

#include "base/arena.h"
#include "base/err.h"

struct sl_settings;

/* What nodes that share a store must have in common. SL_E_INVAL: this one has not. */
SL_MUST int sl_node_check(const struct sl_settings *settings, struct sl_err *err);
/* The name of an automatic node: the host's, and a random id that stays in the data directory; `dir` NULL: for this
 * start only. */
SL_MUST int sl_node_name(const char *dir, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err);
/* The host's alone. */
SL_MUST int sl_node_host(struct sl_arena *arena, struct sl_str *ret, struct sl_err *err);

#endif
