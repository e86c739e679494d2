/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: an administrator makes, lists and revokes them. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/entry.h"
#include "gate/config/instant.h"
#include "gate/config/keyring.h"
#include "gate/config/keyset.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/json.h"
#include "json/write.h"
#include "wire/headers.h"

#define KEYS_PAGE      1000
#define KEY_ROUTES_MAX 1000

/* The values of a body. */
struct asked {
    struct sl_str name, principal;
    enum sl_role role;
    bool has_routes;
    struct sl_strs routes;
    uint64_t expires_sec;
};

/* --- reading --- */

static int text_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    int r = sl_json_text(v, arena, ret);
    if (r == SL_E_NOMEM) {
        return sl_fail_nomem(err);
    }
    return r == 0 && sl_key_is_name(*ret)
               ? 0
               : sl_fail(err, SL_E_INVAL,
                         "must be a string of 1 to %d bytes without control characters, marks of the "
                         "direction of writing and "
                         "without spaces around it",
                         SL_KEY_NAME_MAX);
}

static int name_read(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err)
{
    return text_read(v, arena, &ret->name, err);
}

static int principal_read(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err)
{
    return text_read(v, arena, &ret->principal, err);
}

static int role_read(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err)
{
    struct sl_str text;
    return sl_json_text(v, arena, &text) == 0 && sl_role_parse(text, &ret->role) == 0
               ? 0
               : sl_fail(err, SL_E_INVAL,
                         "must be \"query\" (invoke and read), \"viewer\" (read routes and metrics) or "
                         "\"admin\" (everything)");
}

static int routes_read(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err)
{
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY) || sl_json_count(v) > KEY_ROUTES_MAX) {
        return sl_fail(err, SL_E_INVAL, "must be a list of at most %d names of routes, or null for all routes",
                       KEY_ROUTES_MAX);
    }
    ret->has_routes = true;
    ret->routes.v = SL_ARENA_ARRAY(arena, struct sl_str, sl_json_count(v) + 1);
    if (!ret->routes.v) {
        return sl_fail_nomem(err);
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        struct sl_str name;
        if (sl_json_text(it.val, arena, &name) < 0 || !sl_route_is_name(name)) {
            return sl_fail(err, SL_E_INVAL,
                           "[%u] must be the name of a route: 1 to 255 letters, digits, '_', '-' and '.'", it.index);
        }
        ret->routes.v[ret->routes.n++] = name;
    }
    return 0;
}

static int expiry_read(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err)
{
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    struct sl_str text = sl_json_is(v, SL_JSON_NUMBER) ? sl_json_raw(v) : SL_STR_NONE;
    if ((!text.p && sl_json_text(v, arena, &text) < 0) || sl_instant_parse(text, &ret->expires_sec) < 0) {
        return sl_fail(err, SL_E_INVAL,
                       "must be a time like \"2030-12-31T23:59:59Z\", unix seconds, or null for never");
    }
    if (ret->expires_sec <= sl_clock_wall_usec() / SL_USEC_PER_SEC) {
        return sl_fail(err, SL_E_INVAL, "lies in the past: nobody could use the key");
    }
    return 0;
}

static const struct member {
    const char *name;
    bool is_required;
    int (*read)(struct sl_json_val v, struct sl_arena *arena, struct asked *ret, struct sl_err *err);
} members[] = {
    { "name", true, name_read },      { "principal", true, principal_read }, { "role", true, role_read },
    { "routes", false, routes_read }, { "expires_at", false, expiry_read },
};

/* Refuses an unknown member: it may be a misspelt name, and a key that lacks a restriction is dangerous. */
static bool names_or_refuse(struct sl_xchg *x, struct sl_json_val body)
{
    for (struct sl_json_iter it = sl_json_each(body); sl_json_next(&it);) {
        bool is_known = false;
        for (size_t i = 0; i < SL_ARRAY_LEN(members); i++) {
            is_known |= sl_json_str_eq(it.key, sl_str_c(members[i].name));
        }
        if (!is_known) {
            sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                              "%.*s: a key has no such member; it has name, principal, role, routes and expires_at",
                              SL_STR_ARG(sl_str_sub(sl_json_raw(it.key), 0, 100)));
            return false;
        }
    }
    return true;
}

/* False: the exchange was failed. */
static bool asked_or_refuse(struct sl_xchg *x, struct asked *ret)
{
    struct sl_json_val body;
    if (!sl_api_body_or_refuse(x, &body) || !names_or_refuse(x, body)) {
        return false;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(members); i++) {
        struct sl_json_val v = sl_json_get(body, members[i].name);
        struct sl_err err = { 0 };
        int r = sl_json_is_present(v)    ? members[i].read(v, x->arena, ret, &err)
                : members[i].is_required ? sl_fail(&err, SL_E_INVAL, "is missing: a key needs name, principal and role")
                                         : 0;
        if (r == SL_E_NOMEM) {
            sl_xchg_fail_nomem(x);
            return false;
        }
        if (r < 0) {
            sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%s%s%s", members[i].name,
                              err.text[0] == '[' ? "" : ": ", err.text);
            return false;
        }
    }
    const char *fault = sl_role_routes_fault(ret->role, ret->has_routes);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "routes: %s", fault);
    }
    return !fault;
}

/* --- showing --- */

static void routes_write(struct sl_jw *w, bool has_routes, const struct sl_strs *routes)
{
    if (!has_routes) {
        sl_jw_null(w);
        return;
    }
    sl_jw_array(w);
    for (uint32_t i = 0; i < routes->n; i++) {
        sl_jw_str(w, routes->v[i]);
    }
    sl_jw_end(w);
}

static void time_write(struct sl_jw *w, const char *key, uint64_t sec)
{
    char text[32];
    sl_jw_member_str(w, key, sec ? sl_instant_format(sec, text) : SL_STR_NONE);
}

/* Writes the members that every view of a key has (replies, lists, the audit) into an open object. */
static void asked_write(struct sl_jw *w, const struct asked *asked)
{
    sl_jw_member_str(w, "name", asked->name);
    sl_jw_member_str(w, "principal", asked->principal);
    sl_jw_member_str(w, "role", sl_str_c(sl_role_name(asked->role)));
    sl_jw_key(w, "routes");
    routes_write(w, asked->has_routes, &asked->routes);
    time_write(w, "expires_at", asked->expires_sec);
}

static struct asked asked_of(const struct sl_key *key)
{
    return (struct asked){ .name = key->name,
                           .principal = key->principal,
                           .role = key->role,
                           .has_routes = key->has_routes,
                           .routes = key->routes,
                           .expires_sec = key->expires_sec };
}

/* JSON for the audit, on the arena. */
static struct sl_str audit_text(const struct asked *asked, struct sl_arena *arena)
{
    struct sl_buf out = SL_BUF_INIT(2 * SL_MANAGE_BODY_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    asked_write(&w, asked);
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return text;
}

static void is_asked_for_write(struct sl_xchg *x, struct sl_jw *w)
{
    sl_jw_member_bool(w, "enforced", x->settings->auth.mode == SL_AUTH_KEYS);
}

/* --- create --- */

static void on_created(struct sl_xchg *x, struct sl_question *question)
{
    if (question->base.r < 0) {
        sl_question_fail(x, question->base.r, &question->base.err);
        return;
    }
    const struct sl_keyset *keys = sl_worker_snapshot(x->worker)->keys;
    const struct sl_key *key = sl_keyset_find(keys, question->key.key.id);
    if (!key) { /* another call revoked it before this answer came */
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "The key was made, but another call has revoked it.");
        return;
    }
    struct asked asked = asked_of(key);
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_member_str(w, "id", key->id);
    asked_write(w, &asked);
    time_write(w, "created_at", key->created_sec);
    sl_jw_member_str(w, "key", sl_secret_reveal(&question->token));
    is_asked_for_write(x, w);
    sl_jw_end(w);
    struct sl_headers headers = { 0 };
    if (sl_buf_status(x->desk->text) < 0 ||
        sl_headers_add(&headers, x->arena, SL_STR("cache-control"), SL_STR("no-store")) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    struct sl_buf *text = x->desk->text;
    sl_xchg_reply_with(x, 201, &headers, SL_STR("application/json"), sl_buf_str(text));
    sl_wipe(text->p, text->len);
}

static int key_fill(struct sl_question *question, const struct asked *asked)
{
    struct sl_store_key_job *job = &question->key;
    struct sl_arena *arena = &job->arena;
    char token[SL_KEY_TOKEN_SIZE];
    unsigned char *hash = sl_arena_alloc(arena, SL_KEY_HASH_BYTES);
    struct sl_buf routes = SL_BUF_INIT(2 * SL_MANAGE_BODY_MAX);
    if (!hash) {
        return SL_E_NOMEM;
    }
    sl_key_make_token(token);
    sl_key_hash(sl_str_c(token), hash);
    int r = sl_secret_set(&question->token, sl_str_c(token));
    sl_wipe(token, sizeof(token));
    job->key = (struct sl_store_key){
        .name = sl_arena_dup(arena, asked->name),
        .principal = sl_arena_dup(arena, asked->principal),
        .role = sl_str_c(sl_role_name(asked->role)),
        .hash = sl_str_make((const char *)hash, SL_KEY_HASH_BYTES),
        .created_sec = job->now_usec / SL_USEC_PER_SEC,
        .expires_sec = asked->expires_sec,
    };
    if (asked->has_routes) {
        struct sl_jw w;
        sl_jw_init(&w, &routes);
        routes_write(&w, true, &asked->routes);
        job->key.routes = sl_buf_status(&routes) == 0 ? sl_arena_dup(arena, sl_buf_str(&routes)) : SL_STR_NONE;
        r = job->key.routes.p ? r : SL_E_NOMEM;
    }
    sl_buf_done(&routes);
    job->text = audit_text(asked, arena);
    return r < 0 || !job->key.name.p || !job->key.principal.p || !job->text.p ? SL_E_NOMEM : 0;
}

static void handle_key_create(struct sl_xchg *x)
{
    struct asked asked = { 0 };
    if (!asked_or_refuse(x, &asked)) {
        return;
    }
    struct sl_question *question = sl_question_new_key(x, 0);
    if (!question) {
        return;
    }
    if (key_fill(question, &asked) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_question_ask(question, on_created);
}

/* --- list --- */

static void key_where(const struct sl_xchg *x, const struct sl_key *key, char *out, size_t cap)
{
    if (key->line) {
        snprintf(out, cap, "%s:%u", sl_settings_file(x->settings), key->line);
    } else {
        snprintf(out, cap, "auth.admin_key, SLUICE_ADMIN_KEY or admin.key in the data directory");
    }
}

static void key_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_key *key)
{
    struct asked asked = asked_of(key);
    sl_jw_object(w);
    sl_jw_member_str(w, "id", key->id);
    asked_write(w, &asked);
    time_write(w, "created_at", key->created_sec);
    time_write(w, "last_used_at", atomic_load_explicit(&key->last_used_sec, memory_order_relaxed));
    sl_jw_member_str(w, "owner", key->is_of_file ? SL_STR("file") : SL_STR("api"));
    if (key->is_of_file) {
        char where[512];
        key_where(x, key, where, sizeof(where));
        sl_jw_member_str(w, "defined_at", sl_str_c(where));
    }
    sl_jw_end(w);
}

/* Writes the operator's keys, which are on the first page. */
static void file_keys_write(struct sl_xchg *x, struct sl_jw *w)
{
    size_t i = 0;
    for (struct sl_key *key; (key = sl_map_each(&x->settings->auth.ring->by_hash, &i)) != NULL;) {
        key_write(x, w, key);
    }
    if (x->worker->gate->admin_key) {
        key_write(x, w, x->worker->gate->admin_key);
    }
}

static void handle_key_list(struct sl_xchg *x)
{
    uint64_t after;
    if (!sl_api_page_or_refuse(x, &after)) {
        return;
    }
    const struct sl_keyset *keys = sl_worker_snapshot(x->worker)->keys;
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "keys");
    sl_jw_array(w);
    if (!after) {
        file_keys_write(x, w);
    }
    struct sl_keyset_iter it = sl_keyset_walk(keys, after);
    const struct sl_key *key = sl_keyset_next(&it);
    for (uint32_t n = 0; key && n < KEYS_PAGE; n++) {
        key_write(x, w, key);
        after = key->number;
        key = sl_keyset_next(&it);
    }
    sl_jw_end(w);
    char next[24];
    snprintf(next, sizeof(next), "%llu", (unsigned long long)after);
    sl_jw_member_str(w, "next_page_token", key ? sl_str_c(next) : SL_STR_NONE);
    is_asked_for_write(x, w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

/* --- revoke --- */

static bool is_file_key(const struct sl_key *key, struct sl_str id)
{
    return key && (sl_str_eq(key->id, id) || sl_str_eq(key->name, id));
}

static const struct sl_key *file_key(const struct sl_xchg *x, struct sl_str id)
{
    size_t i = 0;
    for (struct sl_key *key; (key = sl_map_each(&x->settings->auth.ring->by_hash, &i)) != NULL;) {
        if (is_file_key(key, id)) {
            return key;
        }
    }
    return is_file_key(x->worker->gate->admin_key, id) ? x->worker->gate->admin_key : NULL;
}

static void missing(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no key with the id '%.*s'.",
                      SL_STR_ARG(sl_str_sub(x->match.arg, 0, 64)));
}

static void on_revoked(struct sl_xchg *x, struct sl_question *question)
{
    if (question->base.r == SL_E_NOTFOUND) {
        missing(x);
    } else if (question->base.r < 0) {
        sl_question_fail(x, question->base.r, &question->base.err);
    } else {
        sl_xchg_reply(x, 200, SL_STR("application/json"), SL_STR("{}"));
    }
}

static uint64_t number_of(struct sl_str id)
{
    uint64_t number;
    return sl_str_has_prefix(id, SL_STR("key-")) && sl_parse_u64(sl_str_sub(id, 4, id.n), 1, INT64_MAX, &number) == 0
               ? number
               : 0;
}

static void handle_key_revoke(struct sl_xchg *x)
{
    struct sl_str id = x->match.arg;
    uint64_t number = number_of(id);
    const struct sl_key *key = sl_keyset_find(sl_worker_snapshot(x->worker)->keys, number);
    const struct sl_key *of_file = key ? NULL : file_key(x, id);
    if (of_file) {
        char where[512];
        key_where(x, of_file, where, sizeof(where));
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                          "The key '%.*s' is the operator's and cannot be revoked by a call: it stands in %s.",
                          SL_STR_ARG(sl_str_sub(id, 0, 64)), where);
        return;
    }
    if (!key && x->worker->gate->store) {
        missing(x);
        return;
    }
    struct sl_question *question = sl_question_new_key(x, number);
    if (!question || !key) { /* there is no store; the call was refused */
        return;
    }
    struct asked asked = asked_of(key);
    question->key.text = audit_text(&asked, &question->key.arena);
    if (!question->key.text.p) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_question_ask(question, on_revoked);
}

#define OWN "/api/sluice/v1/keys"

const struct sl_path sl_keys_rows[] = {
    { .methods = SL_POST,
      .pattern = OWN,
      .handle = handle_key_create,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("Make an API key. Only this reply shows its text.", .statuses = "201 409",
                      .headers = "cache-control", .body = "CreateKeyRequest", .reply = "KeyMade") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN,
      .handle = handle_key_list,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("List the API keys, 1000 a page.", .parameters = "page_number", .reply = "KeyPage") },
    { .methods = SL_DELETE,
      .pattern = OWN "/{}",
      .handle = handle_key_revoke,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("Revoke an API key.", .statuses = "200 409", .reply = "Empty") },
    { 0 },
};
