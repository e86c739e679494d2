/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of an error, for clients that do not read its body. */
#ifndef SL_GATE_ERROR_HEADERS_H
#define SL_GATE_ERROR_HEADERS_H

#include <stdbool.h>

#include "base/err.h"

struct sl_arena;
struct sl_headers;
struct sl_llm_error;

/* Adds them. The error's status must be set; `allowed` are the path's methods. `is_of_console`: a page of ours asked,
 * and the browser must not open a window for a password, because it would send that with other pages' requests too. */
SL_MUST int sl_error_headers(const struct sl_llm_error *error, unsigned allowed, bool is_of_console,
                             struct sl_arena *arena, struct sl_headers *io_headers);

#endif
