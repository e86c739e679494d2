/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/read.h"

#include "llm/gemini/member.h"
#include "llm/gemini/normal.h"
#include "llm/gemini/read_contents.h"
#include "llm/gemini/read_results.h"
#include "llm/gemini/read_tools.h"

/* --- members --- */

static int member_add(struct sl_chat_reader *rd, struct sl_str name, struct sl_json_val v)
{
    if (name.p && !sl_json_is_nothing(v)) {
        rd->chat->members[rd->chat->n_members++] = (struct sl_member){ name, v };
    }
    return name.p ? 0 : SL_E_NOMEM;
}

enum key { K_SYSTEM, K_CONTENTS, K_TOOLS, K_TOOL_CONFIG, K_CONFIG, K_MODEL, K_COUNT };

static const char *const keys[K_COUNT] = {
    [K_SYSTEM] = "systemInstruction", [K_CONTENTS] = "contents",       [K_TOOLS] = "tools",
    [K_TOOL_CONFIG] = "toolConfig",   [K_CONFIG] = "generationConfig", [K_MODEL] = "model",
};

/* Adds the other members, under their usual name or their own. */
static int rest_add(struct sl_chat_reader *rd, struct sl_json_val key, struct sl_json_val v)
{
    struct sl_str name = SL_STR("service_tier");
    int r = sl_gemini_is_key(key, "serviceTier") ? 0 : sl_json_text(key, rd->arena, &name);
    return r < 0 ? r : member_add(rd, name, v);
}

static int members_sort(struct sl_chat_reader *rd, struct sl_json_val request, struct sl_json_val found[K_COUNT])
{
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(request); r == 0 && sl_json_next(&it);) {
        size_t i = 0;
        while (i < K_COUNT && !sl_gemini_is_key(it.key, keys[i])) {
            i++;
        }
        if (i == K_COUNT) {
            r = rest_add(rd, it.key, it.val);
        } else {
            found[i] = it.val;
        }
    }
    return r;
}

/* --- generationConfig --- */

static int number_check(struct sl_chat_reader *rd, struct sl_json_val v)
{
    return sl_json_is(v, SL_JSON_NUMBER) ? 0 : sl_chat_fault(rd, v, "a number is expected");
}

static int temperature_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    rd->chat->temperature = v;
    return number_check(rd, v);
}

static int top_p_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    rd->chat->top_p = v;
    return number_check(rd, v);
}

static int candidates_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    rd->chat->has_n = true;
    if (sl_gemini_int(v, &rd->chat->n) < 0 || rd->chat->n < 1 || rd->chat->n > 8) {
        return sl_chat_fault(rd, v, "an integer from 1 to 8 is expected");
    }
    return 0;
}

static int max_tokens_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (sl_gemini_int(v, &rd->chat->max_tokens) < 0 || rd->chat->max_tokens < 1) {
        return sl_chat_fault(rd, v, "an integer of at least 1 is expected");
    }
    return 0;
}

static int stops_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_gemini_iter it = sl_gemini_each(v);
    rd->chat->stop = SL_ARENA_ARRAY(rd->arena, struct sl_str, it.n + 1);
    if (!rd->chat->stop) {
        return SL_E_NOMEM;
    }
    while (sl_gemini_next(&it)) {
        if (!sl_json_is(it.val, SL_JSON_STRING)) {
            return sl_chat_fault(rd, it.val, "a string is expected");
        }
        rd->chat->stop[rd->chat->n_stop++] = sl_json_raw(it.val);
    }
    return 0;
}

static int mime_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (sl_json_str_eq(v, SL_STR("application/json"))) {
        rd->chat->format = rd->chat->format == SL_ANSWER_SCHEMA ? SL_ANSWER_SCHEMA : SL_ANSWER_JSON;
        return 0;
    }
    bool is_word = sl_json_str_eq(v, SL_STR(SL_GEMINI_ENUM_TYPE)); /* the schema lists the words */
    if (is_word || sl_json_str_eq(v, SL_STR("text/plain")) || sl_json_says_nothing(v)) {
        return 0;
    }
    return sl_chat_fault(rd, v, "text/plain, application/json or " SL_GEMINI_ENUM_TYPE " is expected");
}

static int schema_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "a schema, an object, is expected");
    }
    rd->chat->format = SL_ANSWER_SCHEMA;
    rd->chat->schema = sl_json_raw(v);
    rd->chat->schema_node = v;
    rd->chat->schema_name = SL_STR("\"answer\"");
    return 0;
}

static int modalities_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    for (struct sl_gemini_iter it = sl_gemini_each(v); sl_gemini_next(&it);) {
        if (!sl_json_str_eq(it.val, SL_STR("TEXT")) && !sl_json_str_eq(it.val, SL_STR("MODALITY_UNSPECIFIED"))) {
            return sl_chat_fault(rd, it.val, "this route's provider answers with TEXT only");
        }
    }
    return 0;
}

static int thinking_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        struct sl_str effort;
    } levels[] = {
        { SL_STR_INIT("MINIMAL"), SL_STR_INIT("minimal") },   { SL_STR_INIT("LOW"), SL_STR_INIT("low") },
        { SL_STR_INIT("MEDIUM"), SL_STR_INIT("medium") },     { SL_STR_INIT("HIGH"), SL_STR_INIT("high") },
        { SL_STR_INIT("THINKING_LEVEL_UNSPECIFIED"), { 0 } },
    };
    struct sl_json_val level = sl_gemini_get(v, "thinkingLevel");
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object is expected");
    }
    if (sl_json_is_nothing(level)) {
        return 0;
    }
    struct sl_str raw = sl_json_is(level, SL_JSON_STRING) ? sl_json_raw(level) : SL_STR("\"\"");
    for (size_t i = 0; i < SL_ARRAY_LEN(levels); i++) {
        if (sl_str_case_eq(sl_str_sub(raw, 1, raw.n - 1), levels[i].word)) {
            rd->chat->effort = levels[i].effort;
            return 0;
        }
    }
    return sl_chat_fault(rd, level, "MINIMAL, LOW, MEDIUM or HIGH is expected");
}

/* In this order: a schema says more than a type. */
static const struct {
    const char *key;
    int (*read)(struct sl_chat_reader *rd, struct sl_json_val v);
    const char *name; /* the usual name, if nothing else has to change */
} settings[] = {
    { "temperature", temperature_read, NULL },
    { "topP", top_p_read, NULL },
    { "topK", number_check, "top_k" },
    { "candidateCount", candidates_read, NULL },
    { "maxOutputTokens", max_tokens_read, NULL },
    { "stopSequences", stops_read, NULL },
    { "seed", number_check, "seed" },
    { "presencePenalty", number_check, "presence_penalty" },
    { "frequencyPenalty", number_check, "frequency_penalty" },
    { "responseMimeType", mime_read, NULL },
    { "responseSchema", schema_read, NULL },
    { "responseJsonSchema", schema_read, NULL },
    { "responseModalities", modalities_read, NULL },
    { "responseLogprobs", NULL, "logprobs" },
    { "logprobs", number_check, "top_logprobs" },
    { "thinkingConfig", thinking_read, NULL },
};

static int setting_read(struct sl_chat_reader *rd, struct sl_json_val key, struct sl_json_val v)
{
    size_t i = 0;
    while (i < SL_ARRAY_LEN(settings) && !sl_gemini_is_key(key, settings[i].key)) {
        i++;
    }
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    if (i == SL_ARRAY_LEN(settings)) {
        struct sl_str name;
        int r = sl_json_text(key, rd->arena, &name);
        return r < 0 ? r : member_add(rd, sl_arena_printf(rd->arena, "generationConfig.%.*s", SL_STR_ARG(name)), v);
    }
    if (!settings[i].read && !sl_json_is_bool(v)) {
        return sl_chat_fault(rd, v, "true or false is expected");
    }
    int r = settings[i].read ? settings[i].read(rd, v) : 0;
    return r < 0 || !settings[i].name ? r : member_add(rd, sl_str_c(settings[i].name), v);
}

static int config_read(struct sl_chat_reader *rd, struct sl_json_val config)
{
    int r = 0;
    if (!sl_json_is_nothing(config) && !sl_json_is(config, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, config, "an object is expected");
    }
    for (struct sl_json_iter it = sl_json_each(config); r == 0 && sl_json_next(&it);) {
        r = setting_read(rd, it.key, it.val);
    }
    if (r == 0 && (rd->call->noted & SL_GEMINI_WORD) && rd->chat->format != SL_ANSWER_SCHEMA) {
        return sl_chat_fault(rd, config, SL_GEMINI_ENUM_TYPE " needs a responseSchema of the type STRING with an enum");
    }
    return r;
}

/* --- the whole request --- */

static int left_add(struct sl_gemini_reader *g)
{
    static const char *const names[SL_GEMINI_LEFT_COUNT] = {
        [SL_GEMINI_LEFT_CODE] = "contents.executableCode",        [SL_GEMINI_LEFT_SERVER] = "contents.toolCall",
        [SL_GEMINI_LEFT_MEDIA] = "contents.inlineData",           [SL_GEMINI_LEFT_VIDEO] = "contents.videoMetadata",
        [SL_GEMINI_LEFT_RESOLUTION] = "contents.mediaResolution",
    };
    int r = 0;
    for (size_t i = 0; i < SL_GEMINI_LEFT_COUNT && r == 0; i++) {
        r = member_add(&g->rd, sl_str_c(names[i]), g->left[i]);
    }
    return r;
}

/* In countTokens the request may be wrapped. */
static struct sl_json_val request_of(const struct sl_call *call, struct sl_json_val root)
{
    struct sl_json_val inner = call->is_count ? sl_gemini_get(root, "generateContentRequest") : SL_JSON_ABSENT;
    return sl_json_is(inner, SL_JSON_OBJECT) ? inner : root;
}

static int request_read(struct sl_gemini_reader *g, struct sl_json_val request)
{
    struct sl_chat_reader *rd = &g->rd;
    struct sl_json_val found[K_COUNT] = { 0 };
    size_t n = sl_json_count(request) + sl_json_count(sl_gemini_get(request, "generationConfig"));
    rd->chat->members = SL_ARENA_ARRAY(rd->arena, struct sl_member,
                                       n + SL_GEMINI_LEFT_COUNT + SL_GEMINI_TOOLS_LEFT_MAX);
    int r = rd->chat->members ? members_sort(rd, request, found) : SL_E_NOMEM;
    r = r < 0 ? r : config_read(rd, found[K_CONFIG]);
    r = r < 0 ? r : sl_gemini_tools_read(rd, found[K_TOOLS], found[K_TOOL_CONFIG]);
    r = r < 0 ? r : sl_gemini_contents_read(g, found[K_SYSTEM], found[K_CONTENTS]);
    return r < 0 ? r : left_add(g);
}

int sl_gemini_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                        struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_call edited = *call;
    struct sl_gemini_calls calls = { 0 };
    struct sl_gemini_reader g = { .rd = { &edited, env, arena, &chat, ret_error }, .calls = &calls };
    struct sl_json_val root;
    sl_json_edits_init(&edited.edits, arena);
    int r = sl_chat_root(&g.rd, &root);
    r = r < 0 ? r : sl_gemini_normalise(&g.rd, request_of(call, root), &edited.edits);
    r = r < 0 || !edited.edits.n ? r : sl_chat_root(&g.rd, &root);
    r = r < 0 ? r : request_read(&g, request_of(call, root));
    sl_gemini_calls_done(&calls);
    if (r == 0) {
        *ret_chat = chat;
    }
    return r;
}
