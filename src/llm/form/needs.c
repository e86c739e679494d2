/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/needs.h"

#include "llm/chat/chat.h"
#include "llm/chat/estimate.h"
#include "llm/form/models.h"

#define LOOKED (SL_MODEL_TOOLS | SL_MODEL_IMAGES | SL_MODEL_DOCUMENTS | SL_MODEL_AUDIO)

/* A byte of a text is about a quarter of a token, as in estimate.h. */
#define BYTES_PER_TOKEN 4

uint32_t sl_needs_refused(const struct sl_model *model)
{
    uint32_t refused = model->tells & ~model->can & LOOKED;
    /* A model without schemas can give such an answer through a tool. */
    bool has_none = (refused & SL_MODEL_TOOLS) && !(model->can & SL_MODEL_SCHEMA);
    return has_none ? refused | SL_MODEL_SCHEMA : refused;
}

static bool has_word(const struct sl_call *call, const char *word)
{
    return sl_str_find(call->body, sl_str_c(word), 0) >= 0;
}

bool sl_needs_might(const struct sl_call *call, uint32_t features, int64_t context)
{
    static const struct {
        uint32_t features;
        const char *words[3];
    } rows[] = {
        { SL_MODEL_TOOLS, { "\"tool", "\"functions\"" } },
        { SL_MODEL_IMAGES, { "image" } },
        { SL_MODEL_DOCUMENTS, { "\"file", "document", "inline" } },
        { SL_MODEL_AUDIO, { "audio" } },
        { SL_MODEL_SCHEMA, { "chema" } },
    };
    if (context && call->body.n / BYTES_PER_TOKEN > (uint64_t)context) {
        return true;
    }
    for (size_t i = 0; features && i < SL_ARRAY_LEN(rows); i++) {
        for (size_t k = 0; (rows[i].features & features) && k < 3 && rows[i].words[k]; k++) {
            if (has_word(call, rows[i].words[k])) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t of_part(const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_IMAGE:
        return SL_MODEL_IMAGES;
    case SL_PART_AUDIO:
        return SL_MODEL_AUDIO;
    case SL_PART_FILE:
        return sl_str_has_prefix(part->media->mime, SL_STR("text/")) ? 0 : SL_MODEL_DOCUMENTS;
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
    case SL_PART_THINKING:
    case SL_PART_TOOL_CALL:
        break;
    }
    return 0;
}

int sl_needs_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_needs *ret)
{
    struct sl_chat chat;
    struct sl_llm_error error = { 0 };
    *ret = (struct sl_needs){ 0 };
    int r = sl_chat_read(call, env, arena, &chat, &error);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : 0;
    }
    ret->features = chat.n_tools && chat.choice != SL_CHOICE_NONE ? SL_MODEL_TOOLS : 0;
    ret->features |= chat.format == SL_ANSWER_SCHEMA ? SL_MODEL_SCHEMA : 0;
    for (uint32_t i = 0; i < chat.n_messages; i++) {
        for (uint32_t k = 0; k < chat.messages[i].n_parts; k++) {
            ret->features |= of_part(&chat.messages[i].parts[k]);
        }
    }
    ret->tokens = sl_chat_estimate(&chat);
    return 0;
}

const char *sl_needs_missing(const struct sl_model *model, const struct sl_needs *needs)
{
    static const struct {
        uint32_t feature;
        const char *text;
    } rows[] = {
        { SL_MODEL_TOOLS, "takes no tools" },
        { SL_MODEL_IMAGES, "takes no images" },
        { SL_MODEL_DOCUMENTS, "takes no documents" },
        { SL_MODEL_AUDIO, "takes no audio" },
        { SL_MODEL_SCHEMA, "gives no answers by a schema" },
    };
    uint32_t missing = sl_needs_refused(model) & needs->features;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (missing & rows[i].feature) {
            return rows[i].text;
        }
    }
    return NULL;
}

bool sl_needs_room(const struct sl_model *model, const struct sl_needs *needs)
{
    return !model->context || needs->tokens <= (uint64_t)model->context + (uint64_t)model->context / 4;
}
