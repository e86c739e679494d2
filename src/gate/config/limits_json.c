/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/limits_json.h"

#include <stdio.h>

#include "gate/policy/period.h"
#include "json/write.h"

const struct sl_limits_words sl_limits_stored = { "limits", "route" };

/* In set_limits a key that is null means the whole route, as Databricks counts. */
static int key_read(struct sl_json_val val, const struct sl_limits_words *words, enum sl_limit_key *ret)
{
    if (sl_json_is_nothing(val) || sl_json_str_eq(val, sl_str_c(words->route))) {
        *ret = SL_LIMIT_ROUTE;
        return 0;
    }
    *ret = SL_LIMIT_USER;
    return sl_json_is(val, SL_JSON_STRING) && sl_json_str_eq(val, SL_STR("user")) ? 0 : SL_E_INVAL;
}

static int rule_read(struct sl_json_val item, const struct sl_limits_words *words, uint32_t index,
                     struct sl_limit_rule *ret, struct sl_err *err)
{
    if (!sl_json_is(item, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "%s[%u]: must be an object with calls, key and renewal_period", words->list,
                       index);
    }
    struct sl_json_val calls = sl_json_get(item, "calls"), period = sl_json_get(item, "renewal_period");
    int64_t n = 0;
    if (sl_json_int(calls, true, &n) < 0 || n < 0) {
        return sl_fail(err, SL_E_INVAL, "%s[%u].calls: must be a whole number from 0 to 9223372036854775807",
                       words->list, index);
    }
    ret->calls = (uint64_t)n;
    if (key_read(sl_json_get(item, "key"), words, &ret->key) < 0) {
        return sl_fail(err, SL_E_INVAL, "%s[%u].key: must be \"%s\", \"user\" or null (which means \"%s\")",
                       words->list, index, words->route, words->route);
    }
    struct sl_str raw = sl_json_is(period, SL_JSON_STRING) ? sl_json_raw(period) : SL_STR_NONE;
    if (raw.n < 3 || raw.p[1] == '0' || sl_period_parse(sl_str_sub(raw, 1, raw.n - 1), ret) < 0) {
        return sl_fail(err, SL_E_INVAL,
                       "%s[%u].renewal_period: must be second, minute, hour, day, month or year, or a number of "
                       "them like \"5 minutes\"",
                       words->list, index);
    }
    return 0;
}

static bool is_same_counter(const struct sl_limit_rule *a, const struct sl_limit_rule *b)
{
    return a->key == b->key && a->period_usec == b->period_usec;
}

static int list_read(struct sl_json_val list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                     struct sl_err *err)
{
    uint32_t n = 0;
    struct sl_json_iter it = sl_json_each(list);
    while (sl_json_next(&it)) {
        if (n == SL_LIMIT_RULES_MAX) {
            return sl_fail(err, SL_E_INVAL, "%s: at most %d limits for one route", words->list, SL_LIMIT_RULES_MAX);
        }
        rules[n] = (struct sl_limit_rule){ 0 };
        int r = rule_read(it.val, words, n, &rules[n], err);
        if (r < 0) {
            return r;
        }
        for (uint32_t i = 0; i < n; i++) {
            if (is_same_counter(&rules[i], &rules[n])) {
                return sl_fail(err, SL_E_INVAL, "%s[%u]: has the same key and period as %s[%u]", words->list, n,
                               words->list, i);
            }
        }
        n++;
    }
    return (int)n;
}

void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rules,
                     uint32_t n)
{
    sl_jw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        char period[48];
        if (rules[i].multiple == 1) {
            snprintf(period, sizeof(period), "%s", rules[i].unit);
        } else {
            snprintf(period, sizeof(period), "%u %ss", rules[i].multiple, rules[i].unit);
        }
        sl_jw_object(w);
        sl_jw_member_u64(w, "calls", rules[i].calls);
        sl_jw_member_str(w, "key", sl_str_c(rules[i].key == SL_LIMIT_ROUTE ? words->route : "user"));
        sl_jw_member_str(w, "renewal_period", sl_str_c(period));
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                        struct sl_err *err)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_fail(err, SL_E_INVAL, "%s: must be a list (it may be empty: no limits)", words->list);
    }
    int n = list_read(list, words, rules, err);
    if (n < 0) {
        return n;
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_limits_write(&w, &sl_limits_stored, rules, (uint32_t)n);
    return sl_buf_status(out) < 0 ? sl_fail(err, SL_E_NOMEM, "out of memory") : n;
}

int sl_limits_read(struct sl_str json, struct sl_arena *arena, struct sl_limit_rule **ret, uint32_t *ret_n)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, json);
    r = r < 0 ? r : list_read(sl_json_root(&doc), &sl_limits_stored, rules, NULL);
    sl_json_done(&doc);
    if (r < 0) {
        return r;
    }
    struct sl_limit_rule *copy = SL_ARENA_ARRAY(arena, struct sl_limit_rule, (size_t)r + 1);
    if (!copy) {
        return SL_E_NOMEM;
    }
    memcpy(copy, rules, (size_t)r * sizeof(rules[0]));
    *ret = copy;
    *ret_n = (uint32_t)r;
    return 0;
}
