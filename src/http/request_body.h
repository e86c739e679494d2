/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a request's body. A small one is on the exchange's arena; a larger one has memory of its own, counted
 * into server.limits.memory. A compressed body is decoded when it is complete. Private to src/http.
 *
 * SL_E_LIMIT: it is larger than allowed; SL_E_BUDGET: server.limits.memory is used up; SL_E_NOMEM. */
#ifndef SL_HTTP_REQUEST_BODY_H
#define SL_HTTP_REQUEST_BODY_H

#include "base/str.h"

struct sl_hreq;

/* For a body with a length. */
SL_MUST int sl_hreq_body_alloc(struct sl_hreq *req);
/* Callbacks of struct sl_msg: `arg` is the request. */
int sl_hreq_body_append(void *arg, struct sl_str bytes);
int sl_hreq_chunk_check(void *arg, uint64_t size);
/* Decodes a whole body. Codes as above, and SL_E_INVAL and SL_E_TRUNCATED: it is damaged. */
SL_MUST int sl_hreq_body_decode(struct sl_hreq *req);
void sl_hreq_body_free(struct sl_hreq *req);

#endif
