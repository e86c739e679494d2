/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an upstream, without Host, Content-Length and hop-by-hop fields: those belong to the connection. */
#ifndef SL_LLM_HTTP_REQ_H
#define SL_LLM_HTTP_REQ_H

#include "base/str.h"
#include "wire/headers.h"

struct sl_form_aliases;

struct sl_http_req {
    const char *method;
    struct sl_str target; /* path and query */
    struct sl_headers headers;
    struct sl_str *slices; /* the body: pieces of the client's body and of new text */
    size_t n_slices;
    size_t body_len;
    struct sl_str form_model;              /* of a form that passes as it comes: what its part `model` is to be */
    const struct sl_form_aliases *aliases; /* tools that go up under another name (form/form.h); NULL: none */
    bool is_wrapped;                       /* the answer's schema went up inside another (form/wrap.h) */
    struct sl_str dropped;                 /* the call's members that this provider cannot express, comma-separated */
};

#endif
