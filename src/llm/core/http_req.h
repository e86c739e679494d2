/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an upstream, without Host, Content-Length and hop-by-hop fields: the connection adds those. */
#ifndef SL_LLM_HTTP_REQ_H
#define SL_LLM_HTTP_REQ_H

#include "base/str.h"
#include "wire/headers.h"

struct sl_form_aliases;

struct sl_http_req {
    const char *method;
    struct sl_str target; /* path and query */
    struct sl_headers headers;
    struct sl_str *slices; /* the body: slices of the client's body and of new text */
    size_t n_slices;
    size_t body_len;
    struct sl_str form_model; /* for a form that passes while it arrives: the new content of its part `model` */
    const struct sl_form_aliases *aliases; /* tools that go up under another name (form/form.h); NULL: none */
    bool is_wrapped;                       /* the answer's schema went up inside another one (form/wrap.h) */
    struct sl_str dropped;                 /* the call's members that this provider cannot express, comma-separated */
};

#endif
