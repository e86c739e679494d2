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
/* The same for the list of a key or a group, with its words. *ret: the rules, on the same arena; NULL: none. */
bool sl_api_own_limits_or_refuse(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                                 const struct sl_limits **ret, struct sl_str *ret_stored);
/* How many rules an admin of a group gives a key or a group: all of them are counted at each call. With groups of
 * SL_GROUP_DEPTH_MAX names these are 32 at a call. */
#define SL_OWN_RULES_MAX 4
/* Refuses more than that, and more than there are, from a caller in a group. `now`: the rules in force; NULL: none. */
bool sl_api_few_or_refuse(struct sl_xchg *x, const char *member, const struct sl_limits *asked,
                          const struct sl_limits *now);
/* Sets the limits of a route and answers with them, under the caller's names. */
void sl_api_limits_set(struct sl_xchg *x, struct sl_str name, struct sl_json_val list,
                       const struct sl_limits_words *words);

#endif
