/* SPDX-License-Identifier: Apache-2.0 */
/* The section `store`: where routes, limits, keys and usage are kept. */
#ifndef SL_GATE_STORE_CONF_H
#define SL_GATE_STORE_CONF_H

#include "base/opt.h"
#include "base/secret.h"

struct sl_store_settings {
    struct sl_secret postgres;   /* its URL; not set: SQLite in the data directory */
    uint64_t max_stale_usec;     /* how old the copy may be that stands in at a start; 0: any age */
    struct sl_secret notify_url; /* for LISTEN, where `postgres` leads to a pooler */
};

/* For the row of the section. */
extern const struct sl_opt sl_store_opts[];
/* For the row `node`, whose word is in the field. */
SL_MUST int sl_node_conf_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
SL_MUST int sl_store_conf_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
bool sl_store_conf_same(const void *a, const void *b);
void sl_store_conf_done(struct sl_store_settings *store);

#endif
