/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/limits_write.h"

#include <stdio.h>

#include "base/num.h"
#include "base/zone.h"
#include "gate/policy/limit_rule.h"
#include "json/write.h"

const struct sl_limits_words sl_limits_requests = { "limits", "route", false, false, false };
const struct sl_limits_words sl_limits_mixed = { "limits", "route", true, false, false };
const struct sl_limits_words sl_limits_ours = { "limits", "route", true, true, false };
const struct sl_limits_words sl_limits_group = { "limits", "route", true, false, true };

void sl_limit_period_write(struct sl_jw *w, const char *member, const struct sl_limit_rule *rule)
{
    char period[48];
    if (rule->multiple == 1) {
        snprintf(period, sizeof(period), "%s", rule->unit);
    } else {
        snprintf(period, sizeof(period), "%u %ss", rule->multiple, rule->unit);
    }
    sl_jw_member_str(w, member, sl_str_c(period));
    if (rule->zone) {
        sl_jw_member_str(w, "zone", sl_zone_name(rule->zone));
    }
}

static void loss_write(struct sl_jw *w, const struct sl_limit_rule *rule)
{
    if (rule->on_loss) {
        sl_jw_member_str(w, "on_loss", sl_str_c(sl_limit_loss_names[rule->on_loss]));
    }
}

void sl_limit_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rule)
{
    sl_jw_object(w);
    sl_jw_member_u64(w, "calls", rule->cap);
    sl_jw_member_str(w, "key", sl_str_c(rule->key == SL_LIMIT_WHOLE ? words->route : "user"));
    sl_limit_period_write(w, "renewal_period", rule);
    if (words->has_all) {
        loss_write(w, rule);
    }
    sl_jw_end(w);
}

static void cap_write(struct sl_jw *w, const struct sl_limit_rule *rule)
{
    char text[SL_DOLLARS_TEXT_MAX];
    if (rule->kind == SL_LIMIT_MONEY) {
        sl_jw_key(w, "money");
        sl_jw_raw(w, sl_str_make(text, sl_format_dollars(rule->cap, text)));
    } else {
        bool is_calls = rule->kind == SL_LIMIT_REQUESTS && rule->key == SL_LIMIT_SESSION;
        sl_jw_member_u64(w, is_calls ? "calls" : sl_limit_kind_names[rule->kind], rule->cap);
    }
}

static void own_write(struct sl_jw *w, const struct sl_limit_rule *rule)
{
    sl_jw_object(w);
    cap_write(w, rule);
    if (rule->kind != SL_LIMIT_CONCURRENT) {
        sl_limit_period_write(w, "per", rule);
    }
    if (rule->key == SL_LIMIT_USER) {
        sl_jw_member_str(w, "each", SL_STR("principal"));
    }
    if (rule->route.n) {
        sl_jw_member_str(w, "route", rule->route);
    }
    loss_write(w, rule);
    sl_jw_end(w);
}

/* Writes the rules of sessions in one object, at the place of the first. */
static void session_write(struct sl_jw *w, const struct sl_limit_rule *rules, uint32_t n, uint32_t first)
{
    for (uint32_t i = 0; i < first; i++) {
        if (rules[i].key == SL_LIMIT_SESSION) {
            return;
        }
    }
    sl_jw_object(w);
    sl_jw_key(w, "session");
    sl_jw_object(w);
    for (uint32_t i = first; i < n; i++) {
        if (rules[i].key == SL_LIMIT_SESSION) {
            cap_write(w, &rules[i]);
        }
    }
    sl_jw_end(w);
    loss_write(w, &rules[first]);
    sl_jw_end(w);
}

bool sl_limit_is_plain(const struct sl_limit_rule *rule)
{
    return rule->kind == SL_LIMIT_REQUESTS && rule->key != SL_LIMIT_SESSION && !rule->route.n;
}

void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limits *limits)
{
    const struct sl_limit_rule *rules = limits ? limits->rules : NULL;
    uint32_t n = limits ? limits->n : 0;
    sl_jw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        if (sl_limit_is_plain(&rules[i]) && !words->is_ours) {
            sl_limit_write(w, words, &rules[i]);
        } else if (words->has_all && rules[i].key == SL_LIMIT_SESSION) {
            session_write(w, rules, n, i);
        } else if (words->has_all) {
            own_write(w, &rules[i]);
        }
    }
    sl_jw_end(w);
}
