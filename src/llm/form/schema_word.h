/* SPDX-License-Identifier: Apache-2.0 */
/* Words of schemas that are taken in part, and what they say of a type that is missing. */
#ifndef SL_LLM_FORM_SCHEMA_WORD_H
#define SL_LLM_FORM_SCHEMA_WORD_H

#include "llm/form/schema_view.h"

/* What the other words say of the type; NULL: nothing. */
const char *sl_schema_type_guess(const struct sl_schema_view *view);
/* Is the word taken with this value? */
bool sl_schema_word_fits(const struct sl_schema_cast *c, enum sl_schema_word word, struct sl_json_val v);

#endif
