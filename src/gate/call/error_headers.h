/* SPDX-License-Identifier: Apache-2.0 */
/* What a client that reads no body is to know of an error. */
#ifndef SL_GATE_ERROR_HEADERS_H
#define SL_GATE_ERROR_HEADERS_H

#include <stdbool.h>

#include "base/err.h"

struct sl_arena;
struct sl_headers;
struct sl_llm_error;

/* Adds it. The error's status is set; `allowed` are the path's methods. */
SL_MUST int sl_error_headers(const struct sl_llm_error *error, unsigned allowed, struct sl_arena *arena,
                             struct sl_headers *io_headers);

#endif
