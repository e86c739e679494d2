/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas of tools and of structured output, cast into the subset that a provider takes. What the subset has no
 * word for is told in the description, so that the model still knows it. A provider's rules are one constant:
 *
 *     static const struct sl_schema_rules rules = { .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(REF), .closes = true, … };
 *
 * Cost is linear in the schema, save where references are put in place; size and depth are bounded (400). */
#ifndef SL_LLM_FORM_SCHEMA_H
#define SL_LLM_FORM_SCHEMA_H

#include "llm/form/schema_rules.h"

/* *io_raw: the schema in form, on the arena, or as it was. `what` names it in refusals: "tools[0].function.parameters".
 * 0, SL_E_NOMEM, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_schema(const struct sl_form *form, const struct sl_schema_rules *rules, struct sl_json_val schema,
                           struct sl_str *io_raw);

#endif
