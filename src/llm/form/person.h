/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of people: unchanged, or a digest that identifies nobody. */
#ifndef SL_LLM_FORM_PERSON_H
#define SL_LLM_FORM_PERSON_H

#include "llm/form/rules.h"

/* A raw string that identifies a person: itself, or a stable digest. p == NULL: no memory. */
struct sl_str sl_form_person(const struct sl_form *form, struct sl_str raw);

#endif
