/* SPDX-License-Identifier: Apache-2.0 */
/* Parses numbers with bounds, and never guesses. All return 0, SL_E_INVAL (not a number of that form) or SL_E_RANGE. */
#ifndef SL_BASE_NUM_H
#define SL_BASE_NUM_H

#include "base/err.h"
#include "base/str.h"

#define SL_USEC_PER_MSEC 1000ULL
#define SL_USEC_PER_SEC  1000000ULL

/* Digits only: no sign, no space; leading zeros allowed. */
SL_MUST int sl_parse_u64(struct sl_str s, uint64_t min, uint64_t max, uint64_t *ret);
/* The same for the forms in which JSON may write a whole number: 5, 5.0, 1e2. The latter two are exact up to 2^53. */
SL_MUST int sl_parse_whole(struct sl_str s, uint64_t min, uint64_t max, uint64_t *ret);
/* An optional '-' before the digits. */
SL_MUST int sl_parse_i64(struct sl_str s, int64_t min, int64_t max, int64_t *ret);
/* RFC 8259 number grammar, finite. */
SL_MUST int sl_parse_double(struct sl_str s, double *ret);
SL_MUST int sl_parse_hex64(struct sl_str s, uint64_t *ret);
/* "250ms", "30s", "5m", "1h", "7d": digits and one unit; the unit is required. */
SL_MUST int sl_parse_duration(struct sl_str s, uint64_t *ret_usec);
/* "512B", "64KiB", "32MiB", "1GiB", also kB, MB, GB (powers of 1000); the unit is required. */
SL_MUST int sl_parse_size(struct sl_str s, uint64_t *ret_bytes);
/* Dollars as a number, "12.50" or "1e3", in nano-dollars. Exact for a decimal with up to nine digits behind the point.
 */
SL_MUST int sl_parse_dollars(struct sl_str s, uint64_t max_nano, uint64_t *ret_nano);
/* true/false, yes/no, on/off. */
SL_MUST int sl_parse_bool(struct sl_str s, bool *ret);

/* The shortest exact form with one unit, for messages and docs: "290s" stays, "3600s" becomes "1h". `out` has 32
 * bytes. */
void sl_format_duration(uint64_t usec, char out[32]);
void sl_format_size(uint64_t bytes, char out[32]);
/* Writes decimal digits into `out` (no NUL); returns how many. */
size_t sl_format_u64(uint64_t v, char out[20]);
/* Writes nano-dollars as dollars, "12.5" (no NUL); returns how many characters. */
#define SL_DOLLARS_TEXT_MAX 32
size_t sl_format_dollars(uint64_t nano, char out[SL_DOLLARS_TEXT_MAX]);
/* Writes the last `n` hexadecimal digits in small letters (no NUL); returns their end. */
char *sl_format_hex(uint64_t v, size_t n, char *out);

#endif
