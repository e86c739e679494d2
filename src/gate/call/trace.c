/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/trace.h"

#include "base/arena.h"
#include "base/word.h"
#include "gate/call/state.h"
#include "gate/config/otel_conf.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/watch/spans.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"
#include "wire/headers.h"
#include "wire/otlp.h"

#define SPAN_NAME_MAX 256
/* W3C asks for 512 characters at least. */
#define STATE_MAX 512

/* --- begin --- */

static uint64_t id_make(struct sl_xchg *x)
{
    return sl_rng_next(&x->desk->loop->rng) | 1; /* 0 is no id */
}

/* The caller's trace; false: it has none, or not a sound one. */
static bool parent_read(const struct sl_headers *headers, struct sl_traceparent *ret)
{
    const struct sl_header *header = sl_headers_find(headers, SL_STR("traceparent"));
    return header && sl_traceparent_read(header->value, ret) == 0 && sl_headers_count(headers, "traceparent") == 1;
}

static bool is_printable(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

void sl_trace_begin(struct sl_xchg *x)
{
    const struct sl_otel_conf *conf = x->settings->otel;
    const struct sl_headers *headers = &x->req->msg.headers;
    struct sl_traceparent parent;
    bool has_parent = parent_read(headers, &parent);
    if (has_parent && !parent.is_sampled && !conf->ignores_parent) {
        return; /* its header passes as it is */
    }
    struct sl_trace *trace = SL_ARENA_NEW(x->arena, struct sl_trace);
    if (!trace) {
        return; /* the call is worth more than its trace */
    }
    trace->own.trace[0] = has_parent ? parent.trace[0] : sl_rng_next(&x->desk->loop->rng);
    trace->own.trace[1] = has_parent ? parent.trace[1] : id_make(x);
    trace->own.span = id_make(x);
    trace->own.is_sampled = has_parent && !conf->ignores_parent ? parent.is_sampled
                                                                : trace->own.trace[1] >> 1 < conf->sampled_below;
    trace->parent = has_parent ? parent.span : 0;
    if (has_parent) {
        struct sl_str state = sl_headers_get(headers, "tracestate");
        trace->state = state.n <= STATE_MAX && is_printable(state) ? state : SL_STR_NONE;
    }
    trace->end = &trace->first;
    x->trace = trace;
}

/* --- attempts --- */

/* As in the metrics. */
static struct sl_str target_name(const struct sl_record *record)
{
    return record->target_name.p ? record->target_name : SL_STR("model");
}

void sl_trace_try_begin(struct sl_xchg *x, const struct sl_target *target)
{
    struct sl_trace *trace = x->trace;
    struct sl_record *record = &x->record;
    record->try = NULL;
    if (!trace || !trace->own.is_sampled) {
        return;
    }
    struct sl_trace_try *try = sl_arena_alloc(x->arena, sizeof(*try));
    if (try) {
        *try = (struct sl_trace_try){
            .span = id_make(x),
            .target = target,
            .target_name = target_name(record),
            .route = x->at.route->name,
            .start_usec = record->upstream_start_usec,
        };
        *trace->end = try;
        trace->end = &try->next;
        record->try = try;
    }
}

int sl_trace_headers(struct sl_xchg *x, struct sl_headers *io_headers)
{
    static const struct sl_str old[] = { SL_STR_INIT("traceparent"), SL_STR_INIT("tracestate"), { NULL, 0 } };
    static const struct sl_str name[] = { SL_STR_INIT("traceparent"), { NULL, 0 } };
    const struct sl_trace *trace = x->trace;
    char *text = sl_arena_bytes(x->arena, SL_TRACEPARENT_BYTES);
    if (!text) {
        return SL_E_NOMEM;
    }
    struct sl_traceparent up = trace->own;
    up.span = x->record.try ? x->record.try->span : up.span;
    sl_traceparent_format(&up, text);
    if (sl_headers_begin(io_headers, SL_STR("trace"))) {
        sl_headers_drop(io_headers, trace->parent ? name : old); /* without a sound trace its state means nothing */
    }
    return sl_headers_add(io_headers, x->arena, name[0], sl_str_make(text, SL_TRACEPARENT_BYTES));
}

/* What happened, in words of ours only: an upstream's message may quote the prompt. */
static struct sl_str error_of(const struct sl_record *record, enum sl_error_type type)
{
    struct sl_str text = sl_record_error(record);
    return text.n || !type ? text : sl_str_c(sl_error_type_word(type));
}

void sl_trace_try_end(struct sl_xchg *x, enum sl_error_type type, bool is_beaten, uint64_t now_usec)
{
    const struct sl_record *record = &x->record;
    struct sl_trace_try *try = record->try;
    if (try && !try->end_usec) {
        try->end_usec = now_usec;
        try->status = record->upstream_status;
        try->error_type = type;
        try->is_beaten = is_beaten;
        try->error = error_of(record, type);
    }
}

/* --- end --- */

static void put_usage(struct sl_span_out *out, const struct sl_usage *usage)
{
    if (usage->input >= 0) {
        sl_span_number(out, SL_STR("gen_ai.usage.input_tokens"), usage->input);
    }
    if (usage->output >= 0) {
        sl_span_number(out, SL_STR("gen_ai.usage.output_tokens"), usage->output);
    }
}

/* What spans of both kinds say. */
static void put_model(struct sl_span_out *out, struct sl_str operation, struct sl_str asked,
                      const struct sl_target *target, bool is_good)
{
    sl_span_text(out, SL_STR("gen_ai.operation.name"), operation);
    sl_span_text(out, SL_STR("gen_ai.request.model"), asked);
    if (target) {
        sl_span_text(out, SL_STR("gen_ai.provider.name"), sl_str_c(target->provider->name));
    }
    if (target && is_good) {
        sl_span_text(out, SL_STR("gen_ai.response.model"), target->model);
    }
}

static void put_error(struct sl_span_out *out, enum sl_error_type type)
{
    if (type) {
        sl_span_text(out, SL_STR("error.type"), sl_str_c(sl_error_type_word(type)));
    }
}

/* `first` is short: a word of ours, or a method that has a path. */
static struct sl_str name_make(char room[SPAN_NAME_MAX], struct sl_str first, struct sl_str second)
{
    struct sl_str cut = sl_str_sub(second, 0, sl_utf8_fit(second, SPAN_NAME_MAX - first.n - 1));
    memcpy(room, first.p, first.n);
    if (cut.n) {
        room[first.n] = ' ';
        memcpy(room + first.n + 1, cut.p, cut.n);
    }
    return sl_str_make(room, first.n + (cut.n ? cut.n + 1 : 0));
}

static void span_push(struct sl_xchg *x, struct sl_span_out *out)
{
    struct sl_str span = sl_span_end(out);
    sl_spans_push(x->worker->gate->spans, x->desk->spans, span);
}

/* The wall clock at a time of the loop. */
static uint64_t wall_of(const struct sl_xchg *x, uint64_t usec)
{
    return x->begun_wall_usec + (SL_MAX(usec, x->req->start_usec) - x->req->start_usec);
}

static struct sl_str operation_of(const struct sl_xchg *x)
{
    return sl_str_c(sl_llm_operation_name(x->route ? x->route->type : x->path->type));
}

static void try_write(struct sl_xchg *x, const struct sl_trace_try *try, struct sl_span_out *out)
{
    char room[SPAN_NAME_MAX];
    const struct sl_target *target = try->target;
    bool is_good = try->error_type == SL_ERR_NONE && !try->is_beaten;
    const struct sl_span span = {
        .trace = { x->trace->own.trace[0], x->trace->own.trace[1] },
        .id = try->span,
        .parent = x->trace->own.span,
        .state = x->trace->state,
        .name = name_make(room, operation_of(x), target->model),
        .kind = SL_SPAN_CLIENT,
        .start_usec = wall_of(x, try->start_usec),
        .end_usec = wall_of(x, try->end_usec),
        .is_error = try->error_type != SL_ERR_NONE,
        .message = try->error_type ? try->error : SL_STR_NONE,
    };
    sl_span_begin(out, &span);
    put_model(out, operation_of(x), target->model, target, is_good);
    sl_span_text(out, SL_STR("sluice.route"), try->route);
    sl_span_text(out, SL_STR("sluice.target"), try->target_name);
    if (is_good) {
        put_usage(out, &x->record.usage);
    }
    put_error(out, try->error_type);
    if (try->status) {
        sl_span_number(out, SL_STR("http.response.status_code"), try->status);
    }
    if (!target->is_local) {
        sl_span_text(out, SL_STR("server.address"), target->base.host);
        sl_span_number(out, SL_STR("server.port"), target->base.port);
    }
    if (try->is_beaten) {
        sl_span_true(out, SL_STR("sluice.beaten"));
    }
    span_push(x, out);
}

/* A fault of the caller, or a limit, is no error of this service. */
static bool is_fault(enum sl_error_type type)
{
    return type && (sl_error_type_is_upstream(type) || sl_error_type_status(type) >= 500);
}

static void call_write(struct sl_xchg *x, int status, struct sl_span_out *out)
{
    char room[SPAN_NAME_MAX];
    const struct sl_record *record = &x->record;
    struct sl_str pattern = sl_str_c(x->path->pattern), route = x->route ? x->route->name : SL_STR("");
    bool is_error = is_fault(record->error_type);
    const struct sl_span span = {
        .trace = { x->trace->own.trace[0], x->trace->own.trace[1] },
        .id = x->trace->own.span,
        .parent = x->trace->parent,
        .is_remote = x->trace->parent,
        .state = x->trace->state,
        .name = name_make(room, x->req->msg.method, pattern),
        .kind = SL_SPAN_SERVER,
        .start_usec = wall_of(x, x->req->start_usec),
        .end_usec = wall_of(x, sl_loop_recent(x->desk->loop)),
        .is_error = is_error,
        .message = is_error ? error_of(record, record->error_type) : SL_STR_NONE,
    };
    sl_span_begin(out, &span);
    put_model(out, operation_of(x), route, record->target, record->error_type == SL_ERR_NONE);
    sl_span_text(out, SL_STR("sluice.route"), route);
    if (record->target) {
        sl_span_text(out, SL_STR("sluice.target"), target_name(record));
    }
    put_usage(out, &record->usage);
    put_error(out, record->error_type);
    sl_span_text(out, SL_STR("http.request.method"), x->req->msg.method);
    sl_span_text(out, SL_STR("http.route"), pattern);
    sl_span_number(out, SL_STR("http.response.status_code"), status);
    sl_span_text(out, SL_STR("sluice.id"), x->caller.own_id);
    sl_span_number(out, SL_STR("sluice.attempts"), record->n_attempts);
    span_push(x, out);
}

void sl_trace_end(struct sl_xchg *x, int status)
{
    struct sl_trace *trace = x->trace;
    struct sl_desk *desk = x->desk;
    struct sl_span_out out;
    if (!trace->own.is_sampled) {
        return;
    }
    if (!desk->spans) {
        desk->spans = sl_spans_join(x->worker->gate->spans);
    }
    if (!desk->spans) { /* no memory */
        sl_spans_count(x->worker->gate->spans, SL_SPAN_DROPPED, 1);
        return;
    }
    for (struct sl_trace_try *try = trace->first; try; try = try->next) {
        if (!try->end_usec) { /* it was cut with the call */
            x->record.try = try;
            sl_trace_try_end(x, x->record.error_type, false, sl_loop_recent(desk->loop));
        }
        try_write(x, try, &out);
    }
    call_write(x, status, &out);
}
