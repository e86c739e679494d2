/* SPDX-License-Identifier: Apache-2.0 */
/* CORS for programs in browsers, on pages of the origins that server.cors names. They may call models, and read the
 * lists that any key may read, but nothing else. Without the setting no page may do anything. */
#ifndef SL_GATE_CORS_H
#define SL_GATE_CORS_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;

/* The origin of the page that sent these headers; p == NULL: it is not in `origins`, or there are several. */
struct sl_str sl_cors_origin(const struct sl_strs *origins, const struct sl_headers *from);
/* Adds headers to a reply: `vary`, because it depends on the origin, and the permission, if `origin` is set. */
SL_MUST int sl_cors_allow(const struct sl_strs *origins, struct sl_str origin, struct sl_arena *arena,
                          struct sl_headers *io_headers);
/* Adds the names of those headers, of the ones already there, that a page may read. */
SL_MUST int sl_cors_expose(struct sl_arena *arena, struct sl_headers *io_headers);

#endif
