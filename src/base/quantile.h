/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles of histograms. */
#ifndef SL_BASE_QUANTILE_H
#define SL_BASE_QUANTILE_H

#include <stddef.h>

/* The value below which the share `q` of what a histogram counted lies, linear inside a bucket. `n[i]` counts what is
 * at most `le[i]`, so it grows; an infinite bound gives the one below it. -1: nothing was counted. */
double sl_quantile(const double *le, const double *n, size_t n_buckets, double q);

#endif
