/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's LimitsConfig: a list of {"calls", "key", "renewal_period"}, as set_limits takes it, the store keeps it and
 * get_limits shows it. Other APIs have the same with other names. */
#ifndef SL_GATE_LIMITS_JSON_H
#define SL_GATE_LIMITS_JSON_H

#include "json/json.h"

struct sl_arena;
struct sl_buf;
struct sl_jw;
struct sl_limit_rule;
struct sl_val;

struct sl_limits_words {
    const char *list;  /* the name of the member that has the list */
    const char *route; /* the key that means the whole route */
};

/* The names in the store: "limits", "route". */
extern const struct sl_limits_words sl_limits_stored;

/* What is wrong with a list: the value, and its path ("limits[0].calls"). */
struct sl_limits_fault {
    const struct sl_val *at;
    char path[48];
};

/* Reads the rules of a list. Returns their number; SL_E_INVAL with the fault (`err` has only the text). */
SL_MUST int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                           struct sl_limits_fault *ret_fault, struct sl_err *err);
/* Checks a caller's list and writes it for the store, with a key in every rule. Returns the number of rules; SL_E_INVAL
 * with the fault's path in the text. */
SL_MUST int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                                struct sl_err *err);
/* Reads the rules of a normalised list. */
SL_MUST int sl_limits_read(struct sl_str json, struct sl_arena *arena, struct sl_limit_rule **ret, uint32_t *ret_n);
/* Writes one rule. */
void sl_limit_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rule);
/* Writes the list of the rules in force. */
void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rules,
                     uint32_t n);

#endif
