/* SPDX-License-Identifier: Apache-2.0 */
/* The items of a response, and the response itself, as whole replies and streams write them. */
#ifndef SL_LLM_RESPONSES_ITEMS_H
#define SL_LLM_RESPONSES_ITEMS_H

#include "json/write.h"
#include "llm/core/llm.h"

/* A response in the making. */
struct sl_answer {
    const struct sl_call *call;
    uint64_t id[2]; /* its ids are made of these: the call's random numbers */
    int64_t created, completed;
    struct sl_str model;
};

/* A member `id` or the like: "msg_…" of the item at `index`. */
void sl_answer_id(struct sl_jw *w, const struct sl_answer *answer, const char *key, const char *prefix, uint32_t index);
/* "msg_", "fc_" or "rs_". */
const char *sl_answer_prefix(enum sl_block_kind kind);

/* A part of a message. `notes` and `probs`: the insides of lists. */
void sl_answer_text(struct sl_jw *w, struct sl_str text, struct sl_str notes, struct sl_str probs);
void sl_answer_refusal(struct sl_jw *w, struct sl_str text);
/* A message whose parts are the inside of a list. */
void sl_answer_message(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                       struct sl_str parts);
/* `call_id` as it is, the tool as the client spells it. */
void sl_answer_call(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                    struct sl_str call_id, struct sl_str name, struct sl_str arguments);
/* `seal`: what stands in encrypted_content behind its word; n == 0: there is none. A text of n == 0 is no part. */
void sl_answer_reasoning(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, struct sl_str text,
                         const char *word, struct sl_str seal);

/* A source in OpenAI's words for chats, `before` characters less far; and a list of them, added to the inside of a
 * list. */
void sl_answer_note(struct sl_jw *w, struct sl_json_val note, int64_t before);
void sl_answer_notes(struct sl_buf *out, struct sl_str annotations, int64_t before);
/* The same of the probabilities of a text's tokens. */
void sl_answer_probs(struct sl_buf *out, struct sl_str logprobs);

/* The whole object. `output`: the inside of the list; `error` or NULL. */
struct sl_answer_end {
    enum sl_finish finish;
    bool is_going_on;
    struct sl_str output;
    const struct sl_usage *usage; /* NULL: there are none yet */
    const struct sl_llm_error *error;
    int error_status;
};
void sl_answer_write(struct sl_jw *w, const struct sl_answer *answer, const struct sl_answer_end *end);
/* The word for a response's status, and for an item that it ends with. */
const char *sl_answer_status(enum sl_finish finish);

#endif
