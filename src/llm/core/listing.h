/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of this gateway as a dialect's clients read models. */
#ifndef SL_LLM_LISTING_H
#define SL_LLM_LISTING_H

#include "llm/core/types.h"

struct sl_jw;

struct sl_listed {
    struct sl_str name, provider;
    enum sl_llm_type type;
    uint64_t since_sec;  /* this process serves it, wall time */
    struct sl_str since; /* the same as RFC 3339 */
};

/* What was told on a page. */
struct sl_listed_page {
    struct sl_str first, last; /* names; p == NULL: it is empty */
    bool has_more;             /* in the direction in which it was asked for */
};

struct sl_listing {
    /* Members of the query: how many, and the name behind (or before) which the page goes on. NULL: there is none. */
    const char *limit, *after, *before;
    uint32_t limit_default, limit_max; /* 0: all of them */
    bool has_lax_limit;                /* more than the most is the most, and 0 is not said */
    /* A list is begin, each route, end. */
    void (*begin)(struct sl_jw *w);
    void (*one)(struct sl_jw *w, const struct sl_listed *listed);
    void (*end)(struct sl_jw *w, const struct sl_listed_page *page);
};

#endif
