/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_out.h"

#include "base/budget.h"
#include "gate/call/bond.h"
#include "gate/call/headers.h"
#include "gate/call/keep.h"
#include "gate/call/mask.h"
#include "gate/call/own.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "http/hreq.h"
#include "json/scan.h"
#include "llm/core/call.h"
#include "llm/core/frame.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "net/loop.h"

bool sl_relay_is_same_language(const struct sl_relay *relay)
{
    return relay->x->call->passage ||
           sl_target_speaks(relay->target, relay->x->call->type, relay->x->dialect->language);
}

bool sl_relay_is_same_form(const struct sl_relay *relay)
{
    return sl_relay_is_same_language(relay) && !relay->x->call->is_list;
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

/* --- signs of life --- */

static bool may_beat(const struct sl_relay *relay)
{
    return relay->is_head_sent && sl_hreq_queued(relay->x->req) == 0; /* no beat while bytes wait for a slow client */
}

void sl_relay_on_heartbeat(struct sl_timer *timer)
{
    struct sl_relay *relay = SL_CONTAINER_OF(timer, struct sl_relay, heartbeat);
    struct sl_xchg *x = relay->x;
    uint64_t now = sl_loop_now(x->desk->loop), every = x->settings->server.heartbeat_usec;
    if (now >= relay->sent_usec + every && may_beat(relay)) {
        SL_IGNORE(sl_hreq_data(x->req, sl_stream_alive(x->dialect->language, x->call)) <
                  0); /* the loop reports a client that is gone */
        sl_hreq_flush(x->req);
        relay->sent_usec = now;
    }
    /* If something was sent meanwhile, the time runs from then. */
    uint64_t due = relay->sent_usec + every;
    sl_timer_set(x->desk->loop, timer, due > now ? due : now + every);
}

static void heartbeat_start(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    uint64_t every = x->settings->server.heartbeat_usec;
    relay->sent_usec = sl_loop_now(x->desk->loop);
    if (every && sl_stream_alive(x->dialect->language, x->call).n) {
        sl_timer_set(x->desk->loop, &relay->heartbeat, relay->sent_usec + every);
    }
}

/* --- the head --- */

/* Leaves out headers of the upstream that describe another body. The headers that keep proxies from holding a stream
 * back are the gateway's own. */
struct sl_verdict sl_relay_stream_head_send(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    bool is_passed = relay->mode == SL_RELAY_EVENTS;
    struct sl_headers kept = { 0 };
    int r = 0;
    for (uint32_t i = 0; i < relay->headers.n && r == 0; i++) {
        struct sl_header h = relay->headers.v[i];
        bool is_ours = sl_str_case_eq(h.name, SL_STR("x-accel-buffering")) ||
                       (!is_passed && sl_str_case_eq(h.name, SL_STR("cache-control")));
        bool is_type = sl_str_case_eq(h.name, SL_STR("content-type"));
        bool stays = is_passed ? !is_type || relay->is_in_time : !sl_header_is_of_body(h.name);
        r = is_ours || !stays ? 0 : sl_headers_add(&kept, x->arena, h.name, h.value);
    }
    if (r == 0 && !(is_passed && relay->is_in_time)) {
        r = sl_headers_add(&kept, x->arena, SL_STR("content-type"), sl_stream_type(x->dialect->language, x->call));
    }
    if (r == 0 && !is_passed) {
        r = sl_headers_add(&kept, x->arena, SL_STR("cache-control"), SL_STR("no-cache"));
    }
    if (r == 0) {
        r = sl_headers_add(&kept, x->arena, SL_STR("x-accel-buffering"), SL_STR("no"));
    }
    if (r < 0) {
        sl_xchg_cut(x);
        return SL_VERDICT(TOLD);
    }
    relay->headers = kept;
    x->record.is_stream = true;
    struct sl_verdict verdict = sl_relay_head_send(relay, 200, -1);
    if (verdict.kind == SL_VERDICT_ON) {
        heartbeat_start(relay);
    }
    return verdict;
}

void sl_relay_send(struct sl_relay *relay, struct sl_str bytes)
{
    struct sl_xchg *x = relay->x;
    relay->sent_usec = sl_loop_recent(x->desk->loop);
    if (bytes.n && !x->record.first_byte_usec) {
        x->record.first_byte_usec = relay->sent_usec;
    }
    if (relay->bond) {
        sl_bond_see(relay->bond, bytes, relay->is_plain);
    }
    /* The loop reports a client that is gone. */
    SL_IGNORE(sl_hreq_data(x->req, bytes) < 0);
}

/* A larger buffer is freed after an event. */
#define OUT_KEPT 65536

void sl_relay_out_send(struct sl_relay *relay)
{
    if (relay->out.len) {
        sl_relay_send(relay, sl_buf_str(&relay->out));
        sl_hreq_flush(relay->x->req);
        sl_buf_shrink(&relay->out, OUT_KEPT);
    }
}

void sl_relay_clock(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    uint64_t now = sl_loop_now(x->desk->loop), since = x->record.upstream_start_usec;
    x->env->upstream_usec = now > since ? now - since : 0;
}

int sl_relay_writer_start(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    const struct sl_language *language = x->dialect->language;
    relay->dialect_state = sl_arena_zalloc(x->arena, SL_MAX(language->write_state_size, (size_t)1));
    if (relay->dialect_state && language->write_begin) {
        language->write_begin(relay->dialect_state, x->call, (size_t)x->settings->upstream.event_bytes);
    }
    return relay->dialect_state ? 0 : SL_E_NOMEM;
}

void sl_relay_writer_stop(struct sl_relay *relay)
{
    const struct sl_language *language = relay->x->dialect->language;
    if (relay->dialect_state && language->write_done) {
        language->write_done(relay->dialect_state);
    }
    relay->dialect_state = NULL;
}

void sl_relay_error_mask(struct sl_relay *relay, struct sl_llm_error *error)
{
    struct sl_str *texts[] = { &error->message, &error->code, &error->param };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        *texts[i] = sl_mask_text(&relay->secrets, *texts[i], relay->x->arena);
    }
}

struct sl_verdict sl_relay_stream_fail(struct sl_relay *relay, const struct sl_llm_error *error)
{
    sl_buf_reset(&relay->out);
    sl_dialect_errors(relay->x->dialect)->write_stream_error(relay->dialect_state, error, &relay->out);
    if (sl_buf_status(&relay->out) < 0) {
        sl_xchg_cut(relay->x); /* clients could not read a part of it */
        return SL_VERDICT(TOLD);
    }
    sl_relay_out_send(relay);
    return SL_VERDICT(DONE);
}

struct sl_verdict sl_relay_stream_finish(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    size_t from = relay->out.len;
    x->dialect->language->write_end(relay->dialect_state, &relay->out);
    if (sl_buf_status(&relay->out) < 0) { /* a part of the end is none */
        struct sl_llm_error error = { .type = SL_ERR_PROVIDER_BAD_RESPONSE,
                                      .message = SL_STR("the end of the stream repeats more of the upstream's reply "
                                                        "than upstream.limits.reply allows") };
        x->record.error_type = error.type;
        x->record.error_text = error.message;
        relay->out.len = from;
        sl_relay_out_send(relay);
        return sl_relay_stream_fail(relay, &error);
    }
    sl_keep_answer(x, sl_buf_str(&relay->out));
    sl_relay_out_send(relay);
    return SL_VERDICT(DONE);
}

bool sl_relay_is_said(struct sl_relay *relay)
{
    struct sl_record *record = &relay->x->record;
    if (relay->mode == SL_RELAY_EVENTS && (relay->pass.is_done || relay->pass.has_error)) {
        record->usage = relay->pass.usage;
        record->error_type = relay->pass.error_type;
        return true;
    }
    return relay->mode == SL_RELAY_TRANSLATE_EVENTS && relay->has_words &&
           relay->language->is_over(relay->provider_state);
}

/* True: the client gets whole events, so an error event can follow them. */
static bool is_stream(const struct sl_relay *relay)
{
    return relay->mode == SL_RELAY_EVENTS || relay->mode == SL_RELAY_TRANSLATE_EVENTS ||
           (relay->mode == SL_RELAY_COLLECT && relay->x->record.is_stream);
}

bool sl_relay_moves(struct sl_relay *relay, struct sl_llm_error *io_error)
{
    if (relay->is_head_sent || !relay->moves) {
        return false;
    }
    bool is_moving = relay->moves(relay->moves_user, io_error);
    relay->moves = NULL; /* the decision is made only once */
    return is_moving;
}

void sl_relay_usage_save(struct sl_relay *relay)
{
    const struct sl_language *language = relay->language;
    struct sl_usage *usage = &relay->x->record.usage;
    struct sl_json_scan scan;
    struct sl_json doc;
    struct sl_str raw;
    if (relay->mode == SL_RELAY_EVENTS || usage->input >= 0 || usage->output >= 0 || !relay->hold.len ||
        !language->reply_members || !language->read_usage) {
        return;
    }
    sl_json_scan_init(&scan, language->reply_members, SL_REPLY_COUNT);
    sl_json_scan_push(&scan, sl_buf_str(&relay->hold));
    sl_json_init(&doc, NULL); /* the worker's may have the error */
    bool is_found = sl_json_scan_value(&scan, SL_REPLY_USAGE, &raw) || sl_json_scan_value(&scan, SL_REPLY_META, &raw);
    if (is_found && sl_json_parse(&doc, raw) == 0) {
        SL_IGNORE(language->read_usage(sl_json_root(&doc), usage) < 0);
    }
    sl_json_done(&doc);
    sl_json_scan_done(&scan);
}

struct sl_verdict sl_relay_broken(struct sl_relay *relay, enum sl_error_type type, struct sl_str text)
{
    struct sl_xchg *x = relay->x;
    struct sl_llm_error error = { .type = type, .message = text };
    x->record.error_text = text;
    sl_relay_usage_save(relay);
    if (sl_relay_moves(relay, &error)) {
        return (struct sl_verdict){ .kind = SL_VERDICT_AGAIN, .why = type };
    }
    if (!relay->is_head_sent) {
        sl_xchg_fail(x, &error);
        return SL_VERDICT(TOLD);
    }
    if (sl_relay_is_said(relay)) {
        return relay->mode == SL_RELAY_TRANSLATE_EVENTS ? sl_relay_stream_finish(relay) : SL_VERDICT(DONE);
    }
    x->record.error_type = type;
    if (!is_stream(relay)) {
        sl_xchg_cut(x); /* a part of a reply was sent, and no error can follow it */
        return SL_VERDICT(TOLD);
    }
    if (relay->mode == SL_RELAY_EVENTS) {
        x->record.usage = relay->pass.usage;
        error.n_events = relay->pass.n_events;
        sl_buf_init(&relay->out, SL_RELAY_OUT_MAX);
    }
    sl_relay_out_send(relay);
    return sl_relay_stream_fail(relay, &error);
}

struct sl_verdict sl_relay_event_refuse(struct sl_relay *relay)
{
    return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                           SL_STR("an event of the upstream's stream is larger than upstream.limits.event allows"));
}

struct sl_verdict sl_relay_refuse(struct sl_relay *relay, int r)
{
    if (r == SL_E_LIMIT) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                               SL_STR("the upstream's reply is larger than upstream.limits.reply allows"));
    }
    return sl_relay_broken(relay, SL_ERR_SLUICE_OVERLOADED,
                           r == SL_E_BUDGET
                               ? SL_STR("the gateway's memory for bodies (server.limits.memory) is used up")
                               : SL_STR("out of memory"));
}

int sl_relay_count(struct sl_relay *relay, size_t held)
{
    struct sl_budget *memory = relay->x->desk->memory;
    if (held > relay->n_counted && !sl_budget_take(memory, held - relay->n_counted)) {
        return SL_E_BUDGET;
    }
    if (held < relay->n_counted) {
        sl_budget_give(memory, relay->n_counted - held);
    }
    relay->n_counted = held;
    return 0;
}
