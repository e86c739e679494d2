/* SPDX-License-Identifier: Apache-2.0 */
/* A place in a list of slices, which is sent in pieces. Private to src/net. */
#ifndef SL_NET_SLICES_H
#define SL_NET_SLICES_H

#include "base/str.h"

struct sl_slices {
    const struct sl_str *slice, *end;
    size_t offset; /* in `slice` */
};

/* Passes n bytes, and empty slices behind them. */
void sl_slices_move(struct sl_slices *at, size_t n);
/* Returns the next n bytes without passing them; there are so many. They are joined in `room`, unless one slice has
 * them all. */
struct sl_str sl_slices_peek(const struct sl_slices *at, size_t n, char *room);
/* Copies all that is left to `out`. */
void sl_slices_copy(const struct sl_slices *at, char *out);

#endif
