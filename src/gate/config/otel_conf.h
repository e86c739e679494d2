/* SPDX-License-Identifier: Apache-2.0 */
/* The file's `otel:` section and OpenTelemetry's variables: where spans are sent, and of which calls. */
#ifndef SL_GATE_OTEL_CONF_H
#define SL_GATE_OTEL_CONF_H

#include "base/opt.h"
#include "wire/uri.h"

struct sl_route_header;

/* On the arena of the settings; its headers hold secrets. */
struct sl_otel_conf {
    struct sl_str endpoint; /* as it was written; p == NULL: no spans are sent */
    struct sl_uri base;     /* `endpoint`, parsed */
    struct sl_str target;   /* path and query of the requests */
    struct sl_route_header *headers;
    uint32_t n_headers;
    double sample;
    uint64_t sampled_below; /* a call that begins a trace has a span if the half of its id is below */
    bool ignores_parent;    /* the caller's decision does not count */
    bool says_sample, says_headers;
    uint64_t timeout_usec;
    struct sl_str resource; /* what all spans have in common, as it stands in a request */
};

extern const struct sl_opt sl_otel_opts[];
/* The check of the section; the field is a struct sl_otel_conf *. */
int sl_otel_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
/* Adds what the environment says and the file does not, if `has_env`, and ends the section: without an endpoint *io
 * becomes NULL. */
void sl_otel_finish(struct sl_bind *bind, bool has_env, struct sl_otel_conf **io);
/* Wipes the secrets. Accepts NULL. */
void sl_otel_conf_done(struct sl_otel_conf *conf);

#endif
