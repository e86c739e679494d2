/* SPDX-License-Identifier: Apache-2.0 */
/* Reads OpenAI's messages and prompts to canonical ones. */
#include "llm/openai/read_messages.h"

#include "base/base64.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"

/* --- media --- */

/* Reads data:<mime>[;name=value]*;base64,<payload>. */
static bool data_uri_read(struct sl_str uri, struct sl_media *media)
{
    ptrdiff_t comma = sl_str_find_char(uri, ',', 0);
    if (comma < 0) {
        return false;
    }
    struct sl_str head = sl_str_sub(uri, 5, (size_t)comma);
    ptrdiff_t semi = sl_str_find_char(head, ';', 0);
    struct sl_str mark = head.n >= 7 ? sl_str_sub(head, head.n - 7, head.n) : SL_STR_NONE;
    if (semi < 0 || !sl_str_case_eq(mark, SL_STR(";base64"))) {
        return false;
    }
    media->mime = sl_str_sub(head, 0, (size_t)semi);
    media->base64 = sl_str_sub(uri, (size_t)comma + 1, uri.n);
    return media->mime.n > 0 && sl_base64_is_sound(media->base64);
}

int sl_openai_place_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_str url;
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return sl_chat_fault(rd, part->node, "the URL is missing");
    }
    int r = sl_json_text(v, rd->arena, &url);
    if (r < 0) {
        return r;
    }
    if (url.n > 5 && sl_str_case_eq(sl_str_sub(url, 0, 5), SL_STR("data:"))) {
        return data_uri_read(url, part->media)
                   ? 0
                   : sl_chat_fault(rd, v, "the data URI is not of the form data:TYPE;base64,DATA with sound base64");
    }
    if ((url.n > 8 && sl_str_case_eq(sl_str_sub(url, 0, 8), SL_STR("https://"))) ||
        (url.n > 7 && sl_str_case_eq(sl_str_sub(url, 0, 7), SL_STR("http://")))) {
        part->media->url = sl_json_raw(v);
        return 0;
    }
    return sl_chat_fault(rd, v, "an http or https URL or a data URI is expected");
}

static int media_new(struct sl_chat_reader *rd, enum sl_part_kind kind, struct sl_part *part)
{
    part->kind = kind;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    return part->media ? 0 : SL_E_NOMEM;
}

int sl_openai_image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val image = sl_json_get(v, "image_url");
    if (media_new(rd, SL_PART_IMAGE, part) < 0) {
        return SL_E_NOMEM;
    }
    if (sl_json_is(image, SL_JSON_STRING)) {
        return sl_openai_place_read(rd, image, part);
    }
    part->media->detail = sl_chat_raw_text(image, "detail");
    return sl_openai_place_read(rd, sl_json_get(image, "url"), part);
}

int sl_openai_audio_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val audio = sl_json_get(v, "input_audio");
    int r = media_new(rd, SL_PART_AUDIO, part);
    if (r == 0) {
        part->media->format = sl_chat_raw_text(audio, "format");
        r = sl_json_text(sl_json_get(audio, "data"), rd->arena, &part->media->base64);
    }
    if (r == SL_E_NOMEM) {
        return r;
    }
    return r == 0 && sl_base64_is_sound(part->media->base64)
               ? 0
               : sl_chat_fault(rd, v, "input_audio.data must be sound base64");
}

static int file_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val file = sl_json_get(v, "file");
    if (media_new(rd, SL_PART_FILE, part) < 0) {
        return SL_E_NOMEM;
    }
    part->media->filename = sl_chat_raw_text(file, "filename");
    part->media->file_id = sl_chat_raw_text(file, "file_id");
    struct sl_json_val data = sl_json_get(file, "file_data");
    if (!sl_json_is_nothing(data)) {
        return sl_openai_place_read(rd, data, part);
    }
    return part->media->file_id.p ? 0 : sl_chat_fault(rd, v, "file needs file_data or file_id");
}

/* --- parts --- */

static int thinking_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_THINKING;
    part->node = v;
    part->text = sl_chat_raw_text(v, "thinking");
    part->signature = sl_chat_raw_text(v, "signature");
    part->redacted = sl_chat_raw_text(v, "data");
    if (!part->redacted.p && (!part->text.p || !part->signature.p)) {
        return sl_chat_fault(rd, v, "a thinking block has thinking and signature, a redacted one data");
    }
    return 0;
}

static int text_part_read(struct sl_chat_reader *rd, struct sl_json_val v, const char *key, struct sl_part *part)
{
    part->text = sl_chat_raw_text(v, key);
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member '%s' is missing", key);
}

static int part_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is(type, SL_JSON_STRING)) {
        return sl_chat_fault(rd, v, "a part of a message is an object with a type");
    }
    part->node = v;
    struct sl_json_val cache = sl_json_get(v, "cache_control");
    if (sl_json_is(cache, SL_JSON_OBJECT)) {
        part->cache_control = sl_json_raw(cache);
    }
    if (sl_json_str_eq(type, SL_STR("text"))) {
        part->kind = SL_PART_TEXT;
        return text_part_read(rd, v, "text", part);
    }
    if (sl_json_str_eq(type, SL_STR("refusal"))) {
        part->kind = SL_PART_REFUSAL;
        return text_part_read(rd, v, "refusal", part);
    }
    static const struct {
        struct sl_str type;
        int (*read)(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
    } kinds[] = {
        { SL_STR_INIT("image_url"), sl_openai_image_read },
        { SL_STR_INIT("input_audio"), sl_openai_audio_read },
        { SL_STR_INIT("file"), file_read },
        { SL_STR_INIT("thinking"), thinking_read },
        { SL_STR_INIT("redacted_thinking"), thinking_read },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        if (sl_json_str_eq(type, kinds[i].type)) {
            return kinds[i].read(rd, v, part);
        }
    }
    return sl_chat_fault(rd, type, "unknown type of part; text, image_url, input_audio and file are known");
}

/* Gemini's signature comes back in Google's own member, or in MLflow's. */
static struct sl_str signature_of(struct sl_json_val v)
{
    struct sl_json_val google = sl_json_get(sl_json_get(v, "extra_content"), "google");
    struct sl_str signature = sl_chat_raw_text(google, "thought_signature");
    return signature.p ? signature : sl_chat_raw_text(v, "thought_signature");
}

int sl_openai_arguments_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_str *ret)
{
    struct sl_json_val text = sl_json_get(function, "arguments");
    struct sl_str arguments = SL_STR("{}");
    if (sl_json_is_nothing(text) || (sl_json_is(text, SL_JSON_STRING) && sl_json_tok(text)->len == 0)) {
        *ret = arguments;
        return 0;
    }
    int r = sl_json_text(text, rd->arena, &arguments);
    r = r < 0 ? r : sl_json_mend(&arguments, rd->arena);
    if (r == SL_E_NOMEM) {
        return r;
    }
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = SL_JSON_TOKENS_MAX, .record_depth = 1 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    doc.budget = rd->env->scratch->budget;
    if (r == 0) {
        r = sl_json_parse(&doc, arguments);
    }
    bool is_object = r == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT);
    sl_json_done(&doc);
    if (r == SL_E_NOMEM) {
        return r;
    }
    *ret = arguments;
    return is_object ? 0 : sl_chat_fault(rd, function, "arguments must be the text of a JSON object");
}

int sl_openai_call_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val function = sl_json_get(v, "function");
    struct sl_tool_call *call = SL_ARENA_NEW(rd->arena, struct sl_tool_call);
    if (!call) {
        return SL_E_NOMEM;
    }
    part->kind = SL_PART_TOOL_CALL;
    part->node = v;
    part->call = call;
    call->id = sl_chat_raw_text(v, "id");
    call->name = sl_chat_raw_text(function, "name");
    part->signature = signature_of(v);
    call->arguments = SL_STR("{}");
    if (!call->name.p) {
        return sl_chat_fault(rd, v, "a tool call has a function with a name");
    }
    return sl_openai_arguments_read(rd, function, &call->arguments);
}

/* --- messages --- */

enum member { M_ROLE, M_CONTENT, M_TOOL_CALLS, M_TOOL_ID, M_NAME, M_REFUSAL, M_THINKING, M_CACHE, M_EXTRA, M_COUNT };

static const struct sl_str members[M_COUNT] = {
    [M_ROLE] = SL_STR_INIT("role"),
    [M_CONTENT] = SL_STR_INIT("content"),
    [M_TOOL_CALLS] = SL_STR_INIT("tool_calls"),
    [M_TOOL_ID] = SL_STR_INIT("tool_call_id"),
    [M_NAME] = SL_STR_INIT("name"),
    [M_REFUSAL] = SL_STR_INIT("refusal"),
    [M_THINKING] = SL_STR_INIT("thinking_blocks"),
    [M_CACHE] = SL_STR_INIT("cache_control"),
    [M_EXTRA] = SL_STR_INIT("extra_content"),
};

static struct sl_str raw_of(struct sl_json_val v)
{
    return sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
}

static int role_read(struct sl_chat_reader *rd, struct sl_json_val v, const struct sl_json_val m[M_COUNT],
                     struct sl_message *message)
{
    static const struct {
        struct sl_str word;
        enum sl_role role;
    } words[] = {
        { SL_STR_INIT("user"), SL_ROLE_USER },        { SL_STR_INIT("assistant"), SL_ROLE_ASSISTANT },
        { SL_STR_INIT("tool"), SL_ROLE_TOOL },        { SL_STR_INIT("system"), SL_ROLE_SYSTEM },
        { SL_STR_INIT("developer"), SL_ROLE_SYSTEM },
    };
    struct sl_json_val role = m[M_ROLE];
    message->role = SL_ROLE_OTHER;
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_json_str_eq(role, words[i].word)) {
            message->role = words[i].role;
            break;
        }
    }
    if (message->role == SL_ROLE_OTHER && !rd->call->manners->takes_any_role) {
        return sl_chat_fault(rd, sl_json_is_present(role) ? role : v,
                             "the role must be system, developer, user, assistant or tool");
    }
    if (message->role == SL_ROLE_TOOL) {
        message->tool_id = raw_of(m[M_TOOL_ID]);
    }
    return 0;
}

static int content_read(struct sl_chat_reader *rd, struct sl_json_val v, const struct sl_json_val m[M_COUNT],
                        struct sl_message *message)
{
    struct sl_json_val content = m[M_CONTENT];
    if (sl_json_is(content, SL_JSON_STRING)) {
        struct sl_part *part = &message->parts[message->n_parts++];
        part->kind = SL_PART_TEXT;
        part->node = content;
        part->text = sl_json_raw(content);
        part->cache_control = sl_json_is(m[M_CACHE], SL_JSON_OBJECT) ? sl_json_raw(m[M_CACHE]) : SL_STR_NONE;
        return 0;
    }
    if (sl_json_is_nothing(content)) {
        bool may_be_none = message->role == SL_ROLE_ASSISTANT || message->role == SL_ROLE_OTHER;
        return may_be_none ? 0 : sl_chat_fault(rd, v, "the member 'content' is missing");
    }
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, content, "a string or a list of parts is expected");
    }
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        int r = part_read(rd, it.val, &message->parts[message->n_parts++]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A message's signature is that of its text. */
static void text_sign(struct sl_message *message, struct sl_str signature)
{
    for (uint32_t i = message->n_parts; i-- > 0;) {
        if (message->parts[i].kind == SL_PART_TEXT) {
            message->parts[i].signature = signature;
            return;
        }
    }
}

/* Reads what only an assistant's message has: earlier thinking before its content, and a refusal and calls behind
 * it. */
static int assistant_read(struct sl_chat_reader *rd, const struct sl_json_val m[M_COUNT], struct sl_message *message)
{
    struct sl_str refusal = raw_of(m[M_REFUSAL]);
    int r = 0;
    if (refusal.p) {
        message->parts[message->n_parts++] = (struct sl_part){ .kind = SL_PART_REFUSAL,
                                                               .node = m[M_REFUSAL],
                                                               .text = refusal };
    }
    for (struct sl_json_iter it = sl_json_each(m[M_TOOL_CALLS]); r == 0 && sl_json_next(&it);) {
        r = sl_openai_call_read(rd, it.val, &message->parts[message->n_parts++]);
    }
    return r;
}

static int message_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_message *message)
{
    struct sl_json_val m[M_COUNT];
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "a message is an object");
    }
    sl_json_pick(v, members, M_COUNT, m);
    message->has_name = sl_json_is(m[M_NAME], SL_JSON_STRING);
    int r = role_read(rd, v, m, message);
    if (r < 0) {
        return r;
    }
    bool is_assistant = message->role == SL_ROLE_ASSISTANT;
    bool has_more = sl_json_is_present(m[M_CACHE]) ||
                    (is_assistant && (sl_json_is_present(m[M_TOOL_CALLS]) || sl_json_is_present(m[M_THINKING]) ||
                                      sl_json_is_present(m[M_REFUSAL]) || sl_json_is_present(m[M_EXTRA])));
    if (sl_json_is(m[M_CONTENT], SL_JSON_STRING) && !has_more) {
        message->is_plain = true;
        message->text = sl_json_raw(m[M_CONTENT]);
        return 0;
    }
    size_t room = 2 + sl_json_count(m[M_CONTENT]);
    if (is_assistant) {
        room += sl_json_count(m[M_TOOL_CALLS]) + sl_json_count(m[M_THINKING]);
    }
    message->parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, room);
    if (!message->parts) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(m[M_THINKING]); is_assistant && r == 0 && sl_json_next(&it);) {
        r = thinking_read(rd, it.val, &message->parts[message->n_parts++]);
    }
    r = r < 0 ? r : content_read(rd, v, m, message);
    if (r == 0 && is_assistant && sl_json_is(m[M_EXTRA], SL_JSON_OBJECT)) {
        text_sign(message, signature_of(v));
    }
    return r == 0 && is_assistant ? assistant_read(rd, m, message) : r;
}

int sl_openai_messages_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_ARRAY) || sl_json_count(v) == 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "messages",
                         "Missing 'messages': a list of at least one message is expected.");
    }
    rd->chat->messages = SL_ARENA_ARRAY(rd->arena, struct sl_message, sl_json_count(v));
    if (!rd->chat->messages) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        int r = message_read(rd, it.val, &rd->chat->messages[rd->chat->n_messages++]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int sl_openai_prompt_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val prompt = v;
    if (sl_json_is(v, SL_JSON_ARRAY)) {
        prompt = sl_json_at(v, "[0]");
        if (sl_json_count(v) != 1 || !sl_json_is(prompt, SL_JSON_STRING)) {
            return sl_refuse(rd->call, rd->arena, rd->error, "prompt",
                             "This provider takes one prompt, a text: neither several nor tokens.");
        }
    }
    if (!sl_json_is(prompt, SL_JSON_STRING)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "prompt", "Missing 'prompt': a string is expected.");
    }
    struct sl_message *message = SL_ARENA_NEW(rd->arena, struct sl_message);
    if (!message) {
        return SL_E_NOMEM;
    }
    *message = (struct sl_message){ .role = SL_ROLE_USER, .is_plain = true, .text = sl_json_raw(prompt) };
    rd->chat->messages = message;
    rd->chat->n_messages = 1;
    return 0;
}
