/* SPDX-License-Identifier: Apache-2.0 */
/* Form: what OpenAI's API allows and an upstream refuses for its form alone is brought into form without changing what
 * is meant. What cannot be is refused by us and names the member; what is only a hint is left out and named in
 * x-sluice-dropped.
 *
 * All of it works on the canonical call, between its reading and its writing, and is pure. A provider only names rules:
 *
 *     static const struct sl_form_rules rules = { .ids = …, .names = …, .shape = SL_SHAPE_…, .media = &media, … };
 *
 *     sl_form_write(&rules, write, call, target, …);            and in its `write`:
 *         sl_form_call(form, chat);                             the same call, in form
 *         sl_form_params(form, chat, &ask, &params);            reasoning, numbers and sampling, settled together
 *         …                                                     write `chat` and `params`: no more checks
 *
 * After sl_form_call ids and names are of the provider's alphabet; schemas of its subset; texts are not empty; results
 * stand behind their calls; a message with `is_joined` belongs to the turn of the one before. A writer needs one loop:
 * open a turn where is_joined is false, write the parts, close it where the next one is not joined.
 *
 * A rule that is left zero is off: a provider without any gets the call as it is. */
#ifndef SL_LLM_FORM_H
#define SL_LLM_FORM_H

#include "llm/form/rules.h"

struct sl_http_req;
struct sl_jw;

/* Brings *chat into form, in place. 0, SL_E_NOMEM, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_call(struct sl_form *form, struct sl_chat *chat);

/* Writes *chat, the call as the client said it, into form->body. Refuses what has no form first. */
typedef int sl_form_write_fn(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target);
/* The `write_call` of a language for chats: reads the call, has it written, and keeps what the reply's reader needs to
 * know. The path is the caller's. */
SL_MUST int sl_form_write(const struct sl_form_rules *rules, sl_form_write_fn *write, const struct sl_call *call,
                          const struct sl_target *target, const struct sl_env *env, struct sl_arena *arena,
                          struct sl_http_req *io_req, struct sl_llm_error *ret_error);

/* The member `key`: the list of turns. `write` is called where one begins (system messages begin no turn), writes it
 * and moves *io_i behind it. */
SL_MUST int sl_form_turns(struct sl_jw *w, const char *key, const struct sl_chat *chat,
                          int (*write)(void *builder, uint32_t *io_i), void *builder);
/* Messages' names, where an upstream has no place for them. */
void sl_form_names_leave_out(const struct sl_form *form, const struct sl_chat *chat);

#endif
