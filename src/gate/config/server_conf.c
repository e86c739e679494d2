/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/server_conf.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/spool.h"
#include "gate/config/networks.h"
#include "gate/config/origins.h"
#include "gate/config/server_settings.h"
#include "net/bind.h"
#include "wire/uri.h"

#define SEC  SL_USEC_PER_SEC
#define MSEC SL_USEC_PER_MSEC
#define DAY  (86400 * SEC)
#define MIB  (1024ull * 1024)
#define GIB  (1024 * MIB)

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

/* --- values of their own form --- */

/* Warns at once; else the first large upload would show the problem. */
static int spool_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_spool spool = SL_SPOOL_INIT;
    struct sl_err err = { 0 };
    int r = sl_spool_open(&spool, *(struct sl_str *)field, NULL, &err);
    if (r == SL_E_LIMIT) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL, "%s", err.text);
        return SL_E_INVAL;
    }
    if (r < 0) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, val->pos, NULL,
                        "no file can be made there, so large uploads are refused: %s; it must be a folder that the "
                        "gateway may write to",
                        err.text);
    }
    sl_spool_close(&spool);
    return 0;
}

/* Takes "auto" or a number. */
static int workers_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    uint32_t *ret = field;
    if (sl_str_eq_c(val->text, "auto")) {
        *ret = 0;
        return 0;
    }
    uint64_t n;
    if (val->kind > SL_VAL_STRING || sl_parse_u64(val->text, 1, 256, &n) < 0) {
        return FAIL(bind, val, "must be auto or a number from 1 to 256");
    }
    *ret = (uint32_t)n;
    return 0;
}

static const struct sl_opt listen_opts[] = {
    { "address", SL_OPT_STR, offsetof(struct sl_listen_conf, address), NULL, 0, 0, SL_OPT_REQUIRED, NULL, NULL, NULL,
      "host:port or unix:/path" },
    { "proxy_protocol", SL_OPT_BOOL, offsetof(struct sl_listen_conf, has_proxy_protocol), "false", 0, 0, 0, NULL, NULL,
      NULL, "connections begin with a PROXY protocol header" },
    { NULL },
};

static int listen_one(struct sl_bind *bind, const struct sl_val *val, struct sl_listen_conf *ret)
{
    if (val->kind == SL_VAL_MAP) {
        int r = sl_opt_bind(bind, listen_opts, val, ret);
        if (r < 0) {
            return r;
        }
    } else if (val->kind == SL_VAL_STRING) {
        *ret = (struct sl_listen_conf){ .address = sl_arena_dup(bind->arena, val->text) };
    } else {
        return FAIL(bind, val, "must be host:port, [v6]:port, unix:/path, or { address: … }");
    }
    struct sl_bind_addr addr;
    struct sl_err err = { 0 };
    return sl_bind_parse(ret->address, &addr, &err) < 0 ? FAIL(bind, val, "%s", err.text) : 0;
}

static bool listen_same(const void *a, const void *b)
{
    const struct sl_server_settings *x = SL_CONTAINER_OF((void *)(uintptr_t)a, struct sl_server_settings, listen);
    const struct sl_server_settings *y = SL_CONTAINER_OF((void *)(uintptr_t)b, struct sl_server_settings, listen);
    bool same = x->n_listen == y->n_listen;
    for (uint32_t i = 0; same && i < x->n_listen; i++) {
        same = sl_str_eq(x->listen[i].address, y->listen[i].address) &&
               x->listen[i].has_proxy_protocol == y->listen[i].has_proxy_protocol;
    }
    return same;
}

static bool u32_same(const void *a, const void *b)
{
    return *(const uint32_t *)a == *(const uint32_t *)b;
}

/* Takes "auto" or a duration. */
static int drain_delay_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    uint64_t *ret = field, v;
    if (val->kind == SL_VAL_STRING && sl_str_eq_c(val->text, "auto")) {
        *ret = SL_DRAIN_DELAY_AUTO;
        return 0;
    }
    if (val->kind > SL_VAL_STRING || sl_parse_duration(val->text, &v) < 0 || v > row->max) {
        return FAIL(bind, val, "must be auto or a duration from 0s to 24h, with its unit (ms, s, m, h)");
    }
    *ret = v;
    return 0;
}

static int listen_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_server_settings *server = SL_CONTAINER_OF(field, struct sl_server_settings, listen);
    uint32_t n = val->kind == SL_VAL_LIST ? val->n : 1;
    struct sl_listen_conf *list = SL_ARENA_ARRAY(bind->arena, struct sl_listen_conf, n ? n : 1);
    if (!list) {
        return FAIL(bind, val, "out of memory");
    }
    if (n == 0) {
        return FAIL(bind, val, "must name at least one address");
    }
    for (uint32_t i = 0; i < n; i++) {
        int r = listen_one(bind, val->kind == SL_VAL_LIST ? val->items[i].val : val, &list[i]);
        if (r < 0) {
            return r;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (sl_str_eq(list[k].address, list[i].address)) {
                return FAIL(bind, val->items[i].val, "\"%.*s\" is there twice", SL_STR_ARG(list[i].address));
            }
        }
    }
    server->listen = list;
    server->n_listen = n;
    return 0;
}

static int trusted_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_server_settings *server = SL_CONTAINER_OF(field, struct sl_server_settings, trusted_proxies);
    return sl_networks_bind(bind, val, &server->trusted_proxies, &server->trusted);
}

static int url_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_uri uri;
    struct sl_err err = { 0 };
    if (sl_uri_parse(*(struct sl_str *)field, &uri, &err) < 0) {
        return FAIL(bind, val, "is not a URL: %s", err.text);
    }
    return 0;
}

/* --- tables --- */

#define ROW(type_, key_, kind_, field_, def_, min_, max_, flags_, check_, help_)                  \
    {                                                                                             \
        key_, kind_, offsetof(type_, field_), def_, min_, max_, flags_, NULL, NULL, check_, help_ \
    }

#define LIMIT(key_, kind_, field_, def_, min_, max_, help_) \
    ROW(struct sl_server_limits, key_, kind_, field_, def_, min_, max_, SL_OPT_RELOAD, NULL, help_)
static const struct sl_opt server_limit_opts[] = {
    LIMIT("head", SL_OPT_BYTES, head_bytes, "64KiB", 1024, MIB,
          "size of a request's head; beyond it 431, or 414 for the request line"),
    LIMIT("body", SL_OPT_BYTES, body_bytes, "32MiB", 1024, GIB, "size of a request's body; beyond it 413"),
    LIMIT("form", SL_OPT_BYTES, form_bytes, "512MiB", 1024, 1024 * GIB,
          "size of a form (multipart/form-data), which is passed on while it comes; beyond it 413"),
    LIMIT("connections", SL_OPT_U32, connections, "10000", 1, 1000000,
          "client connections of all workers; beyond it 503 and close"),
    LIMIT("memory", SL_OPT_BYTES, memory_bytes, "1GiB", MIB, 1024 * GIB,
          "memory for all buffered bodies (over 4 KiB), their JSON tapes, bodies made from them, and collected "
          "replies; beyond it 503"),
    LIMIT("spool", SL_OPT_BYTES, spool_bytes, "4GiB", 0, 1024 * GIB,
          "size of all uploads in files of server.spool; beyond it 503"),
    { NULL },
};

#define TIME(key_, field_, def_, min_, help_) \
    ROW(struct sl_server_timeouts, key_, SL_OPT_USEC, field_, def_, min_, DAY, SL_OPT_RELOAD, NULL, help_)
static const struct sl_opt server_timeout_opts[] = {
    TIME("head", head_usec, "10s", 100 * MSEC, "for a request's head, from its first byte; beyond it 408"),
    TIME("body_idle", body_idle_usec, "60s", 100 * MSEC, "between two pieces of a request's body; beyond it 408"),
    TIME("write_idle", write_idle_usec, "60s", 100 * MSEC,
         "how long a client may take nothing of a reply; beyond it the connection is closed"),
    TIME("keep_alive", keep_alive_usec, "75s", 100 * MSEC, "how long a connection without a request stays open"),
    { "drain_delay", SL_OPT_CUSTOM, offsetof(struct sl_server_timeouts, drain_delay_usec), "auto", 0, DAY,
      SL_OPT_RELOAD, NULL, NULL, drain_delay_check,
      "after SIGTERM: how long /ready says 503 before new connections are refused; auto: 0s when stdin or stderr is a "
      "terminal, else 5s",
      .forms = "{\"const\":\"auto\"},{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|m|h|d)$\"}" },
    TIME("drain", drain_usec, "30s", 0, "after that: how long running calls may go on before they are cut"),
    { NULL },
};

#define SERVER(key_, kind_, field_, def_, min_, max_, flags_, check_, help_) \
    ROW(struct sl_server_settings, key_, kind_, field_, def_, min_, max_, flags_, check_, help_)
static const struct sl_opt tls_opts[] = {
    SERVER("cert", SL_OPT_PATH, tls_cert, NULL, 0, 0, SL_OPT_RELOAD, NULL, "certificate chain, PEM"),
    SERVER("key", SL_OPT_PATH, tls_key, NULL, 0, 0, SL_OPT_RELOAD, NULL, "private key of the certificate, PEM"),
    { NULL },
};

const struct sl_opt sl_server_rows[] = {
    { "listen", SL_OPT_CUSTOM, offsetof(struct sl_server_settings, listen), "127.0.0.1:5000", 0, 0, 0, NULL,
      listen_opts, listen_check, "address or list of addresses: host:port, [v6]:port, unix:/path", listen_same,
      .forms = "{\"type\":\"string\"},%,{\"type\":\"array\",\"minItems\":1,\"items\":{\"anyOf\":[{\"type\":\"string\"},"
               "%]}}" },
    { "workers", SL_OPT_CUSTOM, offsetof(struct sl_server_settings, workers), "auto", 1, 256, 0, NULL, NULL,
      workers_check, "event loops; auto: one a core, at most 4", u32_same,
      .forms = "{\"const\":\"auto\"},{\"type\":\"integer\",\"minimum\":1,\"maximum\":256}" },
    { "tls", SL_OPT_MAP, 0, NULL, 0, 0, 0, NULL, tls_opts, NULL, "serves HTTPS when both are set" },
    { "limits", SL_OPT_MAP, offsetof(struct sl_server_settings, limits), NULL, 0, 0, 0, NULL, server_limit_opts, NULL,
      "sizes and counts" },
    { "timeouts", SL_OPT_MAP, offsetof(struct sl_server_settings, timeouts), NULL, 0, 0, 0, NULL, server_timeout_opts,
      NULL, "of the client's side" },
    SERVER("trusted_proxies", SL_OPT_STR_LIST, trusted_proxies, NULL, 0, 0, SL_OPT_RELOAD, trusted_check,
           "networks (CIDR) of proxies whose forwarding headers are trusted"),
    SERVER("public_url", SL_OPT_URL, public_url, NULL, 0, 0, SL_OPT_RELOAD, url_check,
           "the gateway's URL as clients see it: route URLs begin with it, redirects begin with its path, and paths of "
           "requests may begin with it; default: route URLs are relative"),
    SERVER(
        "cors", SL_OPT_STR_LIST, cors, NULL, 0, 0, SL_OPT_RELOAD, sl_origins_check,
        "origins whose web pages may make calls and read the lists of routes, like https://app.example, or * for all "
        "(CORS)"),
    SERVER("spool", SL_OPT_STR, spool, "/var/tmp", 0, 0, SL_OPT_RELOAD, spool_check,
           "folder for temporary files: uploads of more than 256 KiB whose route is not known yet, or has several "
           "targets"),
    SERVER(
        "heartbeat", SL_OPT_USEC, heartbeat_usec, "15s", 0, DAY, SL_OPT_RELOAD, NULL,
        "how long a stream may be silent before a sign of life is sent between two events, so that no proxy on the way "
        "cuts the stream; 0s: none is sent"),
    SERVER("tcp_keepalive", SL_OPT_USEC, tcp_keepalive_usec, "60s", 0, 7200 * SEC, 0, NULL,
           "how long a client's connection may be silent before TCP asks whether it is still there; 0s: never"),
    SERVER("headers", SL_OPT_BOOL, headers, "true", 0, 0, SL_OPT_RELOAD, NULL,
           "false hides the x-sluice-… and server-timing headers"),
    SERVER("console", SL_OPT_BOOL, console, "true", 0, 0, SL_OPT_RELOAD, NULL,
           "false: there is no console at /console"),
    { NULL },
};
