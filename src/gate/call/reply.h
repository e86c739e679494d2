/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that are made here, and the end of every exchange. */
#ifndef SL_GATE_REPLY_H
#define SL_GATE_REPLY_H

#include "llm/core/error.h"

struct sl_headers;
struct sl_xchg;

/* Replies with JSON (or any text) made here and ends the exchange. `body` lives during the call. */
void sl_xchg_reply(struct sl_xchg *x, int status, struct sl_str content_type, struct sl_str body);
/* The same with more headers (on the exchange's arena); an empty `content_type` is none. */
void sl_xchg_reply_with(struct sl_xchg *x, int status, struct sl_headers *headers, struct sl_str content_type,
                        struct sl_str body);
/* The same from an error in the client's dialect; logs its type. */
void sl_xchg_fail(struct sl_xchg *x, struct sl_llm_error *error);
void sl_xchg_fail_text(struct sl_xchg *x, enum sl_error_type type, const char *fmt, ...) SL_PRINTF(3, 4);
/* 503: out of memory, told in the one way. */
void sl_xchg_fail_nomem(struct sl_xchg *x);
/* The dialect's 404 for a name that is no route's, or no route of this caller's. */
void sl_xchg_fail_no_route(struct sl_xchg *x, struct sl_str name);

/* The reply was given whole: log, settle, hand the request back. The exchange is gone. */
void sl_xchg_end(struct sl_xchg *x);
/* The reply broke after its head: log, settle, cut. The exchange is gone. */
void sl_xchg_cut(struct sl_xchg *x);
/* The client went away: nobody is left to be told. The exchange is gone. */
void sl_xchg_gone(struct sl_xchg *x, int status);

#endif
