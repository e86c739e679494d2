/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/otel_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/num.h"
#include "gate/config/route_header.h"
#include "wire/otlp.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

#define HEADERS_MAX  64
#define TRACES_PATH  "/v1/traces"
#define TIMEOUT_USEC (10 * SL_USEC_PER_SEC)
/* A longer list of resource attributes is a mistake. */
#define RESOURCE_MAX 65536

/* --- the section --- */

/* `is_whole`: the URL has its path already. */
static int endpoint_read(struct sl_otel_conf *conf, struct sl_arena *arena, bool is_whole, struct sl_err *err)
{
    struct sl_str text = conf->endpoint;
    conf->endpoint = SL_STR_NONE; /* unless it is good */
    int r = sl_uri_parse(text, &conf->base, err);
    if (r < 0) {
        return r;
    }
    const struct sl_uri *base = &conf->base;
    if (base->userinfo.n) {
        return sl_fail(err, SL_E_INVAL, "it must have no user and no password: say who sends in a header");
    }
    struct sl_str path = base->path;
    while (!is_whole && path.n && path.p[path.n - 1] == '/') {
        path.n--;
    }
    bool has_tail = is_whole || sl_str_has_suffix(path, SL_STR(TRACES_PATH));
    conf->target = sl_arena_join(arena,
                                 (struct sl_str[]){ path, has_tail ? SL_STR("") : SL_STR(TRACES_PATH),
                                                    path.n || !has_tail ? SL_STR("") : SL_STR("/"),
                                                    base->has_query ? SL_STR("?") : SL_STR(""), base->query },
                                 5);
    if (!conf->target.p) {
        return sl_fail_nomem(err);
    }
    conf->endpoint = text;
    return 0;
}

static int endpoint_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_err err = { 0 };
    struct sl_otel_conf *conf = SL_CONTAINER_OF(field, struct sl_otel_conf, endpoint);
    return endpoint_read(conf, bind->arena, false, &err) < 0
               ? FAIL(bind, val, "is not the address of a collector, like http://127.0.0.1:4318: %s", err.text)
               : 0;
}

static int sample_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    double *sample = field;
    bool is_number = val->kind <= SL_VAL_STRING && sl_parse_double(val->text, sample) == 0;
    return is_number && *sample >= 0 && *sample <= 1
               ? 0
               : FAIL(bind, val, "must be a number from 0 (no call) to 1 (all calls): 0.01 is one call in a hundred");
}

static int headers_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_otel_conf *conf = SL_CONTAINER_OF(field, struct sl_otel_conf, headers);
    if (val->kind != SL_VAL_MAP || val->n > HEADERS_MAX) {
        return FAIL(bind, val, "must be a map of at most %d headers: { name: value }", HEADERS_MAX);
    }
    conf->headers = SL_ARENA_ARRAY(bind->arena, struct sl_route_header, val->n + 1);
    conf->says_headers = true;
    int r = conf->headers ? 0 : FAIL(bind, val, "out of memory");
    for (uint32_t i = 0; r == 0 && bind->resolve && i < val->n; i++) {
        r = sl_route_header_bind(bind, &val->items[i], &conf->headers[conf->n_headers++]);
    }
    return r;
}

const struct sl_opt sl_otel_opts[] = {
    { "endpoint", SL_OPT_URL, offsetof(struct sl_otel_conf, endpoint), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      endpoint_check,
      "a collector that takes OTLP over HTTP, like http://127.0.0.1:4318; " TRACES_PATH
      " is added where the URL does not end with it; without an endpoint there are no traces" },
    { "headers", SL_OPT_CUSTOM, offsetof(struct sl_otel_conf, headers), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      headers_check, "sent with each request to it: { name: value }; a value may be a secret by reference",
      .forms = "{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[{\"type\":\"number\"},{\"$ref\":\"#/"
               "components/schemas/FileSecret\"}]}}" },
    { "sample", SL_OPT_CUSTOM, offsetof(struct sl_otel_conf, sample), "1", 0, 0, SL_OPT_RELOAD, NULL, NULL,
      sample_check,
      "the share of calls that are traced, from 0 to 1, where the caller's traceparent does not decide it",
      .forms = "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}" },
    { NULL },
};

int sl_otel_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_otel_conf *conf = SL_ARENA_NEW(bind->arena, struct sl_otel_conf);
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map like { endpoint: http://127.0.0.1:4318 }; for no traces leave it out");
    }
    if (!conf) {
        return FAIL(bind, val, "out of memory");
    }
    *(struct sl_otel_conf **)field = conf;
    conf->says_sample = !sl_val_is_nothing(sl_val_find(val, "sample"));
    return sl_opt_bind(bind, sl_otel_opts, val, conf);
}

void sl_otel_conf_done(struct sl_otel_conf *conf)
{
    for (uint32_t i = 0; conf && i < conf->n_headers; i++) {
        sl_secret_done(&conf->headers[i].value);
    }
}

/* --- the environment --- */

/* What the environment says is never an error: it may be meant for other programs. */
static void ignored(struct sl_bind *bind, const char *name, const char *why)
{
    sl_bind_problem(bind, SL_PROBLEM_WARNING, (struct sl_pos){ name, 0, 0 }, "", "%s", why);
}

/* The value of a variable; an empty one counts as not set. */
static const char *env_get(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

/* The first of two that is set. */
static const char *env_first(const char *of_traces, const char *of_all, const char **ret_name)
{
    const char *text = env_get(of_traces);
    *ret_name = text ? of_traces : of_all;
    return text ? text : env_get(of_all);
}

static void endpoint_from_env(struct sl_bind *bind, struct sl_otel_conf *conf)
{
    const char *name, *text, *protocol_name;
    text = env_first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", &name);
    const char *protocol = env_first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL",
                                     &protocol_name);
    const char *exporter = env_get("OTEL_TRACES_EXPORTER");
    struct sl_err err = { 0 };
    if (!text || (exporter && strcmp(exporter, "otlp") != 0)) {
        return;
    }
    if (protocol && strcmp(protocol, "http/protobuf") != 0) {
        ignored(bind, protocol_name, "no traces are sent: this gateway speaks http/protobuf only");
        return;
    }
    conf->endpoint = sl_arena_dup(bind->arena, sl_str_c(text));
    if (endpoint_read(conf, bind->arena, strcmp(name, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == 0, &err) < 0) {
        char why[SL_ERR_TEXT_MAX + 64];
        snprintf(why, sizeof(why), "no traces are sent: the address cannot be used: %s", err.text);
        ignored(bind, name, why);
    }
}

/* Takes the next of "name=value,name=value". False: there is none. *ret_value: p == NULL: it is malformed. */
static bool pair_next(struct sl_str *io_rest, struct sl_arena *arena, struct sl_str *ret_key, struct sl_str *ret_value)
{
    struct sl_str word;
    do {
        if (!sl_str_next(io_rest, ',', &word)) {
            return false;
        }
        word = sl_str_trim(word);
    } while (!word.n);
    ptrdiff_t eq = sl_str_find_char(word, '=', 0);
    *ret_key = sl_str_trim(sl_str_sub(word, 0, eq < 0 ? 0 : (size_t)eq));
    struct sl_str value = sl_str_trim(sl_str_sub(word, (size_t)(eq + 1), word.n));
    if (eq < 1 || sl_percent_decode(value, arena, ret_value) < 0) {
        *ret_value = SL_STR_NONE;
    }
    return true;
}

/* A literal: what the variable says is not read again as a reference to a secret. */
static int literal(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err)
{
    (void)arg;
    return sl_secret_set(ret, val->text) < 0 ? sl_fail_nomem(err) : 0;
}

static void headers_from_env(struct sl_bind *bind, struct sl_otel_conf *conf)
{
    static const char *const names[] = { "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS" };
    const char *name = env_get(names[0]) ? names[0] : names[1];
    const char *text = sl_env_secret(names[0]);
    text = text && *text ? text : sl_env_secret(names[1]);
    struct sl_str rest = sl_str_c(text ? text : ""), key, value;
    struct sl_problems hidden; /* they could quote a secret */
    sl_problems_init(&hidden, bind->arena);
    struct sl_bind own = { .arena = bind->arena, .problems = &hidden, .resolve = literal };
    conf->headers = rest.n ? SL_ARENA_ARRAY(bind->arena, struct sl_route_header, HEADERS_MAX) : NULL;
    while (conf->headers && conf->n_headers < HEADERS_MAX && pair_next(&rest, bind->arena, &key, &value)) {
        struct sl_val val = { .kind = SL_VAL_STRING, .text = value };
        struct sl_val_item item = { .key = key, .val = &val };
        if (!value.p || sl_route_header_bind(&own, &item, &conf->headers[conf->n_headers]) < 0) {
            ignored(bind, name, "an entry is ignored: the form is name=value,name=value, with values as in a URL");
            continue;
        }
        conf->n_headers++;
    }
}

static void sampler_from_env(struct sl_bind *bind, struct sl_otel_conf *conf)
{
    static const struct {
        const char *word;
        double sample;
        bool has_arg, ignores_parent;
    } samplers[] = {
        { "parentbased_always_on", 1, false, false },
        { "parentbased_always_off", 0, false, false },
        { "parentbased_traceidratio", 1, true, false },
        { "always_on", 1, false, true },
        { "always_off", 0, false, true },
        { "traceidratio", 1, true, true },
    };
    const char *word = env_get("OTEL_TRACES_SAMPLER"), *arg = env_get("OTEL_TRACES_SAMPLER_ARG");
    size_t i = 0;
    while (word && i < SL_ARRAY_LEN(samplers) && strcmp(word, samplers[i].word) != 0) {
        i++;
    }
    if (!word || i == SL_ARRAY_LEN(samplers)) {
        if (word) {
            ignored(bind, "OTEL_TRACES_SAMPLER",
                    "is ignored: the gateway knows always_on, always_off and traceidratio, and the same with "
                    "parentbased_ before");
        }
        return;
    }
    conf->sample = samplers[i].sample;
    conf->ignores_parent = samplers[i].ignores_parent;
    double share;
    if (samplers[i].has_arg && arg) {
        if (sl_parse_double(sl_str_c(arg), &share) < 0 || share < 0 || share > 1) {
            ignored(bind, "OTEL_TRACES_SAMPLER_ARG", "is ignored: it must be a number from 0 to 1");
        } else {
            conf->sample = share;
        }
    }
}

static void timeout_from_env(struct sl_bind *bind, struct sl_otel_conf *conf)
{
    const char *name;
    const char *text = env_first("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", &name);
    uint64_t msec;
    if (text && sl_parse_u64(sl_str_c(text), 1, 600000, &msec) < 0) {
        ignored(bind, name, "is ignored: it must be a number of milliseconds from 1 to 600000");
    } else if (text) {
        conf->timeout_usec = msec * SL_USEC_PER_MSEC;
    }
}

/* What all spans have in common: who sends them. */
static void resource_make(struct sl_bind *bind, bool has_env, struct sl_otel_conf *conf)
{
    struct sl_buf buf = SL_BUF_INIT(RESOURCE_MAX);
    const char *all = has_env ? env_get("OTEL_RESOURCE_ATTRIBUTES") : NULL;
    const char *service = has_env ? env_get("OTEL_SERVICE_NAME") : NULL;
    struct sl_str rest = sl_str_c(all ? all : ""), name = sl_str_c(service ? service : "sluice"), key, value;
    bool has_version = false;
    while (pair_next(&rest, bind->arena, &key, &value)) {
        if (!value.p) {
            ignored(bind, "OTEL_RESOURCE_ATTRIBUTES",
                    "an entry is ignored: the form is name=value,name=value, with values as in a URL");
        } else if (sl_str_eq_c(key, "service.name")) {
            name = service ? name : value;
        } else {
            has_version |= sl_str_eq_c(key, "service.version");
            sl_otlp_resource_add(&buf, key, value);
        }
    }
    sl_otlp_resource_add(&buf, SL_STR("service.name"), name);
    if (!has_version) {
        sl_otlp_resource_add(&buf, SL_STR("service.version"), SL_STR(SL_VERSION));
    }
    conf->resource = sl_buf_status(&buf) < 0 ? SL_STR_NONE : sl_arena_dup(bind->arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
}

static bool is_disabled(void)
{
    const char *text = env_get("OTEL_SDK_DISABLED");
    return text && strcasecmp(text, "true") == 0;
}

/* The half of an id, without its lowest bit, is below 2^63. */
static uint64_t below_of(double sample)
{
    return sample >= 1 ? UINT64_MAX : (uint64_t)(sample * 9223372036854775808.0);
}

void sl_otel_finish(struct sl_bind *bind, bool has_env, struct sl_otel_conf **io)
{
    struct sl_otel_conf *conf = *io;
    if (!conf && has_env) {
        conf = SL_ARENA_NEW(bind->arena, struct sl_otel_conf);
        if (conf) {
            conf->sample = 1;
        }
    }
    *io = NULL;
    if (!conf) {
        return;
    }
    if (has_env && !conf->endpoint.p) {
        endpoint_from_env(bind, conf);
    }
    if (!conf->endpoint.p || (has_env && is_disabled())) {
        sl_otel_conf_done(conf);
        return;
    }
    conf->timeout_usec = TIMEOUT_USEC;
    if (has_env) {
        timeout_from_env(bind, conf);
    }
    if (has_env && !conf->says_headers) {
        headers_from_env(bind, conf);
    }
    if (has_env && !conf->says_sample) {
        sampler_from_env(bind, conf);
    }
    conf->sampled_below = below_of(conf->sample);
    resource_make(bind, has_env, conf);
    if (!conf->resource.p) {
        sl_otel_conf_done(conf); /* no memory */
        return;
    }
    *io = conf;
}
