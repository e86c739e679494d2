/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/certs.h"

#include "net/tls.h"

void sl_certs_look(struct sl_certs *certs, struct sl_str path, const struct sl_tls_ctx *tls)
{
    if (tls && path.n && !sl_map_find(&certs->seen, path) &&
        sl_map_put(&certs->seen, path, (void *)(uintptr_t)path.p) == 0) { /* without memory it is not told */
        certs->fn(certs->arg, path.p, sl_tls_ctx_expiry(tls));
    }
}

void sl_certs_done(struct sl_certs *certs)
{
    sl_map_done(&certs->seen);
}
