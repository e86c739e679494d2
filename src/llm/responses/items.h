/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the items of a response, and the response itself, for whole replies and streams. */
#ifndef SL_LLM_RESPONSES_ITEMS_H
#define SL_LLM_RESPONSES_ITEMS_H

#include "json/write.h"
#include "llm/core/llm.h"

/* A response that is being written. */
struct sl_answer {
    const struct sl_call *call;
    uint64_t id[2]; /* its ids are made from these: the call's random numbers */
    int64_t created, completed;
    struct sl_str model;
};

/* Writes a member `id` or a similar one: "msg_…" for the item at `index`. */
void sl_answer_id(struct sl_jw *w, const struct sl_answer *answer, const char *key, const char *prefix, uint32_t index);
/* "msg_", "fc_" or "rs_". */
const char *sl_answer_prefix(enum sl_block_kind kind);

/* Writes a part of a message. `notes` and `probs`: the insides of lists. */
void sl_answer_text(struct sl_jw *w, struct sl_str text, struct sl_str notes, struct sl_str probs);
void sl_answer_refusal(struct sl_jw *w, struct sl_str text);
/* Writes a message; its parts are the inside of a list. */
void sl_answer_message(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                       struct sl_str parts);
/* Writes a call: `call_id` unchanged, the tool under the client's name. */
void sl_answer_call(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, const char *status,
                    struct sl_str call_id, struct sl_str name, struct sl_str arguments);
/* `seal`: the bytes in encrypted_content behind its word; n == 0: there are none. A text of n == 0 is no part. */
void sl_answer_reasoning(struct sl_jw *w, const struct sl_answer *answer, uint32_t index, struct sl_str text,
                         const char *word, struct sl_str seal);

/* Writes a source in the form of OpenAI's chats, its place reduced by `before` characters; and adds a list of them to
 * the inside of a list. */
void sl_answer_note(struct sl_jw *w, struct sl_json_val note, int64_t before);
void sl_answer_notes(struct sl_buf *out, struct sl_str annotations, int64_t before);
/* The same for the probabilities of a text's tokens. */
void sl_answer_probs(struct sl_buf *out, struct sl_str logprobs);

/* Writes the whole object. `output`: the inside of the list; `error` or NULL. */
struct sl_answer_end {
    enum sl_finish finish;
    bool is_going_on;
    struct sl_str output;
    const struct sl_usage *usage; /* NULL: there are none yet */
    const struct sl_llm_error *error;
    int error_status;
};
void sl_answer_write(struct sl_jw *w, const struct sl_answer *answer, const struct sl_answer_end *end);
/* The status of a response, and of the item at its end. */
const char *sl_answer_status(enum sl_finish finish);

#endif
