/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/words.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/zone.h"
#include "gate/policy/limit.h"
#include "json/write.h"

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

static const char *noun_of(const struct sl_limit_rule *rule)
{
    static const char *const nouns[] = {
        [SL_LIMIT_REQUESTS] = "call",
        [SL_LIMIT_TOKENS] = "token",
        [SL_LIMIT_INPUT_TOKENS] = "input token",
        [SL_LIMIT_OUTPUT_TOKENS] = "output token",
        [SL_LIMIT_CONCURRENT] = "call",
    };
    return nouns[rule->kind];
}

const char *sl_limit_amount_format(const struct sl_limit_rule *rule, uint64_t v, char out[SL_LIMIT_AMOUNT_MAX])
{
    if (rule->kind == SL_LIMIT_MONEY) {
        char text[SL_DOLLARS_TEXT_MAX];
        snprintf(out, SL_LIMIT_AMOUNT_MAX, "$%.*s", (int)sl_format_dollars(v, text), text);
    } else {
        snprintf(out, SL_LIMIT_AMOUNT_MAX, "%llu %s%s", (unsigned long long)v, noun_of(rule), v == 1 ? "" : "s");
    }
    return out;
}

const char *sl_limit_period_format(const struct sl_limit_rule *rule, char out[SL_LIMIT_PERIOD_MAX])
{
    const char *plural = rule->multiple == 1 ? "" : "s";
    if (rule->kind == SL_LIMIT_CONCURRENT) {
        snprintf(out, SL_LIMIT_PERIOD_MAX, " at a time");
    } else if (rule->key == SL_LIMIT_SESSION) {
        snprintf(out, SL_LIMIT_PERIOD_MAX, " per session");
    } else if (rule->zone) {
        struct sl_str zone = sl_zone_name(rule->zone);
        snprintf(out, SL_LIMIT_PERIOD_MAX, " per %u %s%s in %.*s", rule->multiple, rule->unit, plural,
                 SL_STR_ARG(zone));
    } else {
        snprintf(out, SL_LIMIT_PERIOD_MAX, " per %u %s%s", rule->multiple, rule->unit, plural);
    }
    return out;
}

static const char *heading_of(const struct sl_limit_rule *rule, bool is_sentence)
{
    return rule->kind == SL_LIMIT_MONEY ? "Budget exceeded"
           : is_sentence                ? "Rate limit reached"
                                        : "Rate limit exceeded";
}

/* MLflow's form: "Rate limit exceeded: 100 per 1 minute", with the unit as it is; of others than the route with their
 * names. */
static struct sl_str short_words(const struct sl_limit_shown *shown, struct sl_arena *arena)
{
    const struct sl_limit_rule *rule = shown->rule;
    struct sl_limit_owner_shown owner = sl_limit_owner_show(shown->owner->owner, shown->owner->name);
    char amount[SL_LIMIT_AMOUNT_MAX], period[SL_LIMIT_PERIOD_MAX];
    bool is_plain = rule->kind == SL_LIMIT_REQUESTS && rule->key != SL_LIMIT_SESSION;
    if (is_plain) {
        snprintf(amount, sizeof(amount), "%llu", (unsigned long long)rule->cap);
    } else {
        sl_limit_amount_format(rule, rule->cap, amount);
    }
    if (is_plain && !rule->zone) {
        snprintf(period, sizeof(period), " per %u %s", rule->multiple, rule->unit);
    } else {
        sl_limit_period_format(rule, period);
    }
    struct sl_str whose = owner.owner == SL_LIMIT_OF_ROUTE
                              ? SL_STR("")
                              : sl_arena_printf(arena, " (%s '%.*s'%s%.*s%s)", sl_limit_owner_names[owner.owner],
                                                SL_STR_ARG(owner.name), owner.route.n ? ", route '" : "",
                                                SL_STR_ARG(owner.route), owner.route.n ? "'" : "");
    return sl_arena_printf(arena, "%s: %s%s%.*s", heading_of(rule, false), amount, period, SL_STR_ARG(whose));
}

struct sl_str sl_limit_words(const struct sl_limit_view *view, bool names_wait, struct sl_arena *arena)
{
    if (!names_wait) {
        return short_words(&view->first, arena);
    }
    const struct sl_limit_shown *shown = &view->refusing;
    const struct sl_limit_rule *rule = shown->rule;
    struct sl_limit_owner_shown owner = sl_limit_owner_show(shown->owner->owner, shown->owner->name);
    char cap[SL_LIMIT_AMOUNT_MAX], need[SL_LIMIT_AMOUNT_MAX], period[SL_LIMIT_PERIOD_MAX], wait[SL_WAIT_MAX];
    struct sl_str words = sl_arena_printf(
        arena, "%s for the %s '%.*s'%s%.*s%s: %s%s.", heading_of(rule, true), sl_limit_owner_names[owner.owner],
        SL_STR_ARG(owner.name), owner.route.n ? " on the route '" : "", SL_STR_ARG(owner.route),
        owner.route.n ? "'" : "", sl_limit_amount_format(rule, rule->cap, cap), sl_limit_period_format(rule, period));
    sl_wait_format(shown->reset_usec, wait);
    if (!shown->is_final) {
        return sl_arena_printf(arena, "%.*s Try again in %s.", SL_STR_ARG(words), wait);
    }
    if (shown->has_no_room) {
        return sl_arena_printf(arena,
                               "%.*s There is no room to count one more caller of its own: ask whoever runs this "
                               "gateway (limits.max_counters).",
                               SL_STR_ARG(words));
    }
    return !rule->cap ? sl_arena_printf(arena, "%.*s Nothing passes until the limit is changed.", SL_STR_ARG(words))
           : shown->need > rule->cap ? sl_arena_printf(arena, "%.*s This call alone may need %s.", SL_STR_ARG(words),
                                                       sl_limit_amount_format(rule, shown->need, need))
                                     : sl_arena_printf(arena, "%.*s Begin another session.", SL_STR_ARG(words));
}

void sl_limit_amount_write(struct sl_jw *w, const char *key, const struct sl_limit_rule *rule, uint64_t v)
{
    char text[SL_DOLLARS_TEXT_MAX];
    size_t n = rule->kind == SL_LIMIT_MONEY ? sl_format_dollars(v, text) : sl_format_u64(v, text);
    sl_jw_key(w, key);
    sl_jw_raw(w, sl_str_make(text, n));
}

struct sl_str sl_limit_json(const struct sl_limit_shown *shown, bool shows_used, struct sl_arena *arena)
{
    struct sl_limit_owner_shown owner = sl_limit_owner_show(shown->owner->owner, shown->owner->name);
    struct sl_buf buf = SL_BUF_INIT(4096);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "owner", sl_str_c(sl_limit_owner_names[owner.owner]));
    sl_jw_member_str(&w, "name", owner.name);
    if (owner.route.n) {
        sl_jw_member_str(&w, "route", owner.route);
    }
    sl_jw_member_str(&w, "kind", sl_str_c(sl_limit_kind_names[shown->rule->kind]));
    sl_limit_amount_write(&w, "cap", shown->rule, shown->rule->cap);
    if (shows_used) {
        sl_limit_amount_write(&w, "used", shown->rule, shown->used);
    } else {
        sl_jw_member_null(&w, "used");
    }
    sl_jw_member_u64(&w, "reset", sl_wait_sec(shown->reset_usec));
    sl_jw_end(&w);
    struct sl_str json = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return json;
}
