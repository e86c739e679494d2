/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's LimitsConfig: a list of {"calls", "key", "renewal_period"}, as set_limits takes it, the store keeps it and
 * get_limits shows it. Databricks' rate_limits are the same in other words. */
#ifndef SL_GATE_LIMITS_JSON_H
#define SL_GATE_LIMITS_JSON_H

#include "gate/policy/limit.h"
#include "json/json.h"
#include "json/write.h"

struct sl_limits_words {
    const char *list;  /* the member that the list is */
    const char *route; /* the key that stands for the whole route */
};

extern const struct sl_limits_words sl_limits_mlflow, sl_limits_databricks;

/* Checks a list as a caller wrote it and writes it in MLflow's words with every key made explicit. Returns how many;
 * SL_E_INVAL with what is wrong and where. */
SL_MUST int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                                struct sl_err *err);
/* The rules of a normalised list. */
SL_MUST int sl_limits_read(struct sl_str json, struct sl_arena *arena, struct sl_limit_rule **ret, uint32_t *ret_n);
/* The list of the rules in force. */
void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rules,
                     uint32_t n);

#endif
