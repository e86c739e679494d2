/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/limits_json.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/near.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/zone.h"
#include "gate/config/body_val.h"
#include "gate/config/entry.h"
#include "gate/config/limits_write.h"
#include "gate/policy/limit_rule.h"
#include "gate/policy/period.h"
#include "json/json.h"
#include "json/write.h"

/* Beyond these, a cap is a mistake; and sums of what calls use stay far from overflowing. */
#define TOKENS_MAX     1000000000000000ull    /* 10^15 */
#define NANO_MAX       1000000000000000000ull /* a billion dollars */
#define CONCURRENT_MAX 1000000
#define ARENA_CHUNK    1024

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
        *ret = SL_LIMIT_WHOLE;
        return 0;
    }
    *ret = SL_LIMIT_USER;
    return val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "user") ? 0 : SL_E_INVAL;
}

#define PERIOD_WORDS "must be second, minute, hour, day, month or year, or a number of them like \"5 minutes\""

/* `member`: "per" or "renewal_period". */
static int period_read(const struct sl_val *item, const char *member, struct sl_limit_rule *ret,
                       struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    const struct sl_val *period = sl_val_find(item, member);
    struct sl_str text = period && period->kind == SL_VAL_STRING ? period->text : SL_STR("");
    return text.n == 0 || text.p[0] == '0' || sl_period_parse(text, ret) < 0
               ? fault(ret_fault, item, member, err, PERIOD_WORDS)
               : 0;
}

static int zone_read(const struct sl_val *item, struct sl_limit_rule *ret, struct sl_limits_fault *ret_fault,
                     struct sl_err *err)
{
    const struct sl_val *zone = sl_val_find(item, "zone");
    struct sl_err why = { 0 };
    if (sl_val_is_nothing(zone)) {
        return 0;
    }
    if (!sl_period_is_calendar(ret)) {
        return fault(ret_fault, item, "zone", err,
                     "goes with one day, month or year: other periods are in no calendar");
    }
    int r = sl_zone_get(zone->kind == SL_VAL_STRING ? zone->text : SL_STR(""), &ret->zone, &why);
    return r < 0 ? fault(ret_fault, item, "zone", err, "%s", why.text) : 0;
}

/* What holds while the shared counters cannot be reached. */
static int loss_read(const struct sl_val *item, struct sl_limit_rule *ret, struct sl_limits_fault *ret_fault,
                     struct sl_err *err)
{
    const struct sl_val *val = sl_val_find(item, "on_loss");
    unsigned loss = SL_LIMIT_LOSS_CLOSED;
    if (sl_val_is_nothing(val)) {
        return 0;
    }
    while (loss < SL_LIMIT_LOSSES &&
           !(val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, sl_limit_loss_names[loss]))) {
        loss++;
    }
    if (loss == SL_LIMIT_LOSSES) {
        return fault(ret_fault, item, "on_loss", err, "must be closed, share, local or open");
    }
    ret->on_loss = (enum sl_limit_loss)loss;
    return 0;
}

/* A group may limit its calls of one route. */
static int route_read(const struct sl_val *item, const struct sl_limits_words *words, struct sl_limit_rule *ret,
                      struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    const struct sl_val *val = sl_val_find(item, "route");
    if (val && !words->has_routes) {
        return fault(ret_fault, item, "route", err, "goes with the limits of groups only");
    }
    if (sl_val_is_nothing(val)) {
        return 0;
    }
    if (val->kind != SL_VAL_STRING || !sl_route_is_name(val->text)) {
        return fault(ret_fault, item, "route", err,
                     "must be the name of a route: 1 to 255 letters, digits, '_', '-' and '.'");
    }
    ret->route = val->text;
    return 0;
}

static int plain_read(const struct sl_val *item, const struct sl_limits_words *words, struct sl_limit_rule *ret,
                      struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    if (calls_read(sl_val_find(item, "calls"), &ret->cap) < 0) {
        return fault(ret_fault, item, "calls", err, "must be a whole number from 0 to 9223372036854775807");
    }
    if (key_read(sl_val_find(item, "key"), words, &ret->key) < 0) {
        return fault(ret_fault, item, "key", err, "must be \"%s\", \"user\" or null (which means \"%s\")", words->route,
                     words->route);
    }
    int r = period_read(item, "renewal_period", ret, ret_fault, err);
    r = r < 0 ? r : zone_read(item, ret, ret_fault, err);
    r = r < 0 || !words->has_all ? r : route_read(item, words, ret, ret_fault, err);
    return r < 0 || !words->has_all ? r : loss_read(item, ret, ret_fault, err);
}

/* --- our form --- */

static const char *const own_keys[] = { "requests", "tokens", "input_tokens", "output_tokens", "money",   "concurrent",
                                        "session",  "per",    "zone",         "each",          "on_loss", "route",
                                        NULL };
static const char *const session_keys[] = { "requests",      "calls", "tokens", "input_tokens",
                                            "output_tokens", "money", NULL };

static int keys_check(const struct sl_val *map, const char *const *names, struct sl_limits_fault *ret_fault,
                      struct sl_err *err)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const char *const *name = names;
        while (*name && !sl_str_eq_c(map->items[i].key, *name)) {
            name++;
        }
        if (!*name) {
            const char *near = sl_name_nearest(map->items[i].key, names);
            int r = fault(ret_fault, map, "", err, "unknown key \"%.*s\"%s%s%s",
                          SL_STR_ARG(sl_opt_key_shown(map->items[i].key)), near ? ": did you mean \"" : "",
                          near ? near : "", near ? "\"?" : "");
            ret_fault->at = map->items[i].val;
            return r;
        }
    }
    return 0;
}

static int cap_read(const struct sl_val *map, const char *member, enum sl_limit_kind kind, uint64_t *ret,
                    struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    static const uint64_t most[SL_LIMIT_KINDS] = {
        [SL_LIMIT_REQUESTS] = INT64_MAX,       [SL_LIMIT_TOKENS] = TOKENS_MAX, [SL_LIMIT_INPUT_TOKENS] = TOKENS_MAX,
        [SL_LIMIT_OUTPUT_TOKENS] = TOKENS_MAX, [SL_LIMIT_MONEY] = NANO_MAX,    [SL_LIMIT_CONCURRENT] = CONCURRENT_MAX,
    };
    const struct sl_val *val = sl_val_find(map, member);
    if (kind == SL_LIMIT_MONEY) {
        return val->kind != SL_VAL_NUMBER || sl_parse_dollars(val->text, NANO_MAX, ret) < 0
                   ? fault(ret_fault, map, member, err, "must be US dollars from 0 to 1000000000, as in 12.50")
                   : 0;
    }
    return val->kind != SL_VAL_NUMBER || sl_parse_whole(val->text, 0, most[kind], ret) < 0
               ? fault(ret_fault, map, member, err, "must be a whole number from 0 to %llu",
                       (unsigned long long)most[kind])
               : 0;
}

/* The kind of a member, by its name; SL_LIMIT_KINDS: it is none. */
static enum sl_limit_kind kind_of(struct sl_str name)
{
    unsigned kind = 0;
    while (kind < SL_LIMIT_KINDS && !sl_str_eq_c(name, sl_limit_kind_names[kind])) {
        kind++;
    }
    return sl_str_eq_c(name, "calls") ? SL_LIMIT_REQUESTS : (enum sl_limit_kind)kind;
}

/* A list while it is read. */
struct reading {
    const struct sl_limits_words *words;
    struct sl_limit_rule *rules;
    uint32_t n;
    uint32_t item_of[SL_LIMIT_RULES_MAX]; /* the item that a rule came from: a session's has several */
    struct sl_limits_fault *fault;
    struct sl_err *err;
};

static bool is_same_counter(const struct sl_limit_rule *a, const struct sl_limit_rule *b)
{
    return a->key == b->key && a->kind == b->kind && a->period_usec == b->period_usec && a->zone == b->zone &&
           sl_str_eq(a->route, b->route);
}

/* `at`: the item, for a fault. */
static int rule_add(struct reading *reading, const struct sl_val *at, uint32_t item, const struct sl_limit_rule *rule)
{
    if (reading->n == SL_LIMIT_RULES_MAX) {
        return fault(reading->fault, at, "", reading->err, "at most %d limits in one list", SL_LIMIT_RULES_MAX);
    }
    for (uint32_t i = 0; i < reading->n; i++) {
        if (is_same_counter(&reading->rules[i], rule)) {
            const char *of = rule->kind == SL_LIMIT_REQUESTS ? "" : "kind, ";
            return fault(reading->fault, at, "", reading->err, "has the same %skey and period as %s[%u]", of,
                         reading->words->list, reading->item_of[i]);
        }
    }
    reading->item_of[reading->n] = item;
    reading->rules[reading->n++] = *rule;
    return 0;
}

/* { calls: 200, money: 5 }: a rule for each. */
static int session_read(struct reading *reading, const struct sl_val *item, uint32_t index)
{
    const struct sl_val *map = sl_val_find(item, "session");
    static const char *const others[] = { "per", "zone", "each", "route" };
    for (size_t i = 0; i < SL_ARRAY_LEN(others); i++) {
        if (sl_val_find(item, others[i])) {
            return fault(reading->fault, item, others[i], reading->err, "a session's limits have none");
        }
    }
    if (map->kind != SL_VAL_MAP || !map->n) {
        return fault(
            reading->fault, item, "session", reading->err,
            "must be a map like { calls: 200, money: 5 }, of calls, tokens, input_tokens, output_tokens and money");
    }
    struct sl_limit_rule common = { .on_loss = SL_LIMIT_LOSS_DEFAULT };
    int r = loss_read(item, &common, reading->fault, reading->err);
    if (r < 0) {
        return r;
    }
    size_t n = strlen(reading->fault->path);
    snprintf(reading->fault->path + n, sizeof(reading->fault->path) - n, ".session");
    r = keys_check(map, session_keys, reading->fault, reading->err);
    for (uint32_t i = 0; r == 0 && i < map->n; i++) {
        struct sl_limit_rule rule = { .key = SL_LIMIT_SESSION,
                                      .kind = kind_of(map->items[i].key),
                                      .period_usec = SL_LIMIT_SESSION_USEC,
                                      .multiple = 1 };
        rule.on_loss = common.on_loss;
        const char *name = rule.kind == SL_LIMIT_REQUESTS && sl_val_find(map, "calls") ? "calls"
                                                                                       : sl_limit_kind_names[rule.kind];
        r = cap_read(map, name, rule.kind, &rule.cap, reading->fault, reading->err);
        r = r < 0 ? r : rule_add(reading, map, index, &rule);
    }
    return r;
}

/* The member that names the kind; NULL: there is none, or there are two. */
static const char *kind_member(const struct sl_val *item)
{
    const char *found = NULL;
    for (size_t i = 0; strcmp(own_keys[i], "per") != 0; i++) {
        if (sl_val_find(item, own_keys[i])) {
            if (found) {
                return NULL;
            }
            found = own_keys[i];
        }
    }
    return found;
}

static int each_read(const struct sl_val *item, enum sl_limit_key *ret)
{
    const struct sl_val *each = sl_val_find(item, "each");
    if (sl_val_is_nothing(each)) {
        *ret = SL_LIMIT_WHOLE;
        return 0;
    }
    *ret = SL_LIMIT_USER;
    return each->kind == SL_VAL_STRING && sl_str_eq_c(each->text, "principal") ? 0 : SL_E_INVAL;
}

static int own_read(struct reading *reading, const struct sl_val *item, uint32_t index)
{
    struct sl_limits_fault *where = reading->fault;
    struct sl_err *err = reading->err;
    int r = keys_check(item, own_keys, where, err);
    if (r < 0) {
        return r;
    }
    const char *member = kind_member(item);
    if (!member) {
        return fault(where, item, "", err,
                     "must have one of requests, tokens, input_tokens, output_tokens, money, concurrent and session");
    }
    if (sl_str_eq_c(SL_STR("session"), member)) {
        return session_read(reading, item, index);
    }
    struct sl_limit_rule rule = { .kind = kind_of(sl_str_c(member)), .multiple = 1 };
    r = cap_read(item, member, rule.kind, &rule.cap, where, err);
    if (r == 0 && each_read(item, &rule.key) < 0) {
        r = fault(where, item, "each", err, "must be principal, or be left out: then all callers count together");
    }
    if (r == 0 && rule.kind == SL_LIMIT_CONCURRENT) {
        const char *no = sl_val_find(item, "per") ? "per" : "zone";
        r = sl_val_find(item, no) ? fault(where, item, no, err, "concurrent calls are counted without a period") : 0;
    } else if (r == 0) {
        r = period_read(item, "per", &rule, where, err);
        r = r < 0 ? r : zone_read(item, &rule, where, err);
    }
    r = r < 0 ? r : route_read(item, reading->words, &rule, where, err);
    r = r < 0 ? r : loss_read(item, &rule, where, err);
    return r < 0 ? r : rule_add(reading, item, index, &rule);
}

static bool is_plain_form(const struct sl_val *item)
{
    return sl_val_find(item, "calls") || sl_val_find(item, "renewal_period") || sl_val_find(item, "key");
}

static int item_read(struct reading *reading, const struct sl_val *item, uint32_t index)
{
    bool has_all = reading->words->has_all;
    if (item->kind != SL_VAL_MAP) {
        return fault(reading->fault, item, "", reading->err, "must be an object with %s",
                     has_all ? "a kind and its period, like { tokens: 2000000, per: day }"
                             : "calls, key and renewal_period");
    }
    if (has_all && !is_plain_form(item)) {
        return own_read(reading, item, index);
    }
    struct sl_limit_rule rule = { .kind = SL_LIMIT_REQUESTS };
    int r = plain_read(item, reading->words, &rule, reading->fault, reading->err);
    return r < 0 ? r : rule_add(reading, item, index, &rule);
}

int sl_limits_bind(const struct sl_val *list, const struct sl_limits_words *words, struct sl_limit_rule *rules,
                   struct sl_limits_fault *ret_fault, struct sl_err *err)
{
    snprintf(ret_fault->path, sizeof(ret_fault->path), "%s", words->list);
    if (list->kind != SL_VAL_LIST) {
        return fault(ret_fault, list, "", err, "must be a list (it may be empty: no limits)");
    }
    if (list->n > SL_LIMIT_RULES_MAX) {
        return fault(ret_fault, list, "", err, "at most %d limits in one list", SL_LIMIT_RULES_MAX);
    }
    struct reading reading = { .words = words, .rules = rules, .fault = ret_fault, .err = err };
    for (uint32_t i = 0; i < list->n; i++) {
        snprintf(ret_fault->path, sizeof(ret_fault->path), "%s[%u]", words->list, i);
        int r = item_read(&reading, list->items[i].val, i);
        if (r < 0) {
            return r;
        }
    }
    return (int)reading.n;
}

int sl_limits_bind_file(struct sl_bind *bind, const struct sl_val *list, bool is_group, struct sl_limit_rule *rules)
{
    const struct sl_limits_words *words = is_group ? &sl_limits_group : &sl_limits_mixed;
    struct sl_limits_fault where;
    struct sl_err err = { 0 };
    int n = sl_limits_bind(list, words, rules, &where, &err);
    if (n < 0) {
        size_t before = strlen(bind->path); /* it ends with "limits", and so does where.path begin */
        snprintf(bind->path + before, sizeof(bind->path) - before, "%s", where.path + strlen(words->list));
        sl_bind_problem(bind, SL_PROBLEM_ERROR, where.at->pos, NULL, "%s", err.text);
        bind->path[before] = '\0';
    }
    return n;
}

/* Reads the rules of a JSON list. The arena has their routes. */
static int list_read(struct sl_json_val list, const struct sl_limits_words *words, struct sl_arena *arena,
                     struct sl_limit_rule *rules, struct sl_err *err)
{
    struct sl_val *val;
    struct sl_limits_fault where;
    struct sl_err why = { 0 };
    struct sl_val nothing = { .kind = SL_VAL_NULL };
    val = &nothing;
    int r = sl_json_is_present(list) ? sl_body_val(list, arena, &val) : 0;
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
    return r;
}

int sl_limits_normalise(struct sl_json_val list, const struct sl_limits_words *words, struct sl_buf *out,
                        struct sl_err *err)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_arena arena;
    struct sl_jw w;
    sl_arena_init_small(&arena, ARENA_CHUNK);
    int n = list_read(list, words, &arena, rules, err);
    if (n >= 0) {
        sl_jw_init(&w, out);
        sl_limits_write(&w, &sl_limits_mixed, &(struct sl_limits){ .rules = rules, .n = (uint32_t)n });
    }
    sl_arena_done(&arena);
    return n < 0 ? n : sl_buf_status(out) < 0 ? sl_fail_nomem(err) : n;
}

int sl_limits_list_read(struct sl_str list, struct sl_arena *arena, struct sl_limit_rule *rules)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, list);
    r = r < 0 ? r : list_read(sl_json_root(&doc), &sl_limits_group, arena, rules, NULL);
    for (int i = 0; i < r; i++) { /* what has no escapes is still a slice of the caller's text */
        rules[i].route = sl_arena_dup(arena, rules[i].route);
        r = rules[i].route.p ? r : SL_E_NOMEM;
    }
    sl_json_done(&doc);
    return r;
}

/* --- what the store has --- */

#define REQUESTS "requests"
#define OTHERS   "others"

/* Keeps the rules of requests, or all others. Returns how many are left. */
static uint32_t rules_keep(struct sl_limit_rule *rules, uint32_t n, bool is_plain)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (sl_limit_is_plain(&rules[i]) == is_plain) {
            rules[kept++] = rules[i];
        }
    }
    return kept;
}

static void part_write(struct sl_jw *w, const char *name, const struct sl_limit_rule *rules, uint32_t n, bool is_plain)
{
    struct sl_limit_rule part[SL_LIMIT_RULES_MAX];
    memcpy(part, rules, n * sizeof(part[0]));
    n = rules_keep(part, n, is_plain);
    sl_jw_key(w, name);
    sl_limits_write(w, &sl_limits_mixed, &(struct sl_limits){ .rules = part, .n = n });
}

int sl_limits_normalise_all(struct sl_json_val list, struct sl_buf *out, struct sl_err *err)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_arena arena;
    sl_arena_init_small(&arena, ARENA_CHUNK);
    int n = list_read(list, &sl_limits_ours, &arena, rules, err);
    sl_arena_done(&arena); /* a route's limits name no route */
    if (n < 0) {
        return n;
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    part_write(&w, REQUESTS, rules, (uint32_t)n, true);
    part_write(&w, OTHERS, rules, (uint32_t)n, false);
    sl_jw_end(&w);
    return sl_buf_status(out) < 0 ? sl_fail_nomem(err) : n;
}

int sl_limits_replace(struct sl_str stored, struct sl_str requests, struct sl_buf *out)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = stored.p ? sl_json_parse(&doc, stored) : 0;
    struct sl_json_val others = stored.p && r == 0 ? sl_json_get(sl_json_root(&doc), OTHERS) : SL_JSON_ABSENT;
    if (sl_json_is_present(others)) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        if (requests.p) {
            sl_jw_key(&w, REQUESTS);
            sl_jw_raw(&w, requests);
        }
        sl_jw_key(&w, OTHERS);
        sl_jw_raw(&w, sl_json_raw(others));
        sl_jw_end(&w);
    } else if (requests.p) {
        sl_buf_add_str(out, requests);
    }
    sl_json_done(&doc);
    return r == SL_E_NOMEM || sl_buf_status(out) < 0 ? SL_E_NOMEM : 0;
}

/* One part of what is in force: the stored list, else what the definition has of it. */
static int part_read(struct sl_json_val list, bool is_plain, const struct sl_limits *own, struct sl_limit_rule *rules)
{
    if (sl_json_is_present(list)) {
        struct sl_arena arena;
        sl_arena_init_small(&arena, ARENA_CHUNK);
        int n = list_read(list, &sl_limits_mixed, &arena, rules, NULL);
        sl_arena_done(&arena);
        return n;
    }
    uint32_t n = own ? SL_MIN(own->n, (uint32_t)SL_LIMIT_RULES_MAX) : 0;
    if (n) {
        memcpy(rules, own->rules, n * sizeof(rules[0]));
    }
    return (int)rules_keep(rules, n, is_plain);
}

int sl_limits_read(struct sl_str stored, const struct sl_limits *own, struct sl_limit_rule *rules)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int n = sl_json_parse(&doc, stored);
    struct sl_json_val root = sl_json_root(&doc);
    bool is_parts = n == 0 && sl_json_is(root, SL_JSON_OBJECT);
    struct sl_json_val others = is_parts ? sl_json_get(root, OTHERS) : SL_JSON_ABSENT;
    struct sl_json_val requests = is_parts ? sl_json_get(root, REQUESTS) : root;
    if (is_parts && !sl_json_is_present(others) && !sl_json_is_present(requests)) {
        n = SL_E_INVAL; /* nobody stores this */
    }
    n = n < 0 ? n : part_read(requests, true, own, rules);
    int more = n < 0 ? n : part_read(others, false, own, rules + n);
    sl_json_done(&doc);
    return more < 0 ? more : n + more;
}
