/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/words.h"

#include "base/arena.h"
#include "base/num.h"
#include "gate/policy/limit.h"

uint64_t sl_wait_sec(uint64_t usec)
{
    return usec / SL_USEC_PER_SEC + (usec % SL_USEC_PER_SEC != 0);
}

/* Writes a number and its unit at `at`, as in "15m" or "0s". Returns the end of the text. */
static char *part_put(char *at, uint64_t v, char unit)
{
    at += sl_format_u64(v, at);
    *at++ = unit;
    return at;
}

size_t sl_wait_format(uint64_t usec, char out[SL_WAIT_MAX])
{
    uint64_t sec = sl_wait_sec(usec);
    char *at = out;
    if (sec >= 3600) {
        at = part_put(at, sec / 3600, 'h');
    }
    if (sec >= 60) {
        at = part_put(at, sec / 60 % 60, 'm');
    }
    at = part_put(at, sec % 60, 's');
    *at = '\0';
    return (size_t)(at - out);
}

struct sl_str sl_limit_words(const struct sl_limit_view *view, const struct sl_limit_rule *rules, struct sl_str route,
                             bool names_wait, struct sl_arena *arena)
{
    if (!names_wait) {
        const struct sl_limit_rule *first = &rules[view->first_refusing];
        return sl_arena_printf(arena, "Rate limit exceeded: %llu per %u %s", (unsigned long long)first->calls,
                               first->multiple, first->unit);
    }
    const struct sl_limit_rule *rule = &rules[view->rule];
    const char *plural = rule->multiple == 1 ? "" : "s";
    if (view->is_final) {
        return sl_arena_printf(arena,
                               "Rate limit reached for the route '%.*s': 0 calls per %u %s%s. Nothing passes until the "
                               "limit is changed.",
                               SL_STR_ARG(route), rule->multiple, rule->unit, plural);
    }
    char wait[SL_WAIT_MAX];
    sl_wait_format(view->reset_usec, wait);
    return sl_arena_printf(arena, "Rate limit reached for the route '%.*s': %llu call%s per %u %s%s. Try again in %s.",
                           SL_STR_ARG(route), (unsigned long long)rule->calls, rule->calls == 1 ? "" : "s",
                           rule->multiple, rule->unit, plural, wait);
}
