/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/counters_conf.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/opt.h"
#include "gate/fleet/conf.h"
#include "wire/uri.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

#define PORT   6379
#define DB_MAX 1000000
/* It is a part of every key. */
#define NS_MAX 64

/* Beyond this it is no list that a person wrote. */
#define PLACES_MAX 64

static const char url_words[] = "must be redis://[user@]host[:port][/database], or rediss://… for TLS";
static const char list_words[] =
    "must be redis://[user@]host[:port][/name][/database] in a list, name being the one that "
    "Sentinels have for the server";

/* Reads a URL; `ret_password`: p == NULL when it has none. What it says goes into the settings, but its place into
 * `ret_place`. */
static int url_read(struct sl_bind *bind, const struct sl_val *val, struct sl_counters_settings *settings,
                    struct sl_fleet_place *ret_place, struct sl_str *ret_password)
{
    static const struct sl_str plain = SL_STR_INIT("redis://"), secure = SL_STR_INIT("rediss://");
    const char *words = settings->is_list ? list_words : url_words;
    struct sl_uri uri;
    uint64_t db = 0;
    bool is_tls = sl_str_has_prefix(val->text, secure);
    size_t n = is_tls ? secure.n : plain.n;
    if (val->kind != SL_VAL_STRING || (!is_tls && !sl_str_has_prefix(val->text, plain))) {
        return FAIL(bind, val, "%s", words);
    }
    /* The rest has the form of any URL. */
    struct sl_str rest = sl_str_sub(val->text, n, val->text.n);
    struct sl_str parts[] = { SL_STR("http://"), rest };
    struct sl_str http = sl_arena_join(bind->arena, parts, SL_ARRAY_LEN(parts));
    if (!http.p || sl_uri_parse(http, &uri, NULL) < 0 || uri.has_query) {
        return FAIL(bind, val, "%s", words);
    }
    struct sl_str path = sl_str_sub(uri.path, 1, uri.path.n), name = SL_STR(""), part = path;
    if (settings->is_list && path.n && !(path.p[0] >= '0' && path.p[0] <= '9')) {
        SL_IGNORE(!sl_str_next(&path, '/', &name));
        part = path;
    }
    if (settings->is_list && !uri.has_port) {
        return FAIL(bind, val, "must name the port: that of a Sentinel is mostly 26379, that of a server %d", PORT);
    }
    if (part.n && sl_parse_u64(part, 0, DB_MAX, &db) < 0) {
        return FAIL(bind, val, "%s: the database is a number", words);
    }
    struct sl_str password = uri.userinfo, user = SL_STR("");
    bool has_password = sl_str_find_char(uri.userinfo, ':', 0) >= 0;
    SL_IGNORE(!sl_str_next(&password, ':', &user));
    if (sl_percent_decode(user, bind->arena, &settings->user) < 0 ||
        (has_password && sl_percent_decode(password, bind->arena, &password) < 0)) {
        return FAIL(bind, val, "has a bad escape in its user or password: write %% as %%25");
    }
    settings->redis = SL_STR("redis");
    *ret_place = (struct sl_fleet_place){ uri.host, uri.has_port ? uri.port : PORT };
    settings->master = name;
    settings->is_tls = is_tls;
    settings->db = (uint32_t)db;
    *ret_password = has_password ? password : SL_STR_NONE;
    return 0;
}

/* The same, of one or several places. */
static int urls_read(struct sl_bind *bind, const struct sl_val *val, struct sl_counters_settings *settings,
                     struct sl_str *ret_password)
{
    settings->is_list = val->kind == SL_VAL_LIST;
    uint32_t n = settings->is_list ? val->n : 1;
    if (!n || n > PLACES_MAX) {
        return FAIL(bind, val, "must have 1 to %d addresses", PLACES_MAX);
    }
    settings->places = SL_ARENA_ARRAY(bind->arena, struct sl_fleet_place, n);
    if (!settings->places) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_val *one = settings->is_list ? val->items[i].val : val;
        const struct sl_counters_settings first = *settings;
        struct sl_str password;
        if (url_read(bind, one, settings, &settings->places[i], &password) < 0) {
            return SL_E_INVAL;
        }
        *ret_password = password.p ? password : *ret_password;
        if (i && (first.is_tls != settings->is_tls || first.db != settings->db ||
                  !sl_str_eq(first.user, settings->user) || !sl_str_eq(first.master, settings->master))) {
            return FAIL(bind, one, "must be as the first address but for host and port");
        }
    }
    settings->n_places = n;
    return 0;
}

static int redis_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_str password = SL_STR_NONE;
    struct sl_counters_settings *settings = SL_CONTAINER_OF(field, struct sl_counters_settings, redis);
    int r = urls_read(bind, val, settings, &password);
    return r == 0 && password.p ? FAIL(bind, val, "must not have a password: write it as `password: $NAME`") : r;
}

static int ns_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_str ns = *(struct sl_str *)field;
    bool is_good = ns.n && ns.n <= NS_MAX;
    for (size_t i = 0; i < ns.n; i++) {
        char c = ns.p[i];
        is_good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                   c == '.';
    }
    return is_good ? 0 : FAIL(bind, val, "must be 1 to %d letters, digits, '-', '_' and '.'", NS_MAX);
}

#define AT(field_) offsetof(struct sl_counters_settings, field_)
const struct sl_opt sl_counters_opts[] = {
    { "redis", SL_OPT_CUSTOM, AT(redis), NULL, 0, 0, SL_OPT_REQUIRED, NULL, NULL, redis_check,
      "the server (Redis 6.2 or newer, or Valkey): redis://[user@]host[:port][/database]; rediss://… for TLS, with "
      "the authorities of upstream.ca beside the system's; a list of such addresses: Sentinels, where /name may come "
      "before /database, or nodes of a cluster",
      .forms = "{\"type\":\"string\",\"pattern\":\"^rediss?://\"},{\"type\":\"array\",\"minItems\":1,\"items\":{"
               "\"type\":\"string\",\"pattern\":\"^rediss?://\"}}" },
    { "password", SL_OPT_SECRET, AT(password), NULL, 0, 0, 0, NULL, NULL, NULL,
      "its password: $NAME or { file: PATH }" },
    { "namespace", SL_OPT_STR, AT(ns), "sluice", 0, 0, 0, NULL, NULL, ns_check,
      "a word in all keys: nodes with the same one count together" },
    { "deadline", SL_OPT_USEC, AT(deadline_usec), "50ms", SL_USEC_PER_MSEC, 10 * SL_USEC_PER_SEC, 0, NULL, NULL, NULL,
      "how long a call waits for the server; after that each limit does what its on_loss says" },
    { "wait", SL_OPT_USEC, AT(wait_usec), "0ms", 0, 60 * SL_USEC_PER_SEC, 0, NULL, NULL, NULL,
      "how long calls wait for a server that is lost or slow, from then on, as in a failover, before each limit does "
      "what its on_loss says; 0: not longer than deadline" },
    { NULL, SL_OPT_BOOL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL },
};

int sl_counters_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    if (val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "local")) {
        return 0;
    }
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be local, or a map like { redis: redis://user@host:6379/0, namespace: prod }");
    }
    return sl_opt_bind(bind, sl_counters_opts, val, field);
}

bool sl_counters_same(const void *a, const void *b)
{
    const struct sl_counters_settings *x = a, *y = b;
    bool are_there = x->n_places == y->n_places;
    for (uint32_t i = 0; are_there && i < x->n_places; i++) {
        are_there = sl_str_eq(x->places[i].host, y->places[i].host) && x->places[i].port == y->places[i].port;
    }
    return are_there && !x->redis.p == !y->redis.p && sl_str_eq(x->user, y->user) && x->is_list == y->is_list &&
           sl_str_eq(x->master, y->master) && x->is_tls == y->is_tls && x->db == y->db && sl_str_eq(x->ns, y->ns) &&
           x->deadline_usec == y->deadline_usec && x->wait_usec == y->wait_usec &&
           sl_str_eq(sl_secret_reveal(&x->password), sl_secret_reveal(&y->password));
}

void sl_counters_from_env(struct sl_bind *bind, const char *name, const char *text,
                          struct sl_counters_settings *settings)
{
    struct sl_str password = SL_STR_NONE;
    struct sl_val val = { .kind = SL_VAL_STRING, .text = sl_str_c(text), .pos = { name, 0, 0 } };
    if (!text || !*text || sl_str_has_prefix(val.text, SL_STR("memory://")) || settings->redis.p) {
        return; /* memory:// is MLflow's word for counters in the process */
    }
    sl_opt_defaults(sl_counters_opts, settings, bind);
    if (urls_read(bind, &val, settings, &password) == 0 && password.p &&
        sl_secret_set(&settings->password, password) < 0) {
        SL_IGNORE(FAIL(bind, &val, "out of memory"));
    }
}
