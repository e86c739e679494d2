/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/limit_counts.h"

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/config/key.h"
#include "gate/config/limits_write.h"
#include "gate/gate.h"
#include "gate/policy/limit_table.h"
#include "gate/policy/words.h"
#include "gate/worker.h"
#include "json/write.h"
#include "wire/uri.h"

static void numbers_write(struct sl_jw *w, const struct sl_limit_rule *rule, const struct sl_limit_look *look,
                          uint64_t now)
{
    sl_limit_amount_write(w, "used", rule, look->used);
    sl_limit_amount_write(w, "reserved", rule, look->reserved);
    if (look->end_wall_usec && rule->kind != SL_LIMIT_CONCURRENT) {
        sl_jw_member_u64(w, "reset", sl_wait_sec(look->end_wall_usec - now));
    } else {
        sl_jw_member_null(w, "reset");
    }
}

static void rule_write(struct sl_jw *w, const struct sl_limit_rule *rule)
{
    sl_jw_member_str(w, "kind", sl_str_c(sl_limit_kind_names[rule->kind]));
    sl_limit_amount_write(w, "cap", rule, rule->cap);
    if (rule->kind != SL_LIMIT_CONCURRENT && rule->key != SL_LIMIT_SESSION) {
        sl_limit_period_write(w, "per", rule);
    }
    if (rule->route.n) {
        sl_jw_member_str(w, "route", rule->route);
    }
    if (rule->key != SL_LIMIT_WHOLE) {
        sl_jw_member_str(w, "each", rule->key == SL_LIMIT_USER ? SL_STR("principal") : SL_STR("session"));
    }
}

void sl_api_counts_ask(const struct sl_xchg *x, struct sl_counts_asked *ret)
{
    const struct sl_key *key = x->caller.key;
    uint64_t now = sl_clock_wall_usec() / SL_USEC_PER_SEC;
    struct sl_str principal = SL_STR("");
    /* Without keys everyone may see all. */
    bool sees_all = !key || sl_access_judge(SL_ACCESS_VIEWER, key, true, now) == SL_ACCESS_GRANTED;
    bool has = sl_query_get(x->match.query, "principal", x->arena, &principal);
    bool sees_it = has && (sees_all || sl_str_eq(principal, x->caller.principal));
    *ret = (struct sl_counts_asked){ sees_all, sees_it ? principal : SL_STR("") };
}

void sl_api_counts_write(const struct sl_xchg *x, struct sl_jw *w, const struct sl_limits *limits,
                         const struct sl_counts_asked *asked)
{
    uint64_t now = sl_clock_wall_usec();
    sl_jw_key(w, "counts");
    sl_jw_array(w);
    for (uint32_t i = 0; limits && i < limits->n; i++) {
        const struct sl_limit_rule *rule = &limits->rules[i];
        struct sl_limit_look look;
        sl_jw_object(w);
        rule_write(w, rule);
        if (rule->key == SL_LIMIT_WHOLE ? asked->of_all : rule->key == SL_LIMIT_USER && asked->principal.n) {
            sl_limiter_look(x->worker->gate->limiter, sl_limits_part(limits, rule), rule, asked->principal, now, &look);
            numbers_write(w, rule, &look, now);
        } else {
            sl_jw_member_null(w, "used");
            sl_jw_member_null(w, "reserved");
            sl_jw_member_null(w, "reset");
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}
