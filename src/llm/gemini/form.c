/* SPDX-License-Identifier: Apache-2.0 */
/* What Gemini refuses for its form; data/models/gemini.yaml says what each model can do. */
#include "llm/gemini/gemini.h"

#include "llm/form/schema.h"

static const char *const images[] = { "image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", NULL };
static const char *const files[] = {
    "application/pdf", "application/json", "text/", "image/", "audio/", "video/", NULL
};

static const struct sl_form_media media = { .images = images, .files = files, .schemes = SL_URL_HTTPS | SL_URL_HTTP };

/* JSON Schema, as far as Gemini knows it. */
#define JSON_SCHEMA                                                                                                    \
    .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(TITLE) | SL_SCHEMA_BIT(ADDITIONAL) | SL_SCHEMA_BIT(ANY_OF) |               \
             SL_SCHEMA_BIT(ONE_OF) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(REF) | SL_SCHEMA_BIT(DEFS) |                \
             SL_SCHEMA_BIT(DEFINITIONS) | SL_SCHEMA_BIT(MINIMUM) | SL_SCHEMA_BIT(MAXIMUM) | SL_SCHEMA_BIT(MIN_ITEMS) | \
             SL_SCHEMA_BIT(MAX_ITEMS) | SL_SCHEMA_BIT(PREFIX_ITEMS) | SL_SCHEMA_BIT(ORDERING) | SL_SCHEMA_BIT(ID)

static const struct sl_schema_rules json_input = { JSON_SCHEMA, .needs_object = true };
static const struct sl_schema_rules json_answer = { JSON_SCHEMA };

/* The subset named Schema (of OpenAPI 3.0); older models take only this. */
static const char *const formats[] = { "enum", "date-time", "int32", "int64", "float", "double", NULL };

#define SCHEMA                                                                                                  \
    .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(NULLABLE) | SL_SCHEMA_BIT(ANY_OF) | SL_SCHEMA_BIT(FORMAT) |         \
             SL_SCHEMA_BIT(ORDERING) | SL_SCHEMA_BIT(MIN_ITEMS) | SL_SCHEMA_BIT(MAX_ITEMS),                     \
    .needs_type = true, .no_recursion = true, .has_nullable = true, .is_upper = true, .has_string_enums = true, \
    .formats = formats, .any = "\"type\":\"STRING\""

static const struct sl_schema_rules input = { SCHEMA, .needs_object = true };
static const struct sl_schema_rules answer = { SCHEMA };

#define RULES                                                                                                         \
    .label = "Gemini",                                                                                                \
    .names = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN | SL_NAME_DOT | SL_NAME_COLON,                               \
               .max = 64,                                                                                             \
               .begins_with_letter = true },                                                                          \
    .shape = SL_SHAPE_NO_EMPTY | SL_SHAPE_SYSTEM_APART | SL_SHAPE_NEEDS_TURN | SL_SHAPE_RESULTS | SL_SHAPE_ALTERNATE, \
    .media = &media

static const struct sl_form_rules rules = { RULES, .tools = &json_input, .answer = &json_answer };
static const struct sl_form_rules older = { RULES, .tools = &input, .answer = &answer };

const struct sl_form_rules *sl_gemini_form(const struct sl_model *model)
{
    return model->can & SL_MODEL_SCHEMA ? &rules : &older;
}
