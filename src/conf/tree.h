/* SPDX-License-Identifier: Apache-2.0 */
/* YAML (libyaml) to the value tree: anchors, merge keys, positions; scalars are typed as PyYAML's safe loader types
 * them, since that is what reads these files elsewhere. Everything an attacker or a mistake could blow up has a limit
 * with a name. */
#ifndef SL_CONF_TREE_H
#define SL_CONF_TREE_H

#include "base/opt.h"

struct sl_arena;
struct sl_err;

#define SL_CONF_DEPTH_MAX 64
/* Nodes after aliases are followed: an alias counts what it stands for. */
#define SL_CONF_NODES_MAX 1000000
#define SL_CONF_FILE_MAX  (64u << 20)
/* Of one map: looking for repeated keys compares each with each. */
#define SL_CONF_KEYS_MAX 1000

/* `name` is what positions say; kept by reference. Problems (syntax, limits) go to `problems`; SL_E_INVAL
 * when there is no tree. A repeated key is an error too, but the tree is there. An empty document gives a null value.
 */
SL_MUST int sl_conf_parse(const char *name, struct sl_str text, struct sl_arena *arena, struct sl_problems *problems,
                          struct sl_val **ret);
/* Reads the file whole (at most SL_CONF_FILE_MAX), onto the arena. */
SL_MUST int sl_conf_read_file(const char *path, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err);

#endif
