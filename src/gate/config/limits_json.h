/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of limits, in two forms that may stand beside each other:
 *   MLflow's LimitsConfig   {"calls": 100, "key": "user", "renewal_period": "minute"}
 *   ours                    {"tokens": 2000000, "per": "day", "zone": "Europe/Berlin", "each": "principal"}
 *                           {"session": {"calls": 200, "tokens": 1000000}}
 * as the file, set_limits and our own API take them, the store keeps them and get_limits shows them. Other APIs have
 * the first with other names. */
#ifndef SL_GATE_LIMITS_JSON_H
#define SL_GATE_LIMITS_JSON_H

#include "json/json.h"

struct sl_buf;
struct sl_limit_rule;
struct sl_limits_words;
struct sl_val;

/* What is wrong with a list: the value, and its path ("limits[0].calls"). */
struct sl_limits_fault {
    const struct sl_val *at;
    char path[48];
};

/* Reads the rules of a list, at most SL_LIMIT_RULES_MAX. Returns their number; SL_E_INVAL with the fault (`err` has
 * only the text). */
SL_MUST int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                           struct sl_limits_fault *ret_fault, struct sl_err *err);
/* Checks a caller's list and writes it for the store, with a key in every rule. Returns the number of rules; SL_E_INVAL
 * with the fault's path in the text. */
SL_MUST int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                                struct sl_err *err);
/* Reads the rules of a normalised list. Returns their number. */
SL_MUST int sl_limits_read(struct sl_str json, struct sl_limit_rule *rules);

#endif
