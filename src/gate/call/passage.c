/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/passage.h"

#include "base/arena.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "http/hreq.h"
#include "json/json.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

/* A path as the client wrote it, and where it leads. */
struct way {
    struct sl_str path;   /* the client's */
    struct sl_str full;   /* the upstream's */
    struct sl_str behind; /* the part after the base's path; p == NULL: it is not below the base */
};

static unsigned method_of(struct sl_str rule)
{
    static const struct {
        const char *name;
        unsigned bit;
    } rows[] = { { "GET", SL_GET }, { "POST", SL_POST }, { "PUT", SL_PUT }, { "PATCH", SL_PATCH } };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (sl_passage_rule_is(rule, sl_str_c(rows[i].name))) {
            return rows[i].bit;
        }
    }
    return SL_DELETE;
}

static const struct sl_passage_row *row_find(const struct sl_passage_row *row, struct sl_str behind)
{
    for (; behind.n && row->path; row++) {
        if (sl_passage_fits(sl_str_c(row->path), sl_str_sub(behind, 1, behind.n))) {
            return row;
        }
    }
    return NULL;
}

/* The methods for which a rule of the route lets the path pass, as the client wrote it or after the base. */
static unsigned rules_methods(const struct sl_strs *rules, const struct way *way)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < rules->n; i++) {
        struct sl_str pattern = sl_passage_rule_path(rules->v[i]);
        if (sl_passage_fits(pattern, way->path) || (way->behind.n && sl_passage_fits(pattern, way->behind))) {
            found |= method_of(rules->v[i]);
        }
    }
    return found;
}

static void refuse(struct sl_xchg *x, unsigned allowed)
{
    struct sl_str path = sl_str_sub(x->match.rest, 0, 256);
    x->match.allowed = allowed;
    if (allowed) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_METHOD_NOT_ALLOWED, "Method Not Allowed");
        return;
    }
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND,
                      "Not Found: %.*s %.*s is not among the calls that this route passes on. Those of models are; "
                      "`sluice: { passage: [\"METHOD /path\"] }` of the route lists more.",
                      SL_STR_ARG(x->req->msg.method), SL_STR_ARG(path));
}

/* Makes path and query for the upstream. */
static int target_make(struct sl_xchg *x, const struct way *way, const struct sl_uri *base, struct sl_str *ret)
{
    struct sl_str query = sl_passage_query(x->match.query, x->arena);
    if (!query.p) {
        return SL_E_NOMEM;
    }
    struct sl_str pieces[] = { way->full, SL_STR(""), base->query, SL_STR(""), query };
    pieces[1] = base->query.n || query.n ? SL_STR("?") : SL_STR("");
    pieces[3] = base->query.n && query.n ? SL_STR("&") : SL_STR("");
    *ret = sl_arena_join(x->arena, pieces, SL_ARRAY_LEN(pieces));
    return ret->p ? 0 : SL_E_NOMEM;
}

static int call_fill(struct sl_xchg *x, const struct way *way, const struct sl_passage_row *row)
{
    struct sl_passage *passage = SL_ARENA_NEW(x->arena, struct sl_passage);
    struct sl_str method = sl_arena_printf(x->arena, "%.*s", SL_STR_ARG(x->req->msg.method));
    if (!passage || !method.p || target_make(x, way, &x->route->targets[0].base, &passage->target) < 0) {
        return SL_E_NOMEM;
    }
    passage->method = method.p;
    passage->content_type = sl_headers_get(&x->req->msg.headers, "content-type");
    *x->call = (struct sl_call){
        .type = row ? row->type : x->route->type,
        .language = row ? row->language : &sl_language_raw,
        .manners = x->dialect->manners,
        .model = SL_STR(""),
        .passage = passage,
    };
    return 0;
}

bool sl_passage_or_refuse(struct sl_xchg *x)
{
    const struct sl_target *target = &x->route->targets[0];
    struct way way = { .path = x->match.rest };
    if (!target->provider->passage) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_UNSUPPORTED, "The proxy endpoint is not implemented for %s models.",
                          target->provider->label);
        return false;
    }
    const char *fault = sl_passage_path_fault(way.path);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "The path behind the route cannot be passed on: %s.",
                          fault);
        return false;
    }
    way.full = sl_passage_path(&target->base, way.path, x->arena);
    way.behind = sl_passage_behind(&target->base, way.full);
    if (!way.full.p) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    const struct sl_passage_row *row = row_find(target->provider->passage, way.behind);
    unsigned allowed = (row ? SL_POST : 0) | rules_methods(&x->route->own->passage, &way);
    if (!(allowed & x->match.method)) {
        refuse(x, allowed);
        return false;
    }
    bool is_call = row && x->match.method == SL_POST;
    if (call_fill(x, &way, is_call ? row : NULL) < 0) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    return true;
}

bool sl_passage_body_or_refuse(struct sl_xchg *x)
{
    struct sl_call *call = x->call;
    call->body = x->req->body;
    if (call->language == &sl_language_raw) {
        return true;
    }
    int r = sl_json_parse(x->desk->doc, call->body);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "Invalid JSON payload: %s at offset %zu",
                          sl_json_fault_text(x->desk->doc->fault), x->desk->doc->fault_offset);
    }
    return r == 0;
}

bool sl_passage_tail_or_refuse(struct sl_xchg *x)
{
    const struct sl_provider *provider = x->route->targets[0].provider;
    if (!x->path->tail) {
        return true;
    }
    struct sl_passage *passage = SL_ARENA_NEW(x->arena, struct sl_passage);
    if (!passage) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    *passage = (struct sl_passage){ .method = "POST", .tail = x->path->tail, .is_form = x->form != NULL };
    if (passage->is_form) {
        passage->content_type = sl_headers_get(&x->req->msg.headers, "content-type");
    }
    x->call->passage = passage;
    x->call->is_stream = false; /* the upstream's reply says whether it is a stream */
    if (!(provider->passes & SL_BIT(x->call->type))) {
        struct sl_llm_error error = { .type = SL_ERR_CALLER_UNSUPPORTED,
                                      .message = sl_provider_refusal(provider, x->call->type, false, x->arena) };
        sl_xchg_fail(x, &error);
        return false;
    }
    return true;
}
