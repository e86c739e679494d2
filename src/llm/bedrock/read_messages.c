/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Converse's turns to canonical messages. A block is an object with one member, its kind. A user's turn may have
 * results of tools: each becomes a message of its own, at its place. */
#include "llm/bedrock/read_messages.h"

#include "base/base64.h"
#include "llm/bedrock/bedrock.h"
#include "llm/core/llm.h"
#include "llm/core/request.h"

int sl_bedrock_cache_point_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret)
{
    struct sl_json_val ttl = sl_json_get(v, "ttl");
    if (!sl_json_str_eq(sl_json_get(v, "type"), SL_STR("default"))) {
        return sl_chat_fault(rd, v, "a cachePoint has the type default");
    }
    bool is_long = sl_json_str_eq(ttl, SL_STR("1h"));
    if (!is_long && !sl_json_is_nothing(ttl) && !sl_json_str_eq(ttl, SL_STR("5m"))) {
        return sl_chat_fault(rd, ttl, "5m or 1h is expected");
    }
    *ret = is_long ? SL_STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}") : SL_STR("{\"type\":\"ephemeral\"}");
    return 0;
}

/* --- texts --- */

static int text_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return sl_chat_fault(rd, v, "a string is expected");
    }
    part->text = sl_json_raw(v);
    return 0;
}

static int cited_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val content = sl_json_get(v, "content");
    return sl_chat_texts_join(rd, sl_json_is_present(content) ? content : v, NULL, 0, "", &part->text);
}

/* A tool's result that is JSON becomes a text. */
static int json_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_str text = sl_chat_json_text(rd, v);
    part->text = text.p ? sl_json_quote(text, rd->arena) : SL_STR_NONE;
    return part->text.p ? 0 : SL_E_NOMEM;
}

static int reasoning_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val text = sl_json_get(v, "reasoningText");
    part->kind = SL_PART_THINKING;
    part->redacted = sl_chat_raw_text(v, "redactedContent");
    part->text = sl_chat_raw_text(text, "text");
    part->signature = sl_chat_raw_text(text, "signature");
    return part->redacted.p || part->text.p
               ? 0
               : sl_chat_fault(rd, v, "reasoningText with its text, or redactedContent, is expected");
}

static int tool_use_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val input = sl_json_get(v, "input");
    part->kind = SL_PART_TOOL_CALL;
    part->call = SL_ARENA_NEW(rd->arena, struct sl_tool_call);
    if (!part->call) {
        return SL_E_NOMEM;
    }
    part->call->id = sl_chat_raw_text(v, "toolUseId");
    part->call->name = sl_chat_raw_text(v, "name");
    if (!part->call->id.p || !part->call->name.p) {
        return sl_chat_fault(rd, v, "a toolUse has a toolUseId and a name");
    }
    if (!sl_json_is_nothing(input) && !sl_json_is(input, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, input, "an object is expected");
    }
    part->call->arguments = sl_json_is(input, SL_JSON_OBJECT) ? sl_json_raw(input) : SL_STR("{}");
    return 0;
}

/* --- media --- */

static int bytes_read(struct sl_chat_reader *rd, struct sl_json_val source, struct sl_media *media)
{
    struct sl_json_val bytes = sl_json_get(source, "bytes");
    if (sl_json_is_present(sl_json_get(source, "s3Location"))) {
        return sl_chat_fault(rd, source, "the provider of this route cannot read from S3: send bytes");
    }
    int r = sl_json_text(bytes, rd->arena, &media->base64);
    if (r == SL_E_NOMEM) {
        return r;
    }
    bool is_sound = r == 0 && media->base64.n && sl_base64_is_sound(media->base64);
    return is_sound ? 0 : sl_chat_fault(rd, sl_json_is_present(bytes) ? bytes : source, "bytes in base64 are expected");
}

static int media_new(struct sl_chat_reader *rd, struct sl_json_val v, enum sl_part_kind kind, struct sl_part *part)
{
    part->kind = kind;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    if (!part->media) {
        return SL_E_NOMEM;
    }
    return sl_json_is(sl_json_get(v, "source"), SL_JSON_OBJECT) ? 0 : sl_chat_fault(rd, v, "a source is expected");
}

static int image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    const char *type = sl_bedrock_type_of(sl_json_get(v, "format"), true);
    int r = media_new(rd, v, SL_PART_IMAGE, part);
    if (r == 0 && !type) {
        return sl_chat_fault(rd, v, "the format png, jpeg, gif or webp is expected");
    }
    part->media->mime = r == 0 ? sl_str_c(type) : SL_STR_NONE;
    return r < 0 ? r : bytes_read(rd, sl_json_get(v, "source"), part->media);
}

/* The name "report" with the format pdf becomes report.pdf. */
static int document_name(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_media *media)
{
    struct sl_str name = sl_chat_raw_text(v, "name"), format = sl_chat_raw_text(v, "format");
    if (!name.p) {
        return sl_chat_fault(rd, v, "a document has a name");
    }
    media->filename = sl_arena_printf(rd->arena, "%.*s.%.*s", (int)name.n - 1, name.p, (int)format.n - 1, format.p + 1);
    return media->filename.p ? 0 : SL_E_NOMEM;
}

static int document_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val source = sl_json_get(v, "source"), text = sl_json_get(source, "text");
    struct sl_json_val content = sl_json_get(source, "content");
    const char *type = sl_bedrock_type_of(sl_json_get(v, "format"), false);
    int r = media_new(rd, v, SL_PART_FILE, part);
    if (r == 0 && !type) {
        return sl_chat_fault(rd, v, "the format pdf, csv, doc, docx, xls, xlsx, html, txt or md is expected");
    }
    r = r < 0 ? r : document_name(rd, v, part->media);
    if (r < 0) {
        return r;
    }
    bool cites = sl_chat_cites(rd, v);
    struct sl_str said;
    if (sl_json_is(text, SL_JSON_STRING)) {
        r = sl_json_text(text, rd->arena, &said);
        part->media->context = sl_chat_context(rd, v);
        part->media->cites = cites;
        return r < 0 ? r : sl_chat_text_file(rd, said, part->media);
    }
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        return sl_chat_pieces(rd, v, "name", content, part);
    }
    part->media->mime = sl_str_c(type);
    part->media->context = sl_chat_context(rd, v);
    part->media->cites = cites;
    return bytes_read(rd, source, part->media);
}

static int audio_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    int r = media_new(rd, v, SL_PART_AUDIO, part);
    if (r == 0) {
        part->media->format = sl_chat_raw_text(v, "format");
        r = part->media->format.p ? 0 : sl_chat_fault(rd, v, "a format is expected");
    }
    return r < 0 ? r : bytes_read(rd, sl_json_get(v, "source"), part->media);
}

static int video_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    (void)part;
    return sl_chat_fault(rd, v, "the provider of this route takes no video");
}

/* Content that a guardrail is to check becomes an ordinary text or image, and the mark is left out. */
static int guard_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val text = sl_json_at(v, "text.text"), image = sl_json_get(v, "image");
    const struct sl_chat *chat = rd->chat;
    if (chat->n_members == 0 || !sl_str_eq_c(chat->members[chat->n_members - 1].name, "guardContent")) {
        sl_chat_member_add(rd, SL_STR("guardContent"), v); /* once: no other member was added before */
    }
    if (sl_json_is(image, SL_JSON_OBJECT)) {
        return image_read(rd, image, part);
    }
    return sl_json_is_present(text) ? text_read(rd, text, part)
                                    : sl_chat_fault(rd, v, "a text or an image is expected");
}

/* --- blocks --- */

/* Which role may have which block. */
#define OF_USER      1u
#define OF_ASSISTANT 2u
#define OF_RESULT    4u
#define OF_SYSTEM    8u

static const struct {
    struct sl_str kind;
    unsigned of;
    int (*read)(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
} kinds[] = {
    { SL_STR_INIT("text"), OF_USER | OF_ASSISTANT | OF_RESULT | OF_SYSTEM, text_read },
    { SL_STR_INIT("image"), OF_USER | OF_RESULT, image_read },
    { SL_STR_INIT("document"), OF_USER | OF_RESULT, document_read },
    { SL_STR_INIT("audio"), OF_USER, audio_read },
    { SL_STR_INIT("video"), OF_USER | OF_RESULT, video_read },
    { SL_STR_INIT("json"), OF_RESULT, json_read },
    { SL_STR_INIT("toolUse"), OF_ASSISTANT, tool_use_read },
    { SL_STR_INIT("reasoningContent"), OF_ASSISTANT, reasoning_read },
    { SL_STR_INIT("citationsContent"), OF_ASSISTANT, cited_read },
    { SL_STR_INIT("searchResult"), OF_USER | OF_RESULT, sl_chat_found },
    { SL_STR_INIT("guardContent"), OF_USER | OF_SYSTEM, guard_read },
};

/* The only member of a block, and its value. */
static int block_open(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_iter *ret)
{
    *ret = sl_json_each(v);
    if (!sl_json_is(v, SL_JSON_OBJECT) || sl_json_count(v) != 1 || !sl_json_next(ret)) {
        return sl_chat_fault(rd, v, "a block is an object with one member, as {\"text\": \"…\"}");
    }
    return 0;
}

static int block_read(struct sl_chat_reader *rd, const struct sl_json_iter *block, unsigned of, struct sl_part *part)
{
    part->node = block->val;
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        if (sl_json_str_eq(block->key, kinds[i].kind)) {
            return kinds[i].of & of ? kinds[i].read(rd, block->val, part)
                                    : sl_chat_fault(rd, block->val, "a block of this kind does not stand here");
        }
    }
    return sl_chat_fault(rd, block->val, "a block of this kind is not known here");
}

static bool is_kind(const struct sl_json_iter *block, const char *kind)
{
    return sl_json_str_eq(block->key, sl_str_c(kind));
}

/* Reads blocks that become parts of one message. */
static int parts_read(struct sl_chat_reader *rd, struct sl_json_val list, unsigned of, struct sl_message *message)
{
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, list, "a list of blocks is expected");
    }
    message->parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, sl_json_count(list) + 1);
    int r = message->parts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(list), block; r == 0 && sl_json_next(&it);) {
        r = block_open(rd, it.val, &block);
        if (r == 0 && is_kind(&block, "cachePoint")) {
            struct sl_str mark;
            r = sl_bedrock_cache_point_read(rd, block.val, &mark);
            if (r == 0 && message->n_parts) {
                message->parts[message->n_parts - 1].cache_control = mark;
            }
        } else if (r == 0) {
            r = block_read(rd, &block, of, &message->parts[message->n_parts++]);
        }
    }
    return r;
}

/* --- messages --- */

static struct sl_message *message_add(struct sl_chat_reader *rd, enum sl_role role)
{
    struct sl_message *message = &rd->chat->messages[rd->chat->n_messages++];
    message->role = role;
    return message;
}

static int result_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val status = sl_json_get(v, "status"), content = sl_json_get(v, "content");
    struct sl_message *message = message_add(rd, SL_ROLE_TOOL);
    message->tool_id = sl_chat_raw_text(v, "toolUseId");
    message->is_error = sl_json_str_eq(status, SL_STR("error"));
    if (!message->tool_id.p || !sl_json_is_present(content)) {
        return sl_chat_fault(rd, v, "a toolResult has a toolUseId and content");
    }
    if (!message->is_error && !sl_json_is_nothing(status) && !sl_json_str_eq(status, SL_STR("success"))) {
        return sl_chat_fault(rd, status, "success or error is expected");
    }
    return parts_read(rd, content, OF_RESULT, message);
}

/* Reads results and the blocks between them, in their order. */
static int user_read(struct sl_chat_reader *rd, struct sl_json_val content)
{
    struct sl_part *parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, sl_json_count(content) + 1);
    struct sl_message *message = NULL;
    struct sl_str nowhere = SL_STR_NONE, *marked = &nowhere;
    int r = parts ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(content), block; r == 0 && sl_json_next(&it);) {
        r = block_open(rd, it.val, &block);
        if (r < 0) {
            return r;
        }
        if (is_kind(&block, "cachePoint")) {
            r = sl_bedrock_cache_point_read(rd, block.val, marked);
            continue;
        }
        if (is_kind(&block, "toolResult")) {
            message = NULL;
            r = result_read(rd, block.val);
            marked = &rd->chat->messages[rd->chat->n_messages - 1].cache_control;
            continue;
        }
        if (!message) {
            message = message_add(rd, SL_ROLE_USER);
            message->parts = parts;
        }
        message->n_parts++;
        marked = &parts->cache_control;
        r = block_read(rd, &block, OF_USER, parts++);
    }
    return r;
}

static int turn_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val role = sl_json_get(v, "role"), content = sl_json_get(v, "content");
    if (!sl_json_is(content, SL_JSON_ARRAY) || sl_json_count(content) == 0) {
        return sl_chat_fault(rd, sl_json_is_present(content) ? content : v,
                             "content is expected: a list of at least one block");
    }
    if (sl_json_str_eq(role, SL_STR("user"))) {
        return user_read(rd, content);
    }
    if (sl_json_str_eq(role, SL_STR("assistant"))) {
        return parts_read(rd, content, OF_ASSISTANT, message_add(rd, SL_ROLE_ASSISTANT));
    }
    return sl_chat_fault(rd, sl_json_is_present(role) ? role : v,
                         "the role must be user or assistant; instructions go into 'system'");
}

/* The most messages that the turns can become. */
static size_t room_of(struct sl_json_val messages)
{
    size_t n = 1;
    for (struct sl_json_iter it = sl_json_each(messages); sl_json_next(&it);) {
        n += 1 + (size_t)sl_json_count(sl_json_get(it.val, "content"));
    }
    return n;
}

int sl_bedrock_messages_read(struct sl_chat_reader *rd, struct sl_json_val system, struct sl_json_val messages)
{
    if (!sl_json_is(messages, SL_JSON_ARRAY) || sl_json_count(messages) == 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "messages",
                         "messages: a list of at least one message is expected.");
    }
    rd->chat->messages = SL_ARENA_ARRAY(rd->arena, struct sl_message, room_of(messages));
    int r = rd->chat->messages ? 0 : SL_E_NOMEM;
    if (r == 0 && !sl_json_is_nothing(system)) {
        r = parts_read(rd, system, OF_SYSTEM, message_add(rd, SL_ROLE_SYSTEM));
    }
    for (struct sl_json_iter it = sl_json_each(messages); r == 0 && sl_json_next(&it);) {
        r = turn_read(rd, it.val);
    }
    return r;
}
