/* SPDX-License-Identifier: Apache-2.0 */
/* Gives each call of a model to the request log, as a row. It has no prompt, answer or credential. */
#ifndef SL_GATE_JOURNAL_H
#define SL_GATE_JOURNAL_H

struct sl_xchg;

/* There must be a request log. Other exchanges, and copies for another route, get no row. */
void sl_journal_write(struct sl_xchg *x, int status);

#endif
