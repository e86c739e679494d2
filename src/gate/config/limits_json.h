/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's LimitsConfig: a list of {"calls", "key", "renewal_period"}, as set_limits takes it, the store keeps it and
 * get_limits shows it. Others say the same in other words. */
#ifndef SL_GATE_LIMITS_JSON_H
#define SL_GATE_LIMITS_JSON_H

#include "json/json.h"

struct sl_arena;
struct sl_buf;
struct sl_jw;
struct sl_limit_rule;
struct sl_val;

struct sl_limits_words {
    const char *list;  /* the member that the list is */
    const char *route; /* the key that stands for the whole route */
};

/* As the store keeps it: "limits", "route". */
extern const struct sl_limits_words sl_limits_stored;

/* What is wrong with a list: which value, and what it is called ("limits[0].calls"). */
struct sl_limits_fault {
    const struct sl_val *at;
    char path[48];
};

/* The rules of a list. Returns how many; SL_E_INVAL with what is wrong (`err` has the text alone) and where. */
SL_MUST int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                           struct sl_limits_fault *ret_fault, struct sl_err *err);
/* Checks a list as a caller wrote it and writes it as it is stored, with every key made explicit. Returns how many;
 * SL_E_INVAL with what is wrong and where. */
SL_MUST int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                                struct sl_err *err);
/* The rules of a normalised list. */
SL_MUST int sl_limits_read(struct sl_str json, struct sl_arena *arena, struct sl_limit_rule **ret, uint32_t *ret_n);
/* One rule. */
void sl_limit_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rule);
/* The list of the rules in force. */
void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rules,
                     uint32_t n);

#endif
