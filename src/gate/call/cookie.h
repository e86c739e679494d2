/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies of the console, both ways (RFC 6265). */
#ifndef SL_GATE_COOKIE_H
#define SL_GATE_COOKIE_H

#include "base/err.h"
#include "base/str.h"

/* The cookie of a session, and the header that calls with it must have: session.h. */
#define SL_COOKIE_SESSION     "sluice_session"
#define SL_COOKIE_CSRF_HEADER "x-sluice-csrf"

struct sl_headers;
struct sl_xchg;

/* The value of the cookie; p == NULL: it was not sent. *ret_is_torn: it was sent with two values, so nobody can say
 * which one is the gateway's. */
struct sl_str sl_cookie_get(const struct sl_headers *headers, struct sl_str name, bool *ret_is_torn);

/* True: a page of the console sent these headers, by a script. */
bool sl_cookie_is_of_console(const struct sl_headers *headers);

struct sl_cookie {
    const char *name;
    struct sl_str value;   /* p == NULL: the browser forgets it */
    const char *path;      /* below the prefix under which clients see the gateway; "": all of it */
    const char *same_site; /* "Strict" or "Lax" */
    unsigned max_age_sec;  /* 0: until the browser is closed */
};

/* Adds the header for it. Scripts never see such a cookie. On a connection that is encrypted up to the browser it is
 * sent over such ones only; a browser would not keep it otherwise. */
SL_MUST int sl_cookie_add(struct sl_xchg *x, const struct sl_cookie *cookie, struct sl_headers *io_headers);

#endif
