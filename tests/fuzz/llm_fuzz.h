/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for the fuzz targets of the translation layer: targets bound from literals, an arena, a scratch
 * document. */
#ifndef SL_FUZZ_LLM_H
#define SL_FUZZ_LLM_H

#include <stdint.h>
#include <stdlib.h>

#include "llm/core/frames.h"
#include "llm/dialects.h"
#include "llm/core/llm.h"
#include "llm/form/models.h"

struct llm_fuzz {
    struct sl_arena arena;
    struct sl_json doc, scratch;
    struct sl_env env;
};

static inline void llm_fuzz_init(struct llm_fuzz *f)
{
    *f = (struct llm_fuzz){ 0 };
    sl_arena_init(&f->arena, NULL);
    sl_json_init(&f->doc, NULL);
    sl_json_init(&f->scratch, NULL);
    f->env = (struct sl_env){ .wall_usec = 1, .random = { 1, 2 }, .request_id = SL_STR("r"), .scratch = &f->scratch };
}

static inline void llm_fuzz_done(struct llm_fuzz *f)
{
    sl_json_done(&f->doc);
    sl_json_done(&f->scratch);
    sl_arena_done(&f->arena);
}

/* --- a target from its configuration --- */

struct llm_fuzz_upstream {
    const char *provider, *model;
    const char *keys[3]; /* of the configuration */
    const char *map;     /* the map that has them; NULL: they are at the top */
};

static inline struct sl_val *llm_fuzz_val(struct llm_fuzz *f, enum sl_val_kind kind)
{
    struct sl_val *val = SL_ARENA_NEW(&f->arena, struct sl_val);
    SL_ASSERT(val);
    val->kind = kind;
    if (kind == SL_VAL_MAP) {
        val->items = SL_ARENA_ARRAY(&f->arena, struct sl_val_item, 3);
        SL_ASSERT(val->items);
    }
    return val;
}

static inline struct sl_str llm_fuzz_value(struct sl_str key)
{
    static const struct {
        struct sl_str end, value;
    } rows[] = {
        { SL_STR_INIT("_url"), SL_STR_INIT("https://k") },
        { SL_STR_INIT("openai_api"), SL_STR_INIT("responses") },
        { SL_STR_INIT("_region"), SL_STR_INIT("us-east-1") },
        { SL_STR_INIT("_credentials"),
          SL_STR_INIT("{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s\",\"refresh_token\":"
                      "\"t\"}") },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (sl_str_has_suffix(key, rows[i].end)) {
            return rows[i].value;
        }
    }
    return SL_STR("k");
}

static inline struct sl_val *llm_fuzz_config(struct llm_fuzz *f, const struct llm_fuzz_upstream *row)
{
    struct sl_val *map = llm_fuzz_val(f, SL_VAL_MAP);
    for (; map->n < SL_ARRAY_LEN(row->keys) && row->keys[map->n]; map->n++) {
        struct sl_str key = sl_str_c(row->keys[map->n]);
        struct sl_val *val = llm_fuzz_val(f, SL_VAL_STRING);
        val->text = llm_fuzz_value(key);
        map->items[map->n] = (struct sl_val_item){ .key = key, .val = val };
    }
    if (!row->map) {
        return map;
    }
    struct sl_val *outer = llm_fuzz_val(f, SL_VAL_MAP);
    outer->items[outer->n++] = (struct sl_val_item){ .key = sl_str_c(row->map), .val = map };
    return outer;
}

static inline void llm_fuzz_target(struct llm_fuzz *f, const struct llm_fuzz_upstream *row, struct sl_target *ret)
{
    struct sl_problems problems;
    sl_problems_init(&problems, &f->arena);
    struct sl_val *config = llm_fuzz_config(f, row);
    *ret = (struct sl_target){ .provider = sl_provider_find(sl_str_c(row->provider)), .model = sl_str_c(row->model) };
    ret->row = sl_model_find(ret->provider, ret->model, NULL);
    ret->conf = sl_arena_zalloc(&f->arena, ret->provider->conf_size);
    struct sl_bind bind = { .arena = &f->arena, .problems = &problems };
    SL_ASSERT(ret->conf && sl_opt_bind(&bind, ret->provider->opts, config, ret->conf) == 0 &&
              sl_target_prepare(&bind, config, ret) == 0);
}

static inline void llm_fuzz_target_done(struct sl_target *target)
{
    sl_opt_done(target->provider->opts, target->conf);
}

/* JSON that Sluice wrote must be JSON. */
static inline void llm_fuzz_check_json(struct sl_str text)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, text);
    SL_ASSERT(r == 0 || r == SL_E_LIMIT);
    sl_json_done(&doc);
}

static inline int llm_fuzz_check_event(void *arg, const struct sl_frame *frame)
{
    (void)arg;
    if (!sl_str_eq(frame->data, SL_STR("[DONE]"))) {
        llm_fuzz_check_json(frame->data);
    }
    return 0;
}

struct llm_fuzz_stream {
    struct llm_fuzz *f;
    const struct sl_language *upstream;
    const struct sl_dialect *dialect;
    struct sl_call call;
    void *provider_state, *dialect_state;
    struct sl_buf out;
};

static inline int llm_fuzz_on_delta(void *arg, const struct sl_delta *delta)
{
    struct llm_fuzz_stream *s = arg;
    return s->dialect->language->write_delta(s->dialect_state, &s->call, &s->f->env, delta, &s->out);
}

static inline int llm_fuzz_on_frame(void *arg, const struct sl_frame *frame)
{
    struct llm_fuzz_stream *s = arg;
    struct sl_arena_mark mark = sl_arena_mark(&s->f->arena);
    struct sl_delta_sink sink = { llm_fuzz_on_delta, s, &s->f->arena, &s->f->scratch, &s->f->env };
    struct sl_err err = { 0 };
    int r = s->upstream->on_frame(s->provider_state, &s->call, frame, &sink, &err);
    sl_arena_rewind(&s->f->arena, mark);
    return r;
}

/* Puts a stream in pieces through a provider into a dialect: only events of JSON come out. */
static inline int llm_fuzz_stream(struct llm_fuzz *f, const struct sl_language *upstream, enum sl_llm_type type,
                                  const struct sl_dialect *dialect, struct sl_str bytes, size_t piece,
                                  struct sl_buf *ret_out)
{
    struct llm_fuzz_stream s = { .f = f, .upstream = upstream, .dialect = dialect };
    s.call = (struct sl_call){ .type = type, .manners = dialect->manners, .is_stream = true, .wants_usage = true };
    s.provider_state = calloc(1, s.upstream->read_state_size);
    s.dialect_state = calloc(1, dialect->language->write_state_size);
    sl_buf_init(&s.out, 1 << 24);
    if (dialect->language->write_begin) {
        dialect->language->write_begin(s.dialect_state, &s.call, 1 << 24);
    }
    struct sl_frames frames;
    sl_frames_init(&frames, s.upstream->framing, SL_SSE_EVENT_MAX, llm_fuzz_on_frame, &s);
    int r = 0;
    for (size_t at = 0; at < bytes.n && r == 0; at += piece) {
        r = sl_frames_push(&frames, sl_str_sub(bytes, at, at + piece));
    }
    r = r < 0 ? r : sl_frames_finish(&frames);
    struct sl_delta_sink sink = { llm_fuzz_on_delta, &s, &f->arena, &f->scratch, &f->env };
    struct sl_err err = { 0 };
    r = r < 0 ? r : s.upstream->on_end(s.provider_state, &sink, &err);
    if (r == 0) {
        dialect->language->write_end(s.dialect_state, &s.out);
    }
    sl_frames_done(&frames);
    struct sl_frames check;
    sl_frames_init(&check, dialect->language->framing, SL_SSE_EVENT_MAX, llm_fuzz_check_event, NULL);
    SL_ASSERT(sl_frames_push(&check, sl_buf_str(&s.out)) == 0 && sl_frames_finish(&check) == 0);
    sl_frames_done(&check);
    free(s.provider_state);
    if (dialect->language->write_done) {
        dialect->language->write_done(s.dialect_state);
    }
    free(s.dialect_state);
    *ret_out = s.out;
    return r;
}

/* The first byte is the size of the pieces; its highest bit is the dialect. */
static inline int llm_fuzz_stream_of(const struct sl_language *upstream, enum sl_llm_type type, const uint8_t *data,
                                     size_t size)
{
    if (size < 2) {
        return 0;
    }
    const struct sl_dialect *dialect = data[0] & 0x80 ? &sl_dialect_mlflow : &sl_dialect_openai;
    struct sl_str bytes = sl_str_make((const char *)data + 1, size - 1);
    struct llm_fuzz f;
    struct sl_buf whole, cut;
    llm_fuzz_init(&f);
    int r = llm_fuzz_stream(&f, upstream, type, dialect, bytes, bytes.n, &whole);
    int r2 = llm_fuzz_stream(&f, upstream, type, dialect, bytes, 1 + data[0] % 16, &cut);
    SL_ASSERT(r == r2 && (r < 0 || sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut))));
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    llm_fuzz_done(&f);
    return 0;
}

static inline int llm_fuzz_stream_entry(const char *provider, enum sl_llm_type type, const uint8_t *data, size_t size)
{
    return llm_fuzz_stream_of(sl_provider_find(sl_str_c(provider))->languages[type], type, data, size);
}

#endif
