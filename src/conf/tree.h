/* SPDX-License-Identifier: Apache-2.0 */
/* YAML (libyaml) to the tree of values: anchors, merge keys, positions. Scalars get the types that PyYAML's safe loader
 * gives them, because that is what reads these files elsewhere. Everything that an attacker or a mistake could make too
 * large has a limit with a name. */
#ifndef SL_CONF_TREE_H
#define SL_CONF_TREE_H

#include "base/opt.h"

struct sl_arena;
struct sl_err;

#define SL_CONF_DEPTH_MAX 64
/* Aliases count as the nodes that they stand for. */
#define SL_CONF_NODES_MAX 1000000
#define SL_CONF_FILE_MAX  (64u << 20)
/* For one map: the search for repeated keys compares each with each. */
#define SL_CONF_KEYS_MAX 1000

/* `name` is the file name in positions; it is not copied. Problems (syntax, limits) go to `problems`; SL_E_INVAL when
 * there is no tree. A repeated key is an error too, but then there is a tree. An empty document gives a null value. */
SL_MUST int sl_conf_parse(const char *name, struct sl_str text, struct sl_arena *arena, struct sl_problems *problems,
                          struct sl_val **ret);
/* Reads the whole file (at most SL_CONF_FILE_MAX) to the arena. */
SL_MUST int sl_conf_read_file(const char *path, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err);

#endif
