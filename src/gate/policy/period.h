/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of limits in words: "minute", "5 minutes", "minute;100/hour". */
#ifndef SL_GATE_PERIOD_H
#define SL_GATE_PERIOD_H

#include "gate/policy/limit_rule.h"

/* Parses an optional number and a unit; 0 is read as 1, as MLflow does. Fills period_usec, multiple and unit. */
SL_MUST int sl_period_parse(struct sl_str text, struct sl_limit_rule *ret);

/* Fills multiple and unit from period_usec: the largest unit that fits. */
void sl_period_name(struct sl_limit_rule *rule);

/* Parses the window for `calls`, and after ';', ',' or '|' further limits with their own number of calls:
 * "minute;100/hour". Each has a counter for each user. Returns how many there are, or SL_E_INVAL. */
SL_MUST int sl_periods_parse(struct sl_str text, uint64_t calls, struct sl_limit_rule rules[SL_LIMIT_RULES_MAX]);

/* True: the period is a day, a month or a year, which a calendar has. */
bool sl_period_is_calendar(const struct sl_limit_rule *rule);
/* When the day, month or year of such a period ends that is now in the zone. */
uint64_t sl_period_next(const struct sl_zone *zone, uint64_t period_usec, uint64_t now_wall_usec);

/* The unit nearest to a misspelt one ("mintue"); NULL: none is near. */
const char *sl_period_nearest(struct sl_str text);

#endif
