/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the identity provider, for an exchange and no longer than it. Redirects are not followed. The
 * operator's own file says who is asked, so it may be on any network. */
#ifndef SL_GATE_LOGIN_NET_H
#define SL_GATE_LOGIN_NET_H

#include "base/err.h"
#include "base/str.h"

struct sl_buf;
struct sl_xchg;

struct sl_login_ask {
    struct sl_str url;
    struct sl_buf *form;         /* a POST of it; NULL: a GET. It is wiped and freed */
    struct sl_str authorization; /* the header; p == NULL: none */
    /* Called later, on the loop. `status` 0: no answer came, and `body` says why. `body` lives as long as the exchange.
     */
    void (*on_answer)(void *arg, int status, struct sl_str body);
    void *arg;
};

/* SL_E_NOMEM; SL_E_INVAL: the URL is none. */
SL_MUST int sl_login_net_ask(struct sl_xchg *x, const struct sl_login_ask *ask);

#endif
