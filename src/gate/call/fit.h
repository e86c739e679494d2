/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out which targets of a route can serve a call, from what is known of their models: tools, images, documents,
 * audio, structured answers, the length of the prompt. */
#ifndef SL_GATE_FIT_H
#define SL_GATE_FIT_H

#include "base/attr.h"
#include "llm/core/error.h"

struct sl_xchg;

/* Reports each target that cannot, with what it lacks. SL_E_NOMEM. */
SL_MUST int sl_fit_look(struct sl_xchg *x,
                        void (*on_unfit)(void *arg, uint32_t target, const struct sl_llm_error *error), void *arg);

#endif
