/* SPDX-License-Identifier: Apache-2.0 */
/* Programs in browsers, on pages of the origins that server.cors names. They may make calls, and read the lists that
 * any key may read; everything else is no page's business. Without the setting there is none of this. */
#ifndef SL_GATE_CORS_H
#define SL_GATE_CORS_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;

/* The origin of the page that sent these headers; p == NULL: it is not among `origins`, or nobody knows which of
 * several it is. */
struct sl_str sl_cors_origin(const struct sl_strs *origins, const struct sl_headers *from);
/* Adds to a reply's head that it depends on who asks, and, where `origin` may, that it does. */
SL_MUST int sl_cors_allow(const struct sl_strs *origins, struct sl_str origin, struct sl_arena *arena,
                          struct sl_headers *io_headers);
/* Adds the names of the headers that a page may read: of those that are there already. */
SL_MUST int sl_cors_expose(struct sl_arena *arena, struct sl_headers *io_headers);

#endif
