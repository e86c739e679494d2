/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of the request log, by the values of words. */
#ifndef SL_GATE_REQUESTS_FACETS_H
#define SL_GATE_REQUESTS_FACETS_H

#include "base/err.h"
#include "base/str.h"

struct sl_jw;
struct sl_rlog_facets;

/* `by`: names with commas between them. SL_E_INVAL */
SL_MUST int sl_requests_facets_read(struct sl_str by, struct sl_rlog_facets *io, struct sl_err *err);
/* Writes the members `requests` and `facets`: of each word the values with most rows, at most `n_max`. */
void sl_requests_facets_write(struct sl_jw *w, const struct sl_rlog_facets *facets, uint64_t n_max);

#endif
