/* SPDX-License-Identifier: Apache-2.0 */
/* What the Responses API refuses for its form; data/models/openai.yaml says what each model can do. */
#include "llm/responses/responses.h"

const struct sl_form_rules sl_responses_form = {
    .label = "OpenAI",
    .ids = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN | SL_NAME_DOT | SL_NAME_COLON, .max = 64 },
    .names = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .shape = SL_SHAPE_RESULTS,
    .person = { .max = 64 },
};
