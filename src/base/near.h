/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": finds the existing name that a wrong one probably means. */
#ifndef SL_BASE_NEAR_H
#define SL_BASE_NEAR_H

#include "base/str.h"

/* True: `typed` is one slip away from `name` (a letter too many, missing or wrong, or two swapped); two slips if `name`
 * has more than five letters. */
bool sl_name_is_slip(struct sl_str typed, const char *name);

/* How far `name` is as a suggestion: a smaller number is nearer. SL_NAME_FAR: too far. Beside slips, a beginning counts
 * ("warn" for "warning") and another ending ("retry" for "retries"). */
#define SL_NAME_FAR SIZE_MAX
size_t sl_name_distance(struct sl_str typed, const char *name);

/* The nearest name of a list that ends with NULL; NULL: none is near. */
const char *sl_name_nearest(struct sl_str typed, const char *const *names);

#endif
