/* SPDX-License-Identifier: Apache-2.0 */
/* A header that the operator adds to requests: a route to those to its upstream, `otel` to those to the collector. */
#ifndef SL_GATE_ROUTE_HEADER_H
#define SL_GATE_ROUTE_HEADER_H

#include "base/secret.h"

struct sl_bind;
struct sl_val_item;

struct sl_route_header {
    struct sl_str name;
    struct sl_secret value;
    bool is_secret; /* masked in what the upstream says */
};

/* Binds an entry of a map of headers; bind->resolve must be set. Its value may be a reference to a secret. The caller
 * frees the value. */
SL_MUST int sl_route_header_bind(struct sl_bind *bind, const struct sl_val_item *item, struct sl_route_header *ret);

#endif
