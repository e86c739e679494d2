/* SPDX-License-Identifier: Apache-2.0 */
/* What each family of models can do, by the beginning of its name. The first row that fits counts. */
#include "llm/anthropic/anthropic.h"

#define OLD_THINKING SL_CLAUDE_THINKS
#define GEN_45       (SL_CLAUDE_THINKS | SL_CLAUDE_SCHEMA)
#define GEN_46       (SL_CLAUDE_THINKS | SL_CLAUDE_ADAPTIVE | SL_CLAUDE_EFFORT | SL_CLAUDE_SCHEMA)
#define GEN_47       (GEN_46 | SL_CLAUDE_NO_SAMPLING)

static const struct {
    const char *prefix;
    unsigned can;
} models[] = {
    { "claude-instant", 0 },
    { "claude-1", 0 },
    { "claude-2", 0 },
    { "claude-3-7", OLD_THINKING },
    { "claude-3", 0 },
    { "claude-opus-4-5", GEN_45 | SL_CLAUDE_EFFORT },
    { "claude-sonnet-4-5", GEN_45 },
    { "claude-haiku-4-5", GEN_45 },
    { "claude-opus-4-6", GEN_46 },
    { "claude-sonnet-4-6", GEN_46 },
    { "claude-opus-4-7", GEN_47 },
    { "claude-opus-4-8", GEN_47 },
    { "claude-opus-4-0", OLD_THINKING },
    { "claude-opus-4-1", OLD_THINKING },
    { "claude-opus-4-2025", OLD_THINKING },
    { "claude-sonnet-4-0", OLD_THINKING },
    { "claude-sonnet-4-2025", OLD_THINKING },
    { "claude-opus-5", GEN_47 },
    { "claude-sonnet-5", GEN_47 },
    { "claude-haiku-5", GEN_47 },
};

unsigned sl_anthropic_model_can(struct sl_str model)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(models); i++) {
        if (sl_str_has_prefix(model, sl_str_c(models[i].prefix))) {
            return models[i].can;
        }
    }
    return GEN_46; /* a name from after this table: everything is expressed, and the upstream judges sampling */
}
