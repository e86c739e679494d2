/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the Messages API's turns to canonical messages. A user's turn may have results of tools: each becomes a message
 * of its own, at its place. */
#include "llm/anthropic/read_messages.h"

#include "base/base64.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"

static struct sl_str cache_of(struct sl_json_val v)
{
    struct sl_json_val cache = sl_json_get(v, "cache_control");
    return sl_json_is(cache, SL_JSON_OBJECT) ? sl_json_raw(cache) : SL_STR_NONE;
}

/* --- blocks --- */

static int text_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_TEXT;
    part->text = sl_chat_raw_text(v, "text");
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member 'text' is missing");
}

static int thinking_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_THINKING;
    part->text = sl_chat_raw_text(v, "thinking");
    part->signature = sl_chat_raw_text(v, "signature");
    part->redacted = sl_chat_raw_text(v, "data");
    if (!part->redacted.p && (!part->text.p || !part->signature.p)) {
        return sl_chat_fault(rd, v, "a thinking block has thinking and signature, a redacted one data");
    }
    return 0;
}

static int call_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val input = sl_json_get(v, "input");
    part->kind = SL_PART_TOOL_CALL;
    part->call = SL_ARENA_NEW(rd->arena, struct sl_tool_call);
    if (!part->call) {
        return SL_E_NOMEM;
    }
    part->call->id = sl_chat_raw_text(v, "id");
    part->call->name = sl_chat_raw_text(v, "name");
    part->call->arguments = sl_json_is(input, SL_JSON_OBJECT) ? sl_json_raw(input) : SL_STR("{}");
    if (!part->call->id.p || !part->call->name.p) {
        return sl_chat_fault(rd, v, "a tool_use block has an id and a name");
    }
    return 0;
}

/* A document of plain text becomes a text file. */
static int text_source_read(struct sl_chat_reader *rd, struct sl_json_val source, struct sl_media *media)
{
    struct sl_str text;
    int r = sl_json_text(sl_json_get(source, "data"), rd->arena, &text);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : sl_chat_fault(rd, source, "the member 'data' is missing");
    }
    return sl_chat_text_file(rd, text, media);
}

static int base64_source_read(struct sl_chat_reader *rd, struct sl_json_val source, struct sl_media *media)
{
    int r = sl_json_text(sl_json_get(source, "media_type"), rd->arena, &media->mime);
    r = r < 0 ? r : sl_json_text(sl_json_get(source, "data"), rd->arena, &media->base64);
    if (r == SL_E_NOMEM) {
        return r;
    }
    bool is_sound = r == 0 && media->mime.n > 0 && sl_base64_is_sound(media->base64);
    return is_sound ? 0 : sl_chat_fault(rd, source, "media_type and data, which is sound base64, are expected");
}

static int source_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_media *media)
{
    struct sl_json_val source = sl_json_get(v, "source"), type = sl_json_get(source, "type");
    if (sl_json_str_eq(type, SL_STR("base64"))) {
        return base64_source_read(rd, source, media);
    }
    if (sl_json_str_eq(type, SL_STR("text"))) {
        return text_source_read(rd, source, media);
    }
    if (sl_json_str_eq(type, SL_STR("url"))) {
        media->url = sl_chat_raw_text(source, "url");
        return media->url.p ? 0 : sl_chat_fault(rd, source, "the member 'url' is missing");
    }
    media->file_id = sl_json_str_eq(type, SL_STR("file")) ? sl_chat_raw_text(source, "file_id") : SL_STR_NONE;
    return media->file_id.p
               ? 0
               : sl_chat_fault(rd, v,
                               "a source of the type base64, url, text, content (documents) or file is expected");
}

static int image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_IMAGE;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    return part->media ? source_read(rd, v, part->media) : SL_E_NOMEM;
}

static int document_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val source = sl_json_get(v, "source");
    if (sl_json_str_eq(sl_json_get(source, "type"), SL_STR("content"))) {
        struct sl_json_val content = sl_json_get(source, "content");
        part->kind = SL_PART_TEXT;
        part->text = sl_json_is(content, SL_JSON_STRING) ? sl_json_raw(content) : SL_STR_NONE;
        return part->text.p ? 0 : sl_chat_pieces(rd, v, "title", content, part);
    }
    part->kind = SL_PART_FILE;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    if (!part->media) {
        return SL_E_NOMEM;
    }
    part->media->filename = sl_chat_raw_text(v, "title");
    part->media->context = sl_chat_context(rd, v);
    part->media->cites = sl_chat_cites(rd, v);
    return source_read(rd, v, part->media);
}

/* Which role may have which block. */
#define OF_USER      1u
#define OF_ASSISTANT 2u
#define OF_RESULT    4u
#define OF_SYSTEM    8u

static const struct {
    struct sl_str type;
    unsigned of;
    int (*read)(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
} kinds[] = {
    { SL_STR_INIT("text"), OF_USER | OF_ASSISTANT | OF_RESULT | OF_SYSTEM, text_read },
    { SL_STR_INIT("image"), OF_USER | OF_RESULT, image_read },
    { SL_STR_INIT("document"), OF_USER | OF_RESULT, document_read },
    { SL_STR_INIT("search_result"), OF_USER | OF_RESULT, sl_chat_found },
    { SL_STR_INIT("tool_use"), OF_ASSISTANT, call_read },
    { SL_STR_INIT("thinking"), OF_ASSISTANT, thinking_read },
    { SL_STR_INIT("redacted_thinking"), OF_ASSISTANT, thinking_read },
};

/* Blocks that clients of other APIs send, and the block that is meant. */
static const struct {
    struct sl_str type;
    const char *instead;
} strangers[] = {
    { SL_STR_INIT("image_url"), "an image is a block of the type image with a source" },
    { SL_STR_INIT("input_text"), "a text is a block of the type text" },
    { SL_STR_INIT("input_image"), "an image is a block of the type image with a source" },
    { SL_STR_INIT("file"), "a file is a block of the type document with a source" },
    { SL_STR_INIT("input_audio"), "this API takes no audio" },
};

static int block_read(struct sl_chat_reader *rd, struct sl_json_val v, unsigned of, struct sl_part *part)
{
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is(type, SL_JSON_STRING)) {
        return sl_chat_fault(rd, v, "a block is an object with a type");
    }
    part->node = v;
    part->cache_control = cache_of(v);
    bool is_known = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        bool is_it = sl_json_str_eq(type, kinds[i].type);
        if (is_it && (kinds[i].of & of)) {
            return kinds[i].read(rd, v, part);
        }
        is_known |= is_it;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(strangers); i++) {
        if (sl_json_str_eq(type, strangers[i].type)) {
            return sl_chat_fault(rd, type, "%s", strangers[i].instead);
        }
    }
    struct sl_str name;
    int r = sl_json_text(type, rd->arena, &name);
    return r < 0 ? r
                 : sl_chat_fault(rd, type, "a block of the type '%.*s' %s", SL_STR_ARG(sl_str_sub(name, 0, 64)),
                                 is_known ? "may not stand here" : "has no place at the provider of this route");
}

/* --- messages --- */

static struct sl_message *message_add(struct sl_chat_reader *rd, enum sl_role role)
{
    struct sl_message *message = &rd->chat->messages[rd->chat->n_messages++];
    message->role = role;
    return message;
}

/* Reads a text, or blocks. */
static int content_read(struct sl_chat_reader *rd, struct sl_json_val v, unsigned of, struct sl_message *message)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        message->is_plain = true;
        message->text = sl_json_raw(v);
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "a string or a list of blocks is expected");
    }
    message->parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, sl_json_count(v) + 1);
    int r = message->parts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        r = block_read(rd, it.val, of, &message->parts[message->n_parts++]);
    }
    return r;
}

static int result_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val content = sl_json_get(v, "content");
    struct sl_message *message = message_add(rd, SL_ROLE_TOOL);
    message->tool_id = sl_chat_raw_text(v, "tool_use_id");
    message->is_error = sl_json_is(sl_json_get(v, "is_error"), SL_JSON_TRUE);
    message->cache_control = cache_of(v);
    if (!message->tool_id.p) {
        return sl_chat_fault(rd, v, "a tool_result block has a tool_use_id");
    }
    return sl_json_is_nothing(content) ? 0 : content_read(rd, content, OF_RESULT, message);
}

static bool is_result(struct sl_json_val v)
{
    return sl_json_str_eq(sl_json_get(v, "type"), SL_STR("tool_result"));
}

/* Reads results and the blocks between them, in their order. */
static int user_blocks_read(struct sl_chat_reader *rd, struct sl_json_val content)
{
    struct sl_part *parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, sl_json_count(content) + 1);
    struct sl_message *message = NULL;
    int r = parts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(content); r == 0 && sl_json_next(&it);) {
        if (is_result(it.val)) {
            message = NULL;
            r = result_read(rd, it.val);
            continue;
        }
        if (!message) {
            message = message_add(rd, SL_ROLE_USER);
            message->parts = parts;
        }
        message->n_parts++;
        r = block_read(rd, it.val, OF_USER, parts++);
    }
    return r;
}

static int turn_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val role = sl_json_get(v, "role"), content = sl_json_get(v, "content");
    bool is_list = sl_json_is(content, SL_JSON_ARRAY);
    if (sl_json_is_nothing(content)) {
        return sl_chat_fault(rd, v, "the member 'content' is missing");
    }
    if (sl_json_str_eq(role, SL_STR("user"))) {
        return is_list && sl_json_count(content) ? user_blocks_read(rd, content)
                                                 : content_read(rd, content, OF_USER, message_add(rd, SL_ROLE_USER));
    }
    if (sl_json_str_eq(role, SL_STR("assistant"))) {
        return content_read(rd, content, OF_ASSISTANT, message_add(rd, SL_ROLE_ASSISTANT));
    }
    if (sl_json_str_eq(role, SL_STR("system"))) { /* the newest models take it between turns */
        return content_read(rd, content, OF_SYSTEM, message_add(rd, SL_ROLE_SYSTEM));
    }
    if (sl_json_str_eq(role, SL_STR("tool"))) {
        return sl_chat_fault(rd, role, "a tool's result is a block of the type tool_result in a message of role user");
    }
    if (sl_json_str_eq(role, SL_STR("developer"))) {
        return sl_chat_fault(rd, role, "instructions go into the member 'system'");
    }
    return sl_chat_fault(rd, sl_json_is_present(role) ? role : v, "the role must be user or assistant");
}

/* The most messages that the turns can become. */
static size_t room_of(struct sl_json_val messages)
{
    size_t n = 1;
    for (struct sl_json_iter it = sl_json_each(messages); sl_json_next(&it);) {
        struct sl_json_val content = sl_json_get(it.val, "content");
        n += 1 + (sl_json_is(content, SL_JSON_ARRAY) ? sl_json_count(content) : 0);
    }
    return n;
}

int sl_anthropic_messages_read(struct sl_chat_reader *rd, struct sl_json_val system, struct sl_json_val messages)
{
    if (!sl_json_is(messages, SL_JSON_ARRAY) || sl_json_count(messages) == 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "messages",
                         "Missing 'messages': a list of at least one message is expected.");
    }
    rd->chat->messages = SL_ARENA_ARRAY(rd->arena, struct sl_message, room_of(messages));
    int r = rd->chat->messages ? 0 : SL_E_NOMEM;
    if (r == 0 && !sl_json_is_nothing(system)) {
        r = content_read(rd, system, OF_SYSTEM, message_add(rd, SL_ROLE_SYSTEM));
    }
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = turn_read(rd, it.val);
    }
    return r;
}
