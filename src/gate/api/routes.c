/* SPDX-License-Identifier: Apache-2.0 */
/* create_route and delete_route as MLflow's clients call them, and Sluice's own calls on routes. */
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "gate/config/definition.h"
#include "gate/config/limits_json.h"
#include "gate/api/api.h"
#include "gate/api/page.h"
#include "gate/api/question.h"
#include "gate/config/reach.h"

/* A kept credential and what stands around it. */
#define CONFIG_MAX (1u << 20)

#define MISSING_TEXT "The route '%.*s' is not present or active on the server. Please verify the route name."

/* --- refusals --- */

void sl_manage_refuse(struct sl_xchg *x, enum sl_error_type type, const char *code, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct sl_llm_error error = { .type = type,
                                  .code = sl_str_c(code),
                                  .message = sl_arena_dup(&x->req->arena, sl_str_c(text)) };
    sl_xchg_fail(x, &error);
}

void sl_manage_refuse_body(struct sl_xchg *x, const char *type, const char *loc, const char *msg)
{
    struct sl_arena *arena = &x->req->arena;
    bool has_loc = *loc != '\0';
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = x->dialect->manners->refusal_status,
        .code = SL_STR("INVALID_PARAMETER_VALUE"),
        .param = sl_str_c(loc),
        .message = sl_arena_printf(arena, "body%s%s: %s", has_loc ? "." : "", loc, msg),
        .detail = sl_arena_printf(arena, "[{\"type\":\"%s\",\"loc\":[\"body\"%s%s%s],\"msg\":\"%s\",\"input\":null}]",
                                  type, has_loc ? ",\"" : "", loc, has_loc ? "\"" : "", msg),
    };
    sl_xchg_fail(x, &error);
}

bool sl_manage_body(struct sl_xchg *x, struct sl_json_val *ret)
{
    struct sl_str body = x->req->body;
    if (sl_str_has_prefix(body, SL_STR("\xef\xbb\xbf"))) {
        body = sl_str_sub(body, 3, body.n);
    }
    if (body.n > SL_MANAGE_BODY_MAX) {
        sl_manage_refuse(x, SL_ERR_CALLER_BODY_TOO_LARGE, "INVALID_PARAMETER_VALUE",
                         "the body of a management call may have %u bytes", SL_MANAGE_BODY_MAX);
        return false;
    }
    struct sl_json *doc = &x->worker->doc;
    int r = sl_json_parse(doc, body);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return false;
    }
    *ret = sl_json_root(doc);
    if (r < 0 && doc->fault == SL_JSON_FAULT_EMPTY) {
        sl_manage_refuse_body(x, "missing", "", "Field required");
        return false;
    }
    if (r < 0) {
        sl_manage_refuse_body(x, "json_invalid", "", "JSON decode error");
        return false;
    }
    if (!sl_json_is(*ret, SL_JSON_OBJECT)) {
        sl_manage_refuse_body(x, "model_attributes_type", "",
                              "Input should be a valid dictionary or object to extract fields from");
        return false;
    }
    return true;
}

/* False: it was refused. */
static bool name_may_be_made(struct sl_xchg *x, struct sl_str name)
{
    if (sl_str_eq_c(name, "limits")) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                         "name: 'limits' stands for the limits calls in paths and cannot be a route's name");
        return false;
    }
    return true;
}

static const char *file_of(const struct sl_snapshot *snapshot)
{
    return snapshot->settings->file.p ? snapshot->settings->file.p : "(embedded default)";
}

/* A route of the file is the operator's. False: it was refused. */
static bool name_is_not_the_files(struct sl_xchg *x, struct sl_str name, const char *code, const char *what)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), name);
    if (!route || route->incarnation) {
        return true;
    }
    sl_manage_refuse(x, SL_ERR_CALLER_CONFLICT, code,
                     "The route '%.*s' is defined in %s, line %u, and cannot be %s by a call: change that file",
                     SL_STR_ARG(name), file_of(x->worker->snapshot), route->pos.line, what);
    return false;
}

/* Of a caller who has sent credentials: they stay no longer than needed. */
static void body_wipe(struct sl_xchg *x)
{
    sl_wipe((void *)(uintptr_t)x->req->body.p, x->req->body.n);
}

/* Reads the body to a definition on the request's arena. False: it was refused. */
static bool definition_read(struct sl_xchg *x, struct sl_str name, struct sl_definition *ret)
{
    struct sl_json_val body;
    struct sl_body_fault fault;
    struct sl_err err = { 0 };
    if (!sl_manage_body(x, &body)) {
        return false;
    }
    int r = sl_definition_read(body, name, &x->req->arena, ret, &fault, &err);
    if (r == SL_E_TYPE) {
        sl_manage_refuse_body(x, fault.type, fault.loc, fault.msg);
    } else if (r == SL_E_NOMEM) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
    } else if (r < 0) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err.text);
    }
    return r == 0 && name_may_be_made(x, ret->name);
}

/* Binds, and looks where it leads. */
static int definition_take(const struct sl_definition *def, const struct sl_settings *settings, struct sl_route **ret,
                           struct sl_err *err)
{
    struct sl_route *route;
    int r = sl_definition_bind(def, settings, &route, err);
    if (r < 0) {
        return r;
    }
    r = sl_reach_check(route, &settings->upstream.guard, err);
    if (r < 0) {
        sl_route_unref(route);
        return r;
    }
    *ret = route;
    return 0;
}

/* --- create --- */

static void on_created(struct sl_xchg *x, struct sl_pending *pending)
{
    int r = pending->job.job.r;
    if (r == SL_E_EXISTS) {
        sl_manage_refuse(x, SL_ERR_CALLER_CONFLICT, "RESOURCE_ALREADY_EXISTS", "A route with the name '%.*s' exists",
                         SL_STR_ARG(pending->job.route.name));
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else {
        struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
        if (x->path->dialect == &sl_dialect_databricks) {
            const struct sl_route *served = sl_snapshot_find(sl_worker_snapshot(x->worker), pending->job.route.name);
            bool is_it = served && served->incarnation == pending->job.route.id; /* with its limits */
            sl_manage_write_endpoint(w, is_it ? served : pending->route);
        } else {
            sl_manage_write_route(x, w, pending->route, true); /* its client keeps the URL as it is sent */
        }
        sl_manage_reply(x, 200);
    }
}

void sl_manage_create(struct sl_xchg *x, struct sl_str limits)
{
    struct sl_definition def;
    struct sl_err err = { 0 };
    struct sl_route *route;
    if (!definition_read(x, SL_STR_NONE, &def)) {
        return;
    }
    int r = definition_take(&def, x->settings, &route, &err);
    if (r < 0) {
        sl_manage_refuse(x, r == SL_E_INVAL ? SL_ERR_CALLER_INVALID_REQUEST : SL_ERR_SLUICE_OVERLOADED,
                         "INVALID_PARAMETER_VALUE", "%s", err.text);
        return;
    }
    struct sl_pending *pending = name_is_not_the_files(x, def.name, "RESOURCE_ALREADY_EXISTS", "made")
                                     ? sl_pending_new(x, SL_STORE_CREATE, def.name)
                                     : NULL;
    if (!pending) {
        sl_route_unref(route);
        return;
    }
    pending->route = route;
    pending->job.limits = limits.p ? sl_arena_dup(&pending->job.arena, limits) : SL_STR_NONE;
    if (sl_store_route_job_set(&pending->job, def.spec, def.config) < 0 || (limits.p && !pending->job.limits.p)) {
        sl_pending_free(pending);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    body_wipe(x);
    sl_pending_ask(pending, on_created);
}

void sl_handle_route_create(struct sl_xchg *x)
{
    sl_manage_create(x, SL_STR_NONE);
}

/* --- delete --- */

/* "name" or "*" of If-Match. False: it was refused. */
static bool if_match_read(struct sl_xchg *x, struct sl_store_route_job *job)
{
    struct sl_str text = sl_str_trim(sl_headers_get(&x->req->msg.headers, "if-match"));
    if (!text.p || sl_str_eq_c(text, "*")) {
        return true;
    }
    if (text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') {
        text = sl_str_sub(text, 1, text.n - 1);
    }
    job->has_if_version = true;
    if (sl_parse_u64(text, 0, INT64_MAX, &job->if_version) < 0) {
        job->if_version = UINT64_MAX; /* a tag that we never gave: fits nothing */
    }
    return true;
}

static void stale(struct sl_xchg *x, struct sl_str name)
{
    struct sl_llm_error error = {
        .type = SL_ERR_CALLER_CONFLICT,
        .status = 412,
        .code = SL_STR("RESOURCE_CONFLICT"),
        .message = sl_arena_printf(
            &x->req->arena, "The route '%.*s' is not the version that If-Match names: read it again", SL_STR_ARG(name)),
    };
    sl_xchg_fail(x, &error);
}

static void on_deleted(struct sl_xchg *x, struct sl_pending *pending)
{
    int r = pending->job.job.r;
    struct sl_str name = pending->job.route.name;
    if (r == SL_E_NOTFOUND) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", MISSING_TEXT, SL_STR_ARG(name));
    } else if (pending->job.is_stale) {
        stale(x, name);
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else {
        sl_xchg_reply(x, 200, SL_STR("application/json"), SL_STR("{}"));
    }
}

void sl_handle_route_delete(struct sl_xchg *x)
{
    struct sl_str name = x->match.arg;
    if (!name_is_not_the_files(x, name, "RESOURCE_CONFLICT", "deleted")) {
        return;
    }
    struct sl_pending *pending = sl_pending_new(x, SL_STORE_DELETE, name);
    if (pending && if_match_read(x, &pending->job)) {
        sl_pending_ask(pending, on_deleted);
    }
}

void sl_handle_own_route_delete(struct sl_xchg *x)
{
    sl_handle_route_delete(x);
}

/* --- replace --- */

/* On the store's thread: what is there is known, so the credentials left out can be taken from it. */
static int on_prepare(struct sl_store_route_job *job, const struct sl_store_route *old, struct sl_err *err)
{
    struct sl_pending *pending = SL_CONTAINER_OF(job, struct sl_pending, job);
    struct sl_definition def = { job->route.name, job->route.spec, job->route.config };
    int r = 0;
    if (old) {
        struct sl_buf config = SL_BUF_INIT(CONFIG_MAX);
        r = sl_definition_keep(&def, old, &config, err);
        r = r < 0 ? r : sl_store_route_job_set(job, SL_STR_NONE, sl_buf_str(&config));
        sl_wipe(config.p, config.cap);
        sl_buf_done(&config);
        def.config = job->route.config;
    }
    if (r < 0) {
        return r == SL_E_INVAL ? r : sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    sl_route_unref(pending->route);
    pending->route = NULL;
    return definition_take(&def, pending->settings, &pending->route, err);
}

static void own_reply(struct sl_xchg *x, int status, const struct sl_store_route *row);

static void on_replaced(struct sl_xchg *x, struct sl_pending *pending)
{
    int r = pending->job.job.r;
    if (pending->job.is_stale) {
        stale(x, pending->job.route.name);
    } else if (r == SL_E_INVAL) {
        sl_manage_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", pending->job.job.err.text);
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else {
        own_reply(x, pending->job.job.event.is_new ? 201 : 200, &pending->job.route);
    }
}

void sl_handle_own_route_put(struct sl_xchg *x)
{
    struct sl_definition def;
    if (!definition_read(x, x->match.arg, &def) ||
        !name_is_not_the_files(x, def.name, "RESOURCE_CONFLICT", "changed")) {
        return;
    }
    struct sl_pending *pending = sl_pending_new(x, SL_STORE_REPLACE, def.name);
    if (!pending) {
        return;
    }
    pending->job.prepare = on_prepare;
    if (sl_store_route_job_set(&pending->job, def.spec, def.config) < 0) {
        sl_pending_free(pending);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    body_wipe(x);
    if (if_match_read(x, &pending->job)) {
        sl_pending_ask(pending, on_replaced);
    }
}

/* --- our own reads --- */

static void own_members(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *served, struct sl_str name,
                        bool is_of_file, bool is_shadowed)
{
    struct sl_str url = sl_arena_printf(&x->req->arena, "/gateway/%.*s/invocations", SL_STR_ARG(name));
    sl_jw_member_str(w, "owner", is_of_file ? SL_STR("file") : SL_STR("api"));
    sl_jw_member_bool(w, "shadowed", is_shadowed);
    sl_jw_member_str(w, "route_url", url);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_stored, served ? served->rules : NULL, served ? served->n_rules : 0);
}

static int etag_add(struct sl_xchg *x, struct sl_headers *headers, uint64_t version)
{
    struct sl_arena *arena = &x->req->arena;
    struct sl_str tag = sl_arena_printf(arena, "\"%llu\"", (unsigned long long)version);
    return tag.p ? sl_headers_add(headers, arena, SL_STR("etag"), tag) : SL_E_NOMEM;
}

/* Everything but secrets. */
static void own_reply(struct sl_xchg *x, int status, const struct sl_store_route *row)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    const struct sl_route *dynamic = sl_snapshot_find_dynamic(snapshot, row->name);
    const struct sl_definition def = { row->name, row->spec, row->config };
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    struct sl_seal seal;
    sl_store_seal(x->worker->gate->store, &seal);
    int r = sl_definition_write(w, &def, &seal);
    sl_seal_done(&seal);
    own_members(x, w, dynamic, row->name, false, dynamic && sl_snapshot_is_shadowed(snapshot, dynamic));
    sl_jw_member_u64(w, "version", row->version);
    sl_jw_member_u64(w, "created_at", row->created_usec / SL_USEC_PER_SEC);
    sl_jw_member_u64(w, "updated_at", row->updated_usec / SL_USEC_PER_SEC);
    sl_jw_end(w);
    struct sl_headers headers = { 0 };
    r = r < 0 ? r : sl_buf_status(&x->worker->text);
    r = r < 0 ? r : etag_add(x, &headers, row->version);
    if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_xchg_reply_with(x, status, &headers, SL_STR("application/json"), sl_buf_str(&x->worker->text));
}

static void model_write(struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_member_str(w, "name", route->name);
    sl_jw_member_str(w, "route_type", sl_str_c(sl_llm_type_name(route->type)));
    sl_jw_key(w, "model");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->targets[0].model);
    sl_jw_member_str(w, "provider", sl_str_c(route->targets[0].provider->name));
    sl_jw_end(w);
}

static void own_item_members(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    model_write(w, route);
    own_members(x, w, route, route->name, !route->incarnation, sl_snapshot_is_shadowed(x->worker->snapshot, route));
    if (route->incarnation) {
        sl_jw_member_u64(w, "version", route->version);
    } else {
        char where[512];
        snprintf(where, sizeof(where), "%s:%u", file_of(x->worker->snapshot), route->pos.line);
        sl_jw_member_str(w, "defined_at", sl_str_c(where));
    }
}

static void own_item_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_route *route)
{
    sl_jw_object(w);
    own_item_members(x, w, route);
    sl_jw_end(w);
}

void sl_handle_own_route_list(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start;
    if (!sl_page_start(x, snapshot, &start)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Invalid page_token: it must be the next_page_token of an earlier reply.");
        return;
    }
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    sl_jw_key(w, "routes");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    const struct sl_route *route;
    for (uint32_t n = 0; n < SL_PAGE_SIZE && (route = sl_snapshot_next(&it)) != NULL; n++) {
        own_item_write(x, w, route);
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

static void on_read(struct sl_xchg *x, struct sl_pending *pending)
{
    int r = pending->job.job.r;
    if (r == SL_E_NOTFOUND) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", MISSING_TEXT,
                         SL_STR_ARG(pending->job.route.name));
    } else if (r < 0) {
        sl_pending_fail(x, r, &pending->job.job.err);
    } else {
        own_reply(x, 200, &pending->job.route);
    }
}

/* The fingerprints of a route of the file, as sl_definition_write has them of others; without a store there are none.
 */
static int file_prints_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_target *target)
{
    struct sl_seal seal = { 0 };
    int r = 0;
    if (x->worker->gate->store) {
        sl_store_seal(x->worker->gate->store, &seal);
    }
    if (!seal.is_set) {
        return 0;
    }
    sl_jw_key(w, "secrets");
    sl_jw_object(w);
    for (const struct sl_opt *row = target->provider->opts; r == 0 && row && row->key; row++) {
        const struct sl_secret *secret = (const struct sl_secret *)((const char *)target->conf + row->offset);
        char print[SL_FINGERPRINT_LEN + 1];
        if (row->type != SL_OPT_SECRET || !sl_secret_is_set(secret)) {
            continue;
        }
        struct sl_str text = sl_secret_reveal(secret), scheme = SL_STR("Bearer "); /* some are kept as they are sent */
        text = sl_str_has_prefix(text, scheme) ? sl_str_sub(text, scheme.n, text.n) : text;
        r = sl_seal_fingerprint(&seal, text, print);
        sl_jw_key(w, row->key);
        sl_jw_object(w);
        sl_jw_member_str(w, "fingerprint", sl_str_c(r == 0 ? print : ""));
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_seal_done(&seal);
    return r;
}

static void file_reply(struct sl_xchg *x, const struct sl_route *route)
{
    struct sl_jw writer_mem, *w = sl_manage_writer(x, &writer_mem);
    sl_jw_object(w);
    own_item_members(x, w, route);
    int r = file_prints_write(x, w, &route->targets[0]);
    sl_jw_end(w);
    if (r < 0) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    sl_manage_reply(x, 200);
}

void sl_handle_own_route_get(struct sl_xchg *x)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), x->match.arg);
    if (route && !route->incarnation) {
        file_reply(x, route);
        return;
    }
    if (!route && !x->worker->gate->store) {
        sl_manage_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", MISSING_TEXT,
                         SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)));
        return;
    }
    struct sl_pending *pending = sl_pending_new(x, SL_STORE_READ, x->match.arg);
    if (pending) {
        sl_pending_ask(pending, on_read);
    }
}
