/* SPDX-License-Identifier: Apache-2.0 */
/* What Converse refuses for its form; data/models says what each model can do. */
#include "llm/bedrock/bedrock.h"
#include "llm/form/schema.h"

static const char *const images[] = { "image/png", "image/jpeg", "image/gif", "image/webp", NULL };
static const char *const files[] = { "application/pdf",
                                     "text/",
                                     "application/msword",
                                     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                                     "application/vnd.ms-excel",
                                     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                                     NULL };

static const struct sl_form_media media = { .images = images, .files = files, .image_max = 5 << 20 };

static const struct sl_schema_rules input = { .takes = SL_SCHEMA_ALL, .needs_object = true, .is_shallow = true };

/* Only Claude has structured output. */
static const char *const formats[] = { "date-time", "time", "date", "duration", "email", "hostname",
                                       "uri",       "ipv4", "ipv6", "uuid",     NULL };
static const struct sl_schema_rules answer = {
    .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(TITLE) | SL_SCHEMA_BIT(ADDITIONAL) | SL_SCHEMA_BIT(ANY_OF) |
             SL_SCHEMA_BIT(CONST) | SL_SCHEMA_BIT(DEFAULT) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(PATTERN) |
             SL_SCHEMA_BIT(REF) | SL_SCHEMA_BIT(DEFS) | SL_SCHEMA_BIT(DEFINITIONS),
    .closes = true,
    .needs_type = true,
    .no_recursion = true,
    .has_simple_patterns = true,
    .formats = formats,
    .min_items_max = 1,
    .any = "\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"},{\"type\":\"boolean\"},{\"type\":\"null\"}]",
};

const struct sl_form_rules sl_bedrock_form = {
    .label = "Amazon Bedrock",
    .ids = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .names = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .shape = SL_SHAPE_NO_EMPTY | SL_SHAPE_NO_BLANK | SL_SHAPE_SYSTEM_APART | SL_SHAPE_NEEDS_TURN | SL_SHAPE_RESULTS |
             SL_SHAPE_ALTERNATE | SL_SHAPE_TRIM_PREFILL,
    .media = &media,
    .signs_in_base64 = true,
    .tools = &input,
    .answer = &answer,
};
