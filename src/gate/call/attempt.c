/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/attempt.h"

#include "base/log.h"
#include "base/num.h"
#include "gate/call/attempt_events.h"
#include "gate/call/headers.h"
#include "gate/call/mask.h"
#include "gate/call/patience.h"
#include "gate/call/play.h"
#include "gate/call/state.h"
#include "gate/call/trace.h"
#include "gate/call/upload.h"
#include "gate/config/route.h"
#include "gate/config/route_own.h"
#include "gate/config/settings.h"
#include "gate/config/traffic.h"
#include "gate/engine.h"
#include "gate/worker.h"
#include "llm/core/call.h"
#include "llm/core/http_req.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/addr.h"

/* --- over the network --- */

static void net_on_head(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_attempt *attempt = call->user;
    attempt->events->on_head(attempt->user, status, headers, length);
}

static void net_on_data(struct sl_hcall *call, struct sl_str bytes)
{
    struct sl_attempt *attempt = call->user;
    attempt->events->on_data(attempt->user, bytes);
}

static void net_on_end(struct sl_hcall *call)
{
    struct sl_attempt *attempt = call->user;
    attempt->events->on_end(attempt->user, call->msg->framing == SL_BODY_CLOSE);
}

static void net_on_turn(struct sl_hcall *call)
{
    struct sl_attempt *attempt = call->user;
    attempt->events->on_turn(attempt->user);
}

enum sl_error_type sl_attempt_fault_type(enum sl_hcall_fault fault)
{
    switch (fault) {
    case SL_HF_CONNECT:
    case SL_HF_GUARDED:
        return SL_ERR_PROVIDER_CONNECT_FAILED;
    case SL_HF_TIMEOUT_CONNECT:
        return SL_ERR_PROVIDER_TIMEOUT_CONNECT;
    case SL_HF_TIMEOUT_FIRST_BYTE:
        return SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE;
    case SL_HF_TIMEOUT_IDLE:
        return SL_ERR_PROVIDER_TIMEOUT_IDLE;
    case SL_HF_TIMEOUT_TOTAL:
        return SL_ERR_PROVIDER_TIMEOUT_TOTAL;
    case SL_HF_CLOSED:
    case SL_HF_BAD_RESPONSE:
    case SL_HF_CODING:
        return SL_ERR_PROVIDER_BAD_RESPONSE;
    case SL_HF_BROKEN:
        return SL_ERR_PROVIDER_STREAM_BROKEN;
    case SL_HF_MEMORY:
        return SL_ERR_SLUICE_OVERLOADED;
    }
    return SL_ERR_SLUICE_INTERNAL;
}

struct sl_str sl_attempt_fault_outer(enum sl_hcall_fault fault, struct sl_str text, struct sl_arena *arena)
{
    if (fault == SL_HF_GUARDED) {
        return SL_STR("the upstream's address is not public, and this route may not lead there");
    }
    return sl_str_has_prefix(text, SL_STR("the proxy: ")) ? SL_STR("the gateway's proxy cannot be reached")
                                                          : sl_addr_hide(text, arena);
}

/* Says whose bytes were wrong: the parsers do not know it. */
static struct sl_str fault_whole(enum sl_hcall_fault fault, const char *text, struct sl_arena *arena)
{
    bool is_of_reply = fault == SL_HF_BAD_RESPONSE || fault == SL_HF_BROKEN;
    return is_of_reply && !strstr(text, "upstream") ? sl_arena_printf(arena, "the upstream's reply: %s", text)
                                                    : sl_arena_dup(arena, sl_str_c(text));
}

static void net_on_error(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    struct sl_attempt *attempt = call->user;
    struct sl_xchg *x = attempt->x;
    const struct sl_http_req *request = &attempt->request;
    const struct sl_provider *provider = attempt->target->provider;
    struct sl_secrets secrets = { provider->credential_headers, &request->headers, provider->secret_query,
                                  request->target, x->at.route->own->secret_names };
    sl_secrets_find(&secrets);
    struct sl_str shown = fault_whole(fault, text, x->arena); /* it may quote the upstream */
    if (shown.p) {
        SL_IGNORE(!sl_mask_bytes(&secrets, (char *)(uintptr_t)shown.p, shown.n)); /* it nearly always has no secret */
    }
    sl_log_debug("upstream", "%.*s: %.*s", SL_STR_ARG(x->caller.request_id), SL_STR_ARG(shown));
    enum sl_error_type type = sl_attempt_fault_type(fault);
    shown = sl_attempt_slow_text(attempt, type, shown);
    bool is_unsent = fault == SL_HF_CONNECT || fault == SL_HF_GUARDED || fault == SL_HF_TIMEOUT_CONNECT;
    if (is_unsent && x->at.route->incarnation) {
        x->record.error_inside = shown;
        shown = sl_attempt_fault_outer(fault, shown, x->arena);
    }
    x->record.is_final = fault == SL_HF_CODING;
    attempt->events->on_fault(attempt->user, type, shown, is_unsent);
}

/* The upstream takes more of the upload. */
static void net_on_hungry(struct sl_hcall *call)
{
    struct sl_attempt *attempt = call->user;
    if (sl_upload_pump(attempt->x->upload) < 0) {
        sl_hcall_cancel(call);
        attempt->events->on_fault(attempt->user, SL_ERR_SLUICE_OVERLOADED,
                                  SL_STR("the gateway could not read the upload from its file (server.spool)"), false);
    }
}

static const struct sl_hcall_cbs net_cbs = {
    .on_head = net_on_head,
    .on_data = net_on_data,
    .on_end = net_on_end,
    .on_error = net_on_error,
    .on_turn = net_on_turn,
    .on_hungry = net_on_hungry,
};

static struct sl_patience patience_of(const struct sl_attempt *attempt)
{
    uint32_t target = (uint32_t)(attempt->target - attempt->x->at.route->targets);
    return (struct sl_patience){ attempt->timeouts, attempt->total_usec, target };
}

uint64_t sl_attempt_first_byte_usec(const struct sl_attempt *attempt)
{
    return sl_patience_first_byte_usec(attempt->x, attempt->timeouts);
}

struct sl_str sl_attempt_slow_text(const struct sl_attempt *attempt, enum sl_error_type type, struct sl_str what)
{
    struct sl_patience patience = patience_of(attempt);
    return sl_patience_tell(attempt->x, &patience, type, what);
}

/* Removes headers that only the client's language knows, if the upstream has another language, and reports them as
 * dropped. */
static int strange_drop(struct sl_attempt *attempt)
{
    struct sl_xchg *x = attempt->x;
    const struct sl_str *name = x->dialect->own_headers;
    bool is_same = !name || sl_target_speaks(attempt->target, x->call->type, x->dialect->language);
    for (; !is_same && name->p; name++) {
        if (!sl_headers_find(&attempt->request.headers, *name)) {
            continue;
        }
        struct sl_str *dropped = &x->record.dropped;
        sl_headers_drop(&attempt->request.headers, (struct sl_str[]){ *name, SL_STR_NONE });
        *dropped = dropped->n ? sl_arena_join(x->arena, (struct sl_str[]){ *dropped, SL_STR(","), *name }, 3) : *name;
        if (!dropped->p) {
            return SL_E_NOMEM;
        }
    }
    return 0;
}

static int net_start(struct sl_attempt *attempt)
{
    struct sl_xchg *x = attempt->x;
    struct sl_http_req *request = &attempt->request;
    const struct sl_target *target = attempt->target;
    int r = sl_headers_up(target->provider->pass_headers, &x->req->msg.headers, x->arena, &request->headers);
    if (SL_UNLIKELY(x->trace) && r == 0) {
        sl_trace_try_begin(x, target);
        r = sl_trace_headers(x, &request->headers);
    }
    r = r < 0 ? r : strange_drop(attempt);
    r = r < 0 || !x->at.route->own->n_headers ? r : sl_route_own_headers(x->at.route->own, x->arena, &request->headers);
    if (r < 0) {
        return r;
    }
    struct sl_hcall_req req = {
        .method = request->method,
        .target = request->target,
        .headers = request->headers,
        /* Callers who make routes must not reach the inner network; the operator's routes are trusted. */
        .guard = x->at.route->incarnation ? &x->settings->upstream.guard : NULL,
        .way = x->at.route->way,
        .slices = request->slices,
        .n_slices = request->n_slices,
        .body_len = request->body_len,
        .is_fed = x->upload != NULL,
    };
    if (x->upload) {
        req.fed_len = sl_upload_length(x->upload, request->form_model);
        sl_upload_attach(x->upload, &attempt->hcall, request->form_model);
    }
    const struct sl_upstream_timeouts *t = attempt->timeouts;
    struct sl_hcall_timeouts timeouts = {
        .connect_usec = t->connect_usec,
        .first_byte_usec = sl_attempt_first_byte_usec(attempt),
        .idle_usec = t->idle_usec,
        .total_usec = SL_MAX(attempt->total_usec, (uint64_t)1),
    };
    return sl_hcall_start(&attempt->hcall, &x->worker->engine->client, &target->base, &req, &timeouts, x->arena,
                          &net_cbs, attempt);
}

/* --- network and play --- */

/* Records the connection's times for the log and the metrics, while the connection is known. */
static void times_note(const struct sl_attempt *attempt)
{
    const struct sl_hcall *hcall = &attempt->hcall;
    struct sl_record *record = &attempt->x->record;
    record->sent_usec = hcall->sent_usec;
    record->connect_start_usec = hcall->is_reused ? 0 : hcall->start_usec;
    record->connected_usec = hcall->is_reused ? 0 : hcall->connected_usec;
}

void sl_attempt_time(const struct sl_attempt *attempt)
{
    if (attempt->x && attempt->part.link.list) {
        times_note(attempt);
    }
}

static void attempt_on_stop(struct sl_part *part)
{
    struct sl_attempt *attempt = SL_CONTAINER_OF(part, struct sl_attempt, part);
    sl_hcall_cancel(&attempt->hcall);
    if (attempt->x->upload) {
        sl_upload_detach(attempt->x->upload);
    }
    sl_play_stop(attempt->play);
    attempt->play = NULL;
    times_note(attempt);
}

void sl_attempt_stop(struct sl_attempt *attempt)
{
    if (attempt->x) {
        sl_part_end(&attempt->x->parts, &attempt->part);
        attempt_on_stop(&attempt->part);
    }
}

void sl_attempt_pause(struct sl_attempt *attempt)
{
    attempt->is_paused = true;
    if (attempt->play) {
        sl_play_pause(attempt->play);
    } else {
        sl_hcall_pause(&attempt->hcall);
    }
}

void sl_attempt_resume(struct sl_attempt *attempt)
{
    attempt->is_paused = false;
    if (attempt->play) {
        sl_play_resume(attempt->play);
    } else {
        sl_hcall_resume(&attempt->hcall);
    }
}

/* True: the provider serves this kind of call with this model. */
static bool is_served(const struct sl_target *target, const struct sl_xchg *x)
{
    const struct sl_provider *provider = target->provider;
    const struct sl_call *call = x->call;
    if (call->passage && !call->passage->tail) {
        return provider->passage && target == x->route->targets; /* the path was made for the first target */
    }
    if (call->passage) {
        return provider->passes & SL_BIT(call->type);
    }
    if (call->is_count && !(target->counts_tokens && sl_target_speaks(target, call->type, x->dialect->language))) {
        return false; /* another target of the route can count */
    }
    return target->languages[call->type] && (provider->caps & SL_BIT(call->type)) &&
           (!call->is_stream || (provider->caps & SL_CAP_STREAM));
}

/* The flag that the target refused stream_options. */
static atomic_bool *usage_refused(const struct sl_xchg *x, const struct sl_target *target)
{
    struct sl_traffic *traffic = x->call->passage ? NULL : x->at.traffic;
    return traffic ? &traffic->targets[target - x->at.route->targets].usage_refused : &x->at.route->usage_refused;
}

bool sl_attempt_asks_usage(const struct sl_xchg *x, const struct sl_target *target)
{
    const struct sl_call *call = x->call;
    return call->is_stream && !call->has_stream_options && call->type != SL_LLM_EMBEDDINGS &&
           target->provider->stream_usage == SL_USAGE_ASK &&
           !atomic_load_explicit(usage_refused(x, target), memory_order_relaxed);
}

void sl_attempt_usage_refused(const struct sl_xchg *x, const struct sl_target *target)
{
    atomic_store_explicit(usage_refused(x, target), true, memory_order_relaxed);
}

int sl_attempt_start(struct sl_attempt *attempt, struct sl_xchg *x, const struct sl_attempt_events *events, void *user,
                     struct sl_llm_error *ret_error)
{
    const struct sl_target *target = attempt->target;
    const struct sl_provider *provider = target->provider;
    attempt->x = x;
    attempt->events = events;
    attempt->user = user;
    attempt->request = (struct sl_http_req){ 0 };
    x->record.dropped = SL_STR_NONE;
    x->record.lost = 0;
    if (!is_served(target, x)) {
        ret_error->type = SL_ERR_CALLER_UNSUPPORTED;
        ret_error->message = sl_provider_refusal(provider, x->call->type, x->call->is_stream, x->arena);
        return SL_E_UNSUPPORTED;
    }
    if (x->call->follow && !sl_target_speaks(target, x->call->type, x->call->language)) {
        ret_error->type = SL_ERR_CALLER_UNSUPPORTED;
        ret_error->message = SL_STR("This route's provider has no such call: it keeps no answers of its own.");
        return SL_E_UNSUPPORTED;
    }
    sl_part_begin(&x->parts, &attempt->part, attempt_on_stop);
    if (target->is_local) {
        if (SL_UNLIKELY(x->trace)) {
            sl_trace_try_begin(x, target);
        }
        return sl_play_start(x, target, events, user, &attempt->play);
    }
    int r = provider->build(x->call, target, x->env, attempt->asks_usage, x->arena, &attempt->request, ret_error);
    x->call->aliases = attempt->request.aliases;
    x->call->is_wrapped = attempt->request.is_wrapped;
    x->record.dropped = attempt->request.dropped;
    if (r < 0) {
        return r;
    }
    *ret_error = (struct sl_llm_error){ 0 };
    return net_start(attempt);
}
