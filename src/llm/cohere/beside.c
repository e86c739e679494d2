/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/cohere/beside.h"

#include "llm/core/reading.h"

/* --- which blocks are content --- */

bool sl_cohere_is_words(const struct sl_block *block)
{
    return block->kind == SL_BLOCK_TEXT || block->kind == SL_BLOCK_REFUSAL;
}

bool sl_cohere_is_part(const struct sl_block *block, bool has_calls)
{
    return block->kind == SL_BLOCK_THINKING ? block->text.n > 0 : sl_cohere_is_words(block) && !has_calls;
}

/* --- one citation, one logprobs --- */

void sl_cohere_citation_write(struct sl_jw *w, const struct sl_citation *said, struct sl_cohere_place at)
{
    sl_jw_object(w);
    if (at.is_known) {
        sl_jw_member_i64(w, "start", said->start - at.before);
        sl_jw_member_i64(w, "end", said->end - at.before);
    }
    if (at.text.p) {
        sl_jw_member_str(w, "text", at.text);
    }
    sl_jw_key(w, "sources");
    sl_jw_array(w);
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("document"));
    sl_jw_member_raw(w, "id", sl_json_raw(said->url));
    sl_jw_key(w, "document");
    sl_jw_object(w);
    sl_jw_member_raw(w, "url", sl_json_raw(said->url));
    if (sl_json_is(said->title, SL_JSON_STRING)) {
        sl_jw_member_raw(w, "title", sl_json_raw(said->title));
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    if (at.is_known && !at.is_plan) {
        sl_jw_member_u64(w, "content_index", at.part);
    }
    sl_jw_member_str(w, "type", at.is_plan ? SL_STR("PLAN") : SL_STR("TEXT_CONTENT"));
    sl_jw_end(w);
}

/* Writes the tokens of a piece. token_ids stays empty, because only Cohere numbers tokens in this way. */
static void tokens_write(struct sl_jw *w, struct sl_json_val content)
{
    sl_jw_object(w);
    sl_jw_member_raw(w, "token_ids", SL_STR("[]"));
    sl_jw_member_join(w, "text", content, "token");
    sl_jw_key(w, "logprobs");
    sl_jw_array(w);
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        struct sl_json_val n = sl_json_get(it.val, "logprob");
        sl_jw_raw(w, sl_json_is(n, SL_JSON_NUMBER) ? sl_json_raw(n) : SL_STR("0"));
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

void sl_cohere_logprobs_write(struct sl_jw *w, struct sl_str logprobs, bool is_list)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    bool is_read = logprobs.n > 2 && sl_json_parse(&doc, logprobs) == 0;
    struct sl_json_val content = is_read ? sl_json_get(sl_json_root(&doc), "content") : SL_JSON_ABSENT;
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        sl_jw_key(w, "logprobs");
        if (is_list) {
            sl_jw_array(w);
        }
        tokens_write(w, content);
        if (is_list) {
            sl_jw_end(w);
        }
    }
    sl_json_done(&doc);
}

/* --- all of a reply --- */

/* Places are mostly asked for in order, so the walk continues from the last one. */
struct walk {
    const struct sl_choice *choice;
    uint32_t block, part;
    int64_t before, after; /* characters of the texts before the block, and up to its end */
    int64_t character;     /* the current place in all texts, and in the block's text: */
    size_t byte;
    size_t n_cited; /* bytes that were cited so far */
    uint32_t n_restarts;
};
#define RESTARTS_MAX 64         /* sources may come in any order; after this many restarts the rest get no place */
#define CITED_MAX    (1u << 20) /* a bound, because a text may be cited very often */

static int64_t chars_of(const struct sl_choice *choice, uint32_t i)
{
    bool is_text = i < choice->n_blocks && choice->blocks[i].kind == SL_BLOCK_TEXT;
    return is_text ? sl_reading_chars(choice->blocks[i].text) : 0;
}

/* The byte at which the character begins: walks forward within the block's text. */
static size_t byte_of(struct sl_str text, size_t from, int64_t n_chars)
{
    while (from < text.n && n_chars > 0) {
        do {
            from++;
        } while (from < text.n && ((unsigned char)text.p[from] & 0xc0) == 0x80);
        n_chars--;
    }
    return from;
}

static struct sl_cohere_place walk_find(struct walk *walk, int64_t start, int64_t end)
{
    const struct sl_choice *choice = walk->choice;
    if (start < 0 || (start < walk->character && walk->n_restarts == RESTARTS_MAX)) {
        return (struct sl_cohere_place){ 0 };
    }
    if (start < walk->character) {
        *walk = (struct walk){
            .choice = choice, .after = chars_of(choice, 0), .n_cited = walk->n_cited, .n_restarts = walk->n_restarts + 1
        };
    }
    while (walk->block < choice->n_blocks && start >= walk->after) {
        walk->part += sl_cohere_is_part(&choice->blocks[walk->block], false);
        walk->block++;
        walk->before = walk->character = walk->after;
        walk->byte = 0;
        walk->after += chars_of(choice, walk->block);
    }
    struct sl_cohere_place at = { walk->part, walk->before, walk->block < choice->n_blocks, false, SL_STR_NONE };
    if (at.is_known) {
        struct sl_str text = choice->blocks[walk->block].text;
        walk->byte = byte_of(text, walk->byte, start - walk->character);
        walk->character = start;
        if ((size_t)(end - start) <= CITED_MAX - walk->n_cited) {
            at.text = sl_str_sub(text, walk->byte, byte_of(text, walk->byte, end - start));
            walk->n_cited += SL_MIN(at.text.n, CITED_MAX - walk->n_cited);
        }
    }
    return at;
}

void sl_cohere_citations_write(struct sl_jw *w, const struct sl_choice *choice, bool has_calls)
{
    bool has_any = false;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        has_any |= choice->blocks[i].annotations.n > 2;
    }
    if (!has_any) {
        return;
    }
    sl_jw_key(w, "citations");
    sl_jw_array(w);
    struct walk walk = { .choice = choice, .after = chars_of(choice, 0) };
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        struct sl_citations citations;
        struct sl_citation said;
        sl_citations_begin(&citations, choice->blocks[i].annotations);
        while (sl_citations_next(&citations, &said)) {
            struct sl_cohere_place plan = { 0, 0, said.start >= 0, true, SL_STR_NONE };
            sl_cohere_citation_write(w, &said, has_calls ? plan : walk_find(&walk, said.start, said.end));
        }
        sl_citations_done(&citations);
    }
    sl_jw_end(w);
}
