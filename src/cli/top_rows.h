/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of two readings in an order. */
#ifndef SLUICE_CLI_TOP_ROWS_H
#define SLUICE_CLI_TOP_ROWS_H

#include "page.h"

struct look;

/* The words of --sort, in this order. */
enum top_sort { TOP_TRAFFIC, TOP_ERRORS, TOP_LATENCY, TOP_TOKENS, TOP_COST, TOP_NAME, TOP_SORTS };
extern const char *const top_sort_words[TOP_SORTS];

struct top_order {
    double seconds; /* between the readings */
    enum top_sort sort;
    const char *filter; /* only routes with this text in their name, in any case; NULL: all */
};

struct top_row {
    const struct page_route *now, *before; /* before NULL: the route is new, or counts are since the start */
    double rate, errors_rate, tokens_rate;
    double key; /* the greatest is first */
};

/* Fills `rows`, which has room for all routes; returns how many there are. `before` may be NULL. */
size_t top_rows_make(const struct look *now, const struct look *before, const struct top_order *order,
                     struct top_row *rows);

#define TOP_TYPES_MAX 64
/* Adds up the errors of all routes by their type, the most frequent first. Returns how many types there are. */
int top_errors_sum(const struct page *page, struct page_error sums[TOP_TYPES_MAX]);

#endif
