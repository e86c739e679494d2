/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: an administrator makes, lists, changes and revokes them; one of a group those in its reach. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/key_body.h"
#include "gate/api/limit_counts.h"
#include "gate/api/limits.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/keyring.h"
#include "gate/config/keyset.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/json.h"
#include "json/write.h"
#include "wire/headers.h"

/* How many keys of others are passed by for a page; then it ends, even when it has none. */
#define PASSED_MAX 20000

static void is_asked_for_write(struct sl_xchg *x, struct sl_jw *w)
{
    sl_jw_member_bool(w, "enforced", x->settings->auth.mode == SL_AUTH_KEYS);
}

/* --- create --- */

static void on_created(struct sl_xchg *x, struct sl_question *question)
{
    if (question->base.r == SL_E_INVAL) { /* another call deleted it in the meantime */
        sl_key_group_missing(x, question->key.key.group);
        return;
    }
    if (question->base.r == SL_E_BUSY) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                          "There are %u keys in '%.*s' and the groups below it, and its admins may make no more "
                          "(limits.max_group_keys): revoke some, or ask whoever runs this gateway.",
                          question->key.max, SL_STR_ARG(question->base.who.top));
        return;
    }
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
    struct sl_key_body body = sl_key_body_of(key);
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_member_str(w, "id", key->id);
    sl_key_body_write(w, &body);
    sl_api_time_write(w, "created_at", key->created_sec);
    sl_jw_member_str(w, "key", sl_secret_reveal(&question->token));
    is_asked_for_write(x, w);
    sl_jw_end(w);
    sl_api_pending_write(x);
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

/* Fills in what the body says, in the job's memory. */
static int key_fill(struct sl_store_key_job *job, const struct sl_key_body *body)
{
    struct sl_arena *arena = &job->arena;
    struct sl_store_key *key = &job->key;
    job->is_file_group = body->is_file_group;
    key->name = sl_arena_dup(arena, body->name);
    key->principal = sl_arena_dup(arena, body->principal);
    key->group = sl_arena_dup(arena, body->group);
    key->role = sl_str_c(sl_role_name(body->role));
    key->expires_sec = body->expires_sec;
    key->limits = body->stored_limits.p ? sl_arena_dup(arena, body->stored_limits) : SL_STR_NONE;
    job->text = sl_key_body_text(body, arena);
    int r = key->name.p && key->principal.p && key->group.p && job->text.p && (key->limits.p || !body->stored_limits.p)
                ? 0
                : SL_E_NOMEM;
    if (body->has_routes) {
        struct sl_buf routes = SL_BUF_INIT(2 * SL_MANAGE_BODY_MAX);
        struct sl_jw w;
        sl_jw_init(&w, &routes);
        sl_key_routes_write(&w, true, &body->routes);
        key->routes = sl_buf_status(&routes) == 0 ? sl_arena_dup(arena, sl_buf_str(&routes)) : SL_STR_NONE;
        sl_buf_done(&routes);
        r = key->routes.p ? r : SL_E_NOMEM;
    }
    return r;
}

static int token_make(struct sl_question *question)
{
    struct sl_store_key *key = &question->key.key;
    char token[SL_KEY_TOKEN_SIZE];
    unsigned char *hash = sl_arena_alloc(&question->key.arena, SL_KEY_HASH_BYTES);
    if (!hash) {
        return SL_E_NOMEM;
    }
    sl_key_make_token(token);
    sl_key_hash(sl_str_c(token), hash);
    int r = sl_secret_set(&question->token, sl_str_c(token));
    sl_wipe(token, sizeof(token));
    key->hash = sl_str_make((const char *)hash, SL_KEY_HASH_BYTES);
    key->created_sec = question->key.now_usec / SL_USEC_PER_SEC;
    return r;
}

static void handle_key_create(struct sl_xchg *x)
{
    struct sl_key_body body = { 0 };
    if (!sl_key_body_or_refuse(x, &body) || !sl_api_few_or_refuse(x, "limits", body.limits, NULL)) {
        return;
    }
    struct sl_question *question = sl_question_new_key(x, SL_STORE_KEY_CREATE, NULL);
    if (!question) {
        return;
    }
    if (key_fill(&question->key, &body) < 0 || token_make(question) < 0) {
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
    struct sl_key_body body = sl_key_body_of(key);
    sl_jw_object(w);
    sl_jw_member_str(w, "id", key->id);
    sl_key_body_write(w, &body);
    if (key->limits) {
        sl_api_counts_write(x, w, key->limits, &(struct sl_counts_asked){ .of_all = true });
    }
    sl_api_time_write(w, "created_at", key->created_sec);
    sl_api_time_write(w, "last_used_at", atomic_load_explicit(&key->last_used_sec, memory_order_relaxed));
    sl_jw_member_str(w, "owner", key->is_of_file ? SL_STR("file") : SL_STR("api"));
    if (key->is_of_file && sl_auth_reaches(x, SL_STR(""))) { /* others need not know the operator's files */
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
        if (sl_auth_reaches(x, key->group)) {
            key_write(x, w, key);
        }
    }
    if (x->worker->gate->admin_key && sl_auth_reaches(x, SL_STR(""))) {
        key_write(x, w, x->worker->gate->admin_key);
    }
}

/* The next key that the caller may see; NULL: there is none. Ends early at one of others, when there were many. */
static const struct sl_key *reached_next(const struct sl_xchg *x, struct sl_keyset_iter *it, uint32_t *io_passed)
{
    const struct sl_key *key;
    while ((key = sl_keyset_next(it)) != NULL && !sl_auth_reaches(x, key->group) && ++*io_passed < PASSED_MAX) {
    }
    return key;
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
    uint32_t n_passed = 0;
    const struct sl_key *key = reached_next(x, &it, &n_passed);
    for (uint32_t n = 0; key && n_passed < PASSED_MAX && !sl_api_page_is_full(x, n); n++) {
        key_write(x, w, key);
        after = key->number;
        key = reached_next(x, &it, &n_passed);
    }
    after = key && n_passed == PASSED_MAX ? key->number : after;
    sl_jw_end(w);
    char next[24];
    snprintf(next, sizeof(next), "%llu", (unsigned long long)after);
    sl_jw_member_str(w, "next_page_token", key ? sl_str_c(next) : SL_STR_NONE);
    is_asked_for_write(x, w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

/* --- change and revoke --- */

static bool is_file_key(const struct sl_xchg *x, const struct sl_key *key, struct sl_str id)
{
    return key && (sl_str_eq(key->id, id) || sl_str_eq(key->name, id)) && sl_auth_reaches(x, key->group);
}

static const struct sl_key *file_key(const struct sl_xchg *x, struct sl_str id)
{
    size_t i = 0;
    for (struct sl_key *key; (key = sl_map_each(&x->settings->auth.ring->by_hash, &i)) != NULL;) {
        if (is_file_key(x, key, id)) {
            return key;
        }
    }
    return is_file_key(x, x->worker->gate->admin_key, id) ? x->worker->gate->admin_key : NULL;
}

static void missing(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no key with the id '%.*s'.",
                      SL_STR_ARG(sl_str_sub(x->match.arg, 0, 64)));
}

static void file_refuse(struct sl_xchg *x, const struct sl_key *key)
{
    char where[512] = "the operator's configuration";
    if (sl_auth_reaches(x, SL_STR(""))) {
        key_where(x, key, where, sizeof(where));
    }
    sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                      "The key '%.*s' is the operator's and cannot be changed by a call: it stands in %s.",
                      SL_STR_ARG(sl_str_sub(x->match.arg, 0, 64)), where);
}

static uint64_t number_of(struct sl_str id)
{
    uint64_t number;
    bool is_padded = id.n > 4 && id.p[4] == '0'; /* key-07 is nobody's: an id has one spelling */
    return sl_str_has_prefix(id, SL_STR("key-")) && !is_padded &&
                   sl_parse_u64(sl_str_sub(id, 4, id.n), 1, INT64_MAX, &number) == 0
               ? number
               : 0;
}

/* Asks the store to change the path's key. NULL: the call was refused. */
static struct sl_question *question_or_refuse(struct sl_xchg *x, enum sl_store_key_verb verb)
{
    struct sl_str id = x->match.arg;
    const struct sl_key *key = sl_keyset_find(sl_worker_snapshot(x->worker)->keys, number_of(id));
    const struct sl_key *of_file = key ? NULL : file_key(x, id);
    if (of_file) {
        file_refuse(x, of_file);
        return NULL;
    }
    if (key ? !sl_auth_reaches(x, key->group) : x->worker->gate->store != NULL) {
        missing(x);
        return NULL;
    }
    struct sl_question *question = sl_question_new_key(x, verb, key);
    if (!question || !key) { /* there is no store; the call was refused */
        return NULL;
    }
    struct sl_key_body before = sl_key_body_of(key);
    question->key.before = sl_key_body_text(&before, &question->key.arena);
    if (!question->key.before.p) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    return question;
}

/* False: the change was not made, and the client was refused. */
static bool changed_or_refuse(struct sl_xchg *x, const struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_NOTFOUND) {
        missing(x);
    } else if (r == SL_E_STALE) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "Another call has changed the key in the meantime: try again.");
    } else if (r == SL_E_INVAL) { /* another call deleted it in the meantime */
        sl_key_group_missing(x, question->key.key.group);
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    }
    return r >= 0;
}

static void on_replaced(struct sl_xchg *x, struct sl_question *question)
{
    if (!changed_or_refuse(x, question)) {
        return;
    }
    const struct sl_key *key = sl_keyset_find(sl_worker_snapshot(x->worker)->keys, question->key.key.id);
    if (!key || !sl_auth_reaches(x, key->group)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "The key was changed, but another call has taken it away.");
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    key_write(x, w, key);
    sl_api_reply(x, 200);
}

/* A key of a group does not change itself: who is above it said its limits and its end. */
static bool is_itself(const struct sl_xchg *x)
{
    return x->caller.key && x->caller.key->group.n && sl_str_eq(x->caller.key->id, x->match.arg);
}

/* Calls that are running stay in the group that they began in. */
static void handle_key_replace(struct sl_xchg *x)
{
    struct sl_key_body body = { 0 };
    if (is_itself(x)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                          "A key of a group cannot change itself: an admin of a group above it can.");
        return;
    }
    if (!sl_key_body_or_refuse(x, &body)) {
        return;
    }
    struct sl_question *question = question_or_refuse(x, SL_STORE_KEY_REPLACE);
    const struct sl_key *key = sl_keyset_find(sl_worker_snapshot(x->worker)->keys, number_of(x->match.arg));
    if (question && !sl_api_few_or_refuse(x, "limits", body.limits, key ? key->limits : NULL)) {
        sl_question_free(question);
    } else if (question && key_fill(&question->key, &body) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
    } else if (question) {
        sl_question_ask(question, on_replaced);
    }
}

static void on_revoked(struct sl_xchg *x, struct sl_question *question)
{
    if (changed_or_refuse(x, question)) {
        sl_api_reply_empty(x);
    }
}

static void handle_key_revoke(struct sl_xchg *x)
{
    struct sl_question *question = question_or_refuse(x, SL_STORE_KEY_REVOKE);
    if (question) {
        sl_question_ask(question, on_revoked);
    }
}

#define OWN "/api/sluice/v1/keys"

const struct sl_path sl_keys_rows[] = {
    { .methods = SL_POST,
      .pattern = OWN,
      .handle = handle_key_create,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Make an API key. Only this reply shows its text.", .statuses = "201 404 409",
                      .headers = "cache-control", .parameters = "wait", .body = "CreateKeyRequest",
                      .reply = "KeyMade") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN,
      .handle = handle_key_list,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("List the API keys, 1000 a page.", .parameters = "page_number", .reply = "KeyPage") },
    { .methods = SL_PUT,
      .pattern = OWN "/{}",
      .handle = handle_key_replace,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Replace everything about an API key except its text: move it to another group, for example.",
                      .statuses = "200 409", .parameters = "wait", .body = "CreateKeyRequest", .reply = "Key") },
    { .methods = SL_DELETE,
      .pattern = OWN "/{}",
      .handle = handle_key_revoke,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Revoke an API key.", .statuses = "200 409", .parameters = "wait", .reply = "Empty") },
    { 0 },
};
