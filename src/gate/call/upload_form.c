/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/upload_form.h"

#include "base/arena.h"
#include "gate/call/asked.h"
#include "gate/call/plan.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/call/upload.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "wire/multipart.h"

struct sl_form_reader {
    struct sl_multipart form;
    bool has_model, is_ready;
    unsigned priced; /* the fields of `priced_fields` that it had */
    uint64_t first;  /* where the first boundary begins */
    struct sl_str boundary;
    struct sl_str model;
};

/* The price of images depends on them. */
static const char *const priced_fields[] = { "n", "size", "quality" };

static struct sl_str content_type(const struct sl_xchg *x)
{
    return sl_headers_get(&x->req->msg.headers, "content-type");
}

bool sl_form_is_sent(struct sl_xchg *x)
{
    return sl_multipart_is(content_type(x));
}

bool sl_form_type_or_refuse(struct sl_xchg *x)
{
    struct sl_str type = content_type(x);
    if (sl_str_find(type, SL_STR("json"), 0) >= 0) { /* some providers take JSON with the file's URL in it */
        return true;
    }
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_UNSUPPORTED_MEDIA,
        .message = SL_STR("This path takes multipart/form-data, or JSON: the request's Content-Type says neither."),
    };
    sl_xchg_fail(x, &error);
    return false;
}

/* Ends the call with this error, as far as it can still be sent. */
static enum sl_form_step refuse(struct sl_xchg *x, struct sl_llm_error *error)
{
    if (x->plan) {
        sl_plan_refuse(x, error);
    } else {
        sl_xchg_fail(x, error);
    }
    return SL_FORM_TOLD;
}

static enum sl_form_step refuse_form(struct sl_xchg *x, const char *param, struct sl_str message)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = x->dialect->manners->refusal_status,
        .param = param ? sl_str_c(param) : SL_STR_NONE,
        .message = message.p ? message : SL_STR("The form could not be read."),
    };
    return refuse(x, &error);
}

static enum sl_form_step refuse_code(struct sl_xchg *x, int r)
{
    struct sl_llm_error error = {
        .type = SL_ERR_SLUICE_OVERLOADED,
        .message = r == SL_E_BUDGET ? SL_STR("the gateway's memory for bodies (server.limits.memory) is used up")
                   : r == SL_E_LIMIT
                       ? SL_STR("the gateway's room for uploads in files (server.limits.spool) is used up")
                   : r == SL_E_IO ? SL_STR("the gateway could not keep the upload in a file (server.spool)")
                                  : SL_STR("out of memory"),
    };
    return refuse(x, &error);
}

bool sl_form_begin_or_refuse(struct sl_xchg *x)
{
    struct sl_form_reader *reader = SL_ARENA_NEW(x->arena, struct sl_form_reader);
    char boundary[SL_MULTIPART_BOUNDARY_MAX];
    size_t n = 0;
    const char *fault = NULL;
    if (sl_multipart_boundary(content_type(x), boundary, &n, &fault) < 0) {
        SL_IGNORE(refuse_form(x, NULL, sl_arena_printf(x->arena, "The form in the body cannot be read: %s.", fault)) ==
                  SL_FORM_TOLD);
        return false;
    }
    struct sl_str text = sl_arena_dup(x->arena, sl_str_make(boundary, n));
    bool has_images = x->path->type == SL_LLM_IMAGES;
    x->asked = has_images ? SL_ARENA_NEW(x->arena, struct sl_asked) : NULL;
    if (!reader || !text.p || (has_images && !x->asked) || sl_upload_new(x) < 0) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    reader->boundary = text;
    sl_multipart_init(&reader->form, text);
    x->form = reader;
    return true;
}

/* A field that the gateway needs was read. */
static enum sl_form_step field_check(struct sl_xchg *x, const char *name, bool is_again)
{
    const struct sl_multipart *form = &x->form->form;
    if (is_again) {
        return refuse_form(x, name, sl_arena_printf(x->arena, "The form has two parts `%s`.", name));
    }
    if (form->is_file) {
        return refuse_form(
            x, name, sl_arena_printf(x->arena, "The part `%s` of the form is a file: a field is expected.", name));
    }
    if (!form->value.p) {
        return refuse_form(x, name,
                           sl_arena_printf(x->arena, "The part `%s` of the form is longer than 256 bytes.", name));
    }
    return SL_FORM_ON;
}

/* A part of a form with images was read. */
static enum sl_form_step priced_take(struct sl_xchg *x)
{
    struct sl_form_reader *reader = x->form;
    struct sl_str name = reader->form.name;
    for (unsigned i = 0; i < SL_ARRAY_LEN(priced_fields); i++) {
        if (!sl_str_eq(name, sl_str_c(priced_fields[i]))) {
            continue;
        }
        if (field_check(x, priced_fields[i], reader->priced & SL_BIT(i)) == SL_FORM_TOLD) {
            return SL_FORM_TOLD;
        }
        reader->priced |= SL_BIT(i);
        if (!sl_asked_take(x->asked, name, reader->form.value, x->arena)) {
            return refuse_form(x, priced_fields[i], SL_STR(SL_ASKED_NUMBER_FAULT));
        }
    }
    return SL_FORM_ON;
}

/* A part `model` was read: it names the route. */
static enum sl_form_step model_take(struct sl_xchg *x)
{
    struct sl_form_reader *reader = x->form;
    const struct sl_multipart *form = &reader->form;
    if (field_check(x, "model", reader->has_model) == SL_FORM_TOLD) {
        return SL_FORM_TOLD;
    }
    if (!form->value.n && !x->match.arg.p) {
        return refuse_form(x, "model", SL_STR("The part `model` of the form is empty."));
    }
    reader->has_model = true;
    reader->model = sl_arena_dup(x->arena, form->value);
    sl_upload_place(x->upload, form->start, form->end - form->start, SL_STR(""), SL_STR(""));
    return reader->model.p ? SL_FORM_ON : refuse_code(x, SL_E_NOMEM);
}

static enum sl_form_step bytes_read(struct sl_xchg *x, struct sl_str bytes)
{
    struct sl_multipart *form = &x->form->form;
    while (bytes.n) {
        size_t used = 0;
        int event = sl_multipart_push(form, bytes, &used);
        if (event < 0) {
            return refuse_form(x, NULL,
                               sl_arena_printf(x->arena, "The form in the body cannot be read: %s (part %u).",
                                               form->fault, form->n_parts));
        }
        if (event == SL_MULTIPART_TAKEN && sl_str_eq(form->name, SL_STR("model")) && model_take(x) == SL_FORM_TOLD) {
            return SL_FORM_TOLD;
        }
        if (event == SL_MULTIPART_TAKEN && x->asked && priced_take(x) == SL_FORM_TOLD) {
            return SL_FORM_TOLD;
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
    }
    return SL_FORM_ON;
}

static enum sl_form_step ready(struct sl_xchg *x)
{
    x->form->is_ready = true;
    *x->call = (struct sl_call){
        .type = x->path->type,
        .manners = x->dialect->manners,
        .language = sl_language_of_forms,
        .model = x->match.arg.p ? SL_STR("") : x->form->model,
    };
    return SL_FORM_READY;
}

enum sl_form_step sl_form_push(struct sl_xchg *x, struct sl_str bytes)
{
    struct sl_form_reader *reader = x->form;
    if (reader->form.at == 0 && bytes.p[0] == '\r') {
        reader->first = 2;
    }
    enum sl_form_step step = bytes_read(x, bytes);
    if (step == SL_FORM_TOLD) {
        return step;
    }
    int r = sl_upload_add(x->upload, bytes);
    if (r < 0) {
        return refuse_code(x, r);
    }
    return reader->has_model && !reader->is_ready ? ready(x) : SL_FORM_ON;
}

/* The path names the route, and the form has no model: adds the provider's model as its first part. */
static bool model_add(struct sl_xchg *x)
{
    struct sl_form_reader *reader = x->form;
    struct sl_str before = sl_arena_printf(x->arena, "--%.*s\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n",
                                           SL_STR_ARG(reader->boundary));
    sl_upload_place(x->upload, reader->first, 0, before, SL_STR("\r\n"));
    return before.p;
}

enum sl_form_step sl_form_end(struct sl_xchg *x)
{
    struct sl_form_reader *reader = x->form;
    struct sl_multipart *form = &reader->form;
    if (sl_multipart_finish(form) < 0) {
        return refuse_form(x, NULL, sl_arena_printf(x->arena, "The form in the body cannot be read: %s.", form->fault));
    }
    if (!reader->has_model && !x->match.arg.p) {
        return refuse_form(x, "model", SL_STR("The form has no part `model`: it names the route."));
    }
    if (!reader->has_model && !model_add(x)) {
        return refuse_code(x, SL_E_NOMEM);
    }
    int r = sl_upload_end(x->upload);
    if (r < 0) {
        return refuse_code(x, r);
    }
    return reader->is_ready ? SL_FORM_ON : ready(x);
}
