/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the translation layer share: an arena, targets from JSON, requests and streams through a provider
 * and a dialect. */
#ifndef SL_TEST_LLM_HELP_H
#define SL_TEST_LLM_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "llm/dialects.h"
#include "llm/form/models.h"
#include "llm/core/lost.h"
#include "llm/core/frames.h"
#include "wire/sse.h"
#include "llm/core/llm.h"
#include "json/json.h"

struct help {
    struct sl_arena arena;
    struct sl_json doc, scratch;
    struct sl_problems problems;
    struct sl_env env;
    struct sl_str model; /* the model of a stream that names none */
    uint32_t lost;       /* of the streams so far */
};

static inline void help_init(struct help *h)
{
    *h = (struct help){ 0 };
    sl_arena_init(&h->arena, NULL);
    sl_json_init(&h->doc, NULL);
    sl_json_init(&h->scratch, NULL);
    sl_problems_init(&h->problems, &h->arena);
    h->env = (struct sl_env){
        .wall_usec = 1767225600ULL * 1000000, .random = { 1, 2 }, .request_id = SL_STR("req-1"), .scratch = &h->scratch
    };
}

static inline void help_done(struct help *h)
{
    sl_json_done(&h->doc);
    sl_json_done(&h->scratch);
    sl_arena_done(&h->arena);
}

/* Parses JSON to the tree from which configuration is bound. */
static inline struct sl_val *help_val(struct help *h, struct sl_json_val v)
{
    static const enum sl_val_kind kinds[] = { SL_VAL_NULL,   SL_VAL_BOOL, SL_VAL_BOOL, SL_VAL_NUMBER,
                                              SL_VAL_STRING, SL_VAL_LIST, SL_VAL_MAP };
    struct sl_val *val = SL_ARENA_NEW(&h->arena, struct sl_val);
    assert_non_null(val);
    val->kind = kinds[sl_json_tok(v)->kind];
    if (val->kind == SL_VAL_STRING) {
        struct sl_str text;
        assert_int_equal(sl_json_text(v, &h->arena, &text), 0);
        val->text = sl_arena_dup(&h->arena, text);
    } else if (val->kind < SL_VAL_STRING) {
        val->text = sl_arena_dup(&h->arena, sl_json_raw(v));
    } else {
        val->items = SL_ARENA_ARRAY(&h->arena, struct sl_val_item, sl_json_count(v) + 1);
        for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
            if (it.is_object) {
                assert_int_equal(sl_json_text(it.key, &h->arena, &val->items[val->n].key), 0);
                val->items[val->n].key = sl_arena_dup(&h->arena, val->items[val->n].key);
            }
            val->items[val->n++].val = help_val(h, it.val);
        }
    }
    return val;
}

/* A bound and prepared target; the result of prepare. `target` is freed with help_target_done. */
static inline int help_target(struct help *h, const char *provider, const char *model, const char *config,
                              struct sl_target *target)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_str_c(config)), 0);
    struct sl_val *val = help_val(h, sl_json_root(&doc));
    sl_json_done(&doc);
    *target = (struct sl_target){ .provider = sl_provider_find(sl_str_c(provider)), .model = sl_str_c(model) };
    assert_non_null(target->provider);
    target->row = sl_model_find(target->provider, target->model, NULL);
    target->conf = sl_arena_zalloc(&h->arena, target->provider->conf_size);
    struct sl_bind bind = { .arena = &h->arena, .problems = &h->problems };
    int r = sl_opt_bind(&bind, target->provider->opts, val, target->conf);
    return r < 0 ? r : sl_target_prepare(&bind, val, target);
}

static inline void help_target_done(struct sl_target *target)
{
    sl_opt_done(target->provider->opts, target->conf);
}

/* The dialect's reader with no more than a content type in the head. */
static inline int help_read_at(struct help *h, const struct sl_dialect *dialect, enum sl_llm_type type,
                               struct sl_str path, struct sl_str body, const char *content_type,
                               struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_headers headers = { 0 };
    assert_int_equal(sl_headers_add(&headers, &h->arena, SL_STR("content-type"), sl_str_c(content_type)), 0);
    struct sl_str rest = path, only = SL_STR("");
    SL_IGNORE(!sl_str_next(&rest, '?', &only));
    struct sl_incoming in = { .type = type, .path = only, .headers = &headers, .body = body };
    in.query = rest.p ? rest : SL_STR("");
    in.is_count = sl_str_has_suffix(only, SL_STR(":countTokens"));
    in.has_route = sl_str_has_suffix(only, SL_STR("/mlflow/invocations"));
    return sl_dialect_read(dialect, &in, &h->doc, &h->arena, ret_call, ret_error);
}

static inline int help_read(struct help *h, const struct sl_dialect *dialect, enum sl_llm_type type, struct sl_str body,
                            const char *content_type, struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    return help_read_at(h, dialect, type, SL_STR(""), body, content_type, ret_call, ret_error);
}

/* Parses a body that must be valid. */
static inline struct sl_call help_call(struct help *h, const struct sl_dialect *dialect, enum sl_llm_type type,
                                       const char *body)
{
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_str copy = sl_arena_dup(&h->arena, sl_str_c(body));
    int r = help_read(h, dialect, type, copy, "application/json", &call, &error);
    if (r < 0) {
        fail_msg("%s refused: %.*s %.*s", body, SL_STR_ARG(error.message), SL_STR_ARG(error.detail));
    }
    return call;
}

/* The error for a body that must be refused, as text: "400 {…}". */
static inline struct sl_str help_refused(struct help *h, const struct sl_dialect *dialect, enum sl_llm_type type,
                                         struct sl_str body, const char *content_type)
{
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    int r = help_read(h, dialect, type, body, content_type, &call, &error);
    if (r != SL_E_INVAL) {
        fail_msg("%.*s: not refused (%d)", SL_STR_ARG(body), r);
    }
    struct sl_buf out = SL_BUF_INIT(1 << 24);
    if (error.status == 0) {
        error.status = sl_error_type_status(error.type);
    }
    dialect->language->write_error(&error, &out);
    struct sl_str text = sl_arena_printf(&h->arena, "%d %.*s", error.status, (int)out.len, out.p);
    sl_buf_done(&out);
    return text;
}

static inline struct sl_str help_body(struct help *h, const struct sl_http_req *req)
{
    struct sl_buf buf = SL_BUF_INIT(1 << 24);
    for (size_t i = 0; i < req->n_slices; i++) {
        sl_buf_add_str(&buf, req->slices[i]);
    }
    assert_int_equal(buf.len, req->body_len);
    struct sl_str body = sl_arena_dup(&h->arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    return body;
}

/* Pushes a stream of the upstream's bytes, in pieces of `piece`, through provider and dialect to what the client gets.
 * The result is of on_frame or on_end. */
struct help_stream {
    struct help *h;
    const struct sl_language *upstream;
    const struct sl_dialect *dialect;
    const struct sl_call *call;
    void *provider_state, *dialect_state;
    struct sl_buf out;
};

static inline int help_push(void *arg, const struct sl_delta *delta)
{
    struct help_stream *s = arg;
    struct sl_delta named = *delta;
    s->h->lost |= sl_lost_of_delta(s->dialect->language, s->call->type, delta);
    if (named.kind == SL_DELTA_START && !named.model.n && s->h->model.n) {
        named.model = s->h->model;
    }
    return s->dialect->language->write_delta(s->dialect_state, s->call, &s->h->env, &named, &s->out);
}

static inline int help_frame(void *arg, const struct sl_frame *frame)
{
    struct help_stream *s = arg;
    struct sl_arena scratch;
    sl_arena_init(&scratch, NULL);
    struct sl_delta_sink sink = { help_push, s, &scratch, &s->h->scratch, &s->h->env };
    struct sl_err err = { 0 };
    int r = s->upstream->on_frame(s->provider_state, s->call, frame, &sink, &err);
    sl_arena_done(&scratch); /* no pointer into a frame may be used later */
    return r;
}

/* Zeroed as a language may expect it. */
static inline void *help_read_state(const struct sl_language *language)
{
    char *state = calloc(1, language->read_state_size);
    memset(state + language->read_state_size - language->read_state_room, 0xa5, language->read_state_room);
    return state;
}

static inline int help_stream(struct help *h, const struct sl_language *upstream, const struct sl_dialect *dialect,
                              const struct sl_call *call, struct sl_str bytes, size_t piece, struct sl_str *ret)
{
    struct help_stream s = { h,
                             upstream,
                             dialect,
                             call,
                             help_read_state(upstream),
                             calloc(1, dialect->language->write_state_size),
                             SL_BUF_INIT(1 << 24) };
    struct sl_frames frames;
    sl_frames_init(&frames, upstream->framing, SL_SSE_EVENT_MAX, help_frame, &s);
    if (dialect->language->write_begin) {
        dialect->language->write_begin(s.dialect_state, call, 1 << 24);
    }
    int r = 0;
    for (size_t at = 0; at < bytes.n && r == 0; at += piece) {
        size_t n = SL_MIN(piece, bytes.n - at);
        char *copy = malloc(n); /* the piece is gone afterwards */
        memcpy(copy, bytes.p + at, n);
        r = sl_frames_push(&frames, sl_str_make(copy, n));
        free(copy);
    }
    r = r < 0 ? r : sl_frames_finish(&frames);
    struct sl_delta_sink sink = { help_push, &s, &h->arena, &h->scratch, &h->env };
    struct sl_err err = { 0 };
    r = r < 0 ? r : upstream->on_end(s.provider_state, &sink, &err);
    if (r == 0) {
        dialect->language->write_end(s.dialect_state, &s.out);
    }
    *ret = sl_arena_dup(&h->arena, sl_buf_str(&s.out));
    sl_buf_done(&s.out);
    sl_frames_done(&frames);
    free(s.provider_state);
    if (dialect->language->write_done) {
        dialect->language->write_done(s.dialect_state);
    }
    free(s.dialect_state);
    return r;
}

#define check_str(got, want)                                                                             \
    do {                                                                                                 \
        struct sl_str got_ = (got);                                                                      \
        struct sl_str want_ = sl_str_c(want);                                                            \
        if (!sl_str_eq(got_, want_)) {                                                                   \
            fail_msg("line %d:\n got  %.*s\n want %.*s", __LINE__, SL_STR_ARG(got_), SL_STR_ARG(want_)); \
        }                                                                                                \
    } while (0)

#endif
