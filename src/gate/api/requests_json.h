/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the request log as JSON. The names are those of the access log's lines. */
#ifndef SL_GATE_REQUESTS_JSON_H
#define SL_GATE_REQUESTS_JSON_H

#include "base/str.h"

struct sl_jw;
struct sl_rlog_row;

/* `is_operators`: with the texts of upstreams, which callers must not see. */
void sl_requests_row_write(struct sl_jw *w, const struct sl_rlog_row *row, bool is_operators);
/* A time of the wall clock, with milliseconds. */
void sl_requests_time_write(struct sl_jw *w, const char *key, int64_t usec);

#endif
