/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/certs.h"

#include "gate/config/config.h"
#include "gate/config/route.h"
#include "http/way.h"
#include "net/tls.h"

void sl_certs_look(struct sl_certs *certs, struct sl_str path, const struct sl_tls_ctx *tls)
{
    if (tls && path.n && !sl_map_find(&certs->seen, path) &&
        sl_map_put(&certs->seen, path, (void *)(uintptr_t)path.p) == 0) { /* without memory it is not told */
        certs->fn(certs->arg, path.p, sl_tls_ctx_expiry(tls));
    }
}

void sl_certs_look_routes(struct sl_certs *certs, const struct sl_config *config)
{
    for (uint32_t i = 0; i < config->n_routes; i++) {
        const struct sl_route *route = config->routes[i];
        sl_certs_look(certs, route->own->tls_cert, route->way ? route->way->tls : NULL);
    }
}

void sl_certs_done(struct sl_certs *certs)
{
    sl_map_done(&certs->seen);
}
