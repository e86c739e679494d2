/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/sources.h"

#define LIST_MAX (1u << 20) /* A bound, because a few sources may be repeated very often. */

void sl_sources_begin(struct sl_sources *sources)
{
    *sources = (struct sl_sources){ .buf = SL_BUF_INIT(LIST_MAX + 16) };
    sl_jw_init(&sources->w, &sources->buf);
    sl_jw_array(&sources->w);
}

bool sl_sources_add(struct sl_sources *sources, struct sl_json_val url, struct sl_json_val title, int64_t start,
                    int64_t end)
{
    struct sl_jw *w = &sources->w;
    bool has_url = sl_json_is(url, SL_JSON_STRING), has_title = sl_json_is(title, SL_JSON_STRING);
    if (!has_url || sl_json_raw(url).n + (has_title ? sl_json_raw(title).n : 0) + 128 > LIST_MAX - sources->buf.len) {
        return false;
    }
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("url_citation"));
    sl_jw_key(w, "url_citation");
    sl_jw_object(w);
    if (start >= 0 && end >= start) {
        sl_jw_member_i64(w, "start_index", start);
        sl_jw_member_i64(w, "end_index", end);
    }
    sl_jw_member_raw(w, "url", sl_json_raw(url));
    if (has_title) {
        sl_jw_member_raw(w, "title", sl_json_raw(title));
    }
    sl_jw_end(w);
    sl_jw_end(w);
    return true;
}

static struct sl_json_val text_find(struct sl_json_val v, const char *const *paths)
{
    struct sl_json_val found = SL_JSON_ABSENT;
    for (size_t i = 0; i < SL_SOURCE_PATHS_MAX && paths[i] && !sl_json_is(found, SL_JSON_STRING); i++) {
        found = sl_json_at(v, paths[i]);
    }
    return found;
}

static bool one_add(struct sl_sources *sources, struct sl_json_val v, const struct sl_source_paths *paths,
                    int64_t start, int64_t end)
{
    struct sl_json_val url = text_find(v, paths->url); /* some put another kind of value there */
    bool is_web = sl_json_is(url, SL_JSON_STRING) && sl_str_has_prefix(sl_json_raw(url), SL_STR("\"http"));
    return is_web && sl_sources_add(sources, url, text_find(v, paths->title), start, end);
}

bool sl_sources_add_all(struct sl_sources *sources, struct sl_json_val list, const struct sl_source_paths *paths,
                        int64_t start, int64_t end)
{
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return one_add(sources, list, paths, start, end);
    }
    bool are_all = true;
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        are_all &= one_add(sources, it.val, paths, start, end);
    }
    return are_all;
}

int sl_sources_end(struct sl_sources *sources, struct sl_arena *arena, struct sl_str *ret)
{
    sl_jw_end(&sources->w);
    int r = sl_buf_status(&sources->buf);
    if (r == 0 && sources->buf.len > 2) {
        *ret = sl_arena_dup(arena, sl_buf_str(&sources->buf));
        r = ret->p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&sources->buf);
    return r;
}

bool sl_sources_read(struct sl_reading *rd, struct sl_json_val list, const struct sl_source_paths *paths, int64_t start,
                     int64_t end, struct sl_str *ret)
{
    struct sl_sources sources;
    if (rd->status < 0 || sl_json_count(list) == 0) {
        return true;
    }
    sl_sources_begin(&sources);
    bool are_all = sl_sources_add_all(&sources, list, paths, start, end);
    if (sl_sources_end(&sources, rd->arena, ret) < 0) {
        sl_reading_no_memory(rd);
    }
    return are_all;
}

/* --- reading --- */

void sl_citations_begin(struct sl_citations *citations, struct sl_str annotations)
{
    sl_json_init(&citations->doc, NULL);
    bool is_read = annotations.n > 2 && sl_json_parse(&citations->doc, annotations) == 0;
    citations->it = sl_json_each(is_read ? sl_json_root(&citations->doc) : SL_JSON_ABSENT);
}

bool sl_citations_next(struct sl_citations *citations, struct sl_citation *ret)
{
    while (sl_json_next(&citations->it)) {
        struct sl_json_val v = sl_json_get(citations->it.val, "url_citation");
        struct sl_citation said = { sl_json_get(v, "url"), sl_json_get(v, "title"), -1, -1 };
        if (!sl_json_is(said.url, SL_JSON_STRING)) {
            continue;
        }
        if (sl_json_int(sl_json_get(v, "start_index"), true, &said.start) < 0 ||
            sl_json_int(sl_json_get(v, "end_index"), true, &said.end) < 0 || said.start < 0 || said.end < said.start) {
            said.start = said.end = -1;
        }
        *ret = said;
        return true;
    }
    return false;
}

void sl_citations_done(struct sl_citations *citations)
{
    sl_json_done(&citations->doc);
}
