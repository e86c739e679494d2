/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of `server`: the client's side. Their rows are in server_conf.c. */
#ifndef SL_GATE_SERVER_SETTINGS_H
#define SL_GATE_SERVER_SETTINGS_H

#include "base/str.h"
#include "net/cidr.h"

struct sl_listen_conf {
    struct sl_str address; /* "127.0.0.1:5000", "[::1]:5000", "unix:/path" */
    bool has_proxy_protocol;
};

struct sl_server_limits {
    uint64_t head_bytes, body_bytes, form_bytes, memory_bytes, spool_bytes;
    uint32_t connections;
};

struct sl_server_timeouts {
    uint64_t head_usec, body_idle_usec, write_idle_usec, keep_alive_usec, drain_delay_usec, drain_usec;
};

struct sl_server_settings {
    struct sl_listen_conf *listen;
    uint32_t n_listen;
    uint32_t workers;                /* 0: auto */
    struct sl_str tls_cert, tls_key; /* paths; both or none */
    struct sl_server_limits limits;
    struct sl_server_timeouts timeouts;
    struct sl_strs trusted_proxies;
    struct sl_cidrs trusted; /* trusted_proxies, parsed */
    struct sl_str public_url;
    struct sl_str spool; /* a folder */
    struct sl_strs cors; /* origins of web pages that may make calls; origins.h */
    bool headers;        /* false: no x-sluice-… headers in replies */
    bool console;        /* false: no /console */
    uint64_t tcp_keepalive_usec;
    uint64_t heartbeat_usec; /* 0: none */
};

/* For timeouts.drain_delay: auto. */
#define SL_DRAIN_DELAY_AUTO UINT64_MAX

#endif
