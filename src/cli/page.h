/* SPDX-License-Identifier: Apache-2.0 */
/* One reading of /metrics: the gateway's counts by route. */
#ifndef SLUICE_CLI_PAGE_H
#define SLUICE_CLI_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_BUCKETS 32
#define PAGE_ERRORS  16
#define PAGE_TEXT    48

struct page_histogram {
    double le[PAGE_BUCKETS], n[PAGE_BUCKETS]; /* cumulative, as on the page */
    int n_buckets;
};

struct page_error {
    char type[PAGE_TEXT];
    double n;
};

struct page_route {
    char *name; /* as on the page; "none": requests that asked for no route */
    double calls, errors;
    double refused, used; /* calls that its limit refused; the share of the limit that is used up, -1: it has none */
    struct page_error types[PAGE_ERRORS];
    int n_types; /* the last type stands for all others */
    struct page_histogram total, first;
    double input, output, cost; /* tokens, and US dollars as far as they are known */
};

struct page {
    struct page_route *routes;
    size_t n_routes, cap;
    size_t *slots; /* a hash table of index + 1 */
    size_t n_slots;
    struct page_histogram total, first; /* of all routes */
    double requests, in_flight, started, memory, config_version;
    double reload_ok, reload_at, store_up, counters_up; /* -1: the page does not have it */
    double refused_reloads;
    double input, output, cost; /* of all routes */
    char version[PAGE_TEXT];
    bool is_broken; /* out of memory */
};

void page_read(struct page *page, const char *text);
void page_done(struct page *page);
/* NULL when it is not there. */
const struct page_route *page_find(const struct page *page, const char *name);
/* The value in seconds below which the share `q` of the calls between two readings lies, linear inside a bucket;
 * `before` may be NULL: since the start. -1: there were no calls. */
double page_quantile(const struct page_histogram *now, const struct page_histogram *before, double q);

#endif
