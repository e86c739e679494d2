/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_SQUEEZE_H
#define SL_GATE_SQUEEZE_H

#include <stddef.h>
#include <stdint.h>

struct sl_sheet;

/* Makes a sheet smaller than `max` rows, as far as that can be without losing what a route or a key has used in a day:
 * older minutes become hours, callers without a key one, all minutes hours, hours days; then only route and key stay.
 */
void sl_sheet_squeeze(struct sl_sheet *sheet, size_t max, uint64_t now_sec);

#endif
