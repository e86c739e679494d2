/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/period.h"

#include "base/near.h"
#include "base/num.h"
#include "base/zone.h"

struct period {
    const char *name;
    uint64_t sec;
};

/* MLflow's grammar: months have 30 days, years 360. */
static const struct period periods[] = {
    { "second", 1 },  { "minute", 60 },           { "hour", 3600 },
    { "day", 86400 }, { "month", 30 * 86400ull }, { "year", 360 * 86400ull },
};

/* Windows beyond this are practically endless; the bound keeps sums of times from overflowing. */
#define PERIOD_MAX_USEC ((uint64_t)1 << 62)

int sl_period_parse(struct sl_str text, struct sl_limit_rule *ret)
{
    uint64_t n = 1;
    size_t digits = 0;
    text = sl_str_trim(text);
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (digits && (sl_parse_u64(sl_str_sub(text, 0, digits), 0, UINT32_MAX, &n) < 0)) {
        return SL_E_INVAL;
    }
    n = n ? n : 1;
    struct sl_str unit = sl_str_trim(sl_str_sub(text, digits, text.n));
    if (unit.n > 1 && (unit.p[unit.n - 1] | 0x20) == 's') {
        unit.n--;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(periods); i++) {
        if (sl_str_case_eq(unit, sl_str_c(periods[i].name))) {
            uint64_t usec = periods[i].sec * SL_USEC_PER_SEC;
            ret->period_usec = n < PERIOD_MAX_USEC / usec ? n * usec : PERIOD_MAX_USEC;
            ret->multiple = (uint32_t)n;
            ret->unit = periods[i].name;
            return 0;
        }
    }
    return SL_E_INVAL;
}

void sl_period_name(struct sl_limit_rule *rule)
{
    size_t i = SL_ARRAY_LEN(periods) - 1;
    uint64_t sec = rule->period_usec / SL_USEC_PER_SEC;
    while (i && sec % periods[i].sec) {
        i--;
    }
    rule->multiple = (uint32_t)SL_MIN(sec / periods[i].sec, (uint64_t)UINT32_MAX);
    rule->unit = periods[i].name;
}

static uint64_t unit_usec(const char *name)
{
    size_t i = 0;
    while (strcmp(periods[i].name, name) != 0) {
        i++;
    }
    return periods[i].sec * SL_USEC_PER_SEC;
}

bool sl_period_is_calendar(const struct sl_limit_rule *rule)
{
    return rule->multiple == 1 && rule->period_usec >= unit_usec("day");
}

uint64_t sl_period_next(const struct sl_zone *zone, uint64_t period_usec, uint64_t now_wall_usec)
{
    enum sl_calendar unit = period_usec == unit_usec("day")     ? SL_CALENDAR_DAY
                            : period_usec == unit_usec("month") ? SL_CALENDAR_MONTH
                                                                : SL_CALENDAR_YEAR;
    return sl_zone_next(zone, unit, now_wall_usec);
}

/* Cuts at the next of ";,|", after which another limit follows. False: no text is left. */
static bool limit_cut(struct sl_str *io_rest, struct sl_str *ret_part)
{
    if (!io_rest->p) {
        return false;
    }
    size_t n = 0;
    while (n < io_rest->n && !strchr(";,|", io_rest->p[n])) {
        n++;
    }
    *ret_part = sl_str_sub(*io_rest, 0, n);
    *io_rest = n < io_rest->n ? sl_str_sub(*io_rest, n + 1, io_rest->n) : SL_STR_NONE;
    return true;
}

/* "100/hour", "100 per 5 minutes": the form of limits after the first one. */
static int limit_parse(struct sl_str text, struct sl_limit_rule *ret)
{
    size_t digits = 0;
    text = sl_str_trim(text);
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (sl_parse_u64(sl_str_sub(text, 0, digits), 0, INT64_MAX, &ret->cap) < 0) {
        return SL_E_INVAL;
    }
    struct sl_str rest = sl_str_trim(sl_str_sub(text, digits, text.n));
    size_t skip = sl_str_case_eq(sl_str_sub(rest, 0, SL_MIN(rest.n, (size_t)3)), SL_STR("per")) ? 3
                  : sl_str_has_prefix(rest, SL_STR("/"))                                        ? 1
                                                                                                : 0;
    return skip ? sl_period_parse(sl_str_sub(rest, skip, rest.n), ret) : SL_E_INVAL;
}

int sl_periods_parse(struct sl_str text, uint64_t calls, struct sl_limit_rule rules[SL_LIMIT_RULES_MAX])
{
    struct sl_str part;
    int n = 0;
    for (; limit_cut(&text, &part); n++) {
        if (n == SL_LIMIT_RULES_MAX) {
            return SL_E_INVAL;
        }
        rules[n] = (struct sl_limit_rule){ .cap = calls, .key = SL_LIMIT_USER };
        if ((n ? limit_parse(part, &rules[n]) : sl_period_parse(part, &rules[n])) < 0) {
            return SL_E_INVAL;
        }
    }
    return n ? n : SL_E_INVAL;
}

const char *sl_period_nearest(struct sl_str text)
{
    const char *best = NULL;
    size_t distance = SL_NAME_FAR;
    while (text.n && (text.p[0] == ' ' || (text.p[0] >= '0' && text.p[0] <= '9'))) {
        text = sl_str_sub(text, 1, text.n);
    }
    if (text.n > 1 && (text.p[text.n - 1] | 0x20) == 's') {
        text.n--; /* a plural */
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(periods); i++) {
        size_t d = sl_name_distance(text, periods[i].name);
        best = d < distance ? periods[i].name : best;
        distance = SL_MIN(d, distance);
    }
    return distance ? best : NULL; /* the unit is right, so something else is wrong */
}
