/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical embeddings call: its texts, and what it asks of the vectors. */
#ifndef SL_LLM_EMBED_H
#define SL_LLM_EMBED_H

#include "llm/chat/chat.h"

struct sl_embed {
    struct sl_str *texts; /* raw: JSON strings with their quotes */
    uint32_t n_texts;
    int64_t dimensions;  /* -1: not given */
    struct sl_chat rest; /* its members that have no place in the canonical call; and `user` */
};

/* Reads the call with its own language's read_embed. 0, SL_E_NOMEM, or SL_E_INVAL with *ret_error filled: no input, or
 * tokens instead of texts. */
SL_MUST int sl_embed_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                          struct sl_embed *ret_embed, struct sl_llm_error *ret_error);

/* A list of numbers as the base64 of its little-endian floats, quoted; base64 stays as it is. 0, SL_E_NOMEM, SL_E_INVAL
 * (not numbers). */
SL_MUST int sl_embed_base64(struct sl_str raw, struct sl_arena *arena, struct sl_str *ret);
/* Brings vectors that came as lists of numbers into the form that the call asked for: for base64 each becomes the
 * base64 of its little-endian floats, quoted. 0, SL_E_NOMEM, SL_E_INVAL (not numbers). */
SL_MUST int sl_embed_reply(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                           struct sl_reply *io_reply, struct sl_err *err);

#endif
