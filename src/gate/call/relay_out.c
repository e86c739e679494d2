/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_out.h"

#include "base/budget.h"
#include "gate/call/own.h"
#include "gate/call/reply.h"
#include "http/server.h"

bool sl_relay_is_same_language(const struct sl_relay *relay)
{
    return sl_target_speaks(relay->target, relay->x->call->type, relay->x->dialect->language);
}

struct sl_verdict sl_relay_head_send(struct sl_relay *relay, int status, int64_t length)
{
    struct sl_xchg *x = relay->x;
    struct sl_headers headers = relay->headers;
    if (sl_headers_own(x, &headers) < 0 || sl_hreq_reply(x->req, status, &headers, length) < 0) {
        sl_xchg_cut(x);
        return SL_VERDICT(TOLD);
    }
    relay->is_head_sent = true;
    return SL_VERDICT(ON);
}

void sl_relay_send(struct sl_relay *relay, struct sl_str bytes)
{
    struct sl_xchg *x = relay->x;
    if (bytes.n && !x->record.first_byte_usec) {
        x->record.first_byte_usec = sl_loop_now(x->desk->loop);
    }
    /* A client that is gone is told by the loop. */
    SL_IGNORE(sl_hreq_data(x->req, bytes) < 0);
}

/* A large event's room is given back. */
#define OUT_KEPT 65536

void sl_relay_out_send(struct sl_relay *relay)
{
    if (relay->out.len) {
        sl_relay_send(relay, sl_buf_str(&relay->out));
        sl_hreq_flush(relay->x->req);
        sl_buf_shrink(&relay->out, OUT_KEPT);
    }
}

struct sl_verdict sl_relay_stream_finish(struct sl_relay *relay)
{
    relay->x->dialect->language->write_end(relay->dialect_state, &relay->out);
    sl_relay_out_send(relay);
    return SL_VERDICT(DONE);
}

bool sl_relay_is_said(struct sl_relay *relay)
{
    struct sl_record *record = &relay->x->record;
    if (relay->mode == SL_RELAY_EVENTS && !relay->events.is_flowing && (relay->pass.is_done || relay->pass.has_error)) {
        record->usage = relay->pass.usage;
        record->error_type = relay->pass.error_type;
        return true;
    }
    return relay->mode == SL_RELAY_TRANSLATE_EVENTS && relay->language->is_over(relay->provider_state);
}

static bool is_stream(enum sl_relay_mode mode)
{
    return mode == SL_RELAY_EVENTS || mode == SL_RELAY_TRANSLATE_EVENTS;
}

struct sl_verdict sl_relay_broken(struct sl_relay *relay, enum sl_error_type type, struct sl_str text)
{
    struct sl_xchg *x = relay->x;
    struct sl_llm_error error = { .type = type, .message = text };
    x->record.error_text = text;
    if (!relay->is_head_sent) {
        sl_xchg_fail(x, &error);
        return SL_VERDICT(TOLD);
    }
    if (sl_relay_is_said(relay)) {
        return relay->mode == SL_RELAY_TRANSLATE_EVENTS ? sl_relay_stream_finish(relay) : SL_VERDICT(DONE);
    }
    x->record.error_type = type;
    if (relay->events.is_flowing || !is_stream(relay->mode)) {
        sl_xchg_cut(x); /* part of a reply or of an event left already: nothing can be said behind it */
        return SL_VERDICT(TOLD);
    }
    if (relay->mode == SL_RELAY_EVENTS) {
        x->record.usage = relay->pass.usage;
        sl_buf_init(&relay->out, SL_RELAY_HOLD_MAX);
    }
    sl_relay_out_send(relay);
    sl_buf_reset(&relay->out);
    x->dialect->language->write_stream_error(relay->dialect_state, &error, &relay->out);
    sl_relay_out_send(relay);
    return SL_VERDICT(DONE);
}

struct sl_verdict sl_relay_refuse(struct sl_relay *relay, int r)
{
    if (r == SL_E_LIMIT) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                               SL_STR("the upstream's reply is larger than upstream.limits.reply allows"));
    }
    return sl_relay_broken(relay, SL_ERR_SLUICE_OVERLOADED,
                           r == SL_E_AGAIN ? SL_STR("the gateway's memory for bodies (server.limits.memory) is used up")
                                           : SL_STR("out of memory"));
}

int sl_relay_count(struct sl_relay *relay, size_t held)
{
    struct sl_budget *memory = relay->x->desk->memory;
    if (held > relay->n_counted && !sl_budget_take(memory, held - relay->n_counted)) {
        return SL_E_AGAIN;
    }
    if (held < relay->n_counted) {
        sl_budget_give(memory, relay->n_counted - held);
    }
    relay->n_counted = held;
    return 0;
}
