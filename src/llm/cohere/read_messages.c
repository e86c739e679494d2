/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Cohere's messages to canonical ones: the same roles. The tool plan is a text in front of the calls, and
 * documents are files of plain text. */
#include "llm/cohere/read_messages.h"
#include "llm/core/llm.h"
#include "llm/core/request.h"
#include "llm/openai/read_messages.h"

/* --- parts --- */

static int text_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->text = sl_chat_raw_text(v, "text");
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member 'text' is missing");
}

static int thinking_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_THINKING;
    part->text = sl_chat_raw_text(v, "thinking");
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member 'thinking' is missing");
}

/* The text of a document: a text, or the JSON of an object. */
static int document_text(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val data, struct sl_str *ret)
{
    if (sl_json_is(data, SL_JSON_STRING)) {
        int r = sl_json_text(data, rd->arena, ret);
        return r == SL_E_TYPE ? SL_E_INVAL : r;
    }
    if (!sl_json_is(data, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "a document has data: a string or an object");
    }
    *ret = sl_chat_json_text(rd, data);
    return ret->p ? 0 : SL_E_NOMEM;
}

/* In a tool's result a document is a text. */
static int document_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_str text;
    int r = document_text(rd, v, sl_json_at(v, "document.data"), &text);
    if (r == 0) {
        part->text = sl_json_quote(text, rd->arena);
        r = part->text.p ? 0 : SL_E_NOMEM;
    }
    return r;
}

/* Which role may have which part. */
#define OF_SYSTEM    SL_BIT(SL_ROLE_SYSTEM)
#define OF_USER      SL_BIT(SL_ROLE_USER)
#define OF_ASSISTANT SL_BIT(SL_ROLE_ASSISTANT)
#define OF_TOOL      SL_BIT(SL_ROLE_TOOL)

static int part_read(struct sl_chat_reader *rd, struct sl_json_val v, enum sl_role role, struct sl_part *part)
{
    static const struct {
        struct sl_str type;
        unsigned of;
        int (*read)(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
        const char *words;
    } kinds[] = {
        { SL_STR_INIT("text"), OF_SYSTEM | OF_USER | OF_ASSISTANT | OF_TOOL, text_read, "" },
        { SL_STR_INIT("image_url"), OF_USER, sl_openai_image_read, "an image stands in a message of the user" },
        { SL_STR_INIT("thinking"), OF_ASSISTANT, thinking_read, "thinking stands in a message of the assistant" },
        { SL_STR_INIT("document"), OF_TOOL, document_read,
          "a document stands in a tool's message, or in the member 'documents' of the call" },
    };
    struct sl_json_val type = sl_json_get(v, "type");
    part->node = v;
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        if (sl_json_str_eq(type, kinds[i].type)) {
            return kinds[i].of & SL_BIT(role) ? kinds[i].read(rd, v, part) : sl_chat_fault(rd, v, "%s", kinds[i].words);
        }
    }
    return sl_chat_fault(rd, sl_json_is_present(type) ? type : v,
                         "a part has the type text, image_url, thinking or document");
}

/* --- messages --- */

static int content_read(struct sl_chat_reader *rd, struct sl_json_val content, struct sl_message *message)
{
    int r = 0;
    if (sl_json_is(content, SL_JSON_STRING)) {
        message->parts[message->n_parts++] = (struct sl_part){ .node = content, .text = sl_json_raw(content) };
        return 0;
    }
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, content, "a string or a list of parts is expected");
    }
    for (struct sl_json_iter it = sl_json_each(content); r == 0 && sl_json_next(&it);) {
        r = part_read(rd, it.val, message->role, &message->parts[message->n_parts++]);
    }
    return r;
}

/* Reads the tool plan and the calls, behind the message's other parts. */
static int calls_read(struct sl_chat_reader *rd, struct sl_json_val plan, struct sl_json_val calls,
                      struct sl_message *message)
{
    int r = 0;
    if (sl_json_is(plan, SL_JSON_STRING)) {
        message->parts[message->n_parts++] = (struct sl_part){ .node = plan, .text = sl_json_raw(plan) };
    } else if (!sl_json_is_nothing(plan)) {
        return sl_chat_fault(rd, plan, "a string is expected");
    }
    if (!sl_json_is_nothing(calls) && !sl_json_is(calls, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, calls, "a list is expected");
    }
    for (struct sl_json_iter it = sl_json_each(calls); r == 0 && sl_json_next(&it);) {
        r = sl_openai_call_read(rd, it.val, &message->parts[message->n_parts++]);
    }
    return r;
}

static int role_read(struct sl_chat_reader *rd, struct sl_json_val v, enum sl_role *ret)
{
    static const struct {
        struct sl_str word;
        enum sl_role role;
    } words[] = {
        { SL_STR_INIT("user"), SL_ROLE_USER },
        { SL_STR_INIT("assistant"), SL_ROLE_ASSISTANT },
        { SL_STR_INIT("tool"), SL_ROLE_TOOL },
        { SL_STR_INIT("system"), SL_ROLE_SYSTEM },
    };
    struct sl_json_val role = sl_json_get(v, "role");
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_json_str_eq(role, words[i].word)) {
            *ret = words[i].role;
            return 0;
        }
    }
    return sl_chat_fault(rd, sl_json_is_present(role) ? role : v, "the role must be user, assistant, system or tool");
}

static int message_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_message *message)
{
    struct sl_json_val content = sl_json_get(v, "content"), plan = SL_JSON_ABSENT, calls = SL_JSON_ABSENT;
    int r = role_read(rd, v, &message->role);
    if (r < 0) {
        return r;
    }
    if (message->role == SL_ROLE_ASSISTANT) {
        plan = sl_json_get(v, "tool_plan");
        calls = sl_json_get(v, "tool_calls");
    } else if (sl_json_is_nothing(content)) {
        return sl_chat_fault(rd, v, "the member 'content' is missing");
    }
    if (message->role == SL_ROLE_TOOL) {
        message->tool_id = sl_chat_raw_text(v, "tool_call_id");
        if (!message->tool_id.p) {
            return sl_chat_fault(rd, v, "a tool's message has a tool_call_id");
        }
    }
    if (sl_json_is(content, SL_JSON_STRING) && sl_json_is_nothing(plan) && sl_json_is_nothing(calls)) {
        message->is_plain = true;
        message->text = sl_json_raw(content);
        return 0;
    }
    message->parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, 2 + sl_json_count(content) + sl_json_count(calls));
    r = message->parts ? 0 : SL_E_NOMEM;
    r = r < 0 || sl_json_is_nothing(content) ? r : content_read(rd, content, message);
    return r < 0 ? r : calls_read(rd, plan, calls, message);
}

/* --- documents --- */

static int document_part(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_str text;
    *part = (struct sl_part){ .kind = SL_PART_FILE, .node = v, .media = SL_ARENA_NEW(rd->arena, struct sl_media) };
    int r = part->media ? 0 : SL_E_NOMEM;
    r = r < 0 ? r : document_text(rd, v, sl_json_is(v, SL_JSON_STRING) ? v : sl_json_get(v, "data"), &text);
    if (r == 0) {
        part->media->filename = sl_chat_raw_text(v, "id");
        r = sl_chat_text_file(rd, text, part->media);
    }
    return r;
}

static int documents_read(struct sl_chat_reader *rd, struct sl_json_val documents)
{
    struct sl_message *message = NULL;
    if (sl_json_is_nothing(documents)) {
        return 0;
    }
    if (!sl_json_is(documents, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, documents, "a list is expected");
    }
    for (uint32_t i = rd->chat->n_messages; i-- > 0 && !message;) {
        message = rd->chat->messages[i].role == SL_ROLE_USER ? &rd->chat->messages[i] : NULL;
    }
    if (!message) {
        return sl_chat_fault(rd, documents, "documents need a message of the user to stand in");
    }
    struct sl_part *parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, sl_json_count(documents) + message->n_parts + 1);
    uint32_t n = 0;
    int r = parts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(documents); r == 0 && sl_json_next(&it);) {
        r = document_part(rd, it.val, &parts[n++]);
    }
    if (r < 0) {
        return r;
    }
    if (message->is_plain) {
        parts[n++] = (struct sl_part){ .text = message->text };
    }
    for (uint32_t i = 0; i < message->n_parts; i++) {
        parts[n++] = message->parts[i];
    }
    message->is_plain = false;
    message->parts = parts;
    message->n_parts = n;
    return 0;
}

int sl_cohere_messages_read(struct sl_chat_reader *rd, struct sl_json_val messages, struct sl_json_val documents)
{
    if (!sl_json_is(messages, SL_JSON_ARRAY) || sl_json_count(messages) == 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "messages",
                         "messages: a list of at least one message is expected.");
    }
    rd->chat->messages = SL_ARENA_ARRAY(rd->arena, struct sl_message, sl_json_count(messages));
    int r = rd->chat->messages ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = message_read(rd, it.val, &rd->chat->messages[rd->chat->n_messages++]);
    }
    return r < 0 ? r : documents_read(rd, documents);
}
