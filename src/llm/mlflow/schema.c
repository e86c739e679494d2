/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mlflow/schema.h"

#define REQ SL_MF_REQUIRED
#define NUL SL_MF_NULLABLE

/* --- scalars and lists of them --- */

static const struct sl_mf_type t_str = { .kind = SL_MF_STR };
static const struct sl_mf_type t_bool = { .kind = SL_MF_BOOL };
static const struct sl_mf_type t_bool_or_object = { .kind = SL_MF_BOOL, .or_object = true };
static const struct sl_mf_type t_temperature = { .kind = SL_MF_FLOAT, .min = 0, .max = 2 };
static const struct sl_mf_type t_count = { .kind = SL_MF_INT, .min = 1 };
static const struct sl_mf_type t_strs = { .kind = SL_MF_LIST, .item = &t_str };
static const struct sl_mf_type t_stop = { .kind = SL_MF_LIST, .item = &t_str, .is_not_empty = true };
static const struct sl_mf_type t_input = { .kind = SL_MF_INPUT };
static const struct sl_mf_type t_content = { .kind = SL_MF_CONTENT };

/* --- messages --- */

static const char *const words_text[] = { "text", NULL };
static const char *const words_image[] = { "image_url", NULL };
static const char *const words_audio[] = { "input_audio", NULL };
static const char *const words_detail[] = { "auto", "low", "high", NULL };
static const char *const words_format[] = { "wav", "mp3", NULL };

static const struct sl_mf_type t_word_text = { .kind = SL_MF_LITERAL, .words = words_text };
static const struct sl_mf_type t_word_image = { .kind = SL_MF_LITERAL, .words = words_image };
static const struct sl_mf_type t_word_audio = { .kind = SL_MF_LITERAL, .words = words_audio };
static const struct sl_mf_type t_detail = { .kind = SL_MF_LITERAL, .words = words_detail };
static const struct sl_mf_type t_format = { .kind = SL_MF_LITERAL, .words = words_format };

static const struct sl_mf_model m_image_url = { { { "url", &t_str, REQ, NULL }, { "detail", &t_detail, NUL, NULL } },
                                                2,
                                                NULL };
static const struct sl_mf_model m_audio = { { { "data", &t_str, REQ, NULL }, { "format", &t_format, REQ, NULL } },
                                            2,
                                            NULL };
static const struct sl_mf_type t_image_url = { .kind = SL_MF_MODEL, .model = &m_image_url };
static const struct sl_mf_type t_audio = { .kind = SL_MF_MODEL, .model = &m_audio };

static const struct sl_mf_model m_part_text = { { { "type", &t_word_text, REQ, NULL }, { "text", &t_str, REQ, NULL } },
                                                2,
                                                "text" };
static const struct sl_mf_model m_part_image = {
    { { "type", &t_word_image, REQ, NULL }, { "image_url", &t_image_url, REQ, NULL } }, 2, "image_url"
};
static const struct sl_mf_model m_part_audio = {
    { { "type", &t_word_audio, REQ, NULL }, { "input_audio", &t_audio, REQ, NULL } }, 2, "input_audio"
};

const struct sl_mf_model *const sl_mf_parts[] = { &m_part_text, &m_part_image, &m_part_audio, NULL };

static const struct sl_mf_model m_function = { { { "name", &t_str, REQ, NULL }, { "arguments", &t_str, REQ, NULL } },
                                               2,
                                               NULL };
static const struct sl_mf_type t_function = { .kind = SL_MF_MODEL, .model = &m_function };
static const struct sl_mf_model m_tool_call = { { { "id", &t_str, REQ, NULL },
                                                  { "type", &t_str, 0, "\"type\":\"function\"," },
                                                  { "function", &t_function, REQ, NULL } },
                                                3,
                                                NULL };
static const struct sl_mf_type t_tool_call = { .kind = SL_MF_MODEL, .model = &m_tool_call };
static const struct sl_mf_type t_tool_calls = { .kind = SL_MF_LIST, .item = &t_tool_call };

static const struct sl_mf_model m_message = {
    {
        { "role", &t_str, REQ, NULL },
        { "content", &t_content, NUL, NULL },
        { "tool_calls", &t_tool_calls, NUL, NULL },
        { "refusal", &t_str, NUL, NULL },
        { "tool_call_id", &t_str, NUL, NULL },
    },
    5,
    NULL,
};
static const struct sl_mf_type t_message = { .kind = SL_MF_MODEL, .model = &m_message };
static const struct sl_mf_type t_messages = { .kind = SL_MF_LIST, .item = &t_message, .is_not_empty = true };

/* --- tools --- */

static const char *const words_json[] = { "string", "number", "integer", "object", "array", "boolean", "null", NULL };
static const char *const words_object[] = { "object", NULL };
static const char *const words_tool[] = { "function", "uc_function", NULL };

static const struct sl_mf_type t_json_type = { .kind = SL_MF_TYPE, .words = words_json };
static const struct sl_mf_type t_object = { .kind = SL_MF_LITERAL, .words = words_object };
static const struct sl_mf_type t_tool_type = { .kind = SL_MF_LITERAL, .words = words_tool };

static const struct sl_mf_model m_items = { { { "type", &t_json_type, NUL, NULL } }, 1, NULL };
static const struct sl_mf_type t_items = { .kind = SL_MF_MODEL, .model = &m_items };
static const struct sl_mf_model m_property = {
    {
        { "type", &t_json_type, NUL, NULL },
        { "description", &t_str, NUL, NULL },
        { "enum", &t_strs, NUL, NULL },
        { "items", &t_items, NUL, NULL },
    },
    4,
    NULL,
};
static const struct sl_mf_type t_property = { .kind = SL_MF_MODEL, .model = &m_property };
static const struct sl_mf_type t_properties = { .kind = SL_MF_DICT, .item = &t_property };
static const struct sl_mf_model m_parameters = {
    {
        { "properties", &t_properties, REQ, NULL },
        { "type", &t_object, 0, "\"type\":\"object\"," },
        { "required", &t_strs, NUL, NULL },
        { "additionalProperties", &t_bool_or_object, NUL, NULL },
    },
    4,
    NULL,
};
static const struct sl_mf_type t_parameters = { .kind = SL_MF_MODEL, .model = &m_parameters };
static const struct sl_mf_model m_definition = {
    {
        { "name", &t_str, REQ, NULL },
        { "description", &t_str, NUL, NULL },
        { "parameters", &t_parameters, NUL, NULL },
        { "strict", &t_bool, NUL, NULL },
    },
    4,
    NULL,
};
static const struct sl_mf_type t_definition = { .kind = SL_MF_MODEL, .model = &m_definition };
static const struct sl_mf_model m_uc_function = { { { "name", &t_str, REQ, NULL } }, 1, NULL };
static const struct sl_mf_type t_uc_function = { .kind = SL_MF_MODEL, .model = &m_uc_function };
static const struct sl_mf_model m_tool = {
    {
        { "type", &t_tool_type, REQ, NULL },
        { "function", &t_definition, NUL, NULL },
        { "uc_function", &t_uc_function, NUL, NULL },
    },
    3,
    NULL,
};
static const struct sl_mf_type t_tool = { .kind = SL_MF_MODEL, .model = &m_tool };
static const struct sl_mf_type t_tools = { .kind = SL_MF_LIST, .item = &t_tool };

/* --- requests --- */

/* Faults are reported in this order. */
#define COMMON                                                                                              \
    { "temperature", &t_temperature, 0, NULL }, { "n", &t_count, 0, NULL }, { "stop", &t_stop, NUL, NULL }, \
        { "max_tokens", &t_count, NUL, NULL }, { "stream", &t_bool, NUL, NULL },                            \
    {                                                                                                       \
        "model", &t_str, NUL, NULL                                                                          \
    }

static const struct sl_mf_model m_chat = {
    { COMMON, { "messages", &t_messages, REQ, NULL }, { "tools", &t_tools, NUL, NULL } }, 8, NULL
};
static const struct sl_mf_model m_completions = { { COMMON, { "prompt", &t_str, REQ, NULL } }, 7, NULL };
static const struct sl_mf_model m_embeddings = { { { "input", &t_input, REQ, NULL } }, 1, NULL };

const struct sl_mf_model *const sl_mf_requests[SL_LLM_TRANSLATED_COUNT] = {
    [SL_LLM_CHAT] = &m_chat,
    [SL_LLM_COMPLETIONS] = &m_completions,
    [SL_LLM_EMBEDDINGS] = &m_embeddings,
};

static const struct sl_mf_type t_any_dict = { .kind = SL_MF_DICT };

/* --- MLflow 3 --- */

static const char *const words_response[] = { "text", "json_object", "json_schema", NULL };
static const struct sl_mf_type t_response = { .kind = SL_MF_LITERAL, .words = words_response };
static const struct sl_mf_model m_json_schema = {
    { { "name", &t_str, REQ, NULL }, { "schema", &t_any_dict, REQ, NULL }, { "strict", &t_bool, NUL, NULL } }, 3, NULL
};
static const struct sl_mf_type t_json_schema = { .kind = SL_MF_MODEL, .model = &m_json_schema };
static const struct sl_mf_model m_response_format = {
    { { "type", &t_response, REQ, NULL }, { "json_schema", &t_json_schema, NUL, NULL } }, 2, NULL
};
static const struct sl_mf_type t_response_format = { .kind = SL_MF_MODEL, .model = &m_response_format };
static const struct sl_mf_type t_share = { .kind = SL_MF_FLOAT, .min = 0, .max = 1 };
static const struct sl_mf_type t_penalty = { .kind = SL_MF_FLOAT, .min = -2, .max = 2 };

const struct sl_mf_model sl_mf3_chat = {
    {
        { "temperature", &t_temperature, NUL, NULL },
        { "n", &t_count, 0, NULL },
        { "stop", &t_stop, NUL, NULL },
        { "max_tokens", &t_count, NUL, NULL },
        { "max_completion_tokens", &t_count, NUL, NULL },
        { "stream", &t_bool, NUL, NULL },
        { "stream_options", &t_any_dict, NUL, NULL },
        { "model", &t_str, NUL, NULL },
        { "response_format", &t_response_format, NUL, NULL },
        { "top_p", &t_share, NUL, NULL },
        { "presence_penalty", &t_penalty, NUL, NULL },
        { "frequency_penalty", &t_penalty, NUL, NULL },
        { "top_k", &t_count, NUL, NULL },
        { "messages", &t_messages, REQ, NULL },
        { "tools", &t_tools, NUL, NULL },
    },
    15,
    NULL,
};
const struct sl_mf_model sl_mf3_embeddings = { { { "input", &t_input, REQ, NULL } }, 1, NULL };

static const struct sl_mf_type t_limits = { .kind = SL_MF_LIST, .item = &t_any_dict };

const struct sl_mf_model sl_mf_set_limits = { { { "route", &t_str, REQ, NULL }, { "limits", &t_limits, REQ, NULL } },
                                              2,
                                              NULL };
