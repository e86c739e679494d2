/* SPDX-License-Identifier: Apache-2.0 */
/* What Cohere refuses for its form; data/models/cohere.yaml says what each model can do. */
#include "llm/cohere/cohere.h"
#include "llm/form/schema.h"

static const char *const images[] = { "image/jpeg", "image/png", "image/gif", "image/webp", NULL };

static const struct sl_form_media media = { .images = images, .schemes = SL_URL_HTTPS | SL_URL_HTTP };

/* A tool's parameters: any schema below a root that is an object. */
static const struct sl_schema_rules input = { .takes = SL_SCHEMA_ALL, .needs_object = true, .is_shallow = true };

static const char *const formats[] = { "date-time", "uuid", "date", "time", NULL };

/* Structured output has no bounds. */
static const struct sl_schema_rules answer = {
    .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(TITLE) | SL_SCHEMA_BIT(ADDITIONAL) | SL_SCHEMA_BIT(ANY_OF) |
             SL_SCHEMA_BIT(CONST) | SL_SCHEMA_BIT(PATTERN) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(REF) |
             SL_SCHEMA_BIT(DEFS) | SL_SCHEMA_BIT(DEFINITIONS) | SL_SCHEMA_BIT(DEFAULT),
    .needs_object = true,
    .formats = formats,
};

const struct sl_form_rules sl_cohere_form = {
    .label = "Cohere",
    .names = { .alphabet = SL_NAME_WORD, .max = 64 },
    .shape = SL_SHAPE_NO_EMPTY | SL_SHAPE_NEEDS_TURN | SL_SHAPE_RESULTS,
    .media = &media,
    .results_are_text = true,
    .tools = &input,
    .answer = &answer,
};
