/* SPDX-License-Identifier: Apache-2.0 */
/* A call whose body is a form (multipart/form-data) with files in it. It is read as it passes to find the route that
 * its part `model` names, and goes up as it came but for that. What a path cannot take, and a form that is none, is
 * told in the words of the path. */
#ifndef SL_GATE_UPLOAD_FORM_H
#define SL_GATE_UPLOAD_FORM_H

#include "base/str.h"

struct sl_form_reader;
struct sl_xchg;

enum sl_form_step {
    SL_FORM_ON,    /* nothing to do */
    SL_FORM_READY, /* the call is filled, and can begin: x->call->model is the route's name, unless the path has it */
    SL_FORM_TOLD,  /* the client was refused: the exchange is over */
};

/* Does the client send a form? */
bool sl_form_is_sent(struct sl_xchg *x);
/* Another body than a form or JSON is refused where forms are taken. False: the client was told. */
bool sl_form_type_or_refuse(struct sl_xchg *x);
/* The head is there: makes x->form and x->upload. False: the client was refused. */
bool sl_form_begin_or_refuse(struct sl_xchg *x);
/* Bytes of the body. */
enum sl_form_step sl_form_push(struct sl_xchg *x, struct sl_str bytes);
/* The body's end. */
enum sl_form_step sl_form_end(struct sl_xchg *x);

#endif
