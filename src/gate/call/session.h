/* SPDX-License-Identifier: Apache-2.0 */
/* A browser's session: its cookie stands in for a key, on every path that asks for one. A browser sends the cookie also
 * when another site's page makes it call, so a call with it must come from no other origin, and everything but GET and
 * HEAD must have the header x-sluice-csrf, which only the gateway's own page can know. */
#ifndef SL_GATE_SESSION_H
#define SL_GATE_SESSION_H

#include "base/err.h"
#include "base/str.h"

struct sl_headers;
struct sl_session;
struct sl_xchg;

/* Base64url of 32 bytes, NUL included. */
#define SL_SESSION_TEXT_SIZE 44

enum sl_session_fault {
    SL_SESSION_SOUND,
    SL_SESSION_NONE,     /* the request has no such cookie */
    SL_SESSION_TORN,     /* it has two different ones */
    SL_SESSION_FOREIGN,  /* a page of another origin asks */
    SL_SESSION_ENDED,    /* there is no session of this cookie any more */
    SL_SESSION_UNMARKED, /* x-sluice-csrf is missing or wrong */
};

/* Finds the session of the request's cookie; SL_SESSION_SOUND: notes it in the exchange, and fills *ret, for which the
 * caller must call sl_session_done. Says nothing about the key behind it. */
SL_MUST enum sl_session_fault sl_session_look(struct sl_xchg *x, struct sl_session *ret);
/* Refuses for a fault other than SOUND and NONE. */
void sl_session_refuse(struct sl_xchg *x, enum sl_session_fault fault);
/* True: a page of the gateway's own asks, or no page at all. Else the client was refused. */
bool sl_session_origin_or_refuse(struct sl_xchg *x);

/* Begins a session, whose cookie goes to the headers. `io_spec` as for sl_sessions_begin, without its client;
 * `ret_token`: the cookie, for sl_session_csrf. The session of the request's own cookie ends; when another site sent
 * the browser here there is no cookie (Strict). SL_E_LIMIT, SL_E_NOMEM. */
SL_MUST int sl_session_begin(struct sl_xchg *x, struct sl_str tenant, struct sl_session *io_spec,
                             struct sl_headers *io_headers, char ret_token[SL_SESSION_TEXT_SIZE]);
/* The browser forgets its cookie. */
SL_MUST int sl_session_forget(struct sl_xchg *x, struct sl_headers *io_headers);
/* The cookie that was sent; p == NULL: none. */
struct sl_str sl_session_token(const struct sl_xchg *x);
/* The number of the session of that cookie, also one that its key does not open any more; 0: none. It is no use of it.
 */
uint64_t sl_session_number(const struct sl_xchg *x);
/* What calls of that session must have in x-sluice-csrf. */
void sl_session_csrf(struct sl_str token, char out[SL_SESSION_TEXT_SIZE]);

#endif
