/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a conversation: the order of turns and of their parts. */
#ifndef SL_LLM_FORM_SHAPE_H
#define SL_LLM_FORM_SHAPE_H

#include "llm/form/rules.h"

/* This rewrites ids, too. */
SL_MUST int sl_form_shape(struct sl_form *form, struct sl_chat *chat);

/* True: a raw string that is empty or only white space. */
bool sl_raw_is_blank(struct sl_str raw);

#endif
