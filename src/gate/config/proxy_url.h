/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_PROXY_URL_H
#define SL_GATE_PROXY_URL_H

#include "base/err.h"

struct sl_bind;
struct sl_opt;
struct sl_val;

/* A row's check: the value must be the URL of a proxy that takes CONNECT. `field` is a struct sl_str. */
SL_MUST int sl_proxy_url_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);

#endif
