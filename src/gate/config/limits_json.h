/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of limits, in two forms that may stand beside each other:
 *   MLflow's LimitsConfig   {"calls": 100, "key": "user", "renewal_period": "minute"}
 *   ours                    {"tokens": 2000000, "per": "day", "zone": "Europe/Berlin", "each": "principal"}
 *                           {"money": 10, "per": "day", "route": "chat"} in a group's list
 *                           {"session": {"calls": 200, "money": 5}}
 * as the file, set_limits and our own API take them, the store keeps them and get_limits shows them. Other APIs have
 * the first with other names. */
#ifndef SL_GATE_LIMITS_JSON_H
#define SL_GATE_LIMITS_JSON_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_bind;
struct sl_buf;
struct sl_json_val;
struct sl_limit_rule;
struct sl_limits;
struct sl_limits_words;
struct sl_val;

/* What is wrong with a list: the value, and its path ("limits[0].calls"). */
struct sl_limits_fault {
    const struct sl_val *at;
    char path[48];
};

/* Reads the rules of a list, at most SL_LIMIT_RULES_MAX; their routes are slices of it. Returns their number;
 * SL_E_INVAL with the fault (`err` has only the text). */
SL_MUST int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                           struct sl_limits_fault *ret_fault, struct sl_err *err);
/* The same for the `limits` of a key or a group in the file, at the binder's path: the fault goes to bind->problems. */
SL_MUST int sl_limits_bind_file(struct sl_bind *bind, const struct sl_val *list, bool is_group,
                                struct sl_limit_rule *rules);
/* Checks a caller's list and writes it for the store, with a key in every rule. Returns the number of rules; SL_E_INVAL
 * with the fault's path in the text. */
SL_MUST int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                                struct sl_err *err);
/* Reads a list that sl_limits_normalise wrote: what the store has for a key or a group. At most SL_LIMIT_RULES_MAX
 * rules, with their routes on the arena; returns their number. */
SL_MUST int sl_limits_list_read(struct sl_str list, struct sl_arena *arena, struct sl_limit_rule *rules);

/* --- what the store has for a route ---
 * A list: the limits of requests that set_limits gave. An object has such a list as `requests`, and one of all other
 * limits as `others`; what it lacks, the route's own definition says. */

/* A caller's list of all kinds, as such an object. As sl_limits_normalise. */
SL_MUST int sl_limits_normalise_all(struct sl_json_val list, struct sl_buf *out, struct sl_err *err);
/* What is stored after set_limits: the list `requests` (p == NULL: none) in place of the one in `stored` (p == NULL:
 * nothing). Nothing is written when nothing is left to store. SL_E_NOMEM. */
SL_MUST int sl_limits_replace(struct sl_str stored, struct sl_str requests, struct sl_buf *out);
/* The rules in force, at most SL_LIMITS_MAX: those of `stored`, and of `own` (NULL: none) what it lacks. Returns their
 * number. */
SL_MUST int sl_limits_read(struct sl_str stored, const struct sl_limits *own, struct sl_limit_rule *rules);

#endif
