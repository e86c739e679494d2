/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a client's body in the forms that Google's APIs take: camelCase or snake_case, a single item in place of a
 * list, a whole number as a text, bytes in base64 of both alphabets. */
#ifndef SL_LLM_GEMINI_MEMBER_H
#define SL_LLM_GEMINI_MEMBER_H

#include "llm/chat/reader.h"

/* A member by its name in camelCase, or by the same name in snake_case. */
struct sl_json_val sl_gemini_get(struct sl_json_val object, const char *camel);
/* True: that is the member's name, in either form. */
bool sl_gemini_is_key(struct sl_json_val key, const char *camel);
/* The raw form of a member that is a text, or p == NULL. */
struct sl_str sl_gemini_raw_text(struct sl_json_val object, const char *camel);

/* Walks over a list, or over a single value in place of one. */
struct sl_gemini_iter {
    struct sl_json_iter it;
    struct sl_json_val val;
    uint32_t n; /* how many items there are */
    bool is_one;
};
/* An absent value has no items. */
struct sl_gemini_iter sl_gemini_each(struct sl_json_val v);
bool sl_gemini_next(struct sl_gemini_iter *it);

/* A whole number, or the text of one. Returns as sl_json_int. */
SL_MUST int sl_gemini_int(struct sl_json_val v, int64_t *ret);

/* The text in the standard alphabet with padding; the text itself if it has that form already. p == NULL with *ret_r 0:
 * it is no base64. SL_E_NOMEM in *ret_r. */
struct sl_str sl_gemini_base64(struct sl_str text, struct sl_arena *arena, int *ret_r);

/* Signatures and encrypted thoughts of other providers, which the client keeps for us: they are in base64, and this
 * beginning marks them. */
#define SL_GEMINI_SIGNED "sluice:s:"
#define SL_GEMINI_CLOSED "sluice:r:"
/* Reads the text of a thoughtSignature (raw JSON) into *ret_signature or *ret_closed if it is one of those; neither: it
 * is Google's own. */
SL_MUST int sl_gemini_signature_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret_signature,
                                     struct sl_str *ret_closed);

#endif
