/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the head of a call's request. Private to src/http. */
#ifndef SL_HTTP_CALL_HEAD_H
#define SL_HTTP_CALL_HEAD_H

#include "base/str.h"

struct sl_arena;
struct sl_hcall_req;
struct sl_uri;

/* The request line, Host of `base`, the request's headers and its framing. On the arena; p == NULL: no memory. */
struct sl_str sl_call_head_write(const struct sl_hcall_req *req, const struct sl_uri *base, struct sl_arena *arena);

#endif
