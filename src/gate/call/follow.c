/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/follow.h"

#include "base/clock.h"
#include "gate/call/auth.h"
#include "gate/call/keep.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/policy/made.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "wire/uri.h"

/* The part of a path that all paths of responses have. */
#define ANSWERS "/responses"

/* The path after "/responses"; "" if there is no more. */
static struct sl_str tail_of(const struct sl_xchg *x)
{
    ptrdiff_t at = sl_str_find(x->match.path, SL_STR(ANSWERS), 0);
    return at < 0 ? SL_STR("") : sl_str_sub(x->match.path, (size_t)at + sizeof(ANSWERS) - 1, x->match.path.n);
}

static bool follow_fill(struct sl_xchg *x, bool has_body)
{
    static const struct {
        unsigned method;
        const char *name;
    } methods[] = { { SL_GET, "GET" }, { SL_DELETE, "DELETE" }, { SL_POST, "POST" } };
    struct sl_follow *follow = SL_ARENA_NEW(x->arena, struct sl_follow);
    if (!follow) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    *follow = (struct sl_follow){ .method = "POST", .tail = tail_of(x), .query = x->match.query, .has_body = has_body };
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        follow->method = methods[i].method == x->match.method ? methods[i].name : follow->method;
    }
    x->call->follow = follow;
    return true;
}

bool sl_follow_beside_or_refuse(struct sl_xchg *x)
{
    return !x->path->follows || follow_fill(x, true);
}

static void missing(struct sl_xchg *x, struct sl_str id)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_NOT_FOUND,
        .message = sl_arena_printf(x->arena, "Response with id '%.*s' not found.",
                                   SL_STR_ARG(sl_str_sub(id, 0, SL_MADE_ID_MAX))),
    };
    sl_xchg_fail(x, &error);
}

/* The route whose upstream made the response, if the caller may use it; else NULL. Of several targets, only the one
 * that made it will be asked. */
static struct sl_route *route_of(struct sl_xchg *x, struct sl_str id)
{
    struct sl_made *made = x->worker->gate->made;
    struct sl_made_by by;
    if (!made || sl_made_find(made, id, x->caller.principal, sl_clock_wall_usec(), x->arena, &by) < 0) {
        return NULL;
    }
    struct sl_route *route = sl_snapshot_find(x->worker->snapshot, by.route);
    x->made_at = by.target;
    return route && sl_auth_may_use(x, by.route) ? route : NULL;
}

/* True: one of the route's targets speaks the call's language, so the call goes through unchanged. */
static bool has_speaker(const struct sl_xchg *x)
{
    const struct sl_route *route = x->route;
    uint32_t i = 0;
    while (i < route->n_targets && !sl_target_speaks(&route->targets[i], x->call->type, x->call->language)) {
        i++;
    }
    return i < route->n_targets;
}

struct sl_route *sl_follow_find(struct sl_xchg *x)
{
    if (sl_keep_reply(x)) {
        return NULL;
    }
    struct sl_route *route = route_of(x, x->match.arg);
    if (!route) {
        missing(x, x->match.arg);
        return NULL;
    }
    if (x->req->body.n && sl_str_trim(x->req->body).n && !sl_str_eq_c(sl_str_trim(x->req->body), "{}")) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "This call has no body: the path and the query say it all.");
        return NULL;
    }
    struct sl_str stream = SL_STR("");
    bool is_stream = sl_query_get(x->match.query, "stream", x->arena, &stream) && sl_str_eq_c(stream, "true");
    x->env->wall_usec = sl_clock_wall_usec();
    *x->call = (struct sl_call){
        .type = x->path->type,
        .manners = x->dialect->manners,
        .language = x->dialect->language,
        .model = route->name,
        .is_stream = is_stream,
        .wants_usage = true,
    };
    return follow_fill(x, false) ? route : NULL;
}

static void previous_refuse(struct sl_xchg *x)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .param = SL_STR("previous_response_id"),
        .code = SL_STR("previous_response_not_found"),
        .message = sl_arena_printf(x->arena, "Previous response with id '%.*s' not found.",
                                   SL_STR_ARG(sl_str_sub(x->call->previous, 0, SL_MADE_ID_MAX))),
    };
    sl_xchg_fail(x, &error);
}

static void long_refuse(struct sl_xchg *x)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_BODY_TOO_LARGE,
        .param = SL_STR("previous_response_id"),
        .message = SL_STR("The conversation so far and this input are together longer than a body may be "
                          "(server.limits.body): begin a new one."),
    };
    sl_xchg_fail(x, &error);
}

bool sl_follow_previous_or_refuse(struct sl_xchg *x)
{
    const struct sl_call *call = x->call;
    struct sl_made *made = x->worker->gate->made;
    int kept = sl_keep_go_on(x);
    sl_keep_settle(x);
    if (kept != SL_E_NOTFOUND) {
        if (kept == SL_E_LIMIT) {
            long_refuse(x);
        } else if (kept < 0) {
            sl_xchg_fail_nomem(x);
        }
        return kept == 0;
    }
    bool passes = call->previous.p && has_speaker(x);
    struct sl_made_by by;
    if (call->previous.p && !passes && x->route->own->responses_keep_usec > 0) {
        previous_refuse(x);
        return false;
    }
    if (!passes || !made) {
        return true;
    }
    int r = sl_made_find(made, call->previous, x->caller.principal, x->env->wall_usec, x->arena, &by);
    /* Without keys everybody may do everything, so an id from before the gateway's time may pass, too. */
    bool is_open = r == SL_E_NOTFOUND && x->settings->auth.mode != SL_AUTH_KEYS;
    if (is_open || (r == 0 && sl_auth_may_use(x, by.route))) {
        x->made_at = r == 0 && sl_str_eq(by.route, x->route->name) ? by.target : SL_STR_NONE;
        return true;
    }
    previous_refuse(x);
    return false;
}
