/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields travel: to the upstream by an allow list, to the client by a deny list. What is a provider's own
 * stands in its row. */
#ifndef SL_GATE_HEADERS_H
#define SL_GATE_HEADERS_H

#include "wire/headers.h"

struct sl_http_req;
struct sl_provider;

/* Adds to a request's headers what goes up of the client's (`from`), and ours. */
SL_MUST int sl_headers_up(const struct sl_provider *provider, const struct sl_headers *from, struct sl_arena *arena,
                          struct sl_headers *io_headers);
/* Adds what comes down of an upstream's reply (`from`); its own id of the request, where it has one, goes into
 * *io_request_id instead. */
SL_MUST int sl_headers_down(const struct sl_provider *provider, const struct sl_headers *from, uint64_t now_wall_usec,
                            struct sl_arena *arena, struct sl_headers *io_headers, struct sl_str *io_request_id);
/* An upstream's error may quote the credential that it was sent: every occurrence in `bytes` becomes '*'. */
void sl_headers_mask(const struct sl_provider *provider, const struct sl_http_req *request, char *bytes, size_t n);
/* Says something about the body it came with, or is made anew: does not go with another body. */
bool sl_header_is_of_body(struct sl_str name);

#endif
