/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/own.h"

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/charge.h"
#include "gate/call/cors.h"
#include "gate/call/record.h"
#include "gate/call/state.h"
#include "gate/call/timing.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/policy/limit.h"
#include "gate/policy/words.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

static struct sl_str number(struct sl_arena *arena, uint64_t v)
{
    char *p = sl_arena_bytes(arena, 20);
    return p ? sl_str_make(p, sl_format_u64(v, p)) : SL_STR_NONE;
}

static struct sl_str dollars(struct sl_arena *arena, int64_t nano)
{
    char *p = sl_arena_bytes(arena, SL_DOLLARS_TEXT_MAX);
    return p ? sl_str_make(p, sl_format_dollars((uint64_t)nano, p)) : SL_STR_NONE;
}

/* Without the time that the client took to send its request. */
static struct sl_str timing(struct sl_xchg *x)
{
    const struct sl_hreq *req = x->req;
    const struct sl_record *record = &x->record;
    uint64_t now = sl_loop_now(x->desk->loop);
    struct sl_timing times = {
        .since_usec = req->body_usec   ? req->body_usec
                      : req->head_usec ? req->head_usec
                                       : now,
        .upstream_first_usec = record->upstream_first_usec,
        .upstream_head_usec = record->upstream_head_usec,
        .now_usec = now,
    };
    char *p = sl_arena_bytes(x->arena, SL_TIMING_MAX);
    return p ? sl_str_make(p, sl_timing_format(&times, p)) : SL_STR_NONE;
}

static int own_add(struct sl_xchg *x, struct sl_headers *io_headers, struct sl_str name, struct sl_str value)
{
    return value.p ? sl_headers_add(io_headers, x->arena, name, value) : SL_E_NOMEM;
}

/* A model's name comes from a file or an administrator, so it is left out if it would break the head. */
static int text_add(struct sl_xchg *x, struct sl_headers *io_headers, struct sl_str name, struct sl_str value)
{
    if (!value.n || !sl_header_is_visible(value, 1024)) {
        return 0;
    }
    return own_add(x, io_headers, name, value);
}

/* Adds the headers that server.headers switches. */
static int sluice_add(struct sl_xchg *x, struct sl_headers *io_headers)
{
    const struct sl_record *record = &x->record;
    const struct sl_target *target = record->target;
    int r = own_add(x, io_headers, SL_STR("x-sluice-id"), x->caller.own_id);
    if (r == 0 && x->route) {
        r = text_add(x, io_headers, SL_STR("x-sluice-route"), x->route->name);
    }
    if (r == 0 && target) {
        r = text_add(x, io_headers, SL_STR("x-sluice-provider"), sl_str_c(target->provider->name));
        /* MLflow's files may leave the model out. */
        r = r < 0 ? r : text_add(x, io_headers, SL_STR("x-sluice-model"), target->model);
        r = r < 0 ? r : own_add(x, io_headers, SL_STR("x-sluice-attempts"), number(x->arena, record->n_attempts));
        r = r < 0 ? r : text_add(x, io_headers, SL_STR("x-sluice-target"), record->target_name);
    }
    r = r < 0 ? r : text_add(x, io_headers, SL_STR("x-sluice-dropped"), sl_record_dropped(x));
    if (r == 0 && record->error_type) {
        struct sl_str word = sl_str_c(sl_error_type_word(record->error_type));
        r = own_add(x, io_headers, SL_STR("x-sluice-error-type"), word);
    }
    if (r == 0 && record->cost_nano >= 0 && !record->is_stream) {
        r = own_add(x, io_headers, SL_STR("x-sluice-cost"), dollars(x->arena, record->cost_nano));
    }
    r = r < 0 ? r : text_add(x, io_headers, SL_STR("x-sluice-upstream-request-id"), record->upstream_request_id);
    if (r == 0 && sl_xchg_is_invocation(x)) {
        r = own_add(x, io_headers, SL_STR("server-timing"), timing(x));
    }
    return r;
}

#define LIMIT_REQUESTS     SL_STR_INIT("x-ratelimit-limit-requests")
#define REMAINING_REQUESTS SL_STR_INIT("x-ratelimit-remaining-requests")
#define RESET_REQUESTS     SL_STR_INIT("x-ratelimit-reset-requests")
#define LIMIT_TOKENS       SL_STR_INIT("x-ratelimit-limit-tokens")
#define REMAINING_TOKENS   SL_STR_INIT("x-ratelimit-remaining-tokens")
#define RESET_TOKENS       SL_STR_INIT("x-ratelimit-reset-tokens")

/* The headers of one sort of limits. */
struct limit_names {
    struct sl_str limit, remaining, reset;
};
static const struct limit_names request_names = { LIMIT_REQUESTS, REMAINING_REQUESTS, RESET_REQUESTS };
static const struct limit_names token_names = { LIMIT_TOKENS, REMAINING_TOKENS, RESET_TOKENS };

/* The same by their length. */
static const struct sl_header_names of_requests = { {
    [26] = { LIMIT_REQUESTS, RESET_REQUESTS },
    [30] = { REMAINING_REQUESTS },
} };
static const struct sl_header_names of_tokens = { {
    [24] = { LIMIT_TOKENS, RESET_TOKENS },
    [28] = { REMAINING_TOKENS },
} };
static const struct sl_header_names of_both = { {
    [24] = { LIMIT_TOKENS, RESET_TOKENS },
    [26] = { LIMIT_REQUESTS, RESET_REQUESTS },
    [28] = { REMAINING_TOKENS },
    [30] = { REMAINING_REQUESTS },
} };

/* Removes the provider's headers of the sorts that are shown. */
static void providers_drop(struct sl_headers *io_headers, const struct sl_limit_view *view)
{
    bool has_requests = view->requests.rule, has_tokens = view->tokens.rule;
    if (has_requests || has_tokens) {
        sl_headers_drop_among(io_headers, !has_tokens ? &of_requests : !has_requests ? &of_tokens : &of_both);
    }
}

/* True: the upstream's limit refused the call. The limit headers of the reply are about that limit; the gateway's own
 * would say that calls are left. */
static bool is_upstreams_limit(const struct sl_xchg *x)
{
    return x->record.error_type == SL_ERR_PROVIDER_RATE_LIMITED;
}

/* Adds the headers of a limit. */
static int limit_add(struct sl_xchg *x, struct sl_headers *io_headers, const struct limit_names *names,
                     const struct sl_limit_shown *limit)
{
    if (!limit->rule) {
        return 0;
    }
    char *wait = sl_arena_bytes(x->arena, SL_WAIT_MAX);
    if (!wait) {
        return SL_E_NOMEM;
    }
    int r = own_add(x, io_headers, names->limit, number(x->arena, limit->rule->cap));
    r = r < 0 ? r : own_add(x, io_headers, names->remaining, number(x->arena, limit->remaining));
    return r < 0 ? r : own_add(x, io_headers, names->reset, sl_str_make(wait, sl_wait_format(limit->reset_usec, wait)));
}

static int limits_add(struct sl_xchg *x, struct sl_headers *io_headers)
{
    struct sl_limit_view view;
    if (!sl_charge_view(x, &view)) {
        return 0;
    }
    providers_drop(io_headers, &view);
    int r = limit_add(x, io_headers, &request_names, &view.requests);
    r = r < 0 ? r : limit_add(x, io_headers, &token_names, &view.tokens);
    bool shows_money = view.money.rule && x->settings->server.headers;
    return r == 0 && shows_money ? own_add(x, io_headers, SL_STR("x-sluice-budget-remaining"),
                                           dollars(x->arena, (int64_t)view.money.remaining))
                                 : r;
}

/* For a stream only the time until its head: the provider's part is not known then. */
static int duration_add(struct sl_xchg *x, struct sl_headers *io_headers)
{
    const struct sl_record *record = &x->record;
    uint64_t now = sl_loop_now(x->desk->loop), since = x->req->head_usec ? x->req->head_usec : now;
    uint64_t end = record->upstream_end_usec > record->upstream_start_usec ? record->upstream_end_usec : now;
    uint64_t whole = (now - since) / 1000,
             upstream = record->n_attempts ? (end - record->upstream_first_usec) / 1000 : 0;
    int r = own_add(x, io_headers, sl_str_c(x->dialect->duration_header), number(x->arena, whole));
    if (r == 0 && upstream && !record->is_stream) {
        uint64_t own = whole > upstream ? whole - upstream : 0;
        r = own_add(x, io_headers, sl_str_c(x->dialect->overhead_header), number(x->arena, own));
    }
    return r;
}

bool sl_own_is_for_pages(const struct sl_xchg *x)
{
    return x->settings->server.cors.n && sl_path_is_for_pages(x->worker->paths, x->path, x->match.path);
}

/* Adds what a browser needs before it lets a page see the reply, also for errors. */
static int page_add(struct sl_xchg *x, struct sl_headers *io_headers)
{
    const struct sl_strs *origins = &x->settings->server.cors;
    struct sl_str origin = sl_cors_origin(origins, &x->req->msg.headers);
    int r = sl_cors_allow(origins, origin, x->arena, io_headers);
    return r == 0 && origin.p && x->match.method != SL_OPTIONS ? sl_cors_expose(x->arena, io_headers) : r;
}

int sl_headers_own(struct sl_xchg *x, struct sl_headers *io_headers)
{
    int r = text_add(x, io_headers, SL_STR("x-request-id"), x->caller.request_id);
    if (r == 0 && x->dialect->request_id_header) {
        struct sl_str name = sl_str_c(x->dialect->request_id_header);
        sl_headers_drop(io_headers, (struct sl_str[]){ name, SL_STR_NONE });
        r = text_add(x, io_headers, name, x->caller.request_id);
    }
    if (r == 0 && x->settings->server.headers) {
        r = sluice_add(x, io_headers);
    }
    if (r == 0 && x->dialect->duration_header) {
        r = duration_add(x, io_headers);
    }
    if (r == 0 && x->charge && !is_upstreams_limit(x)) {
        r = limits_add(x, io_headers);
    }
    /* Last, because it names the other headers. */
    return r == 0 && SL_UNLIKELY(sl_own_is_for_pages(x)) ? page_add(x, io_headers) : r;
}
