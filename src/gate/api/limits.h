/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as callers write them. */
#ifndef SL_GATE_API_LIMITS_H
#define SL_GATE_API_LIMITS_H

#include "gate/config/limits_write.h"
#include "json/json.h"

struct sl_limits;
struct sl_xchg;

/* The names in Databricks' API: "rate_limits", "endpoint". */
extern const struct sl_limits_words sl_limits_databricks;

/* Checks a caller's list and normalises it on the request's arena; for an empty list, p is NULL. False: it was
 * refused. */
bool sl_api_limits_or_refuse(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                             struct sl_str *ret);
/* The same for the list of a key or a group. *ret: the rules, on the same arena; NULL: none. */
bool sl_api_own_limits_or_refuse(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits **ret,
                                 struct sl_str *ret_stored);
/* Sets the limits of a route and answers with them, under the caller's names. */
void sl_api_limits_set(struct sl_xchg *x, struct sl_str name, struct sl_json_val list,
                       const struct sl_limits_words *words);

#endif
