/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of limits in words: "minute", "5 minutes", "minute;100/hour". */
#ifndef SL_GATE_PERIOD_H
#define SL_GATE_PERIOD_H

#include "gate/policy/limit.h"

/* An optional number and a unit; 0 is read as 1, as MLflow does. Fills period_usec, multiple and unit. */
SL_MUST int sl_period_parse(struct sl_str text, struct sl_limit_rule *ret);

/* A window for `calls`, and behind ';', ',' or '|' further limits with calls of their own: "minute;100/hour". Each
 * counts users apart. Returns how many; SL_E_INVAL. */
SL_MUST int sl_periods_parse(struct sl_str text, uint64_t calls, struct sl_limit_rule rules[SL_LIMIT_RULES_MAX]);

/* The unit that is meant by a misspelt one ("mintue"); NULL: none is near. */
const char *sl_period_nearest(struct sl_str text);

#endif
