/* SPDX-License-Identifier: Apache-2.0 */
/* How a dialect's clients read the routes of this gateway as models. */
#ifndef SL_LLM_LISTING_H
#define SL_LLM_LISTING_H

#include "llm/core/types.h"

struct sl_jw;

struct sl_listed {
    struct sl_str name, provider;
    enum sl_llm_type type;
    uint64_t since_sec;  /* when this process began to serve it, wall time */
    struct sl_str since; /* the same in RFC 3339 */
};

/* The page that was written. */
struct sl_listed_page {
    struct sl_str first, last; /* names; p == NULL: the page is empty */
    bool has_more;             /* in the direction that was asked for */
};

struct sl_listing {
    /* Members of the query: how many, and the name after (or before) which the page begins. NULL: there is none. */
    const char *limit, *after, *before;
    uint32_t limit_default, limit_max; /* 0: all of them */
    bool has_lax_limit;                /* a value above the maximum becomes the maximum, and 0 counts as not set */
    /* A list is begin, each route, end. */
    void (*begin)(struct sl_jw *w);
    void (*one)(struct sl_jw *w, const struct sl_listed *listed);
    void (*end)(struct sl_jw *w, const struct sl_listed_page *page);
};

#endif
