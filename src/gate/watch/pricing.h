/* SPDX-License-Identifier: Apache-2.0 */
/* How a sum of the usage ledger is priced anew. A price holds for one call, so the ledger sums up only calls that have
 * the same prices: those of one tier and one class. */
#ifndef SL_GATE_PRICING_H
#define SL_GATE_PRICING_H

#include <stdbool.h>

#include "llm/core/types.h"

struct sl_price;
struct sl_usage_row;

/* `is_priced`: the prices of its target hold for the call. usage NULL: it has none of its own. `is_lost`: it is an
 * attempt that another one followed; these are kept apart, so that their part of the cost can be told. */
uint8_t sl_pricing_class(const struct sl_usage *usage, bool is_priced, bool is_lost);
/* The words by which the store knows them. */
struct sl_str sl_pricing_class_word(uint8_t pricing_class);
struct sl_str sl_pricing_tier_word(enum sl_tier tier);

enum sl_pricing {
    SL_PRICING_FIXED,   /* its cost does not depend on prices: upstreams told it, or nobody knows what was used */
    SL_PRICING_SAME,    /* it costs what it did */
    SL_PRICING_CHANGED, /* the row has its new sums */
    SL_PRICING_LEFT,    /* it stays: there is no price, or the ledger knows too little to apply it */
};
/* What the row's calls cost by this price (NULL: there is none). */
enum sl_pricing sl_pricing_renew(const struct sl_price *price, struct sl_usage_row *io_row);

#endif
