/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that are made here, and the end of every exchange. */
#ifndef SL_GATE_REPLY_H
#define SL_GATE_REPLY_H

#include "llm/core/error.h"

struct sl_headers;
struct sl_xchg;

/* Replies with JSON (or another text) and ends the exchange. `body` must live during the call. */
void sl_xchg_reply(struct sl_xchg *x, int status, struct sl_str content_type, struct sl_str body);
/* The same with more headers (on the exchange's arena); an empty `content_type` is left out. */
void sl_xchg_reply_with(struct sl_xchg *x, int status, struct sl_headers *headers, struct sl_str content_type,
                        struct sl_str body);
/* The same with an error in the client's dialect; logs its type. */
void sl_xchg_fail(struct sl_xchg *x, struct sl_llm_error *error);
void sl_xchg_fail_text(struct sl_xchg *x, enum sl_error_type type, const char *fmt, ...) SL_PRINTF(3, 4);
/* 503: out of memory. */
void sl_xchg_fail_nomem(struct sl_xchg *x);
/* The dialect's 404 for a name that no route has, or a route that this caller must not see. */
void sl_xchg_fail_no_route(struct sl_xchg *x, struct sl_str name);

/* The reply is complete: logs, settles, gives the request back. The exchange is gone. */
void sl_xchg_end(struct sl_xchg *x);
/* The reply broke after its head: logs, settles, cuts. The exchange is gone. */
void sl_xchg_cut(struct sl_xchg *x);
/* The client went away. The exchange is gone. */
void sl_xchg_gone(struct sl_xchg *x, int status);

#endif
