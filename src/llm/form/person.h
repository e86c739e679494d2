/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of people: as they are, or as a digest that names nobody. */
#ifndef SL_LLM_FORM_PERSON_H
#define SL_LLM_FORM_PERSON_H

#include "llm/form/rules.h"

/* A raw string that names a person: itself, or a stable digest. p == NULL: no memory. */
struct sl_str sl_form_person(const struct sl_form *form, struct sl_str raw);

#endif
