/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas of tools and of structured output, changed to the subset that a provider takes. Keywords outside the
 * subset are put into the description, so that the model still knows them. A provider's rules are one constant:
 *
 *     static const struct sl_schema_rules rules = { .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(REF), .closes = true, … };
 *
 * The cost is linear in the schema, except where references are replaced by what they refer to; size and depth (400)
 * are bounded. */
#ifndef SL_LLM_FORM_SCHEMA_H
#define SL_LLM_FORM_SCHEMA_H

#include "llm/form/schema_rules.h"

/* *io_raw becomes the schema in form, on the arena, or stays as it was. `what` names it in refusals:
 * "tools[0].function.parameters". 0, SL_E_NOMEM, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_schema(const struct sl_form *form, const struct sl_schema_rules *rules, struct sl_json_val schema,
                           struct sl_str *io_raw);

#endif
