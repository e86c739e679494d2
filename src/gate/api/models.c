/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the routes as models, in the caller's dialect. */
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/instant.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/language.h"
#include "llm/core/listing.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "wire/uri.h"

/* The part [from, to) of the routes that the caller may see. */
struct window {
    uint32_t from, to;
    bool is_backwards;
};

static const struct sl_route *visible_next(struct sl_xchg *x, const struct sl_snapshot *snapshot,
                                           struct sl_snapshot_iter *it)
{
    const struct sl_route *route;
    while ((route = sl_snapshot_next(it)) != NULL) {
        if (!sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name)) {
            break;
        }
    }
    return route;
}

/* The index among the routes that the caller may see; UINT32_MAX: no route has that name. */
static uint32_t place_of(struct sl_xchg *x, const struct sl_snapshot *snapshot, struct sl_str name)
{
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    const struct sl_route *route;
    for (uint32_t i = 0; (route = visible_next(x, snapshot, &it)) != NULL; i++) {
        if (sl_str_eq(route->name, name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* False: it was refused. */
static bool limit_or_refuse(struct sl_xchg *x, const struct sl_listing *listing, uint32_t *ret)
{
    struct sl_str text;
    uint64_t limit = listing->limit_default;
    bool is_lax = listing->has_lax_limit;
    if (listing->limit && sl_query_get(x->match.query, listing->limit, x->arena, &text) &&
        sl_parse_u64(text, is_lax ? 0 : 1, is_lax ? INT32_MAX : listing->limit_max, &limit) < 0) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%s: a whole number from 1 to %u is expected.",
                          listing->limit, listing->limit_max);
        return false;
    }
    limit = is_lax ? SL_MIN(limit ? limit : listing->limit_default, (uint64_t)listing->limit_max) : limit;
    *ret = limit ? (uint32_t)limit : UINT32_MAX;
    return true;
}

/* The index of the route that a query parameter names. False: it was refused. */
static bool cursor_or_refuse(struct sl_xchg *x, const struct sl_snapshot *snapshot, const char *member, uint32_t *ret)
{
    struct sl_str name;
    *ret = UINT32_MAX;
    if (!member || !sl_query_get(x->match.query, member, x->arena, &name)) {
        return true;
    }
    *ret = place_of(x, snapshot, name);
    if (*ret == UINT32_MAX) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%s: no model of this name is listed.", member);
    }
    return *ret != UINT32_MAX;
}

static bool window_or_refuse(struct sl_xchg *x, const struct sl_snapshot *snapshot, const struct sl_listing *listing,
                             struct window *ret)
{
    uint32_t limit, after, before;
    if (!limit_or_refuse(x, listing, &limit) || !cursor_or_refuse(x, snapshot, listing->after, &after) ||
        !cursor_or_refuse(x, snapshot, listing->before, &before)) {
        return false;
    }
    if (before != UINT32_MAX) {
        *ret = (struct window){ before > limit ? before - limit : 0, before, true };
    } else {
        uint32_t from = after + 1; /* 0 if there is none */
        *ret = (struct window){ from, limit < UINT32_MAX - from ? from + limit : UINT32_MAX, false };
    }
    return true;
}

static struct sl_listed listed_of(const struct sl_xchg *x, const struct sl_route *route, char since[32])
{
    uint64_t sec = x->worker->gate->start_wall_usec / SL_USEC_PER_SEC;
    return (struct sl_listed){ route->name, sl_str_c(route->targets[0].provider->name), route->type, sec,
                               sl_instant_format(sec, since) };
}

static void handle_models(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    const struct sl_listing *listing = x->dialect->listing;
    struct window window;
    if (!window_or_refuse(x, snapshot, listing, &window)) {
        return;
    }
    struct sl_listed_page page = { 0 };
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    listing->begin(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    const struct sl_route *route;
    uint32_t i = 0;
    for (; i < window.to && (route = visible_next(x, snapshot, &it)) != NULL; i++) {
        if (i < window.from) {
            continue;
        }
        char since[32];
        struct sl_listed listed = listed_of(x, route, since);
        listing->one(w, &listed);
        page.first = page.first.p ? page.first : route->name;
        page.last = route->name;
    }
    page.has_more = window.is_backwards ? window.from > 0 : i == window.to && visible_next(x, snapshot, &it) != NULL;
    listing->end(w, &page);
    sl_api_reply(x, 200);
}

static void handle_model(struct sl_xchg *x)
{
    const struct sl_route *route = sl_api_route(x);
    if (!route) {
        sl_xchg_fail_no_route(x, x->match.arg);
        return;
    }
    char since[32];
    struct sl_listed listed = listed_of(x, route, since);
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    x->dialect->listing->one(w, &listed);
    sl_api_reply(x, 200);
}

#define LISTED(path, handler, text, kind)                                                                           \
    {                                                                                                               \
        .methods = SL_GET | SL_HEAD, .pattern = (path), .handle = (handler), .told = SL_TOLD(text, .reply = (kind)) \
    }
#define PAGED(path, text, kind)                                                          \
    {                                                                                    \
        .methods = SL_GET | SL_HEAD, .pattern = (path), .handle = handle_models,         \
        .told = SL_TOLD(text, .reply = (kind), .parameters = "limit after_id before_id") \
    }
#define SAME "The same for clients whose base URL lacks /v1."

const struct sl_path sl_models_rows[] = {
    LISTED("/v1/models", handle_models,
           "List the routes, as OpenAI lists models; with the header anthropic-version as Anthropic does.",
           "AnyModelList"),
    LISTED("/v1/models/{}", handle_model, "One route, as OpenAI shows a model, or Anthropic.", "AnyModel"),
    LISTED("/models", handle_models, SAME, "ModelList"),
    LISTED("/models/{}", handle_model, SAME, "Model"),
    PAGED("/anthropic/v1/models", "List the routes, as Anthropic lists models.", "AnthropicModelList"),
    LISTED("/anthropic/v1/models/{}", handle_model, "One route, as Anthropic shows a model.", "AnthropicModel"),
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/v1beta/models",
      .handle = handle_models,
      .told = SL_TOLD("List the routes, as Gemini's API lists models.", .reply = "GeminiModelList",
                      .parameters = "pageSize pageToken key") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/v1beta/models/{}",
      .handle = handle_model,
      .told = SL_TOLD("One route, as Gemini's API shows a model.", .reply = "GeminiModel", .parameters = "key") },
    { 0 },
};
