/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a conversation: whose turn it is, and what stands where. */
#ifndef SL_LLM_FORM_SHAPE_H
#define SL_LLM_FORM_SHAPE_H

#include "llm/form/rules.h"

/* Ids are rewritten on the way. */
SL_MUST int sl_form_shape(struct sl_form *form, struct sl_chat *chat);

/* A raw string of white space only, or of nothing. */
bool sl_raw_is_blank(struct sl_str raw);

#endif
