/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/alert_words.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "gate/config/instant.h"
#include "gate/config/limits_write.h"
#include "gate/policy/alert.h"
#include "gate/policy/words.h"
#include "json/write.h"

/* A session is "KEY\nNAME": whose it is, and its name. */
static void session_split(struct sl_str who, struct sl_str *ret_key, struct sl_str *ret_name)
{
    ptrdiff_t at = sl_str_find_char(who, '\n', 0);
    size_t n = at < 0 ? who.n : (size_t)at;
    *ret_key = sl_str_sub(who, 0, n);
    *ret_name = at < 0 ? SL_STR("") : sl_str_sub(who, n + 1, who.n);
}

/* " for the caller 'NAME'": whose calls the counter counts; "" when it counts all. */
#define WHOSE_MAX 600

static const char *whose_format(const struct sl_alert *alert, char out[WHOSE_MAX])
{
    struct sl_str key, name;
    out[0] = '\0';
    switch (alert->rule.key) {
    case SL_LIMIT_WHOLE:
        break;
    case SL_LIMIT_USER:
        snprintf(out, WHOSE_MAX, " for the caller '%.*s'", SL_STR_ARG(alert->who));
        break;
    case SL_LIMIT_SESSION:
        session_split(alert->who, &key, &name);
        snprintf(out, WHOSE_MAX, " for the session '%.*s' of '%.*s'", SL_STR_ARG(name), SL_STR_ARG(key));
        break;
    case SL_LIMIT_SHARED:
        snprintf(out, WHOSE_MAX, " for the callers that share a counter (limits.max_counters)");
        break;
    }
    return out;
}

void sl_alert_log(const struct sl_alert *alert)
{
    char whose[WHOSE_MAX], used[SL_LIMIT_AMOUNT_MAX], cap[SL_LIMIT_AMOUNT_MAX], period[SL_LIMIT_PERIOD_MAX], end[32];
    struct sl_str until = sl_instant_format_usec(alert->end_wall_usec, end);
    sl_log(SL_LOG_WARNING, "limits", "the %s '%.*s'%s%.*s%s has reached %u %% of a limit%s: %s of %s%s, until %.*s",
           sl_limit_owner_names[alert->owner], SL_STR_ARG(alert->name), alert->rule.route.n ? " on the route '" : "",
           SL_STR_ARG(alert->rule.route), alert->rule.route.n ? "'" : "", alert->at, whose_format(alert, whose),
           sl_limit_amount_format(&alert->rule, alert->used, used),
           sl_limit_amount_format(&alert->rule, alert->rule.cap, cap), sl_limit_period_format(&alert->rule, period),
           SL_STR_ARG(until));
}

void sl_alerts_log_rest(struct sl_alerts *alerts)
{
    uint64_t n_lost;
    for (struct sl_alert *alert; (alert = sl_alerts_take(alerts, &n_lost)) != NULL; free(alert)) {
        sl_alert_log(alert);
    }
}

static void who_write(struct sl_jw *w, const struct sl_alert *alert)
{
    struct sl_str key, name;
    if (alert->rule.key == SL_LIMIT_USER) {
        sl_jw_member_str(w, "principal", alert->who);
    } else if (alert->rule.key == SL_LIMIT_SESSION) {
        session_split(alert->who, &key, &name);
        sl_jw_member_str(w, "key", key);
        sl_jw_member_str(w, "session", name);
    }
}

void sl_alert_write(const struct sl_alert *alert, struct sl_buf *out)
{
    struct sl_jw w;
    char instant[32];
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("limit.threshold_reached"));
    sl_jw_member_str(&w, "timestamp", sl_instant_format_usec(alert->wall_usec, instant));
    sl_jw_key(&w, "data");
    sl_jw_object(&w);
    sl_jw_member_u64(&w, "at", alert->at);
    sl_jw_member_str(&w, "owner", sl_str_c(sl_limit_owner_names[alert->owner]));
    sl_jw_member_str(&w, "name", alert->name);
    if (alert->rule.route.n) {
        sl_jw_member_str(&w, "route", alert->rule.route);
    }
    who_write(&w, alert);
    sl_jw_member_str(&w, "kind", sl_str_c(sl_limit_kind_names[alert->rule.kind]));
    sl_limit_amount_write(&w, "cap", &alert->rule, alert->rule.cap);
    sl_limit_amount_write(&w, "used", &alert->rule, alert->used);
    if (alert->rule.key != SL_LIMIT_SESSION) { /* which has none */
        sl_limit_period_write(&w, "per", &alert->rule);
    }
    sl_jw_member_str(&w, "until", sl_instant_format_usec(alert->end_wall_usec, instant));
    sl_jw_end(&w);
    sl_jw_end(&w);
}
