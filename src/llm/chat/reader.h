/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the languages when they read a call to the canonical one. */
#ifndef SL_LLM_READER_H
#define SL_LLM_READER_H

#include "llm/chat/chat.h"

struct sl_chat_reader {
    const struct sl_call *call;
    const struct sl_env *env;
    struct sl_arena *arena;
    struct sl_chat *chat;
    struct sl_llm_error *error;
};

/* The raw form of a member that is a string, or p == NULL. */
struct sl_str sl_chat_raw_text(struct sl_json_val object, const char *key);
/* Refuses with the path of `v` in front: "messages[1].role: …". */
int sl_chat_fault(struct sl_chat_reader *rd, struct sl_json_val v, const char *fmt, ...) SL_PRINTF(3, 4);
/* The root of the body with the dialect's edits, parsed to its leaves. */
SL_MUST int sl_chat_root(struct sl_chat_reader *rd, struct sl_json_val *ret);

/* Sorts the members of `root`: the one named keys[i] goes to found[i], all of which must be absent before. Any other
 * member that says something becomes a member of the call. There is room for `more` further ones. */
SL_MUST int sl_chat_sort(struct sl_chat_reader *rd, struct sl_json_val root, const struct sl_str *keys, size_t n_keys,
                         size_t more, struct sl_json_val *found);
void sl_chat_member_add(struct sl_chat_reader *rd, struct sl_str name, struct sl_json_val val);

/* Read values that may be missing or null; then the result stays as it was. */
SL_MUST int sl_chat_number(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val *ret);
SL_MUST int sl_chat_int(struct sl_chat_reader *rd, struct sl_json_val v, int64_t min, int64_t *ret);
/* Reads a list of strings to the call's stops. */
SL_MUST int sl_chat_stops(struct sl_chat_reader *rd, struct sl_json_val v);
/* A value's JSON without white space, as a text; p == NULL: no memory. */
struct sl_str sl_chat_json_text(struct sl_chat_reader *rd, struct sl_json_val v);
/* Joins the texts of a list of blocks with a member `text` to one raw text: first `heads` (raw texts; p == NULL: none),
 * a line for each, then the blocks, with `sep` (as JSON spells it) between them. */
SL_MUST int sl_chat_texts_join(struct sl_chat_reader *rd, struct sl_json_val list, const struct sl_str *heads,
                               size_t n_heads, const char *sep, struct sl_str *ret);
/* Reads a search result, or a document whose pieces are `content`: a text of all pieces, below the title and the
 * source. */
SL_MUST int sl_chat_found(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_chat_pieces(struct sl_chat_reader *rd, struct sl_json_val v, const char *title,
                           struct sl_json_val content, struct sl_part *part);
/* Reads whether a document or search result is to be cited, and its context (a raw text). */
bool sl_chat_cites(struct sl_chat_reader *rd, struct sl_json_val v);
struct sl_str sl_chat_context(struct sl_chat_reader *rd, struct sl_json_val v);
/* Adds the names of the two to the call's members, behind all others: there must be room for SL_CHAT_NOTES_MAX more. */
#define SL_CHAT_NOTES_MAX 2
void sl_chat_notes_add(struct sl_chat_reader *rd);
/* A text as a file of plain text. */
SL_MUST int sl_chat_text_file(struct sl_chat_reader *rd, struct sl_str text, struct sl_media *media);
/* A value of valid JSON that no client wrote. */
SL_MUST int sl_chat_node(struct sl_chat_reader *rd, struct sl_str text, struct sl_json_val *ret);

#endif
