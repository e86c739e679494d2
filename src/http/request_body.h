/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a request's body: small ones lie on the exchange's arena, larger ones have memory of their own, counted
 * into server.limits.memory. Compressed ones are decoded when they are whole. Private to src/http.
 *
 * SL_E_LIMIT: larger than it may be; SL_E_BUDGET: server.limits.memory is used up; SL_E_NOMEM. */
#ifndef SL_HTTP_REQUEST_BODY_H
#define SL_HTTP_REQUEST_BODY_H

#include "base/str.h"

struct sl_hreq;

/* For one that says its length. */
SL_MUST int sl_hreq_body_alloc(struct sl_hreq *req);
/* Callbacks of struct sl_msg: `arg` is the request. */
int sl_hreq_body_append(void *arg, struct sl_str bytes);
int sl_hreq_chunk_check(void *arg, uint64_t size);
/* Decodes a whole body. Codes as above, and SL_E_INVAL and SL_E_TRUNCATED: it is damaged. */
SL_MUST int sl_hreq_body_decode(struct sl_hreq *req);
void sl_hreq_body_free(struct sl_hreq *req);

#endif
