/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantile.h"

#include <math.h>
#include <stdbool.h>

double sl_quantile(const double *le, const double *n, size_t n_buckets, double q)
{
    double total = 0, low = 0, below = 0;
    for (size_t i = 0; i < n_buckets; i++) {
        total = n[i] > total ? n[i] : total;
    }
    for (size_t i = 0; i < n_buckets && total > 0; i++) {
        if (n[i] >= q * total) {
            bool is_whole = isinf(le[i]) || n[i] <= below;
            return is_whole ? low : low + (le[i] - low) * (q * total - below) / (n[i] - below);
        }
        low = le[i];
        below = n[i];
    }
    return -1;
}
