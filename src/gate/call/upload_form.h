/* SPDX-License-Identifier: Apache-2.0 */
/* A call whose body is a form (multipart/form-data) with files. The form is read while it passes, to find the part
 * `model`, which names the route; the rest goes up unchanged. Errors have the dialect of the path. */
#ifndef SL_GATE_UPLOAD_FORM_H
#define SL_GATE_UPLOAD_FORM_H

#include "base/str.h"

struct sl_form_reader;
struct sl_xchg;

enum sl_form_step {
    SL_FORM_ON,    /* nothing to do */
    SL_FORM_READY, /* the call is filled and can begin; x->call->model is the route's name, unless the path has it */
    SL_FORM_TOLD,  /* the client was refused, and the exchange is over */
};

/* True: the client sends a form. */
bool sl_form_is_sent(struct sl_xchg *x);
/* On paths that take forms, refuses a body that is neither a form nor JSON. False: the client was refused. */
bool sl_form_type_or_refuse(struct sl_xchg *x);
/* Call this after the head: makes x->form and x->upload. False: the client was refused. */
bool sl_form_begin_or_refuse(struct sl_xchg *x);
/* Takes bytes of the body. */
enum sl_form_step sl_form_push(struct sl_xchg *x, struct sl_str bytes);
/* The body ended. */
enum sl_form_step sl_form_end(struct sl_xchg *x);

#endif
