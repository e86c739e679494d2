/* SPDX-License-Identifier: Apache-2.0 */
/* What the languages share that read a call to the canonical one. */
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
/* The root of the body as the dialect left it, recorded to its leaves. */
SL_MUST int sl_chat_root(struct sl_chat_reader *rd, struct sl_json_val *ret);

/* The members of `root`: that of the name keys[i] goes to found[i], all of which are absent before; what else says
 * something becomes a member of the call. There is room for `more` of them. */
SL_MUST int sl_chat_sort(struct sl_chat_reader *rd, struct sl_json_val root, const struct sl_str *keys, size_t n_keys,
                         size_t more, struct sl_json_val *found);
void sl_chat_member_add(struct sl_chat_reader *rd, struct sl_str name, struct sl_json_val val);

/* Values that may be left out or null: what is read into stays as it is then. */
SL_MUST int sl_chat_number(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val *ret);
SL_MUST int sl_chat_int(struct sl_chat_reader *rd, struct sl_json_val v, int64_t min, int64_t *ret);
/* A list of strings to the call's stops. */
SL_MUST int sl_chat_stops(struct sl_chat_reader *rd, struct sl_json_val v);
/* A value's JSON without white space, as a text; p == NULL: no memory. */
struct sl_str sl_chat_json_text(struct sl_chat_reader *rd, struct sl_json_val v);
/* The texts of a list of blocks with a member `text`, as one raw text: `heads` (raw texts; p == NULL: none) a line
 * each, then the blocks with `sep`, as JSON spells it, between them. */
SL_MUST int sl_chat_texts_join(struct sl_chat_reader *rd, struct sl_json_val list, const struct sl_str *heads,
                               size_t n_heads, const char *sep, struct sl_str *ret);
/* What a search found, or a document whose pieces are `content`: a text of them all, below its title and source. */
SL_MUST int sl_chat_found(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_chat_pieces(struct sl_chat_reader *rd, struct sl_json_val v, const char *title,
                           struct sl_json_val content, struct sl_part *part);
/* Whether a document, or what was found, is to be cited, and what to know of it (a raw text). */
bool sl_chat_cites(struct sl_chat_reader *rd, struct sl_json_val v);
struct sl_str sl_chat_context(struct sl_chat_reader *rd, struct sl_json_val v);
/* Names the two in the call's members, behind all others: there is room for SL_CHAT_NOTES_MAX more. */
#define SL_CHAT_NOTES_MAX 2
void sl_chat_notes_add(struct sl_chat_reader *rd);
/* A text as a file of plain text. */
SL_MUST int sl_chat_text_file(struct sl_chat_reader *rd, struct sl_str text, struct sl_media *media);
/* Valid JSON that no client wrote, as a value. */
SL_MUST int sl_chat_node(struct sl_chat_reader *rd, struct sl_str text, struct sl_json_val *ret);

#endif
