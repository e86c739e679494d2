/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenAI refuses with 400, so that a request which works with mock works there too. */
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "llm/mock/parts.h"
#include "llm/openai/chunks.h"

struct check {
    struct sl_arena *arena;
    struct sl_mock_refusal *ret;
};

int sl_mock_refuse(struct sl_mock_refusal *ret, struct sl_arena *arena, const char *param, const char *code,
                   const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ret->message = sl_arena_dup(arena, sl_str_c(text));
    ret->param = sl_arena_dup(arena, sl_str_c(param));
    ret->code = code ? sl_str_c(code) : SL_STR_NONE;
    return ret->message.p && ret->param.p ? SL_E_INVAL : SL_E_NOMEM;
}

#define REFUSE(c, param, code, ...) sl_mock_refuse((c)->ret, (c)->arena, (param), (code), __VA_ARGS__)

static const char *kind_name(struct sl_json_val v)
{
    if (!v.doc) {
        return "nothing";
    }
    switch ((enum sl_json_kind)sl_json_tok(v)->kind) {
    case SL_JSON_NULL:
        return "null";
    case SL_JSON_FALSE:
    case SL_JSON_TRUE:
        return "a boolean";
    case SL_JSON_NUMBER:
        return "a number";
    case SL_JSON_STRING:
        return "a string";
    case SL_JSON_ARRAY:
        return "an array";
    case SL_JSON_OBJECT:
        return "an object";
    }
    return "nothing";
}

static int missing(struct check *c, const char *param)
{
    return REFUSE(c, param, "missing_required_parameter", "Missing required parameter: '%s'.", param);
}

static int wrong_type(struct check *c, const char *param, const char *wanted, struct sl_json_val v)
{
    return REFUSE(c, param, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", param, wanted,
                  kind_name(v));
}

static int empty_array(struct check *c, const char *param)
{
    return REFUSE(c, param, "empty_array",
                  "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array "
                  "instead.",
                  param);
}

/* --- numbers --- */

static const struct number {
    const char *name;
    unsigned types; /* bits */
    bool is_whole;
    double min, max;
} numbers[] = {
    { "n", SL_CAP_CHAT | SL_CAP_COMPLETIONS, true, 1, SL_CHUNKS_CHOICES_MAX },
    { "temperature", SL_CAP_CHAT | SL_CAP_COMPLETIONS, false, 0, 2 },
    { "top_p", SL_CAP_CHAT | SL_CAP_COMPLETIONS, false, 0, 1 },
    { "presence_penalty", SL_CAP_CHAT | SL_CAP_COMPLETIONS, false, -2, 2 },
    { "frequency_penalty", SL_CAP_CHAT | SL_CAP_COMPLETIONS, false, -2, 2 },
    { "max_tokens", SL_CAP_CHAT, true, 1, 1e12 },
    { "max_tokens", SL_CAP_COMPLETIONS, true, 0, 1e12 },
    { "max_completion_tokens", SL_CAP_CHAT, true, 1, 1e12 },
    { "top_logprobs", SL_CAP_CHAT, true, 0, 20 },
    { "best_of", SL_CAP_COMPLETIONS, true, 1, 20 },
    { "dimensions", SL_CAP_EMBEDDINGS, true, 1, SL_MOCK_DIMENSIONS_MAX },
};

static int number_check(struct check *c, const struct number *row, struct sl_json_val v)
{
    double d;
    int64_t whole;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_NUMBER) || (row->is_whole && sl_json_int(v, true, &whole) == SL_E_INVAL)) {
        return wrong_type(c, row->name, row->is_whole ? "an integer" : "a decimal", v);
    }
    const char *kind = row->is_whole ? "integer" : "decimal";
    bool is_below = sl_json_double(v, &d) == 0 ? d < row->min : sl_str_has_prefix(sl_json_raw(v), SL_STR("-"));
    bool is_above = sl_json_double(v, &d) == 0 ? d > row->max : !is_below;
    if (!is_below && !is_above) {
        return 0;
    }
    char code[64];
    snprintf(code, sizeof(code), "%s_%s_value", kind, is_below ? "below_min" : "above_max");
    struct sl_str raw = sl_str_sub(sl_json_raw(v), 0, SL_MIN(sl_json_raw(v).n, (size_t)40));
    struct sl_str kept = sl_arena_dup(c->arena, sl_str_c(code));
    return kept.p ? REFUSE(c, row->name, kept.p,
                           "Invalid '%s': %s %s value. Expected a value %s %g, but got %.*s instead.", row->name, kind,
                           is_below ? "below minimum" : "above maximum",
                           is_below ? ">=" : "<=", is_below ? row->min : row->max, SL_STR_ARG(raw))
                  : SL_E_NOMEM;
}

static int numbers_check(struct check *c, enum sl_llm_type type, struct sl_json_val body)
{
    int r = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(numbers) && r == 0; i++) {
        if (numbers[i].types & SL_BIT(type)) {
            r = number_check(c, &numbers[i], sl_json_get(body, numbers[i].name));
        }
    }
    return r;
}

/* --- messages --- */

static const char *const roles[] = { "system", "assistant", "user", "function", "tool", "developer" };

static bool is_role(struct sl_json_val role, const char *name)
{
    return sl_json_str_eq(role, sl_str_c(name));
}

static int role_check(struct check *c, const char *param, struct sl_json_val role)
{
    if (sl_json_is_nothing(role)) {
        return missing(c, param);
    }
    if (!sl_json_is(role, SL_JSON_STRING)) {
        return wrong_type(c, param, "one of 'system', 'assistant', 'user', 'function', 'tool', or 'developer'", role);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(roles); i++) {
        if (is_role(role, roles[i])) {
            return 0;
        }
    }
    struct sl_str raw = sl_json_raw(role);
    raw = sl_str_sub(raw, 1, SL_MIN(raw.n - 1, (size_t)64));
    return REFUSE(c, param, "invalid_value",
                  "Invalid value: '%.*s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
                  "'developer'.",
                  SL_STR_ARG(raw));
}

static int part_check(struct check *c, const char *param, uint32_t index, struct sl_json_val part)
{
    char at[80];
    snprintf(at, sizeof(at), "%s[%u]", param, index);
    if (!sl_json_is(part, SL_JSON_OBJECT)) {
        return wrong_type(c, at, "an object", part);
    }
    struct sl_json_val type = sl_json_get(part, "type");
    if (!sl_json_is(type, SL_JSON_STRING)) {
        snprintf(at, sizeof(at), "%s[%u].type", param, index);
        return sl_json_is_nothing(type) ? missing(c, at) : wrong_type(c, at, "a string", type);
    }
    if (sl_json_str_eq(type, SL_STR("text")) && !sl_json_is(sl_json_get(part, "text"), SL_JSON_STRING)) {
        snprintf(at, sizeof(at), "%s[%u].text", param, index);
        return missing(c, at);
    }
    return 0;
}

/* An assistant's content may be missing if it has called tools. */
static int content_check(struct check *c, const char *param, struct sl_json_val message, struct sl_json_val role)
{
    struct sl_json_val content = sl_json_get(message, "content");
    if (sl_json_is(content, SL_JSON_STRING)) {
        return 0;
    }
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        int r = sl_json_count(content) ? 0 : empty_array(c, param);
        for (struct sl_json_iter it = sl_json_each(content); r == 0 && sl_json_next(&it);) {
            r = part_check(c, param, it.index, it.val);
        }
        return r;
    }
    if (!sl_json_is_nothing(content)) {
        return wrong_type(c, param, "one of a string or array of objects", content);
    }
    bool may_lack = is_role(role, "assistant") && (sl_json_is_present(sl_json_get(message, "tool_calls")) ||
                                                   sl_json_is_present(sl_json_get(message, "function_call")) ||
                                                   sl_json_is_present(sl_json_get(message, "refusal")));
    if (may_lack || is_role(role, "function")) {
        return 0;
    }
    return sl_json_is_present(content)
               ? REFUSE(c, param, NULL, "Invalid value for 'content': expected a string, got null.")
               : missing(c, param);
}

static int message_check(struct check *c, uint32_t index, struct sl_json_val message, bool *io_may_answer)
{
    char at[48];
    snprintf(at, sizeof(at), "messages[%u]", index);
    if (!sl_json_is(message, SL_JSON_OBJECT)) {
        return wrong_type(c, at, "an object", message);
    }
    struct sl_json_val role = sl_json_get(message, "role");
    snprintf(at, sizeof(at), "messages[%u].role", index);
    int r = role_check(c, at, role);
    if (r == 0 && is_role(role, "tool")) {
        struct sl_json_val id = sl_json_get(message, "tool_call_id");
        if (!*io_may_answer) {
            return REFUSE(c, at, NULL,
                          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
                          "with 'tool_calls'.");
        }
        snprintf(at, sizeof(at), "messages[%u].tool_call_id", index);
        if (!sl_json_is(id, SL_JSON_STRING)) {
            return sl_json_is_nothing(id) ? missing(c, at) : wrong_type(c, at, "a string", id);
        }
    } else if (r == 0) {
        *io_may_answer = is_role(role, "assistant") && sl_json_count(sl_json_get(message, "tool_calls")) > 0;
    }
    snprintf(at, sizeof(at), "messages[%u].content", index);
    return r < 0 ? r : content_check(c, at, message, role);
}

static int tools_check(struct check *c, struct sl_json_val body)
{
    struct sl_json_val tools = sl_json_get(body, "tools");
    if (sl_json_is_nothing(tools)) {
        return sl_json_is_nothing(sl_json_get(body, "tool_choice"))
                   ? 0
                   : REFUSE(c, "tool_choice", NULL,
                            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
                            "specified.");
    }
    if (!sl_json_is(tools, SL_JSON_ARRAY)) {
        return wrong_type(c, "tools", "an array of objects", tools);
    }
    int r = sl_json_count(tools) ? 0 : empty_array(c, "tools");
    for (struct sl_json_iter it = sl_json_each(tools); r == 0 && sl_json_next(&it);) {
        char at[48];
        struct sl_json_val type = sl_json_get(it.val, "type");
        snprintf(at, sizeof(at), "tools[%u].type", it.index);
        if (!sl_json_is(type, SL_JSON_STRING)) {
            return missing(c, at);
        }
        snprintf(at, sizeof(at), "tools[%u].function.name", it.index);
        bool is_function = sl_json_str_eq(type, SL_STR("function"));
        r = is_function && !sl_json_is(sl_json_at(it.val, "function.name"), SL_JSON_STRING) ? missing(c, at) : 0;
    }
    return r;
}

static int chat_check(struct check *c, struct sl_json_val body)
{
    struct sl_json_val messages = sl_json_get(body, "messages");
    if (sl_json_is_nothing(messages)) {
        return missing(c, "messages");
    }
    if (!sl_json_is(messages, SL_JSON_ARRAY)) {
        return wrong_type(c, "messages", "an array of objects", messages);
    }
    int r = sl_json_count(messages) ? 0 : empty_array(c, "messages");
    bool may_answer = false;
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = message_check(c, it.index, it.val, &may_answer);
    }
    return r < 0 ? r : tools_check(c, body);
}

/* --- prompts and inputs --- */

/* A text, a list of texts, a list of token numbers or a list of such lists. */
static bool is_items(struct sl_json_val v, bool may_be_empty)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        return may_be_empty || sl_json_raw(v).n > 2;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY) || sl_json_count(v) == 0) {
        return false;
    }
    struct sl_json_val first = sl_json_at(v, "[0]");
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (sl_json_tok(it.val)->kind != sl_json_tok(first)->kind) {
            return false;
        }
        if (sl_json_is(it.val, SL_JSON_ARRAY)) {
            struct sl_json_iter in = sl_json_each(it.val);
            bool has_any = false;
            while (sl_json_next(&in)) {
                has_any = true;
                if (!sl_json_is(in.val, SL_JSON_NUMBER)) {
                    return false;
                }
            }
            if (!has_any && !sl_json_tok(it.val)->folded) {
                return false;
            }
        } else if (!sl_json_is(it.val, SL_JSON_NUMBER) &&
                   !(sl_json_is(it.val, SL_JSON_STRING) && (may_be_empty || sl_json_raw(it.val).n > 2))) {
            return false;
        }
    }
    return true;
}

static int prompt_check(struct check *c, struct sl_json_val body)
{
    struct sl_json_val prompt = sl_json_get(body, "prompt");
    if (sl_json_is_nothing(prompt) || is_items(prompt, true)) {
        return 0;
    }
    return REFUSE(c, "prompt", NULL,
                  "Invalid type for 'prompt': expected a string, array of strings, array of integers or array of "
                  "integer arrays.");
}

static int input_check(struct check *c, struct sl_json_val body)
{
    struct sl_json_val input = sl_json_get(body, "input");
    if (!input.doc) {
        return missing(c, "input");
    }
    if (!is_items(input, false)) {
        return REFUSE(c, "input", NULL,
                      "'$.input' is invalid: it must be a text, token numbers, or a list of either, and not empty.");
    }
    bool is_list = sl_json_is(input, SL_JSON_ARRAY) && !sl_json_is(sl_json_at(input, "[0]"), SL_JSON_NUMBER);
    if (is_list && sl_json_count(input) > SL_MOCK_INPUTS_MAX) {
        return REFUSE(c, "input", "array_above_max_length",
                      "Invalid 'input': array too long. Expected an array with maximum length %u, but got an array "
                      "with length %u instead.",
                      SL_MOCK_INPUTS_MAX, sl_json_count(input));
    }
    struct sl_json_val format = sl_json_get(body, "encoding_format");
    if (!sl_json_is_nothing(format) && !sl_json_str_eq(format, SL_STR("float")) &&
        !sl_json_str_eq(format, SL_STR("base64"))) {
        return REFUSE(c, "encoding_format", "invalid_value",
                      "Invalid value for 'encoding_format'. Supported values are: 'float' and 'base64'.");
    }
    return 0;
}

int sl_mock_check(enum sl_llm_type type, struct sl_json_val body, struct sl_arena *arena, struct sl_mock_refusal *ret)
{
    struct check c = { arena, ret };
    int r = type == SL_LLM_CHAT          ? chat_check(&c, body)
            : type == SL_LLM_COMPLETIONS ? prompt_check(&c, body)
                                         : input_check(&c, body);
    return r < 0 ? r : numbers_check(&c, type, body);
}
