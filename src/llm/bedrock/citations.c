/* SPDX-License-Identifier: Apache-2.0 */
/* Citations in Converse's form and in Anthropic's, which have the same content. */
#include "llm/bedrock/citations.h"

#include "llm/core/lost.h"

/* A kind of place in a document of the call: three members, named differently in the two languages. */
static const struct place {
    const char *location, *index, *start, *end;         /* Converse's */
    const char *type, *own_index, *own_start, *own_end; /* Anthropic's */
} places[] = {
    { "documentChar", "documentIndex", "start", "end", "char_location", "document_index", "start_char_index",
      "end_char_index" },
    { "documentPage", "documentIndex", "start", "end", "page_location", "document_index", "start_page_number",
      "end_page_number" },
    { "documentChunk", "documentIndex", "start", "end", "content_block_location", "document_index", "start_block_index",
      "end_block_index" },
    { "searchResultLocation", "searchResultIndex", "start", "end", "search_result_location", "search_result_index",
      "start_block_index", "end_block_index" },
};
#define WEB_TYPE "web_search_result_location"

static void number_write(struct sl_jw *w, const char *key, struct sl_json_val v)
{
    sl_jw_member_raw(w, key, sl_json_is(v, SL_JSON_NUMBER) ? sl_json_raw(v) : SL_STR("0"));
}

static void text_write(struct sl_jw *w, const char *key, struct sl_json_val v, struct sl_str otherwise)
{
    sl_jw_member_raw(w, key, sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : otherwise);
}

/* --- read --- */

/* Search results have their address in `source`; other kinds are places in documents of the call. */
static const struct sl_source_paths paths = { { "location.web.url", "source" }, { "title" } };

/* The most bytes for all quotes of one text. Anthropic's form adds less than QUOTE_WORDS to the quote itself. */
#define QUOTES_MAX  (1u << 20)
#define QUOTE_WORDS 512

/* False: there is no room for it. */
static bool one_read(struct sl_jw *w, struct sl_json_val v)
{
    if (sl_json_raw(v).n + QUOTE_WORDS > QUOTES_MAX - w->out->len) {
        return false;
    }
    struct sl_json_val location = sl_json_get(v, "location"), web = sl_json_get(location, "web");
    const struct place *place = NULL;
    struct sl_json_val found = SL_JSON_ABSENT;
    for (size_t i = 0; i < SL_ARRAY_LEN(places) && !place; i++) {
        found = sl_json_get(location, places[i].location);
        place = sl_json_is(found, SL_JSON_OBJECT) ? &places[i] : NULL;
    }
    if (!place && !sl_json_is(web, SL_JSON_OBJECT)) {
        return true;
    }
    sl_jw_object(w);
    sl_jw_member_str(w, "type", sl_str_c(place ? place->type : WEB_TYPE));
    sl_jw_member_join(w, "cited_text", sl_json_get(v, "sourceContent"), "text"); /* its pieces */
    if (!place) {
        text_write(w, "url", sl_json_get(web, "url"), SL_STR("\"\""));
        text_write(w, "title", sl_json_get(v, "title"), SL_STR("null"));
        sl_jw_member_str(w, "encrypted_index", SL_STR(""));
    } else {
        bool is_result = place == &places[SL_ARRAY_LEN(places) - 1];
        number_write(w, place->own_index, sl_json_get(found, place->index));
        text_write(w, is_result ? "title" : "document_title", sl_json_get(v, "title"), SL_STR("null"));
        if (is_result) {
            text_write(w, "source", sl_json_get(v, "source"), SL_STR("\"\""));
        } else {
            sl_jw_member_null(w, "file_id");
        }
        number_write(w, place->own_start, sl_json_get(found, place->start));
        number_write(w, place->own_end, sl_json_get(found, place->end));
    }
    sl_jw_end(w);
    return true;
}

void sl_bedrock_citations_read(struct sl_reading *rd, struct sl_json_val list, int64_t start, int64_t end,
                               struct sl_cited *ret)
{
    struct sl_buf buf = SL_BUF_INIT(QUOTES_MAX);
    struct sl_jw w;
    bool fits = true;
    *ret = (struct sl_cited){ 0 };
    if (rd->status < 0 || sl_json_count(list) == 0) {
        return;
    }
    ret->has_more_quotes = !sl_sources_read(rd, list, &paths, start, end, &ret->annotations);
    sl_jw_init(&w, &buf);
    sl_jw_array(&w);
    if (sl_json_is(list, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
            fits &= one_read(&w, it.val);
        }
    } else {
        fits = one_read(&w, list);
    }
    sl_jw_end(&w);
    ret->quotes = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!ret->quotes.p) {
        sl_reading_no_memory(rd);
    } else if (ret->quotes.n == 2) {
        ret->quotes = SL_STR_NONE;
    }
    sl_reading_lose(rd, fits ? 0u : SL_LOST_CITATIONS);
}

/* --- writing --- */

static void web_write(struct sl_jw *w, struct sl_json_val url)
{
    sl_jw_key(w, "location");
    sl_jw_object(w);
    sl_jw_key(w, "web");
    sl_jw_object(w);
    sl_jw_member_raw(w, "url", sl_json_raw(url));
    sl_jw_end(w);
    sl_jw_end(w);
}

static void place_write(struct sl_jw *w, const struct place *place, struct sl_json_val v)
{
    sl_jw_key(w, "location");
    sl_jw_object(w);
    sl_jw_key(w, place->location);
    sl_jw_object(w);
    number_write(w, place->index, sl_json_get(v, place->own_index));
    number_write(w, place->start, sl_json_get(v, place->own_start));
    number_write(w, place->end, sl_json_get(v, place->own_end));
    sl_jw_end(w);
    sl_jw_end(w);
}

/* Writes a member if it is there and a text. */
static void known_write(struct sl_jw *w, const char *key, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        sl_jw_member_raw(w, key, sl_json_raw(v));
    }
}

/* Writes the members of a citation in Anthropic's form into the object that is open. */
static void quote_write(struct sl_jw *w, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type"), text = sl_json_get(v, "cited_text");
    struct sl_json_val title = sl_json_get(v, "title"), url = sl_json_get(v, "url");
    known_write(w, "title", sl_json_is(title, SL_JSON_STRING) ? title : sl_json_get(v, "document_title"));
    known_write(w, "source", sl_json_get(v, "source"));
    if (sl_json_is(text, SL_JSON_STRING) && sl_json_raw(text).n > 2) {
        sl_jw_key(w, "sourceContent");
        sl_jw_array(w);
        sl_jw_object(w);
        sl_jw_member_raw(w, "text", sl_json_raw(text));
        sl_jw_end(w);
        sl_jw_end(w);
    }
    if (sl_json_is(url, SL_JSON_STRING)) {
        web_write(w, url);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(places); i++) {
        if (sl_json_str_eq(type, sl_str_c(places[i].type))) {
            place_write(w, &places[i], v);
        }
    }
}

void sl_bedrock_citations_begin(struct sl_bedrock_citations *citations, struct sl_str annotations, struct sl_str quotes)
{
    *citations = (struct sl_bedrock_citations){ .has_quotes = quotes.n > 2 };
    if (citations->has_quotes) {
        sl_json_init(&citations->doc, NULL);
        bool is_read = sl_json_parse(&citations->doc, quotes) == 0;
        citations->it = sl_json_each(is_read ? sl_json_root(&citations->doc) : SL_JSON_ABSENT);
    } else {
        sl_citations_begin(&citations->web, annotations);
    }
}

bool sl_bedrock_citations_next(struct sl_bedrock_citations *citations)
{
    return citations->has_quotes ? sl_json_next(&citations->it) : sl_citations_next(&citations->web, &citations->said);
}

void sl_bedrock_citation_write(const struct sl_bedrock_citations *citations, struct sl_jw *w)
{
    if (citations->has_quotes) {
        quote_write(w, citations->it.val);
    } else {
        known_write(w, "title", citations->said.title);
        web_write(w, citations->said.url);
    }
}

void sl_bedrock_citations_done(struct sl_bedrock_citations *citations)
{
    if (citations->has_quotes) {
        sl_json_done(&citations->doc);
    } else {
        sl_citations_done(&citations->web);
    }
}
