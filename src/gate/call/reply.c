/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "gate/call/book.h"
#include "gate/call/charge.h"
#include "gate/call/cookie.h"
#include "gate/call/error_headers.h"
#include "gate/call/headers.h"
#include "gate/call/journal.h"
#include "gate/call/detour.h"
#include "gate/call/measure.h"
#include "gate/call/own.h"
#include "gate/call/record.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/call/trace.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/watch/notice.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/language.h"
#include "net/loop.h"

/* Writes what the exchange was, once, when its reply is complete. */
static void xchg_settle(struct sl_xchg *x, int status)
{
    sl_charge_settle(x); /* unless it is done */
    if (!x->shadow_of) {
        sl_measure_overhead(x);
    }
    sl_record_write(x, status);
    if (x->desk->requests) {
        sl_journal_write(x, status);
    }
    if (SL_UNLIKELY(x->trace)) {
        sl_trace_end(x, status);
    }
}

/* Releases everything that the exchange has outside its arena. */
static void xchg_release(struct sl_xchg *x)
{
    sl_xchg_list_remove(&x->desk->xchgs, x);
    if (!x->shadow_of) {
        sl_metrics_in_flight(x->desk->metrics, -1);
    }
    sl_detours_done(x);
    sl_route_unref(x->route);
    sl_route_unref(x->shadow_of);
    sl_key_unref(x->caller.key);
    sl_group_unref(x->caller.group);
    sl_settings_unref(x->settings);
    x->req->user = NULL;
    sl_worker_trim(x->worker);
}

static void xchg_close(struct sl_xchg *x, int status)
{
    sl_parts_stop(&x->parts);
    xchg_settle(x, status);
    xchg_release(x);
}

static void xchg_count(struct sl_xchg *x, int status)
{
    if (SL_UNLIKELY(x->record.error_type) && x->on_over) {
        x->on_over(x);
        sl_spent_close(x);
    }
    sl_measure_exchange(x, status);
    if (x->desk->tally) {
        sl_book_exchange(x);
    }
}

void sl_xchg_end(struct sl_xchg *x)
{
    struct sl_hreq *req = x->req;
    sl_xchg_set_state(x, SL_XS_DONE);
    xchg_count(x, req->status); /* first, so that a client that has its reply finds it counted, and its places free */
    sl_charge_settle(x);
    sl_hreq_complete(req); /* the relay's buffers may have parts of the reply */
    xchg_close(x, req->status);
    sl_hreq_end(req);
}

void sl_xchg_cut(struct sl_xchg *x)
{
    struct sl_hreq *req = x->req;
    sl_xchg_set_state(x, SL_XS_DONE);
    xchg_count(x, req->status);
    sl_hreq_flush(req);
    xchg_close(x, req->status);
    sl_hreq_cut(req);
}

void sl_xchg_gone(struct sl_xchg *x, int status)
{
    sl_xchg_set_state(x, SL_XS_DONE);
    xchg_count(x, status);
    xchg_close(x, status);
}

/* A reply that was made from an upstream's keeps those of its headers that are not about the body. */
static int beside_add(struct sl_xchg *x, struct sl_headers *headers)
{
    int r = 0;
    for (uint32_t i = 0; x->beside && i < x->beside->n && r == 0; i++) {
        const struct sl_header *h = &x->beside->v[i];
        r = sl_header_is_of_body(h->name) ? 0 : sl_headers_add(headers, x->arena, h->name, h->value);
    }
    return r;
}

void sl_xchg_reply_with(struct sl_xchg *x, int status, struct sl_headers *headers, struct sl_str content_type,
                        struct sl_str body)
{
    struct sl_arena *arena = x->arena;
    int r = beside_add(x, headers);
    if (r == 0 && content_type.n) {
        r = sl_headers_add(headers, arena, SL_STR("content-type"), content_type);
    }
    if (r == 0) {
        r = sl_headers_own(x, headers);
    }
    if (r == 0) {
        r = sl_hreq_reply(x->req, status, headers, (int64_t)body.n);
    }
    if (r < 0) {
        sl_xchg_cut(x);
        return;
    }
    if (!x->record.first_byte_usec) {
        x->record.first_byte_usec = sl_loop_now(x->desk->loop);
    }
    /* The loop notices a client that cannot take it. */
    SL_IGNORE(sl_hreq_data(x->req, body) < 0);
    sl_xchg_end(x);
}

void sl_xchg_reply(struct sl_xchg *x, int status, struct sl_str content_type, struct sl_str body)
{
    struct sl_headers headers = { 0 };
    sl_xchg_reply_with(x, status, &headers, content_type, body);
}

/* True: the store has never been read, so nobody can say that a name does not exist. Paths that are open to all have no
 * such names. */
static bool is_unknown_yet(const struct sl_xchg *x, const struct sl_llm_error *error)
{
    return error->type == SL_ERR_CALLER_NOT_FOUND && x->path && x->path->access != SL_ACCESS_OPEN &&
           sl_gate_is_unsure(x->worker->gate);
}

void sl_xchg_fail(struct sl_xchg *x, struct sl_llm_error *error)
{
    if (is_unknown_yet(x, error)) {
        *error = (struct sl_llm_error){ .type = SL_ERR_SLUICE_STORE_UNAVAILABLE,
                                        .message = SL_STR("The gateway's store cannot be read now: whether this "
                                                          "name exists is not known.") };
    }
    x->record.error_type = error->type;
    x->record.told = error->message;
    if (error->type == SL_ERR_SLUICE_OVERLOADED && !x->shadow_of) {
        SL_IGNORE(!sl_notice_overloaded(x->worker->gate->notices, error->message, sl_loop_now(x->desk->loop)));
    }
    error->request_id = x->caller.request_id;
    error->is_final |= x->record.is_final;
    struct sl_buf *out = x->desk->text;
    sl_buf_reset(out);
    sl_dialect_errors(x->dialect)->write_error(error, out); /* if no status is set, the dialect sets one */
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    struct sl_headers headers = { 0 };
    int r = sl_buf_status(out);
    bool is_of_console = error->type == SL_ERR_CALLER_UNAUTHENTICATED && sl_cookie_is_of_console(&x->req->msg.headers);
    r = r < 0 ? r : sl_error_headers(error, x->match.allowed, is_of_console, x->arena, &headers);
    if (r == 0 && x->dialect->error_header) {
        r = sl_headers_add(&headers, x->arena, sl_str_c(x->dialect->error_header), x->dialect->error_kind(error));
    }
    if (r < 0) {
        sl_xchg_cut(x);
        return;
    }
    sl_xchg_reply_with(x, error->status, &headers, SL_STR("application/json"), sl_buf_str(out));
}

void sl_xchg_fail_text(struct sl_xchg *x, enum sl_error_type type, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct sl_llm_error error = { .type = type, .message = sl_arena_dup(x->arena, sl_str_c(text)) };
    sl_xchg_fail(x, &error);
}

void sl_xchg_fail_nomem(struct sl_xchg *x)
{
    sl_xchg_fail(x, &(struct sl_llm_error){ .type = SL_ERR_SLUICE_OVERLOADED, .message = SL_STR("out of memory") });
}

/* The client's name for its error, cut to a length at a character. */
static struct sl_str name_shown(struct sl_str name)
{
    size_t n = SL_MIN(name.n, (size_t)256);
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return sl_str_sub(name, 0, n);
}

void sl_xchg_fail_no_route(struct sl_xchg *x, struct sl_str name)
{
    struct sl_llm_error error = { .type = SL_ERR_CALLER_NOT_FOUND, .message = SL_STR("Not Found") };
    if (x->dialect->no_route) {
        x->dialect->no_route(name_shown(name), x->arena, &error);
    }
    sl_xchg_fail(x, &error);
}
