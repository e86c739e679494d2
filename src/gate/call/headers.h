/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields travel: to the upstream by an allow list, to the client by a deny list. What is a provider's own
 * stands in its row. */
#ifndef SL_GATE_HEADERS_H
#define SL_GATE_HEADERS_H

#include "base/str.h"

struct sl_arena;
struct sl_header_alias;
struct sl_headers;
struct sl_secrets;

/* Adds to a request's headers what goes up of the client's (`from`), and ours. `pass`: what this upstream may see
 * besides; lists end with a p of NULL, NULL is an empty one. */
SL_MUST int sl_headers_up(const struct sl_str *pass, const struct sl_headers *from, struct sl_arena *arena,
                          struct sl_headers *io_headers);
/* What is an upstream's own about the headers of its replies. */
struct sl_headers_down_rules {
    const struct sl_str *hidden;           /* no client may see them */
    const char *request_id;                /* its own id of the request, besides x-request-id; or NULL */
    const struct sl_header_alias *aliases; /* ends with a NULL name; NULL: none */
    const struct sl_secrets *secrets;      /* values that quote one are masked */
    uint64_t now_wall_usec;
};

/* Adds what comes down of an upstream's reply (`from`); its own id of the request, where it has one, goes into
 * *io_request_id instead. */
SL_MUST int sl_headers_down(const struct sl_headers_down_rules *rules, const struct sl_headers *from,
                            struct sl_arena *arena, struct sl_headers *io_headers, struct sl_str *io_request_id);
/* Says something about the body it came with, or is made anew: does not go with another body. */
bool sl_header_is_of_body(struct sl_str name);

#endif
