/* SPDX-License-Identifier: Apache-2.0 */
/* Origins of web pages, as browsers write them: "https://app.example", "http://localhost:3000". */
#ifndef SL_GATE_ORIGINS_H
#define SL_GATE_ORIGINS_H

#include "base/str.h"

struct sl_bind;
struct sl_opt;
struct sl_strs;
struct sl_val;

/* The check of a row whose field is a struct sl_strs: origins, or "*" alone. It writes them as browsers do: in small
 * letters, without the default port of the scheme. */
int sl_origins_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
/* True: it is one of them, or they are "*". */
bool sl_origins_have(const struct sl_strs *origins, struct sl_str origin);
bool sl_origins_have_all(const struct sl_strs *origins);

#endif
