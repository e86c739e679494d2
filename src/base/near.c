/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

/* Larger distances are not needed. */
#define DISTANCE_CAP 16
/* Two names are forms of one word if they begin with STEM_MIN equal letters; and the shortest beginning that stands for
 * a whole name. */
#define STEM_MIN  4
#define START_MIN 3

static size_t slips_allowed(size_t n_name)
{
    return n_name <= 5 ? 1 : 2;
}

bool sl_name_is_slip(struct sl_str typed, const char *name)
{
    struct sl_str s = sl_str_c(name);
    return sl_str_distance(typed, s, DISTANCE_CAP) <= slips_allowed(s.n);
}

size_t sl_name_distance(struct sl_str typed, const char *name)
{
    struct sl_str s = sl_str_c(name);
    size_t d = sl_str_distance(typed, s, DISTANCE_CAP), n_same = 0, n = SL_MIN(typed.n, s.n);
    while (n_same < n && (typed.p[n_same] | 0x20) == (s.p[n_same] | 0x20)) {
        n_same++;
    }
    bool is_start = n_same == n && n >= START_MIN && d < DISTANCE_CAP;
    bool is_form = n_same >= STEM_MIN && n_same * 2 >= SL_MAX(typed.n, s.n);
    return d <= slips_allowed(s.n) || is_start || is_form ? d : SL_NAME_FAR;
}

const char *sl_name_nearest(struct sl_str typed, const char *const *names)
{
    const char *best = NULL;
    size_t distance = SL_NAME_FAR;
    for (; *names; names++) {
        size_t d = sl_name_distance(typed, *names);
        if (d < distance) {
            best = *names;
            distance = d;
        }
    }
    return best;
}
