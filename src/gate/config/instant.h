/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes points in time. */
#ifndef SL_GATE_INSTANT_H
#define SL_GATE_INSTANT_H

#include "base/err.h"
#include "base/str.h"

#define SL_INSTANT_MAX 253402300799ull /* the end of the year 9999 */
/* RFC 3339 ("2026-12-31T23:59:59Z", also with a fraction or another zone), or unix seconds; SL_E_INVAL. */
SL_MUST int sl_instant_parse(struct sl_str text, uint64_t *ret_sec);
/* "2026-12-31T23:59:59Z"; `out` has 32 bytes. */
struct sl_str sl_instant_format(uint64_t sec, char out[32]);
/* The same for microseconds; the fraction is left out. */
struct sl_str sl_instant_format_usec(uint64_t usec, char out[32]);

#endif
