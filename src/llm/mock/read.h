/* SPDX-License-Identifier: Apache-2.0 */
/* How the provider mock reads a request. */
#ifndef SL_LLM_MOCK_READ_H
#define SL_LLM_MOCK_READ_H

#include "llm/mock/state.h"

struct sl_mock_reader {
    struct sl_arena *arena;
    struct sl_json_val root;
    int64_t input_tokens;
    int status; /* sticky; SL_E_INVAL: `refusal` has the reason */
    struct sl_mock_refusal refusal;
};

/* The request as an upstream would see it, in whatever language it came. `doc` is initialised. SL_E_INVAL with *ret
 * filled: OpenAI's form cannot express it. */
SL_MUST int sl_mock_read(const struct sl_mock_state *st, const struct sl_target *target, struct sl_arena *arena,
                         struct sl_json *doc, struct sl_mock_refusal *ret);
/* The one rule that counts tokens. */
int64_t sl_mock_tokens(size_t bytes);
/* The text of the user's last message. Adds the tokens of all messages. */
struct sl_str sl_mock_last_user_message(struct sl_mock_reader *rd);
/* The items of `prompt` or `input`: a string is one, a list of numbers is one, of another list each element is one.
 * Adds their tokens. NULL: no memory. */
struct sl_str *sl_mock_items_get(struct sl_mock_reader *rd, const char *key, uint32_t *ret_n);
/* A number within its bounds; `otherwise` if there is none. */
int64_t sl_mock_number_get(struct sl_mock_reader *rd, const char *key, int64_t min, int64_t max, int64_t otherwise);

#endif
