/* SPDX-License-Identifier: Apache-2.0 */
/* set_limits and get_limits, which are about requests, and our own paths for limits of all kinds. */
#include "gate/api/limits.h"

#include "gate/api/api.h"
#include "gate/api/limit_counts.h"
#include "gate/api/question.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/key.h"
#include "gate/config/limits_json.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/policy/limit_rule.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "json/write.h"
#include "llm/mlflow/body.h"
#include "llm/mlflow/schema.h"

const struct sl_limits_words sl_limits_databricks = { "rate_limits", "endpoint" };

/* Room for a list with the most rules and the longest texts, and for two. */
#define LIMITS_MAX 8192
#define STORED_MAX (2 * LIMITS_MAX)

static struct sl_route *route_of(struct sl_xchg *x, struct sl_str name)
{
    struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), name);
    if (!route || !sl_auth_may_use(x, name)) {
        sl_api_refuse_missing(x, name);
        return NULL;
    }
    return route;
}

static void handle_limits_get(struct sl_xchg *x)
{
    const struct sl_route *route = route_of(x, x->match.arg);
    if (!route) {
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_requests, route->limits);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void limits_reply(struct sl_xchg *x, struct sl_str stored, const struct sl_limits_words *words)
{
    struct sl_limit_rule rules[SL_LIMITS_MAX];
    int n = stored.p ? sl_limits_read(stored, NULL, rules) : 0;
    if (n < 0) {
        sl_xchg_fail_nomem(x); /* it was written in the right form, so only memory can be missing */
        return;
    }
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, words->list);
    sl_limits_write(w, words, &(struct sl_limits){ .rules = rules, .n = (uint32_t)n });
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void answer(struct sl_xchg *x, struct sl_question *question, const struct sl_limits_words *words)
{
    if (sl_question_done_or_refuse(x, question)) {
        limits_reply(x, question->route_job.limits, words);
    }
}

static void on_set(struct sl_xchg *x, struct sl_question *question)
{
    answer(x, question, &sl_limits_requests);
}

static void on_set_databricks(struct sl_xchg *x, struct sl_question *question)
{
    answer(x, question, &sl_limits_databricks);
}

bool sl_api_limits_or_refuse(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                             struct sl_str *ret)
{
    struct sl_buf json = SL_BUF_INIT(LIMITS_MAX);
    struct sl_err err = { 0 };
    int n = sl_limits_normalise(list, words, &json, &err);
    *ret = n > 0 ? sl_arena_dup(x->arena, sl_buf_str(&json)) : SL_STR_NONE;
    sl_buf_done(&json);
    if (n == SL_E_INVAL) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
    } else if (n < 0 || (n > 0 && !ret->p)) {
        sl_xchg_fail_nomem(x);
    }
    return n >= 0 && (n == 0 || ret->p);
}

bool sl_api_own_limits_or_refuse(struct sl_xchg *x, struct sl_json_val list, const struct sl_limits_words *words,
                                 const struct sl_limits **ret, struct sl_str *ret_stored)
{
    struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
    struct sl_limits *limits = NULL;
    if (!sl_api_limits_or_refuse(x, list, words, ret_stored)) {
        return false;
    }
    int n = ret_stored->p ? sl_limits_list_read(*ret_stored, x->arena, rules) : 0;
    int r = n > 0 ? sl_limits_new(x->arena, SL_LIMIT_OF_KEY, SL_STR(""), 0, rules, (uint32_t)n, &limits) : n;
    if (r < 0) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    *ret = limits;
    return true;
}

bool sl_api_few_or_refuse(struct sl_xchg *x, const char *member, const struct sl_limits *asked,
                          const struct sl_limits *now)
{
    uint32_t max = now ? SL_MAX(now->n, (uint32_t)SL_OWN_RULES_MAX) : SL_OWN_RULES_MAX;
    if (!asked || asked->n <= max || !x->caller.key || !x->caller.key->group.n) {
        return true;
    }
    sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                      "%s: an admin of a group sets at most %d limits for a key or a group (a session's calls, tokens "
                      "and money are one each), and these are %u: leave some out, or ask whoever runs this gateway.",
                      member, SL_OWN_RULES_MAX, asked->n);
    return false;
}

/* Stores what holds for the route beside its definition; "": nothing. */
static void limits_store(struct sl_xchg *x, const struct sl_route *route, struct sl_str text, sl_question_fn *on_answer)
{
    struct sl_question *question = sl_question_new(x, SL_STORE_SET_LIMITS, route->name);
    if (!question) {
        return;
    }
    question->route_job.is_file_route = !route->incarnation;
    question->route_job.limits = text.n ? sl_arena_dup(&question->route_job.arena, text) : SL_STR_NONE;
    if (text.n && !question->route_job.limits.p) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_question_ask(question, on_answer);
}

void sl_api_limits_set(struct sl_xchg *x, struct sl_str name, struct sl_json_val list,
                       const struct sl_limits_words *words)
{
    struct sl_str limits;
    if (!sl_api_limits_or_refuse(x, list, words, &limits)) {
        return;
    }
    const struct sl_route *route = route_of(x, name);
    struct sl_buf stored = SL_BUF_INIT(STORED_MAX);
    if (!route) {
        return;
    }
    if (sl_limits_replace(route->stored_limits, limits, &stored) < 0) {
        sl_xchg_fail_nomem(x);
    } else {
        limits_store(x, route, sl_buf_str(&stored), words == &sl_limits_requests ? on_set : on_set_databricks);
    }
    sl_buf_done(&stored);
}

static void handle_limits_set(struct sl_xchg *x)
{
    struct sl_str body = x->req->body, name;
    struct sl_arena *arena = x->arena;
    struct sl_json *doc = x->desk->doc;
    struct sl_llm_error error = { .code = SL_STR("INVALID_PARAMETER_VALUE") };
    int r = sl_mf_read_body(&sl_mf_set_limits, &body, sl_headers_get(&x->req->msg.headers, "content-type"), doc, arena,
                            NULL, &error);
    if (r == SL_E_INVAL) {
        sl_xchg_fail(x, &error);
        return;
    }
    r = r < 0 ? r : sl_json_text(sl_json_get(sl_json_root(doc), "route"), arena, &name);
    if (r < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_api_limits_set(x, name, sl_json_get(sl_json_root(doc), "limits"), &sl_limits_requests);
}

/* --- all kinds --- */

static void own_reply(struct sl_xchg *x)
{
    const struct sl_route *route = route_of(x, x->match.arg);
    struct sl_counts_asked asked;
    if (!route) {
        return;
    }
    sl_api_counts_ask(x, &asked);
    struct sl_jw writer_mem, *w = sl_api_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_ours, route->limits);
    sl_api_counts_write(x, w, route->limits, &asked);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void on_own_put(struct sl_xchg *x, struct sl_question *question)
{
    if (sl_question_done_or_refuse(x, question)) {
        own_reply(x); /* the change is in force */
    }
}

static void handle_own_put(struct sl_xchg *x)
{
    const struct sl_route *route = route_of(x, x->match.arg);
    struct sl_json_val body;
    if (!route || !sl_api_body_or_refuse(x, &body)) {
        return;
    }
    struct sl_buf stored = SL_BUF_INIT(STORED_MAX);
    struct sl_err err = { 0 };
    int n = sl_limits_normalise_all(sl_json_get(body, "limits"), &stored, &err);
    if (n == SL_E_INVAL) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
    } else if (n < 0) {
        sl_xchg_fail_nomem(x);
    } else {
        limits_store(x, route, n ? sl_buf_str(&stored) : SL_STR(""), on_own_put);
    }
    sl_buf_done(&stored);
}

const struct sl_path sl_limits_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/routes/{}/limits",
      .handle = own_reply,
      .told = SL_TOLD("The limits of a route, of all kinds, and how much of them is used.",
                      .parameters = "counts_principal", .reply = "LimitsNow") },
    { .methods = SL_PUT,
      .pattern = "/api/sluice/v1/routes/{}/limits",
      .handle = handle_own_put,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Set the limits of a route, of all kinds; an empty list puts those of its definition in force "
                      "again.",
                      .parameters = "wait", .body = "AllLimits", .reply = "LimitsNow") },
    { .methods = SL_GET,
      .pattern = "/api/2.0/gateway/limits/{}",
      .handle = handle_limits_get,
      .told = SL_TOLD("The limits of a route.", .reply = "Limits") },
    { .methods = SL_POST,
      .pattern = "/api/2.0/gateway/limits/",
      .handle = handle_limits_set,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Set the limits of a route.", .statuses = "200 404", .parameters = "wait",
                      .body = "SetLimitsRequest", .reply = "Limits") },
    { .methods = SL_GET,
      .pattern = "/api/2.0/endpoints/limits/{}",
      .handle = handle_limits_get,
      .told = SL_TOLD("The limits of a route.", .reply = "Limits") },
    { .methods = SL_POST,
      .pattern = "/api/2.0/endpoints/limits/",
      .handle = handle_limits_set,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Set the limits of a route.", .statuses = "200 404", .parameters = "wait",
                      .body = "SetLimitsRequest", .reply = "Limits") },
    { 0 },
};
