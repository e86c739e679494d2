/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the languages when they read a client's request for its routing: they read only its top level. */
#ifndef SL_LLM_INCOMING_H
#define SL_LLM_INCOMING_H

#include "llm/core/language.h"
#include "llm/core/llm.h"

/* A member that decides what is done, and where its value is stored. */
struct sl_incoming_row {
    const char *key;
    struct sl_json_val *val;
};

/* Parses the body's top level into `doc` and picks the members of `rows`. A member that is given twice, in any
 * spelling, is refused, because the gateway and the upstream could read different ones. */
SL_MUST int sl_incoming_pick(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                             const struct sl_incoming_row *rows, size_t n, struct sl_llm_error *error);
/* The member `model`: a text that is not empty. */
SL_MUST int sl_incoming_model(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret,
                              struct sl_llm_error *error);
/* The member `stream`: a boolean, or missing. */
SL_MUST int sl_incoming_stream(struct sl_json_val v, bool *ret, struct sl_llm_error *error);

#endif
