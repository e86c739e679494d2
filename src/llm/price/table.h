/* SPDX-License-Identifier: Apache-2.0 */
/* A price table: rows by the names of models, in the form of the public price table. */
#ifndef SL_LLM_PRICE_TABLE_H
#define SL_LLM_PRICE_TABLE_H

#include "base/map.h"

struct sl_provider;
struct sl_price;
struct sl_val;

/* How many names of prices are kept that nothing is made of. */
#define SL_PRICES_UNUSED_MAX 64

struct sl_prices {
    struct sl_map rows;    /* of struct sl_price, each with a reference */
    uint64_t print;        /* two tables with other rows have other prints */
    struct sl_str *unused; /* names of prices that no call can be paid by */
    uint32_t n_unused;
    uint32_t n_more_unused; /* beyond SL_PRICES_UNUSED_MAX */
};

/* How a row stands to one of the same name. */
enum sl_prices_how {
    SL_PRICES_SHIP, /* it is the first, and holds for exactly this model */
    SL_PRICES_SET,  /* it replaces it */
    SL_PRICES_OVER, /* its members replace those of the row that holds for this name, the others stay; each of them
                       must be understood */
};

/* NULL: no memory. */
struct sl_prices *sl_prices_new(void);
/* Accepts NULL. */
void sl_prices_free(struct sl_prices *prices);
/* Both may be NULL. */
bool sl_prices_are_same(const struct sl_prices *a, const struct sl_prices *b);
/* Reads one entry; `fields` is a map. SL_E_INVAL: `err` says which member is wrong and what would be right, and *ret_at
 * is its value. SL_E_NOMEM. */
SL_MUST int sl_prices_add(struct sl_prices *prices, struct sl_str name, const struct sl_val *fields,
                          enum sl_prices_how how, const struct sl_val **ret_at, struct sl_err *err);
/* True: there are rows for the model's images of some size ("1024-x-1024/MODEL"). */
bool sl_prices_have_sizes(const struct sl_prices *prices, struct sl_str model);
/* The row of a provider's model; `prices` may be NULL. It is found by both names; by the model's, if the row is of that
 * provider; then without a region before it ("eu."), and without a date behind it. NULL: its price is not known.
 * Borrowed from the table. */
struct sl_price *sl_prices_find(const struct sl_prices *prices, const struct sl_provider *provider,
                                struct sl_str model);

#endif
