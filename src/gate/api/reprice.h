/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of usage that is priced anew: sums for each model, for the reply. */
#ifndef SL_GATE_REPRICE_H
#define SL_GATE_REPRICE_H

#include <stdbool.h>

struct sl_jw;
struct sl_prices;
struct sl_reprice;
struct sl_usage_row;

/* The prices must outlive it. NULL: no memory. */
struct sl_reprice *sl_reprice_new(const struct sl_prices *prices);
/* Accepts NULL. */
void sl_reprice_free(struct sl_reprice *reprice);

/* For the store's job, of which it is the `arg`: gives a row its new sums. True: they changed. */
bool sl_reprice_row(void *reprice, struct sl_usage_row *io_row);
/* Writes the members of the reply. False: there was no memory for a sum. */
bool sl_reprice_write(const struct sl_reprice *reprice, struct sl_jw *w);

#endif
