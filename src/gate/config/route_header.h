/* SPDX-License-Identifier: Apache-2.0 */
/* A header that a route adds to the requests to its upstream. */
#ifndef SL_GATE_ROUTE_HEADER_H
#define SL_GATE_ROUTE_HEADER_H

#include "base/secret.h"

struct sl_route_header {
    struct sl_str name;
    struct sl_secret value;
    bool is_secret; /* masked in what the upstream says */
};

#endif
