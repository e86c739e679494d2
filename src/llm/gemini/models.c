/* SPDX-License-Identifier: Apache-2.0 */
/* What each family of models can do, by the beginning of its name. The first row that fits counts. */
#include "llm/gemini/gemini.h"

#define GEN_25 (SL_GEMINI_BUDGET | SL_GEMINI_JSON_SCHEMA)
#define GEN_3  (SL_GEMINI_LEVEL | SL_GEMINI_THINKS_ON | SL_GEMINI_JSON_SCHEMA | SL_GEMINI_SIGNS)

static const struct {
    const char *prefix;
    unsigned can;
} models[] = {
    { "gemini-1", 0 },
    { "gemini-2.0", 0 },
    { "gemini-2.5-flash-image", SL_GEMINI_JSON_SCHEMA },
    { "gemini-2.5-pro", GEN_25 | SL_GEMINI_THINKS_ON },
    { "gemini-2.5", GEN_25 },
    { "gemini-3-pro", GEN_3 | SL_GEMINI_TWO_LEVELS },
    { "gemma", 0 },
    { "learnlm", 0 },
};

unsigned sl_gemini_model_can(struct sl_str model)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(models); i++) {
        if (sl_str_has_prefix(model, sl_str_c(models[i].prefix))) {
            return models[i].can;
        }
    }
    return GEN_3; /* a name from after this table */
}
