/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of requests, which are the ids of rows: when a request began, which process it came to, and a counter. */
#ifndef SL_LOG_IDENT_H
#define SL_LOG_IDENT_H

#include <stdint.h>

struct sl_rlog_id;

/* Where a worker's ids come from. */
struct sl_ident_source {
    uint32_t node;  /* of the process */
    uint32_t first; /* the worker's number, in the bits above the counter */
    uint32_t n;
    uint64_t read_usec, offset_usec; /* the wall clock was so much ahead of the monotonic one, at read_usec */
};

void sl_ident_init(struct sl_ident_source *source, uint32_t node, uint32_t worker);
/* The id of a request that began then (monotonic). Reads the clock at most once a second. */
void sl_ident_make(struct sl_ident_source *source, uint64_t begun_usec, struct sl_rlog_id *ret);

#endif
