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

#endif
