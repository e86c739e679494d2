/* SPDX-License-Identifier: Apache-2.0 */
/* Reads from a query which rows of the request log are asked for. */
#ifndef SL_GATE_REQUESTS_QUERY_H
#define SL_GATE_REQUESTS_QUERY_H

#include "log/query.h"

struct sl_arena;

/* `also`: names of other members of the query, with a space between them. Texts are put on the arena. SL_E_INVAL: a
 * member is not known, or a value is wrong; *err has the reason. */
SL_MUST int sl_requests_query_read(struct sl_str text, const char *also, struct sl_arena *arena,
                                   struct sl_rlog_query *ret, struct sl_err *err);
/* A whole number in the query; if it is not there, *io stays. */
SL_MUST int sl_requests_number_read(struct sl_str text, const char *name, uint64_t min, uint64_t max,
                                    struct sl_arena *arena, uint64_t *io, struct sl_err *err);

#endif
