/* SPDX-License-Identifier: Apache-2.0 */
/* sluice nodes: the gateways that share a store. */
#include "listing.h"

int cli_nodes(const struct cli_args *args)
{
    static const char *const heading[] = { "NAME",     "VERSION", "CHANGE",  "STORE", "COUNTERS",
                                           "DRAINING", "LIVE",    "STARTED", "SEEN" };
    static const char *const paths[] = { "name",     "version", "change",     "store",  "counters",
                                         "draining", "live",    "started_at", "seen_at" };
    struct listing l = { .table = { .heading = heading, .n_columns = 9 }, .paths = paths };
    return listing_print(args, "/api/sluice/v1/nodes", "nodes", &l);
}
