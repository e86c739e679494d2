/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/beside.h"

#include "json/json.h"
#include "llm/core/llm.h"

/* Parses texts of our own readers: they are JSON, and their length is bounded. */
static bool list_parse(struct sl_json *doc, struct sl_str raw)
{
    return raw.n > 2 && sl_json_parse(doc, raw) == 0;
}

static void raw_member(struct sl_jw *w, const char *key, struct sl_json_val v, struct sl_str otherwise)
{
    sl_jw_member_raw(w, key, sl_json_is_present(v) ? sl_json_raw(v) : otherwise);
}

/* --- sources --- */

static void chunk_write(struct sl_jw *w, struct sl_json_val citation)
{
    struct sl_json_val title = sl_json_get(citation, "title");
    sl_jw_object(w);
    sl_jw_key(w, "web");
    sl_jw_object(w);
    raw_member(w, "uri", sl_json_get(citation, "url"), SL_STR("\"\""));
    if (sl_json_is(title, SL_JSON_STRING)) {
        raw_member(w, "title", title, SL_STR_NONE);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

static void support_write(struct sl_jw *w, struct sl_json_val citation, uint32_t chunk, struct sl_gemini_finder finder)
{
    int64_t start = 0, end = 0, from = 0, to = 0;
    uint32_t first = 0, last = 0;
    if (sl_json_int(sl_json_get(citation, "start_index"), true, &start) < 0 ||
        sl_json_int(sl_json_get(citation, "end_index"), true, &end) < 0 || start < 0 || end < start ||
        !finder.find(finder.arg, start, &first, &from) || !finder.find(finder.arg, end, &last, &to) || first != last) {
        return; /* a source with an unknown place supports no segment */
    }
    sl_jw_object(w);
    sl_jw_key(w, "segment");
    sl_jw_object(w);
    sl_jw_member_u64(w, "partIndex", first);
    sl_jw_member_i64(w, "startIndex", from);
    sl_jw_member_i64(w, "endIndex", to);
    sl_jw_end(w);
    sl_jw_key(w, "groundingChunkIndices");
    sl_jw_array(w);
    sl_jw_u64(w, chunk);
    sl_jw_end(w);
    sl_jw_end(w);
}

/* Writes the chunks, or what they support. */
static void citations_write(struct sl_jw *w, struct sl_json_val list, const struct sl_gemini_finder *finder)
{
    uint32_t chunk = 0;
    sl_jw_array(w);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_json_val citation = sl_json_get(it.val, "url_citation");
        if (!sl_json_is(citation, SL_JSON_OBJECT)) {
            continue;
        }
        if (finder) {
            support_write(w, citation, chunk, *finder);
        } else {
            chunk_write(w, citation);
        }
        chunk++;
    }
    sl_jw_end(w);
}

void sl_gemini_grounding_write(struct sl_jw *w, struct sl_str annotations, struct sl_gemini_finder finder)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    if (list_parse(&doc, annotations)) {
        sl_jw_key(w, "groundingMetadata");
        sl_jw_object(w);
        sl_jw_key(w, "groundingChunks");
        citations_write(w, sl_json_root(&doc), NULL);
        sl_jw_key(w, "groundingSupports");
        citations_write(w, sl_json_root(&doc), &finder);
        sl_jw_end(w);
    }
    sl_json_done(&doc);
}

/* --- a whole choice --- */

/* Places are mostly asked for in order, so the walk continues from the last one. */
struct walk {
    const struct sl_choice *choice;
    bool has_thoughts;
    uint32_t block, part; /* the current place */
    size_t byte;          /* in that block's text */
    int64_t character;    /* in all texts together */
    uint32_t n_restarts;
};
#define RESTARTS_MAX 64 /* sources may come in any order; after this many restarts the rest get no place */

static bool is_text(const struct sl_block *block)
{
    return block->kind == SL_BLOCK_TEXT;
}

static bool walk_find(void *arg, int64_t character, uint32_t *ret_part, int64_t *ret_byte)
{
    struct walk *at = arg;
    if (character < at->character) {
        if (at->n_restarts == RESTARTS_MAX) {
            return false;
        }
        *at = (struct walk){ at->choice, at->has_thoughts, 0, 0, 0, 0, at->n_restarts + 1 };
    }
    for (; at->block < at->choice->n_blocks; at->block++, at->byte = 0) {
        const struct sl_block *block = &at->choice->blocks[at->block];
        struct sl_str text = is_text(block) ? block->text : SL_STR_NONE;
        while (at->byte < text.n && at->character < character) {
            do {
                at->byte++;
            } while (at->byte < text.n && ((unsigned char)text.p[at->byte] & 0xc0) == 0x80);
            at->character++;
        }
        if (is_text(block) && at->character == character) {
            *ret_part = at->part;
            *ret_byte = (int64_t)at->byte;
            return true;
        }
        at->part += block->kind != SL_BLOCK_THINKING || at->has_thoughts;
    }
    return false;
}

void sl_gemini_grounding_write_whole(struct sl_jw *w, const struct sl_choice *choice, bool has_thoughts)
{
    struct walk at = { choice, has_thoughts, 0, 0, 0, 0, 0 };
    for (uint32_t i = 0; i < choice->n_blocks; i++) { /* all sources of a choice are with one of its blocks */
        if (choice->blocks[i].annotations.n > 2) {
            sl_gemini_grounding_write(w, choice->blocks[i].annotations, (struct sl_gemini_finder){ walk_find, &at });
            return;
        }
    }
}

/* --- probabilities --- */

static void token_write(struct sl_jw *w, struct sl_json_val v)
{
    sl_jw_object(w);
    raw_member(w, "token", sl_json_get(v, "token"), SL_STR("\"\""));
    raw_member(w, "logProbability", sl_json_get(v, "logprob"), SL_STR("0"));
    sl_jw_end(w);
}

static void tokens_write(struct sl_jw *w, struct sl_json_val list)
{
    sl_jw_array(w);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        token_write(w, it.val);
    }
    sl_jw_end(w);
}

void sl_gemini_logprobs_write(struct sl_jw *w, struct sl_str logprobs)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_json_val content = list_parse(&doc, logprobs) ? sl_json_get(sl_json_root(&doc), "content")
                                                            : SL_JSON_ABSENT;
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        sl_jw_key(w, "logprobsResult");
        sl_jw_object(w);
        sl_jw_key(w, "chosenCandidates");
        tokens_write(w, content);
        sl_jw_key(w, "topCandidates");
        sl_jw_array(w);
        for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
            sl_jw_object(w);
            sl_jw_key(w, "candidates");
            tokens_write(w, sl_json_get(it.val, "top_logprobs"));
            sl_jw_end(w);
        }
        sl_jw_end(w);
        sl_jw_end(w);
    }
    sl_json_done(&doc);
}
