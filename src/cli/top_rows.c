/* SPDX-License-Identifier: Apache-2.0 */
#include "top_rows.h"

#include <stdlib.h>
#include <string.h>

#include "top_show.h"

const char *const top_sort_words[TOP_SORTS] = {
    [TOP_TRAFFIC] = "traffic", [TOP_ERRORS] = "errors", [TOP_LATENCY] = "latency",
    [TOP_TOKENS] = "tokens",   [TOP_COST] = "cost",     [TOP_NAME] = "name",
};

/* Equal keys: the one with more calls, then by name. */
static int row_cmp(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? 1 : -1;
    }
    if (x->key >= 0 && x->now->calls != y->now->calls) {
        return x->now->calls < y->now->calls ? 1 : -1;
    }
    return strcmp(x->now->name, y->now->name);
}

static double key_of(const struct top_row *row, enum top_sort sort)
{
    const struct page_route *b = row->before;
    switch (sort) {
    case TOP_ERRORS:
        return row->errors_rate > 0 ? row->errors_rate + 1e9 : row->now->errors;
    case TOP_LATENCY:
        return page_quantile(&row->now->total, b ? &b->total : NULL, 0.95);
    case TOP_TOKENS:
        return row->tokens_rate > 0 ? row->tokens_rate + 1e15 : row->now->input + row->now->output;
    case TOP_COST:
        return row->now->cost;
    case TOP_NAME:
        return -2; /* so that only the names count */
    case TOP_TRAFFIC:
    case TOP_SORTS:
        break;
    }
    return row->rate;
}

/* Requests for no route get a row only when they failed: the others are this command, and health checks. */
size_t top_rows_make(const struct look *now, const struct look *before, const struct top_order *order,
                     struct top_row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < now->page.n_routes; i++) {
        const struct page_route *r = &now->page.routes[i], *b = before ? page_find(&before->page, r->name) : NULL;
        bool is_none = strcmp(r->name, "none") == 0;
        bool is_seen = !order->filter || strcasestr(is_none ? "(no route)" : r->name, order->filter);
        if (!is_seen || (is_none && r->errors == 0)) {
            continue;
        }
        double calls = is_none ? r->errors : r->calls, calls_before = !b ? 0 : is_none ? b->errors : b->calls;
        double tokens = r->input + r->output - (b ? b->input + b->output : 0);
        rows[n] = (struct top_row){ .now = r,
                                    .before = b,
                                    .rate = (calls - calls_before) / order->seconds,
                                    .errors_rate = (r->errors - (b ? b->errors : 0)) / order->seconds,
                                    .tokens_rate = tokens / order->seconds };
        rows[n].key = key_of(&rows[n], order->sort);
        n++;
    }
    qsort(rows, n, sizeof(*rows), row_cmp);
    return n;
}

static int error_cmp(const void *a, const void *b)
{
    const struct page_error *x = a, *y = b;
    return x->n != y->n ? x->n < y->n ? 1 : -1 : strcmp(x->type, y->type);
}

int top_errors_sum(const struct page *page, struct page_error sums[TOP_TYPES_MAX])
{
    int n = 0;
    for (size_t i = 0; i < page->n_routes; i++) {
        for (int k = 0; k < page->routes[i].n_types; k++) {
            const struct page_error *e = &page->routes[i].types[k];
            int at = 0;
            while (at < n && strcmp(sums[at].type, e->type) != 0) {
                at++;
            }
            if (at == n && n < TOP_TYPES_MAX) {
                sums[n++] = (struct page_error){ .n = 0 };
                strcpy(sums[at].type, e->type);
            }
            if (at < n) {
                sums[at].n += e->n;
            }
        }
    }
    qsort(sums, (size_t)n, sizeof(sums[0]), error_cmp);
    return n;
}
