/* SPDX-License-Identifier: Apache-2.0 */
/* Shows limits together with what their counters say. */
#ifndef SL_GATE_API_LIMIT_COUNTS_H
#define SL_GATE_API_LIMIT_COUNTS_H

#include <stdbool.h>

#include "base/str.h"

struct sl_jw;
struct sl_limits;
struct sl_xchg;

/* Whose counters are shown. */
struct sl_counts_asked {
    bool of_all;             /* those of all calls together */
    struct sl_str principal; /* those of one caller; "": of none */
};

/* Writes the member `counts`: for each limit what it counts, and what is used and reserved now, where that was asked
 * for. `limits` NULL: there are none. */
void sl_api_counts_write(const struct sl_xchg *x, struct sl_jw *w, const struct sl_limits *limits,
                         const struct sl_counts_asked *asked);
/* Fills it for the caller of a route: one that may not see what others use gets only its own. */
void sl_api_counts_ask(const struct sl_xchg *x, struct sl_counts_asked *ret);

#endif
