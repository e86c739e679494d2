/* SPDX-License-Identifier: Apache-2.0 */
/* Enters an exchange in the usage ledger. */
#ifndef SL_GATE_BOOK_H
#define SL_GATE_BOOK_H

struct sl_xchg;

/* Call this once for each exchange, before its reply is complete. The worker has a tally. Only calls of a model that
 * found their route are entered. */
void sl_book_exchange(struct sl_xchg *x);

#endif
