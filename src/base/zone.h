/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones: when the next day, month or year begins in a place. The rules are those of the system's tzdata (RFC
 * 8536), read once for each zone; "UTC" needs none. */
#ifndef SL_BASE_ZONE_H
#define SL_BASE_ZONE_H

#include "base/err.h"
#include "base/str.h"

struct sl_zone;

enum sl_calendar { SL_CALENDAR_DAY, SL_CALENDAR_MONTH, SL_CALENDAR_YEAR };

/* Finds a zone by its name ("Europe/Berlin"), or reads it. It lives as long as the process; one name is one object. Any
 * thread. SL_E_INVAL: there is none of that name; SL_E_NOMEM. */
SL_MUST int sl_zone_get(struct sl_str name, const struct sl_zone **ret, struct sl_err *err);
struct sl_str sl_zone_name(const struct sl_zone *zone);
/* The first instant after `now` on a later date: in the next day, month or year of that place. Wall time in
 * microseconds. A day without midnight begins when the clock has jumped over it. */
uint64_t sl_zone_next(const struct sl_zone *zone, enum sl_calendar unit, uint64_t now_wall_usec);
/* The day of the week there: 0 is Monday. */
unsigned sl_zone_weekday(const struct sl_zone *zone, uint64_t now_wall_usec);

#endif
