/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": which of the names that there are is meant by one that there is not. */
#ifndef SL_BASE_NEAR_H
#define SL_BASE_NEAR_H

#include "base/str.h"

/* One slip from `name` (a letter too many, too few or another one, two letters swapped); two where it has more than
 * five letters. */
bool sl_name_is_slip(struct sl_str typed, const char *name);

/* How far it is from a suggestion: less is nearer. SL_NAME_FAR: too far to be one. Besides slips, a beginning counts
 * ("warn" for "warning") and another ending ("retry" for "retries"). */
#define SL_NAME_FAR SIZE_MAX
size_t sl_name_distance(struct sl_str typed, const char *name);

/* The nearest of a list that ends with NULL; NULL: none is near. */
const char *sl_name_nearest(struct sl_str typed, const char *const *names);

#endif
