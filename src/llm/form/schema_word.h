/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords that are taken only with some values, and what they say about a missing type. */
#ifndef SL_LLM_FORM_SCHEMA_WORD_H
#define SL_LLM_FORM_SCHEMA_WORD_H

#include "llm/form/schema_view.h"

/* The type that the other keywords imply; NULL: none. */
const char *sl_schema_type_guess(const struct sl_schema_view *view);
/* True: the keyword is taken with this value. */
bool sl_schema_word_fits(const struct sl_schema_cast *c, enum sl_schema_word word, struct sl_json_val v);

#endif
