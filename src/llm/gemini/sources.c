/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an answer's grounding to OpenAI's annotations: a web source for each text that it supports. Google counts bytes
 * of a part, OpenAI characters of the whole text. */
#include "llm/core/reading.h"
#include "llm/core/sources.h"
#include "llm/gemini/gemini.h"

#define STEP 64 /* the number of characters is stored for each STEP bytes */

struct source {
    struct sl_json_val web;
    bool is_used;
};

struct sources {
    struct source *all;
    uint32_t n;
    struct sl_gemini_places places;
    struct sl_sources list;
    bool left_out;
};

/* Absent is 0, as protocol buffers write it. */
static int64_t place_get(struct sl_json_val segment, const char *key)
{
    return sl_json_is_nothing(sl_json_get(segment, key)) ? 0 : sl_count_get(segment, key);
}

static void support_read(struct sources *s, struct sl_json_val support)
{
    struct sl_json_val segment = sl_json_get(support, "segment"),
                       indices = sl_json_get(support, "groundingChunkIndices");
    int64_t part = place_get(segment, "partIndex");
    int64_t start = s->places.find(s->places.arg, part, place_get(segment, "startIndex"));
    int64_t end = s->places.find(s->places.arg, part, place_get(segment, "endIndex"));
    for (struct sl_json_iter it = sl_json_each(indices); sl_json_is(indices, SL_JSON_ARRAY) && sl_json_next(&it);) {
        int64_t n;
        if (sl_json_int(it.val, true, &n) < 0 || n < 0 || n >= s->n || !sl_json_is_present(s->all[n].web)) {
            s->left_out = true;
            continue;
        }
        s->all[n].is_used = true;
        struct sl_json_val web = s->all[n].web;
        s->left_out |= !sl_sources_add(&s->list, sl_json_get(web, "uri"), sl_json_get(web, "title"), start, end);
    }
}

int sl_gemini_sources(struct sl_json_val metadata, struct sl_gemini_places places, struct sl_arena *arena,
                      struct sl_str *ret, bool *io_left_out)
{
    struct sl_json_val chunks = sl_json_get(metadata, "groundingChunks");
    struct sl_json_val supports = sl_json_get(metadata, "groundingSupports");
    uint32_t n_others = sl_json_count(metadata) - sl_json_is_present(chunks) - sl_json_is_present(supports);
    struct sources s = { .places = places, .left_out = n_others > 0 };
    s.all = SL_ARENA_ARRAY(arena, struct source, (size_t)sl_json_count(chunks) + 1);
    if (!s.all) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(chunks); sl_json_is(chunks, SL_JSON_ARRAY) && sl_json_next(&it);) {
        struct sl_json_val web = sl_json_get(it.val, "web");
        bool has_url = sl_json_is(sl_json_get(web, "uri"), SL_JSON_STRING);
        s.all[s.n++].web = has_url ? web : SL_JSON_ABSENT;
    }
    sl_sources_begin(&s.list);
    for (struct sl_json_iter it = sl_json_each(supports); sl_json_is(supports, SL_JSON_ARRAY) && sl_json_next(&it);) {
        support_read(&s, it.val);
    }
    for (uint32_t i = 0; i < s.n; i++) {
        s.left_out |= !s.all[i].is_used;
    }
    *io_left_out |= s.left_out;
    return sl_sources_end(&s.list, arena, ret);
}

/* --- whole candidates --- */

struct part {
    size_t start, n; /* bytes in the whole text */
    bool is_text;
};

struct texts {
    struct part *parts;
    uint32_t n_parts;
    struct sl_str all;
    int64_t *chars; /* characters before each STEP bytes of it */
};

static int64_t text_find(const void *arg, int64_t part, int64_t byte)
{
    const struct texts *t = arg;
    if (part < 0 || part >= t->n_parts || !t->parts[part].is_text || byte < 0 || (size_t)byte > t->parts[part].n) {
        return -1;
    }
    size_t at = t->parts[part].start + (size_t)byte, step = at / STEP;
    return t->chars[step] + sl_reading_chars(sl_str_sub(t->all, step * STEP, at));
}

/* Puts the texts of the answer one behind the other. */
static int texts_make(struct sl_json_val parts, struct sl_arena *arena, struct texts *t)
{
    struct sl_buf buf = SL_BUF_INIT((size_t)1 << 30);
    struct sl_reading rd = SL_READING_REPLY(arena, NULL);
    t->parts = SL_ARENA_ARRAY(arena, struct part, (size_t)sl_json_count(parts) + 1);
    if (!t->parts) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(parts); rd.status == 0 && sl_json_next(&it);) {
        struct sl_gemini_part part;
        struct sl_str text = SL_STR_NONE;
        struct sl_arena_mark mark = sl_arena_mark(arena);
        sl_gemini_part_read(it.val, &part);
        if (part.kind == SL_GEMINI_TEXT) {
            text = sl_reading_text(&rd, part.text);
        } else if (part.kind == SL_GEMINI_IMAGE) {
            text = sl_gemini_image_text(part.data, arena);
        }
        t->parts[t->n_parts++] = (struct part){ buf.len, text.n, part.kind == SL_GEMINI_TEXT };
        sl_buf_add_str(&buf, text);
        sl_arena_rewind(arena, mark);
    }
    int r = rd.status < 0 ? rd.status : sl_buf_status(&buf);
    t->all = r < 0 ? SL_STR_NONE : sl_arena_dup(arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    t->chars = SL_ARENA_ARRAY(arena, int64_t, t->all.n / STEP + 1);
    if (r < 0 || !t->all.p || !t->chars) {
        return SL_E_NOMEM;
    }
    for (size_t i = 1; i <= t->all.n / STEP; i++) {
        t->chars[i] = t->chars[i - 1] + sl_reading_chars(sl_str_sub(t->all, (i - 1) * STEP, i * STEP));
    }
    return 0;
}

int sl_gemini_sources_whole(struct sl_json_val candidate, struct sl_arena *arena, struct sl_str *ret, bool *io_left_out)
{
    struct texts texts = { 0 };
    int r = texts_make(sl_json_at(candidate, "content.parts"), arena, &texts);
    struct sl_gemini_places places = { text_find, &texts };
    return r < 0 ? r : sl_gemini_sources(sl_json_get(candidate, "groundingMetadata"), places, arena, ret, io_left_out);
}
