/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/prepare.h"
#include "llm/core/passage.h"

#include "base/secret.h"
#include "llm/core/language.h"
#include "llm/core/request.h"

#define KEY_MAX    16384
#define HEADER_MAX 1024
/* A request gets this many headers at most beside the configuration's. */
#define HEADERS_ROOM 12

struct sl_pos sl_prepare_pos(const struct sl_val *val, const char *key)
{
    const struct sl_val *member = sl_val_find(val, key);
    return member ? member->pos : val ? val->pos : (struct sl_pos){ 0 };
}

/* URLs are shown in lists and logs, so they must not have credentials. Gateways use these names; `api-version` and
 * similar ones pass. */
static bool parameter_is_secret(struct sl_str name, struct sl_arena *arena)
{
    static const char *const parts[] = { "key",    "token", "secret",     "signature", "password",
                                         "passwd", "auth",  "credential", "pwd" };
    static const char *const words[] = { "sig", "code", "pass" };
    struct sl_str plain;
    if (sl_percent_decode(name, arena, &plain) < 0) {
        plain = name;
    }
    bool is_secret = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(words) && !is_secret; i++) {
        is_secret = sl_str_case_eq(plain, sl_str_c(words[i]));
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(parts) && !is_secret; i++) {
        struct sl_str part = sl_str_c(parts[i]);
        for (size_t at = 0; at + part.n <= plain.n && !is_secret; at++) {
            is_secret = sl_str_case_eq(sl_str_sub(plain, at, at + part.n), part);
        }
    }
    return is_secret;
}

static int query_check(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str query)
{
    struct sl_str part;
    while (sl_str_next(&query, '&', &part)) {
        ptrdiff_t equals = sl_str_find_char(part, '=', 0);
        struct sl_str name = equals < 0 ? SL_STR("") : sl_str_sub(part, 0, (size_t)equals);
        if (parameter_is_secret(name, bind->arena)) {
            return SL_PREPARE_FAIL(
                bind, val, key,
                "%s: '%.*s' in the URL's query looks like a credential, and URLs are shown in lists: "
                "give it by its own key, or as a header of the route",
                key, SL_STR_ARG(sl_str_sub(name, 0, 64)));
        }
    }
    return 0;
}

int sl_prepare_base(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str text,
                    struct sl_uri *ret)
{
    struct sl_err err = { 0 };
    if (sl_uri_parse(text, ret, &err) < 0) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: %s", key, err.text);
    }
    if (ret->userinfo.n) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: a user or password in the URL is not used; give the key by itself",
                               key);
    }
    if (query_check(bind, val, key, ret->query) < 0) {
        return SL_E_INVAL;
    }
    static const char *const calls[] = { "/chat/completions", "/completions", "/messages",
                                         "/complete",         "/embeddings",  "/responses" };
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        if (sl_str_has_suffix(ret->path, sl_str_c(calls[i]))) {
            sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, key), NULL,
                            "%s ends with %s, the path of a call: it is added to the base URL by itself", key,
                            calls[i]);
            break;
        }
    }
    return 0;
}

void sl_prepare_version(struct sl_bind *bind, const struct sl_val *val, const char *key, const struct sl_uri *base)
{
    struct sl_str rest = base->path, part;
    bool has_version = rest.n <= 1; /* a URL without any path is reported elsewhere */
    while (!has_version && sl_str_next(&rest, '/', &part)) {
        has_version = part.n > 1 && part.p[0] == 'v' && part.p[1] >= '0' && part.p[1] <= '9';
    }
    if (!has_version) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_prepare_pos(val, key), NULL,
                        "%s has no version: a base URL ends with one, such as /v1", key);
    }
}

int sl_prepare_key(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str prefix,
                   struct sl_secret *secret)
{
    struct sl_str text = sl_secret_reveal(secret);
    if (!sl_header_is_visible(text, KEY_MAX)) {
        return SL_PREPARE_FAIL(bind, val, key, "the key is empty or holds characters that cannot stand in a header");
    }
    if (prefix.n == 0) {
        return 0;
    }
    struct sl_buf buf = SL_BUF_INIT(KEY_MAX * 2);
    /* Reserved at once, because growing would leave copies in memory. */
    SL_IGNORE(sl_buf_reserve(&buf, text.n + prefix.n + 1) < 0);
    sl_buf_add_str(&buf, prefix);
    sl_buf_add_str(&buf, text);
    int r = sl_buf_status(&buf);
    if (r == 0) {
        r = sl_secret_set(secret, sl_buf_str(&buf));
    }
    if (buf.p) {
        sl_wipe(buf.p, buf.len);
    }
    sl_buf_done(&buf);
    return r;
}

int sl_prepare_header(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str name,
                      struct sl_str value, struct sl_headers *headers)
{
    if (value.n == 0) {
        return 0;
    }
    if (!sl_header_is_visible(value, HEADER_MAX)) {
        return SL_PREPARE_FAIL(bind, val, key, "%s holds characters that cannot stand in a header", key);
    }
    return sl_headers_add(headers, bind->arena, name, value);
}

struct sl_str sl_percent_encode(struct sl_str s, struct sl_arena *arena)
{
    static const char hex[] = "0123456789ABCDEF";
    char *p = sl_arena_bytes(arena, s.n * 3 + 1);
    if (!p) {
        return SL_STR_NONE;
    }
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                        c == '.' || c == '_' || c == '~';
        if (is_plain) {
            p[n++] = (char)c;
        } else {
            p[n++] = '%';
            p[n++] = hex[c >> 4];
            p[n++] = hex[c & 15];
        }
    }
    return sl_str_make(p, n);
}

int sl_headers_start(const struct sl_headers *from, struct sl_arena *arena, struct sl_headers *ret)
{
    uint32_t cap = from->n + HEADERS_ROOM;
    struct sl_header *v = SL_ARENA_ARRAY(arena, struct sl_header, cap);
    if (!v) {
        return SL_E_NOMEM;
    }
    memcpy(v, from->v, from->n * sizeof(*v));
    *ret = (struct sl_headers){ .v = v, .n = from->n, .cap = cap };
    return 0;
}

/* Sets the content type that the client gave its body. */
static int type_set(struct sl_headers *headers, const struct sl_passage *passage, struct sl_arena *arena)
{
    static const struct sl_str type_name[] = { SL_STR_INIT("content-type"), { 0 } };
    sl_headers_drop(headers, type_name);
    return passage->content_type.p ? sl_headers_add(headers, arena, type_name[0], passage->content_type) : 0;
}

/* Builds the client's own request with the configuration's headers. */
static int passage_build(const struct sl_headers *headers, const struct sl_call *call, struct sl_arena *arena,
                         struct sl_http_req *ret_req)
{
    const struct sl_passage *passage = call->passage;
    struct sl_http_req req = { .method = passage->method, .target = passage->target };
    struct sl_str *body = SL_ARENA_NEW(arena, struct sl_str);
    int r = sl_headers_start(headers, arena, &req.headers);
    if (!body || r < 0) {
        return SL_E_NOMEM;
    }
    *body = call->body;
    req.slices = body;
    req.n_slices = call->body.n > 0;
    req.body_len = call->body.n;
    r = type_set(&req.headers, passage, arena);
    *ret_req = req;
    return r;
}

int sl_build_post(const struct sl_headers *headers, struct sl_str path, const struct sl_call *call,
                  const struct sl_target *target, const struct sl_env *env, bool ask_usage, struct sl_arena *arena,
                  struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    struct sl_http_req req = { .method = "POST", .target = path };
    if (call->passage) {
        return passage_build(headers, call, arena, ret_req);
    }
    int r = sl_headers_start(headers, arena, &req.headers);
    r = r < 0 ? r : sl_target_language(target, call)->write_call(call, target, env, ask_usage, arena, &req, ret_error);
    if (r == 0) {
        *ret_req = req;
    }
    return r;
}

int sl_build_tail(const struct sl_headers *headers, struct sl_str path, struct sl_str model_json,
                  const struct sl_call *call, const struct sl_target *target, struct sl_arena *arena,
                  struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    const struct sl_call_edit model = { "model", model_json, true };
    struct sl_http_req req = { .method = "POST", .target = path };
    int r = sl_headers_start(headers, arena, &req.headers);
    if (call->passage->is_form) {
        req.form_model = target->model;
        r = r < 0 ? r : type_set(&req.headers, call->passage, arena);
    } else {
        r = r < 0 ? r : sl_call_pass(call, &model, 1, arena, &req, ret_error);
    }
    if (r == 0) {
        *ret_req = req;
    }
    return r;
}

int sl_path_target(const struct sl_uri *base, const char *path, const char *query, struct sl_arena *arena,
                   struct sl_str *ret)
{
    int r = sl_uri_join(base, sl_str_c(path), arena, ret);
    if (r == 0 && *query) {
        *ret = sl_arena_printf(arena, "%.*s%c%s", SL_STR_ARG(*ret), base->query.n ? '&' : '?', query);
    }
    return r < 0 || ret->p ? r : SL_E_NOMEM;
}

int sl_models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret)
{
    return sl_path_target(&target->base, "models", "", arena, ret);
}

const struct sl_str sl_credential_bearer[] = { SL_STR_INIT("authorization"), { 0 } };
const struct sl_str sl_pass_common[] = { SL_STR_INIT("openai-beta"), SL_STR_INIT("anthropic-beta"), { 0 } };
const struct sl_str sl_hidden_common[] = { SL_STR_INIT("openai-organization"), { 0 } };
