/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/traffic_conf.h"

#include "base/near.h"
#include "base/num.h"
#include "base/word.h"
#include "gate/config/entry.h"
#include "gate/policy/shadow.h"
#include "wire/headers.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

#define DAY (86400 * SL_USEC_PER_SEC)

/* --- rows --- */

/* True: the value is the word off. */
static bool is_off(const struct sl_val *val)
{
    bool is_on = true;
    return val->kind <= SL_VAL_STRING && sl_parse_bool(val->text, &is_on) == 0 && !is_on;
}

/* Binds a rule that is a map with the row's `sub`, or off: then *field stays as it is. `like`: an example of the map.
 */
static int rule_bind(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field,
                     const char *like)
{
    if (is_off(val)) {
        return 0;
    }
    return val->kind == SL_VAL_MAP ? sl_opt_bind(bind, row->sub, val, field)
                                   : FAIL(bind, val, "must be a map like %s, or off", like);
}

#define TIME(key_, field_, def_, help_)                                                                    \
    {                                                                                                      \
        key_, SL_OPT_USEC, offsetof(struct sl_upstream_timeouts, field_), def_, SL_USEC_PER_MSEC, 7 * DAY, \
            SL_OPT_RELOAD, NULL, NULL, NULL, help_                                                         \
    }
const struct sl_opt sl_timeout_rows[] = {
    TIME("connect", connect_usec, "5s", "resolving, connecting and TLS; beyond it 504"),
    TIME("first_byte", first_byte_usec, NULL,
         "from the request's last byte to the reply's first; beyond it 504. Default: 600s, or the time that the path's "
         "clients wait (docs/upstreams.md)"),
    TIME("idle", idle_usec, "120s", "between two pieces of a reply"),
    TIME("total", total_usec, "1h", "the whole call, retries included"),
    { NULL },
};

const struct sl_val *sl_timeouts_beyond(const struct sl_val *map, const struct sl_upstream_timeouts *timeouts,
                                        const char **ret_key)
{
    static const char *const keys[] = { "connect", "first_byte", "idle" };
    const uint64_t usecs[] = { timeouts->connect_usec, timeouts->first_byte_usec, timeouts->idle_usec };
    for (size_t i = 0; i < SL_ARRAY_LEN(keys); i++) {
        const struct sl_val *said = sl_val_find(map, keys[i]);
        if (said && said->kind != SL_VAL_NULL && usecs[i] > timeouts->total_usec) {
            *ret_key = keys[i];
            return said;
        }
    }
    return NULL;
}

static int targets_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    if (val->kind != SL_VAL_LIST || val->n == 0) {
        return FAIL(bind, val, "must be a list of maps like { name: spare, model: {…}, weight: 1, tier: 1 }");
    }
    if (val->n > SL_TARGETS_MAX) {
        return FAIL(bind, val, "has %u targets: there may be %d", val->n, SL_TARGETS_MAX);
    }
    *(const struct sl_val **)field = val;
    return 0;
}

static int limits_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)bind;
    (void)row;
    *(const struct sl_val **)field = val; /* read where the route is known */
    return 0;
}

/* ", connect, timeout, …" */
#define X(symbol, word) ", " word
static const char causes_text[] = SL_CAUSES(X);
#undef X

static int on_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_traffic_conf *conf = SL_CONTAINER_OF(field, struct sl_traffic_conf, on_words);
    conf->on = 0;
    for (uint32_t i = 0; i < conf->on_words.n; i++) {
        struct sl_str word = conf->on_words.v[i];
        unsigned cause = 0;
        while (cause < SL_CAUSE_COUNT && !sl_str_eq_c(word, sl_cause_words[cause])) {
            cause++;
        }
        if (cause == SL_CAUSE_COUNT) {
            const char *near = sl_name_nearest(word, sl_cause_words);
            return FAIL(bind, val->kind == SL_VAL_LIST ? val->items[i].val : val,
                        "\"%.*s\" is no cause%s%s%s; there are %s",
                        SL_STR_ARG(sl_str_sub(word, 0, sl_utf8_fit(word, 64))), near ? ": did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "", causes_text + 2);
        }
        conf->on |= 1u << cause;
    }
    return 0;
}

static int routes_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_traffic_conf *conf = SL_CONTAINER_OF(field, struct sl_traffic_conf, routes);
    for (uint32_t i = 0; i < conf->routes.n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (sl_str_eq(conf->routes.v[i], conf->routes.v[k])) {
                return FAIL(bind, val->items[i].val, "\"%.*s\" is there twice",
                            SL_STR_ARG(sl_str_sub(conf->routes.v[i], 0, 64)));
            }
        }
    }
    conf->routes_said = val;
    return conf->routes.n <= SL_BEYOND_MAX
               ? 0
               : FAIL(bind, val, "has %u routes: there may be %d", conf->routes.n, SL_BEYOND_MAX);
}

static const char *const balance_words[] = { "weighted", "least_busy", "fastest", "ordered", "cheapest", NULL };

#define FIELD(field) offsetof(struct sl_traffic_conf, field)
static const struct sl_opt fallback_rows[] = {
    { "on", SL_OPT_STR_LIST, FIELD(on_words), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, on_check,
      "the causes for which another target is tried: connect, timeout, rate_limited, overloaded, server_error, "
      "bad_response (the default), auth, billing, content_filter, context_length, rejected; []: none" },
    { "routes", SL_OPT_STR_LIST, FIELD(routes), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, routes_check,
      "names of other routes of the same type, which are asked in this order when the route's own targets are used "
      "up" },
    { "attempts", SL_OPT_U32, FIELD(attempts), "4", 1, 20, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many attempts one call may make, repeats at one target included" },
    { "within", SL_OPT_USEC, FIELD(within_usec), "300s", SL_USEC_PER_MSEC, 7 * DAY, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how long after the call's beginning its last attempt may begin" },
    { NULL },
};

static int fallback_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_traffic_conf *conf = field;
    if (!is_off(val)) {
        return FAIL(bind, val, "must be a map like { on: [connect, timeout], attempts: 4, within: 300s }, or off");
    }
    conf->on = 0;
    return 0;
}

#define IN_RULE(field) offsetof(struct sl_breaker_rule, field)
static const struct sl_opt breaker_rows[] = {
    { "errors", SL_OPT_U32, IN_RULE(errors), "5", 1, 1000000, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many attempts must fail within the window to open it" },
    { "ratio", SL_OPT_SHARE, IN_RULE(ratio), "50%", 1, 100, SL_OPT_RELOAD, NULL, NULL, NULL,
      "and which share of all attempts in the window" },
    { "window", SL_OPT_USEC, IN_RULE(window_usec), "30s", SL_USEC_PER_MSEC, 7 * DAY, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how far back attempts count" },
    { "open", SL_OPT_USEC, IN_RULE(open_usec), "30s", SL_USEC_PER_MSEC, 7 * DAY, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how long the target gets no calls; then one call tries it" },
    { NULL },
};

static int breaker_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_traffic_conf *conf = SL_CONTAINER_OF(field, struct sl_traffic_conf, breaker);
    conf->has_breaker = !is_off(val);
    conf->breaker.errors = 0;
    return rule_bind(bind, row, val, field, "{ errors: 5, ratio: 50%, window: 30s, open: 30s }");
}

#define IN_QUEUE(field) offsetof(struct sl_queue_rule, field)
static const struct sl_opt queue_rows[] = {
    { "wait", SL_OPT_USEC, IN_QUEUE(wait_usec), "5s", SL_USEC_PER_MSEC, SL_QUEUE_WAIT_MAX, SL_OPT_RELOAD, NULL, NULL,
      NULL, "how long a call waits; then 503" },
    { "size", SL_OPT_U32, IN_QUEUE(size), "100", 1, SL_QUEUE_SIZE_MAX, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many calls wait; when more come, the principal with the most waiting calls loses its last one" },
    { NULL },
};

static int queue_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    return rule_bind(bind, row, val, field, "{ wait: 5s, size: 100 }");
}

static int header_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const struct sl_str *name = field;
    return sl_header_is_name(*name)
               ? 0
               : FAIL(bind, val, "\"%.*s\" is no header's name", SL_STR_ARG(sl_str_sub(*name, 0, 64)));
}

static const struct sl_opt header_rows[] = {
    { "header", SL_OPT_STR, offsetof(struct sl_affinity_conf, header), NULL, 0, 0, SL_OPT_REQUIRED | SL_OPT_RELOAD,
      NULL, NULL, header_check, "the header whose value identifies a conversation" },
    { NULL },
};

/* Takes auto, off, "header: NAME" or { header: NAME }. */
static int by_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_affinity_conf *conf = SL_CONTAINER_OF(field, struct sl_affinity_conf, by);
    bool is_word = val->kind <= SL_VAL_STRING && val->kind != SL_VAL_NULL;
    struct sl_val name = *val;
    struct sl_val_item item = { SL_STR("header"), val->pos, &name };
    const struct sl_val map = { .kind = SL_VAL_MAP, .pos = val->pos, .items = &item, .n = 1 };
    conf->by = SL_AFFINITY_AUTO;
    if (is_word && sl_str_eq_c(val->text, "auto")) {
        return 0;
    }
    if (is_off(val)) {
        conf->by = SL_AFFINITY_OFF;
        return 0;
    }
    bool is_header = is_word && sl_str_has_prefix(val->text, SL_STR("header:"));
    if (!is_header && val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be auto, off or { header: NAME }");
    }
    conf->by = SL_AFFINITY_HEADER;
    name.text = is_header ? sl_str_trim(sl_str_sub(val->text, sizeof("header:") - 1, val->text.n)) : name.text;
    return sl_opt_bind(bind, header_rows, is_header ? &map : val, conf);
}

#define BY_FORMS                                                                                               \
    "{\"enum\":[\"auto\",\"off\",false]},{\"type\":\"string\",\"pattern\":\"^header:\"},{\"type\":\"object\"," \
    "\"properties\":{"                                                                                         \
    "\"header\":{\"type\":\"string\"}},\"required\":[\"header\"],\"additionalProperties\":false}"
static const struct sl_opt affinity_rows[] = {
    { "by", SL_OPT_CUSTOM, offsetof(struct sl_affinity_conf, by), "auto", 0, 0, SL_OPT_RELOAD, NULL, NULL, by_check,
      "auto (x-sluice-session, prompt_cache_key, state that only one target can read, or the beginning of the "
      "conversation), off, or { header: NAME }",
      .forms = BY_FORMS },
    { "ttl", SL_OPT_USEC, offsetof(struct sl_affinity_conf, ttl_usec), "1h", SL_USEC_PER_SEC,
      30 * 86400 * SL_USEC_PER_SEC, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how long after its last call a conversation is remembered" },
    { NULL },
};

static int affinity_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_affinity_conf *conf = field;
    if (val->kind == SL_VAL_MAP && !sl_val_find(val, "header")) {
        return sl_opt_bind(bind, affinity_rows, val, field);
    }
    return by_check(bind, row, val, &conf->by);
}

/* Takes a duration, or "p95". */
static int after_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    uint64_t usec;
    if (val->kind <= SL_VAL_STRING && sl_str_eq_c(val->text, "p95")) {
        *(uint64_t *)field = 0;
        return 0;
    }
    if (val->kind > SL_VAL_STRING || sl_parse_duration(val->text, &usec) < 0 || usec < row->min || usec > row->max) {
        return FAIL(bind, val, "must be a duration from 1ms to 1h with its unit, as in 1500ms, or p95");
    }
    *(uint64_t *)field = usec;
    return 0;
}

#define IN_HEDGE(field) offsetof(struct sl_hedge_rule, field)
static const struct sl_opt hedge_rows[] = {
    { "after", SL_OPT_CUSTOM, IN_HEDGE(after_usec), "p95", SL_USEC_PER_MSEC, 3600 * SL_USEC_PER_SEC, SL_OPT_RELOAD,
      NULL, NULL, after_check,
      "how long to wait for the first token: a duration, or p95: the time that 95 % of the target's calls took at "
      "most",
      .forms = "{\"const\":\"p95\"},{\"type\":\"string\",\"pattern\":\"^0*[1-9][0-9]*(ms|s|m|h|d)$\"}" },
    { "at_most", SL_OPT_SHARE, IN_HEDGE(at_most), "5%", 1, 100, SL_OPT_RELOAD, NULL, NULL, NULL,
      "for which share of the route's calls" },
    { NULL },
};

static int hedge_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    return rule_bind(bind, row, val, field, "{ after: 1500ms, at_most: 5% }");
}

static const char *const health_words[] = { [SL_HEALTH_CONNECT] = "connect", [SL_HEALTH_MODELS] = "models", NULL };

#define IN_HEALTH(field) offsetof(struct sl_health_rule, field)
static const struct sl_opt health_rows[] = {
    { "every", SL_OPT_USEC, IN_HEALTH(every_usec), "10s", SL_USEC_PER_SEC, 3600 * SL_USEC_PER_SEC, SL_OPT_RELOAD, NULL,
      NULL, NULL, "the time between two checks of a target, give or take an eighth" },
    { "by", SL_OPT_ENUM, IN_HEALTH(by), "connect", 0, 0, SL_OPT_RELOAD, health_words, NULL, NULL,
      "connect (TCP, and TLS where the address has it), or models (a GET of the provider's list of models)" },
    { NULL },
};

static int health_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    return rule_bind(bind, row, val, field, "{ every: 10s, by: connect }");
}

const struct sl_opt sl_traffic_rows[] = {
    { "targets", SL_OPT_CUSTOM, FIELD(targets), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, targets_check,
      "upstreams beside `model`, see below (docs/traffic.md)",
      .forms = "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/FileTarget\"}}" },
    { "balance", SL_OPT_ENUM, FIELD(balance), "weighted", 0, 0, SL_OPT_RELOAD, balance_words, NULL, NULL,
      "which target of a tier is asked first: weighted (by the weights), least_busy (the fewest running calls for its "
      "weight), fastest (the shortest time to a stream's first byte, or to a whole reply), ordered (as they are "
      "listed), cheapest (the lowest price of tokens)" },
    { "fallback", SL_OPT_MAP, 0, NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, fallback_rows, fallback_check,
      "when and how often another target is tried, before the first byte to the client; off: for no cause" },
    { "breaker", SL_OPT_CUSTOM, FIELD(breaker), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, breaker_rows,
      breaker_check,
      "when a target that fails gets no calls for a while: { errors, ratio, window, open }, or off; by default, a "
      "route with one target has none" },
    { "hedge", SL_OPT_CUSTOM, FIELD(hedge), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, hedge_rows, hedge_check,
      "one more attempt at another target when the first token does not come: { after, at_most }; default: none" },
    { "queue", SL_OPT_CUSTOM, FIELD(queue), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, queue_rows, queue_check,
      "calls beyond every target's `max_concurrent` wait for a place: { wait, size }; else they get 503 at once" },
    { "health", SL_OPT_CUSTOM, FIELD(health), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, health_rows,
      health_check,
      "checks of the targets without calls: { every, by }; after three failed checks in a row a target gets no calls, "
      "until a check is answered; default: none" },
    { "affinity", SL_OPT_CUSTOM, FIELD(affinity), NULL, 0, 0, SL_OPT_RELOAD, NULL, affinity_rows, affinity_check,
      "how a conversation finds the target where it was: { by, ttl }, or off", .forms = "%," BY_FORMS },
    { NULL },
};

#define IN_SHADOW(field) offsetof(struct sl_shadow, field)
static const struct sl_opt shadow_rows[] = {
    { "route", SL_OPT_STR, IN_SHADOW(route), NULL, 0, 0, SL_OPT_REQUIRED | SL_OPT_RELOAD, NULL, NULL, NULL,
      "the name of another route of the same type" },
    { "share", SL_OPT_SHARE, IN_SHADOW(share), "1%", 1, 100, SL_OPT_RELOAD, NULL, NULL, NULL,
      "for which share of the route's calls, evenly spread" },
    { NULL },
};

static int shadow_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    if (is_off(val)) {
        return 0;
    }
    struct sl_shadow *shadow = sl_shadow_new(bind->arena);
    if (!shadow) {
        return FAIL(bind, val, "out of memory");
    }
    const struct sl_val *route = sl_val_find(val, "route");
    shadow->pos = route ? route->pos : val->pos;
    *(struct sl_shadow **)field = shadow;
    return rule_bind(bind, row, val, shadow, "{ route: other, share: 1% }");
}

const struct sl_opt sl_alone_rows[] = {
    { "limits", SL_OPT_CUSTOM, FIELD(limits), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, limits_check,
      "the route's limits, as in its entry (docs/limits.md)",
      .forms = "{\"$ref\":\"#/components/schemas/AllLimitList\"}" },
    { "shadow", SL_OPT_CUSTOM, FIELD(shadow), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_OR_OFF, NULL, shadow_rows,
      shadow_check,
      "a share of the calls also goes to another route, whose answers are only logged: { route, share }" },
    { NULL },
};

static int model_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map with provider, name and config");
    }
    *(const struct sl_val **)field = val;
    return 0;
}

static int name_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const struct sl_str *name = field;
    return sl_route_is_name(*name) && name->n <= 128
               ? 0
               : FAIL(bind, val, "must be letters, digits, '_', '-' or '.', 1 to 128 bytes");
}

#undef FIELD
#define FIELD(field) offsetof(struct sl_target_conf, field)
const struct sl_opt sl_target_rows[] = {
    { "name", SL_OPT_STR, FIELD(name), NULL, 0, 0, SL_OPT_REQUIRED | SL_OPT_RELOAD, NULL, NULL, name_check,
      "the name in logs, metrics and headers; `model` is the route's own `model:`" },
    { "model", SL_OPT_CUSTOM, FIELD(model), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, model_check,
      "provider, name and config, as in a route; all targets need it, except the one named `model`",
      .forms = "{\"$ref\":\"#/components/schemas/FileModel\"}" },
    { "weight", SL_OPT_U32, FIELD(rule.weight), "1", 0, 10000, SL_OPT_RELOAD, NULL, NULL, NULL,
      "its share of its tier's calls; 0: it is asked only when no other target of the tier is left" },
    { "tier", SL_OPT_U32, FIELD(rule.tier), "0", 0, 999, SL_OPT_RELOAD, NULL, NULL, NULL,
      "a target is asked when none of the lower tiers is left" },
    { "max_concurrent", SL_OPT_U32, FIELD(rule.max_concurrent), NULL, 1, 1000000, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many calls it gets at one time; more go to other targets" },
    { "timeouts", SL_OPT_MAP, FIELD(timeouts), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_timeout_rows, NULL,
      "its own, where they are not the route's; total: of one attempt" },
    { NULL },
};

void sl_traffic_defaults(struct sl_traffic_conf *conf, struct sl_bind *bind)
{
    *conf = (struct sl_traffic_conf){ .on = SL_CAUSES_DEFAULT };
    sl_opt_defaults(sl_traffic_rows, conf, bind);
    sl_opt_defaults(breaker_rows, &conf->breaker, bind);
    sl_opt_defaults(affinity_rows, &conf->affinity, bind);
}

uint32_t sl_traffic_count(const struct sl_val *entry)
{
    const struct sl_val *list = sl_val_find(sl_val_find(entry, "sluice"), "targets");
    return list && list->kind == SL_VAL_LIST ? SL_MIN(list->n, (uint32_t)SL_TARGETS_MAX) : 0;
}
