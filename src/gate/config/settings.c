/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/settings.h"

#include <stdlib.h>

#include "base/num.h"
#include "gate/config/alert_conf.h"
#include "gate/config/group.h"
#include "gate/config/group_conf.h"
#include "gate/config/key.h"
#include "gate/config/keyring.h"
#include "gate/config/models.h"
#include "gate/config/networks.h"
#include "gate/config/otel_conf.h"
#include "gate/config/picture.h"
#include "gate/config/oidc_conf.h"
#include "gate/config/prices.h"
#include "gate/config/proxy_url.h"
#include "gate/config/route_conf.h"
#include "gate/config/server_conf.h"
#include "llm/price/table.h"
#include "net/noproxy.h"
#include "net/tls.h"

#define SEC  SL_USEC_PER_SEC
#define MSEC SL_USEC_PER_MSEC
#define DAY  (86400 * SEC)
#define MIB  (1024ull * 1024)
#define GIB  (1024 * MIB)

#define END_OF_TABLE                                                \
    {                                                               \
        NULL, SL_OPT_BOOL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL \
    }

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL }; /* enum sl_log_level */
static const char *const log_formats[] = { "auto", "json", "text", NULL };             /* enum sl_log_format */
static const char *const metrics_access[] = { "auto", "open", "viewer", "admin", NULL };

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

/* --- values of their own form --- */

static int allow_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_upstream_settings *upstream = SL_CONTAINER_OF(field, struct sl_upstream_settings, allow);
    return sl_networks_bind(bind, val, &upstream->allow, &upstream->guard.allow);
}

static int except_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_proxy_settings *proxy = SL_CONTAINER_OF(field, struct sl_proxy_settings, except);
    proxy->rules = sl_noproxy_new(bind->arena, proxy->except.n);
    if (!proxy->rules) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < proxy->except.n; i++) {
        if (sl_noproxy_parse(proxy->except.v[i], &proxy->rules->v[proxy->rules->n++]) < 0) {
            return FAIL(bind, val, "\"%.*s\" is not a host, a domain like .example.com, an address or a network",
                        SL_STR_ARG(proxy->except.v[i]));
        }
    }
    return 0;
}

static const struct sl_opt proxy_opts[] = {
    { "url", SL_OPT_URL, offsetof(struct sl_proxy_settings, url), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      NULL, sl_proxy_url_check, "the proxy's URL: http://[user:password@]host:port" },
    { "except", SL_OPT_STR_LIST, offsetof(struct sl_proxy_settings, except), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      except_check,
      "what is reached without the proxy: hosts, domains with all hosts below them (.example.com), addresses and "
      "networks, each with :port if wanted; the values of the variable NO_PROXY are added" },
    END_OF_TABLE,
};

/* Takes the URL alone, or the map. */
static int proxy_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_proxy_settings *proxy = field;
    if (val->kind == SL_VAL_MAP) {
        return sl_opt_bind(bind, proxy_opts, val, proxy);
    }
    if (val->kind != SL_VAL_STRING) {
        return FAIL(bind, val, "must be a URL, or { url: …, except: […] }");
    }
    proxy->url = sl_arena_dup(bind->arena, val->text);
    return proxy->url.p ? sl_proxy_url_check(bind, row, val, &proxy->url) : FAIL(bind, val, "out of memory");
}

/* The bootstrap key: it may do everything. */
static int admin_key_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_auth_settings *auth = SL_CONTAINER_OF(field, struct sl_auth_settings, has_admin_key);
    struct sl_key_spec spec = { .name = SL_STR("admin"), .role = SL_ROLE_ADMIN, .is_of_file = true };
    int r = sl_key_text_bind(bind, val, spec.hash);
    if (r < 0) {
        return r;
    }
    struct sl_key *key = sl_key_new(&spec);
    r = key ? sl_keyring_add(auth->ring, key) : SL_E_NOMEM;
    sl_key_unref(key); /* the ring holds its own reference */
    if (r < 0) {
        return FAIL(bind, val, "%s", r == SL_E_EXISTS ? "is one of auth.keys, too" : "out of memory");
    }
    auth->has_admin_key = true;
    return 0;
}

static int keys_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    return sl_keys_bind(bind, val, *(struct sl_keyring **)field);
}

static int groups_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    return sl_groups_bind(bind, val, *(struct sl_group_defs **)field);
}

/* --- tables --- */

#define ROW(type_, key_, kind_, field_, def_, min_, max_, flags_, help_)                        \
    {                                                                                           \
        key_, kind_, offsetof(type_, field_), def_, min_, max_, flags_, NULL, NULL, NULL, help_ \
    }
#define ROW_CHECK(type_, key_, kind_, field_, def_, flags_, check_, help_)                  \
    {                                                                                       \
        key_, kind_, offsetof(type_, field_), def_, 0, 0, flags_, NULL, NULL, check_, help_ \
    }
#define MAP(type_, key_, field_, sub_, help_)                                             \
    {                                                                                     \
        key_, SL_OPT_MAP, offsetof(type_, field_), NULL, 0, 0, 0, NULL, sub_, NULL, help_ \
    }

#define UP(key_, kind_, field_, def_, min_, max_, help_) \
    ROW(struct sl_upstream_settings, key_, kind_, field_, def_, min_, max_, SL_OPT_RELOAD, help_)
static const struct sl_opt pool_opts[] = {
    UP("idle_per_origin", SL_OPT_U32, pool_idle_per_origin, "64", 0, 10000,
       "idle connections that a worker keeps for one origin"),
    UP("idle_timeout", SL_OPT_USEC, pool_idle_usec, "60s", MSEC, DAY, "how long an idle connection is kept"),
    END_OF_TABLE,
};

static const struct sl_opt upstream_limit_opts[] = {
    UP("reply", SL_OPT_BYTES, reply_bytes, "32MiB", 1024, GIB,
       "size of a reply that must be collected before it is translated; beyond it 502"),
    UP("event", SL_OPT_BYTES, event_bytes, "16MiB", 65536, GIB,
       "size of one event of a stream; beyond it the stream ends with an error"),
    END_OF_TABLE,
};

static const struct sl_opt retry_budget_opts[] = {
    UP("share", SL_OPT_SHARE, retry_share, "20%", 0, 100,
       "how many repeats may be made: a share of the calls that began in the last second"),
    UP("least", SL_OPT_U32, retry_least, "10", 0, 1000000, "but at least this many in a second"),
    END_OF_TABLE,
};

/* `off` is refused: it could mean no bound, or no repeats. */
static int retry_budget_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    (void)field;
    sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL,
                    "must be a map like { share: 20%%, least: 10 }; no repeats at all are { share: 0%%, least: 0 }, as "
                    "many as `retries` allow { share: 100%%, least: 1000000 }");
    return SL_E_INVAL;
}

static const struct sl_opt upstream_opts[] = {
    { "", SL_OPT_ROWS, offsetof(struct sl_upstream_settings, route), NULL, 0, 0, 0, NULL, sl_route_conf_rows, NULL,
      NULL },
    UP("tcp_keepalive", SL_OPT_USEC, tcp_keepalive_usec, "60s", 0, 7200 * SEC,
       "how long an upstream connection may be silent before TCP asks whether it is still there; 0s: never"),
    { "retry_budget", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, retry_budget_opts, retry_budget_check,
      "repeats at one target and hedges that the whole process makes in a second, at most" },
    { "pool", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, pool_opts, NULL, "idle upstream connections" },
    { "limits", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, upstream_limit_opts, NULL, "sizes" },
    { "proxy", SL_OPT_CUSTOM, offsetof(struct sl_upstream_settings, proxy), NULL, 0, 0, SL_OPT_RELOAD, NULL, proxy_opts,
      proxy_check, "HTTP proxy for all upstreams, used with CONNECT: its URL, or a map; a route may have its own",
      .forms = "{\"type\":\"string\",\"pattern\":\"^http://\"},%" },
    ROW(struct sl_upstream_settings, "ca", SL_OPT_PATH, ca, NULL, 0, 0, SL_OPT_RELOAD,
        "certificate authorities (PEM) beside the system's"),
    ROW_CHECK(struct sl_upstream_settings, "allow", SL_OPT_STR_LIST, allow, NULL, SL_OPT_RELOAD, allow_check,
              "private networks (CIDR) that routes made over the API may reach"),
    END_OF_TABLE,
};

static const struct sl_opt auth_opts[] = {
    { "admin_key", SL_OPT_CUSTOM, offsetof(struct sl_auth_settings, has_admin_key), NULL, 0, 0, SL_OPT_RELOAD, NULL,
      NULL, admin_key_check,
      "the first admin key: $NAME, { file: PATH } or { sha256: HEX }; default: SLUICE_ADMIN_KEY, else a key that the "
      "first start makes in the data directory",
      .forms = "{\"$ref\":\"#/components/schemas/FileKeyText\"}" },
    { "metrics", SL_OPT_ENUM, offsetof(struct sl_auth_settings, metrics), "auto", 0, 0, SL_OPT_RELOAD, metrics_access,
      NULL, NULL,
      "who may read /metrics: everyone (open), keys of role viewer or above (viewer), or of role admin only (admin), "
      "all of them without a group; auto: open if every listener is loopback or a unix socket, else viewer" },
    { "keys", SL_OPT_CUSTOM, offsetof(struct sl_auth_settings, ring), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, keys_check,
      "API keys of the file: a list of { name, key, principal, group, limits, role, routes, expires_at }",
      .forms = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/FileKey\"}}" },
    { "oidc", SL_OPT_CUSTOM, offsetof(struct sl_auth_settings, oidc), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_oidc_opts,
      sl_oidc_check, "an identity provider (OpenID Connect) by which people log in to the console: docs/login.md" },
    END_OF_TABLE,
};

/* Takes "auth: none" or the map. */
static int auth_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_auth_settings *auth = field;
    if (val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "none")) {
        auth->mode = SL_AUTH_NONE;
        return 0;
    }
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be none, or a map with keys and admin_key (it may be {})");
    }
    auth->mode = SL_AUTH_KEYS;
    return sl_opt_bind(bind, auth_opts, val, field);
}

static const struct sl_opt metrics_opts[] = {
    ROW(struct sl_settings, "max_routes", SL_OPT_U32, metrics_max_routes, "1000", 0, 1000000, SL_OPT_RELOAD,
        "how many routes have a label of their own; the rest is \"other\""),
    ROW(struct sl_settings, "histogram_routes", SL_OPT_U32, metrics_histogram_routes, "100", 0, 1000000, SL_OPT_RELOAD,
        "how many of these have times and tokens of their own, up to 15 KB of /metrics each; the first that are called "
        "get them, the rest is \"other\" there"),
    ROW(struct sl_settings, "max_accounts", SL_OPT_U32, metrics_max_accounts, "0", 0, 1000000, SL_OPT_RELOAD,
        "how many groups, keys and routes with limits have in /metrics how much of them is used; 0: none"),
    ROW(struct sl_settings, "max_targets", SL_OPT_U32, metrics_max_targets, "1000", 0, 1000000, SL_OPT_RELOAD,
        "how many targets, of routes with several, have their state in /metrics; the rest is left out"),
    END_OF_TABLE,
};

static const struct sl_opt responses_opts[] = {
    ROW(struct sl_settings, "max", SL_OPT_U32, responses_max, "100000", 0, 10000000, SL_OPT_RELOAD,
        "for how many responses the upstream is remembered for 24 hours, so that they can be read again; beyond it the "
        "oldest are forgotten"),
    END_OF_TABLE,
};

static const char *const unknown_words[] = { "allow", "refuse", NULL };

static const struct sl_opt prices_opts[] = {
    ROW(struct sl_settings, "file", SL_OPT_PATH, prices_file, NULL, 0, 0, SL_OPT_RELOAD,
        "a price table (JSON, up to 64 MiB) in the form of the public one, which loads as it stands"),
    { "models", SL_OPT_CUSTOM, offsetof(struct sl_settings, prices_models), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      sl_prices_models_check,
      "prices over those of the table: a map from PROVIDER/MODEL (or the model alone) to prices with the table's names "
      "(docs/usage.md)",
      .forms = "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\"}}" },
    { "unknown", SL_OPT_ENUM, offsetof(struct sl_settings, prices_refuse_unknown), "allow", 0, 0, SL_OPT_RELOAD,
      unknown_words, NULL, NULL,
      "calls of a model without a known price where money is limited: allow (they count as nothing), or refuse" },
    END_OF_TABLE,
};

static const struct sl_opt requests_opts[] = {
    ROW(struct sl_requests_settings, "keep", SL_OPT_USEC, keep_usec, "30d", 60 * SEC, 36500 * DAY, SL_OPT_RELOAD,
        "how long rows are kept; files of rows are deleted whole, so up to a thirty-second part longer"),
    ROW(struct sl_requests_settings, "size", SL_OPT_BYTES, size_bytes, "10GiB", 16 * MIB, 1024 * 1024 * GIB,
        SL_OPT_RELOAD, "the most bytes of all its files; beyond it the oldest rows are deleted"),
    END_OF_TABLE,
};

/* Takes on, off or a map. */
static int requests_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_requests_settings *requests = field;
    bool is_on = true;
    if (val->kind == SL_VAL_MAP) {
        requests->is_off = false;
        return sl_opt_bind(bind, requests_opts, val, requests);
    }
    if (val->kind > SL_VAL_STRING || sl_parse_bool(val->text, &is_on) < 0) {
        return FAIL(bind, val, "must be on, off, or a map like { keep: 30d, size: 10GiB }");
    }
    sl_opt_defaults(requests_opts, requests, bind);
    requests->is_off = !is_on;
    return 0;
}

static bool requests_same(const void *a, const void *b)
{
    return ((const struct sl_requests_settings *)a)->is_off == ((const struct sl_requests_settings *)b)->is_off;
}

static const struct sl_opt reserve_opts[] = {
    ROW(struct sl_settings, "output", SL_OPT_U32, limits_reserve_output, "4096", 0, 10000000, SL_OPT_RELOAD,
        "the most tokens of an answer that a call reserves when it begins: its own max_tokens if that is less"),
    END_OF_TABLE,
};

static const struct sl_opt limits_opts[] = {
    { "reserve", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, reserve_opts, NULL,
      "what a call takes from limits of tokens until its usage is known" },
    ROW(struct sl_settings, "max_counters", SL_OPT_U32, limits_max_counters, "131072", 64, 100000000, 0,
        "how many counters of single callers there are, and how many of sessions; beyond it whoever has most gives "
        "way"),
    ROW(struct sl_settings, "max_group_keys", SL_OPT_U32, limits_max_group_keys, "1000", 1, 1000000, SL_OPT_RELOAD,
        "how many keys there may be in a topmost group and those below it, for its own admins to make one more"),
    ROW(struct sl_settings, "max_subgroups", SL_OPT_U32, limits_max_subgroups, "100", 1, 10000, SL_OPT_RELOAD,
        "how many groups that calls made there may be below a topmost group, for its own admins to make one more"),
    END_OF_TABLE,
};

/* Refuses words that other servers use for "none": as a file's name they are a mistake. */
static int log_access_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    bool is_on;
    struct sl_str text = *(struct sl_str *)field;
    if (text.n == 0 || sl_parse_bool(text, &is_on) == 0) {
        return FAIL(bind, val, "must be stdout, stderr, none or a file's path");
    }
    return 0;
}

static const struct sl_opt log_opts[] = {
    { "access", SL_OPT_STR, offsetof(struct sl_settings, log_access), "stdout", 0, 0, 0, NULL, NULL, log_access_check,
      "the access log: stdout, stderr, none or a file" },
    { "level", SL_OPT_ENUM, offsetof(struct sl_settings, log_level), "info", 0, 0, SL_OPT_RELOAD, log_levels, NULL,
      NULL, "the level of the operator's log on stderr" },
    { "format", SL_OPT_ENUM, offsetof(struct sl_settings, log_format), "auto", 0, 0, 0, log_formats, NULL, NULL,
      "of both logs: auto (short lines for people on a terminal; elsewhere JSON for the access log and plain lines for "
      "the operator's), json, or text" },
    END_OF_TABLE,
};

static const struct sl_opt sections[] = {
    MAP(struct sl_settings, "server", server, sl_server_rows, "the client's side"),
    MAP(struct sl_settings, "upstream", upstream, upstream_opts, "the providers' side"),
    { "auth", SL_OPT_CUSTOM, offsetof(struct sl_settings, auth), NULL, 0, 0, SL_OPT_RELOAD, NULL, auth_opts, auth_check,
      "who may call: a map, {} for the admin key only; none: everyone, on any address; left out: everyone, on loopback "
      "only",
      .forms = "{\"const\":\"none\"},%" },
    { "groups", SL_OPT_CUSTOM, offsetof(struct sl_settings, groups), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_group_opts,
      groups_check, "groups of keys: a list", .forms = "{\"type\":\"array\",\"items\":%}" },
    { "responses", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, responses_opts, NULL, "/v1/responses/{id}" },
    { "store", SL_OPT_CUSTOM, offsetof(struct sl_settings, store), "sqlite", 0, 0, 0, NULL, sl_store_opts,
      sl_store_conf_check,
      "where routes, limits, keys and usage are kept: sqlite (in the data directory), or a map with a database that "
      "many machines share (docs/many-machines.md)",
      sl_store_conf_same, .forms = "{\"const\":\"sqlite\"},%" },
    { "node", SL_OPT_STR, offsetof(struct sl_settings, node), "auto", 0, 0, 0, NULL, NULL, sl_node_conf_check,
      "the name of this node among those that share a database, each its own: auto (the host's name and a random id "
      "that is kept in the data directory), or letters, digits, '.', '_' and '-'" },
    { "requests", SL_OPT_CUSTOM, offsetof(struct sl_settings, requests), "on", 0, 0, SL_OPT_OR_OFF, NULL, requests_opts,
      requests_check, "the request log in the data directory: a map, on or off", requests_same,
      .forms = "%,{\"enum\":[\"on\",\"off\",true,false]}" },
    { "counters", SL_OPT_CUSTOM, offsetof(struct sl_settings, counters), "local", 0, 0, 0, NULL, sl_counters_opts,
      sl_counters_check,
      "where limits are counted: local (in this process), or a map that names a Redis server, so that several nodes "
      "count together",
      sl_counters_same, .forms = "{\"const\":\"local\"},%" },
    { "limits", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, limits_opts, NULL, "how limits of routes count" },
    { "alerts", SL_OPT_CUSTOM, offsetof(struct sl_settings, alerts), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_alert_opts,
      sl_alerts_check, "tells the operator how much of a limit is used; without it nobody is told" },
    { "metrics", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, metrics_opts, NULL, "/metrics" },
    { "otel", SL_OPT_CUSTOM, offsetof(struct sl_settings, otel), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_otel_opts,
      sl_otel_check, "traces for OpenTelemetry (docs/tracing.md); what it does not say, the variables OTEL_… may say" },
    { "models", SL_OPT_CUSTOM, offsetof(struct sl_settings, models), NULL, 0, 0, SL_OPT_RELOAD, NULL, sl_own_model_opts,
      sl_models_check, "facts about models; the key is the beginning of their name (with or without a * at its end)",
      .forms = "{\"type\":\"object\",\"additionalProperties\":%}" },
    { "prices", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, prices_opts, NULL,
      "what models cost; without it only a few prices are known" },
    { "log", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, log_opts, NULL, "logs" },
    END_OF_TABLE,
};

const struct sl_opt *sl_settings_rows(void)
{
    return sections;
}

const char *sl_settings_file(const struct sl_settings *settings)
{
    return settings->file.p ? settings->file.p : SL_SETTINGS_EMBEDDED;
}

struct sl_settings *sl_settings_new(void)
{
    struct sl_settings *settings = calloc(1, sizeof(*settings));
    struct sl_keyring *ring = calloc(1, sizeof(*ring));
    struct sl_group_defs *groups = calloc(1, sizeof(*groups));
    if (!settings || !ring || !groups) {
        free(settings);
        free(ring);
        free(groups);
        return NULL;
    }
    settings->refs = 1;
    settings->auth.ring = ring;
    settings->groups = groups;
    sl_arena_init(&settings->arena, NULL);
    return settings;
}

struct sl_settings *sl_settings_ref(struct sl_settings *settings)
{
    atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
    return settings;
}

void sl_settings_unref(struct sl_settings *settings)
{
    if (settings && atomic_fetch_sub_explicit(&settings->refs, 1, memory_order_acq_rel) == 1) {
        sl_keyring_done(settings->auth.ring);
        free(settings->auth.ring);
        sl_group_defs_done(settings->groups);
        free(settings->groups);
        sl_tls_ctx_unref(settings->server_tls);
        sl_tls_ctx_unref(settings->client_tls);
        sl_picture_free(settings->picture);
        sl_prices_free(settings->prices);
        sl_alert_conf_done(settings->alerts);
        sl_otel_conf_done(settings->otel);
        sl_oidc_conf_done(settings->auth.oidc);
        sl_store_conf_done(&settings->store);
        sl_secret_done(&settings->counters.password);
        sl_arena_done(&settings->arena);
        free(settings);
    }
}
