/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields are passed on: an allow list for the upstream, a deny list for the client. The rows of providers
 * have the rest. */
#ifndef SL_GATE_HEADERS_H
#define SL_GATE_HEADERS_H

#include "base/str.h"

struct sl_arena;
struct sl_header_alias;
struct sl_headers;
struct sl_secrets;

/* Adds the client's headers (`from`) that may go up, and the gateway's own, to a request. `pass`: more names that this
 * upstream may see; lists end with a p of NULL, NULL is an empty list. */
SL_MUST int sl_headers_up(const struct sl_str *pass, const struct sl_headers *from, struct sl_arena *arena,
                          struct sl_headers *io_headers);
/* What the provider's row says about the headers of its replies. */
struct sl_headers_down_rules {
    const struct sl_str *hidden;           /* no client may see these */
    const char *request_id;                /* the name of its request id, beside x-request-id; or NULL */
    const struct sl_header_alias *aliases; /* ends with a NULL name; NULL: none */
    const struct sl_secrets *secrets;      /* values that quote one are masked */
    uint64_t now_wall_usec;
};

/* Adds those headers of an upstream's reply (`from`) that the client gets; the upstream's request id, if there is one,
 * goes to *io_request_id instead. */
SL_MUST int sl_headers_down(const struct sl_headers_down_rules *rules, const struct sl_headers *from,
                            struct sl_arena *arena, struct sl_headers *io_headers, struct sl_str *io_request_id);
/* True: the header describes its body, or is made anew, so it does not go with another body. */
bool sl_header_is_of_body(struct sl_str name);

#endif
