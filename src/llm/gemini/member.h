/* SPDX-License-Identifier: Apache-2.0 */
/* A client's members, as the JSON of Google's APIs has them: in camelCase or in snake_case, a list of one without its
 * brackets, a whole number as a text, bytes in base64 of either alphabet. */
#ifndef SL_LLM_GEMINI_MEMBER_H
#define SL_LLM_GEMINI_MEMBER_H

#include "llm/chat/reader.h"

/* A member by its name in camelCase, or the same in snake_case. */
struct sl_json_val sl_gemini_get(struct sl_json_val object, const char *camel);
/* Is that the member's name, in either form? */
bool sl_gemini_is_key(struct sl_json_val key, const char *camel);
/* The raw form of a member that is a text, or p == NULL. */
struct sl_str sl_gemini_raw_text(struct sl_json_val object, const char *camel);

/* Over a list, or over a value that stands for a list of one. */
struct sl_gemini_iter {
    struct sl_json_iter it;
    struct sl_json_val val;
    uint32_t n; /* how many there are */
    bool is_one;
};
/* Of nothing: none. */
struct sl_gemini_iter sl_gemini_each(struct sl_json_val v);
bool sl_gemini_next(struct sl_gemini_iter *it);

/* A whole number, or the text of one. Returns as sl_json_int. */
SL_MUST int sl_gemini_int(struct sl_json_val v, int64_t *ret);

/* In the standard alphabet, with its padding; the text itself where it is so already. p == NULL with *ret_r 0: it is no
 * base64. SL_E_NOMEM in *ret_r. */
struct sl_str sl_gemini_base64(struct sl_str text, struct sl_arena *arena, int *ret_r);

/* What of another provider a client carries for us: signatures and closed thoughts travel in base64, and are known
 * again by their beginning. */
#define SL_GEMINI_SIGNED "sluice:s:"
#define SL_GEMINI_CLOSED "sluice:r:"
/* The text of a thoughtSignature that is one of those: raw JSON, into *ret_signature or *ret_closed; neither: it is
 * Google's own. */
SL_MUST int sl_gemini_signature_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret_signature,
                                     struct sl_str *ret_closed);

#endif
