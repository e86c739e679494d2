/* SPDX-License-Identifier: Apache-2.0 */
/* Sluice's own settings, bound from the configuration file. Immutable once they are in a snapshot,
 * reference-counted. */
#ifndef SL_GATE_SETTINGS_H
#define SL_GATE_SETTINGS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "gate/config/counters_conf.h"
#include "gate/config/per_route.h"
#include "gate/config/server_settings.h"
#include "gate/config/store_conf.h"
#include "net/cidr.h"

struct sl_alert_conf;
struct sl_group_defs;
struct sl_keyring;
struct sl_noproxy;
struct sl_oidc_conf;
struct sl_opt;
struct sl_otel_conf;
struct sl_own_models;
struct sl_picture;
struct sl_prices;
struct sl_tls_ctx;
struct sl_val;

struct sl_proxy_settings {
    struct sl_str url;        /* http://[user:pass@]host:port; p == NULL: none */
    struct sl_strs except;    /* hosts that are reached without it */
    struct sl_noproxy *rules; /* `except`, parsed, and the rules of NO_PROXY; NULL: none */
};

struct sl_upstream_settings {
    struct sl_route_conf route;        /* for what a route does not set */
    uint32_t retry_share, retry_least; /* upstream.retry_budget: percent, and a number per second */
    uint32_t pool_idle_per_origin;
    uint64_t pool_idle_usec;
    uint64_t tcp_keepalive_usec;
    uint64_t reply_bytes, event_bytes;
    struct sl_proxy_settings proxy;
    struct sl_str ca; /* path of a PEM file */
    struct sl_strs allow;
    struct sl_guard guard; /* `allow`, parsed; for routes made over the API */
};

enum sl_auth_mode {
    SL_AUTH_ABSENT, /* not in the file: everyone may call, but only on loopback */
    SL_AUTH_NONE,   /* everyone may call; the file says so */
    SL_AUTH_KEYS,
};

/* Who may read /metrics; in the order of the words in settings.c. */
enum sl_metrics_access {
    SL_METRICS_AUTO, /* everyone, if only this machine can connect; else a viewer */
    SL_METRICS_OPEN,
    SL_METRICS_VIEWER,
    SL_METRICS_ADMIN,
};

struct sl_auth_settings {
    enum sl_auth_mode mode;
    struct sl_keyring *ring; /* owned; the file's keys, the admin key among them */
    bool has_admin_key;
    int metrics;               /* enum sl_metrics_access */
    struct sl_oidc_conf *oidc; /* logins by an identity provider; NULL: none */
};

struct sl_requests_settings {
    bool is_off;
    uint64_t keep_usec, size_bytes;
};

struct sl_settings {
    atomic_uint refs;
    struct sl_arena arena;         /* texts; owned */
    struct sl_str file;            /* their file; p == NULL: the embedded default */
    struct sl_picture *picture;    /* owned; what the operator said */
    struct sl_tls_ctx *server_tls; /* owned; NULL: no TLS */
    struct sl_tls_ctx *client_tls; /* owned */
    struct sl_server_settings server;
    struct sl_upstream_settings upstream;
    struct sl_auth_settings auth;
    struct sl_group_defs *groups;         /* owned; of the file */
    struct sl_own_models *models;         /* rows of the file itself; NULL: none */
    struct sl_str prices_file;            /* of the operator; p == NULL: none */
    const struct sl_val *prices_models;   /* on the file's tree, while it is loaded; NULL: none */
    struct sl_prices *prices;             /* owned */
    struct sl_requests_settings requests; /* the request log */
    struct sl_alert_conf *alerts;         /* NULL: there are none */
    struct sl_otel_conf *otel;            /* NULL: no traces */
    struct sl_store_settings store;
    struct sl_str node;                   /* "auto", or the name of this one among those that share the store */
    struct sl_counters_settings counters; /* owned: its password */
    uint32_t responses_max;
    uint32_t limits_reserve_output, limits_max_counters;
    uint32_t limits_max_group_keys, limits_max_subgroups; /* by admins of groups; in each topmost group */
    int prices_refuse_unknown;                            /* calls without a known price, where money is limited */
    uint32_t metrics_max_routes, metrics_histogram_routes, metrics_max_targets, metrics_max_accounts;
    struct sl_str log_access; /* "stdout", "stderr", "none" or a path */
    int log_level;            /* enum sl_log_level */
    int log_format;           /* enum sl_log_format */
};

/* The tables of all sections, except those of routes, for the binder and for docs/configuration.md. `key` is the
 * section. */
const struct sl_opt *sl_settings_rows(void);

/* The name of the embedded default in messages. */
#define SL_SETTINGS_EMBEDDED "(embedded default)"
const char *sl_settings_file(const struct sl_settings *settings);

struct sl_settings *sl_settings_new(void);
struct sl_settings *sl_settings_ref(struct sl_settings *settings);
void sl_settings_unref(struct sl_settings *settings);

#endif
