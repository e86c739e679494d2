/* SPDX-License-Identifier: Apache-2.0 */
/* The `check` of an option row over a uint32_t: a share in percent, like 50%, within the row's bounds. */
#ifndef SL_GATE_SHARE_H
#define SL_GATE_SHARE_H

struct sl_bind;
struct sl_opt;
struct sl_val;

int sl_share_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);

#endif
