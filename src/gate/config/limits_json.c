/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/limits_json.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/val.h"
#include "gate/config/body_val.h"
#include "gate/policy/period.h"
#include "json/write.h"

const struct sl_limits_words sl_limits_stored = { "limits", "route" };

/* Reports a fault at a member, or at the item if the member is missing. */
static SL_PRINTF(5, 6) int fault(struct sl_limits_fault *ret, const struct sl_val *item, const char *member,
                                 struct sl_err *err, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const struct sl_val *at = *member ? sl_val_find(item, member) : item;
    ret->at = at ? at : item;
    size_t n = strlen(ret->path);
    snprintf(ret->path + n, sizeof(ret->path) - n, "%s%s", *member ? "." : "", member);
    return sl_fail(err, SL_E_INVAL, "%s", text);
}

static int calls_read(const struct sl_val *val, uint64_t *ret)
{
    return val && val->kind == SL_VAL_NUMBER ? sl_parse_whole(val->text, 0, INT64_MAX, ret) : SL_E_INVAL;
}

/* The key null means the whole route, as in Databricks. */
static int key_read(const struct sl_val *val, const struct sl_limits_words *words, enum sl_limit_key *ret)
{
    if (!val || val->kind == SL_VAL_NULL || (val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, words->route))) {
        *ret = SL_LIMIT_ROUTE;
        return 0;
    }
    *ret = SL_LIMIT_USER;
    return val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "user") ? 0 : SL_E_INVAL;
}

static int rule_read(const struct sl_val *item, const struct sl_limits_words *words, struct sl_limit_rule *ret,
                     struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    if (item->kind != SL_VAL_MAP) {
        return fault(ret_fault, item, "", err, "must be an object with calls, key and renewal_period");
    }
    if (calls_read(sl_val_find(item, "calls"), &ret->calls) < 0) {
        return fault(ret_fault, item, "calls", err, "must be a whole number from 0 to 9223372036854775807");
    }
    if (key_read(sl_val_find(item, "key"), words, &ret->key) < 0) {
        return fault(ret_fault, item, "key", err, "must be \"%s\", \"user\" or null (which means \"%s\")", words->route,
                     words->route);
    }
    const struct sl_val *period = sl_val_find(item, "renewal_period");
    struct sl_str text = period && period->kind == SL_VAL_STRING ? period->text : SL_STR("");
    if (text.n == 0 || text.p[0] == '0' || sl_period_parse(text, ret) < 0) {
        return fault(ret_fault, item, "renewal_period", err,
                     "must be second, minute, hour, day, month or year, or a number of them like \"5 minutes\"");
    }
    return 0;
}

static bool is_same_counter(const struct sl_limit_rule *a, const struct sl_limit_rule *b)
{
    return a->key == b->key && a->period_usec == b->period_usec;
}

int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                   struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    snprintf(ret_fault->path, sizeof(ret_fault->path), "%s", words->list);
    if (list->kind != SL_VAL_LIST) {
        return fault(ret_fault, list, "", err, "must be a list (it may be empty: no limits)");
    }
    if (list->n > SL_LIMIT_RULES_MAX) {
        return fault(ret_fault, list, "", err, "at most %d limits for one route", SL_LIMIT_RULES_MAX);
    }
    for (uint32_t n = 0; n < list->n; n++) {
        const struct sl_val *item = list->items[n].val;
        rules[n] = (struct sl_limit_rule){ 0 };
        snprintf(ret_fault->path, sizeof(ret_fault->path), "%s[%u]", words->list, n);
        int r = rule_read(item, words, &rules[n], ret_fault, err);
        if (r < 0) {
            return r;
        }
        for (uint32_t i = 0; i < n; i++) {
            if (is_same_counter(&rules[i], &rules[n])) {
                return fault(ret_fault, item, "", err, "has the same key and period as %s[%u]", words->list, i);
            }
        }
    }
    return (int)list->n;
}

/* Reads the rules of a JSON list. */
static int list_read(struct sl_json_val list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                     struct sl_err *err)
{
    struct sl_arena arena;
    struct sl_val *val;
    struct sl_limits_fault where;
    struct sl_err why = { 0 };
    sl_arena_init_small(&arena, 1024);
    struct sl_val nothing = { .kind = SL_VAL_NULL };
    val = &nothing;
    int r = sl_json_is_present(list) ? sl_body_val(list, &arena, &val) : 0;
    if (r < 0) {
        sl_fail(err, r == SL_E_NOMEM ? r : SL_E_INVAL, r == SL_E_NOMEM ? "out of memory" : "%s: has too many members",
                words->list);
        r = r == SL_E_NOMEM ? r : SL_E_INVAL;
    } else {
        r = sl_limits_bind(val, words, rules, &where, &why);
        if (r < 0) {
            sl_fail(err, r, "%s: %s", where.path, why.text);
        }
    }
    sl_arena_done(&arena);
    return r;
}

void sl_limit_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rule)
{
    char period[48];
    if (rule->multiple == 1) {
        snprintf(period, sizeof(period), "%s", rule->unit);
    } else {
        snprintf(period, sizeof(period), "%u %ss", rule->multiple, rule->unit);
    }
    sl_jw_object(w);
    sl_jw_member_u64(w, "calls", rule->calls);
    sl_jw_member_str(w, "key", sl_str_c(rule->key == SL_LIMIT_ROUTE ? words->route : "user"));
    sl_jw_member_str(w, "renewal_period", sl_str_c(period));
    sl_jw_end(w);
}

void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rules,
                     uint32_t n)
{
    sl_jw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        sl_limit_write(w, words, &rules[i]);
    }
    sl_jw_end(w);
}

int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                        struct sl_err *err)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    int n = list_read(list, words, rules, err);
    if (n < 0) {
        return n;
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_limits_write(&w, &sl_limits_stored, rules, (uint32_t)n);
    return sl_buf_status(out) < 0 ? sl_fail_nomem(err) : n;
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
