/* SPDX-License-Identifier: Apache-2.0 */
/* How clients of Google's Gemini API are served. */
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/dialects.h"
#include "llm/gemini/gemini.h"
#include "llm/gemini/write.h"

static const struct sl_manners manners = {
    .refusal_status = 400,
    .limit_names_wait = true,
};

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    io_error->message = sl_arena_printf(arena,
                                        "models/%.*s is not found: this gateway has no route of this name. Call "
                                        "ListModels to see the list of available models and their supported methods.",
                                        SL_STR_ARG(name));
}

static bool is_known(struct sl_str action)
{
    static const char *const actions[] = { "generateContent", "streamGenerateContent", "countTokens", "embedContent",
                                           "batchEmbedContents" };
    for (size_t i = 0; i < SL_ARRAY_LEN(actions); i++) {
        if (sl_str_eq_c(action, actions[i])) {
            return true;
        }
    }
    return false;
}

/* The path is ".../models/NAME:ACTION". */
static bool no_path(struct sl_str path, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    ptrdiff_t models = sl_str_find(path, SL_STR("/models/"), 0);
    ptrdiff_t colon = models < 0 ? -1 : sl_str_find_char(path, ':', (size_t)models);
    if (colon < 0 || is_known(sl_str_sub(path, (size_t)colon + 1, path.n))) {
        return false;
    }
    io_error->message = sl_arena_printf(arena,
                                        "The method '%.*s' is not known: generateContent, streamGenerateContent, "
                                        "countTokens, embedContent or batchEmbedContents is expected, by POST.",
                                        SL_STR_ARG(sl_str_sub(path, (size_t)colon + 1, (size_t)colon + 65)));
    return io_error->message.p != NULL;
}

const struct sl_dialect sl_dialect_gemini = {
    .name = "gemini",
    .language = &sl_language_gemini,
    .manners = &manners,
    .no_route = no_route,
    .no_path = no_path,
    .listing = &sl_gemini_listing,
    .key_member = "key",
};
