/* SPDX-License-Identifier: Apache-2.0 */
/* Form: when OpenAI's API allows something and an upstream refuses only its form, the form is changed and the meaning
 * stays. When this is not possible, the call is refused and the error names the member. A mere hint is left out and
 * named in x-sluice-dropped.
 *
 * All of this works on the canonical call, between reading and writing it, and is pure. A provider only gives rules:
 *
 *     static const struct sl_form_rules rules = { .ids = …, .names = …, .shape = SL_SHAPE_…, .media = &media, … };
 *
 *     sl_form_write(&rules, write, call, target, …);            and in its `write`:
 *         sl_form_call(form, chat);                             the same call, in form
 *         sl_form_params(form, chat, &ask, &params);            reasoning, numbers and sampling, settled together
 *         …                                                     write `chat` and `params`: no more checks
 *
 * After sl_form_call, ids and names have the provider's alphabet, schemas are in its subset, texts are not empty,
 * results stand behind their calls, and a message with `is_joined` belongs to the turn of the message before. A writer
 * needs one loop: open a turn where is_joined is false, write the parts, close the turn where the next message is not
 * joined.
 *
 * A rule that is zero is off: a provider without rules gets the call unchanged. */
#ifndef SL_LLM_FORM_H
#define SL_LLM_FORM_H

#include "llm/form/rules.h"

struct sl_http_req;
struct sl_jw;

/* Brings *chat into form, in place. 0, SL_E_NOMEM, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_call(struct sl_form *form, struct sl_chat *chat);

/* Writes *chat, the call as the client sent it, into form->body. It first refuses whatever cannot be brought into
 * form. */
typedef int sl_form_write_fn(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target);
/* The `write_call` of a language for chats: reads the call, calls `write`, and keeps what the reply's reader needs. The
 * caller sets the path. */
SL_MUST int sl_form_write(const struct sl_form_rules *rules, sl_form_write_fn *write, const struct sl_call *call,
                          const struct sl_target *target, const struct sl_env *env, struct sl_arena *arena,
                          struct sl_http_req *io_req, struct sl_llm_error *ret_error);

/* Writes the member `key`, the list of turns. `write` is called where a turn begins (system messages begin none); it
 * writes the turn and moves *io_i behind it. */
SL_MUST int sl_form_turns(struct sl_jw *w, const char *key, const struct sl_chat *chat,
                          int (*write)(void *builder, uint32_t *io_i), void *builder);
/* Reports the names of messages, for an upstream that has no place for them. */
void sl_form_names_leave_out(const struct sl_chat *chat, struct sl_body *body);
/* The same for cache marks, in any place. */
void sl_form_marks_leave_out(const struct sl_chat *chat, struct sl_body *body);

#endif
