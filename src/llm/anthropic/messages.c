/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages as blocks of the Messages API. */
#include "base/base64.h"
#include "llm/anthropic/anthropic.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/form/form.h"

static struct sl_jw *jw(struct sl_anthropic_builder *b)
{
    return &b->body->w;
}

/* --- blocks --- */

static void block_begin(struct sl_anthropic_builder *b, const char *type)
{
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", sl_str_c(type));
}

static void block_end(struct sl_anthropic_builder *b, struct sl_str cache_control)
{
    if (cache_control.p) {
        sl_body_member(b->body, "cache_control", cache_control);
    }
    sl_jw_end(jw(b));
}

/* Writes a document's context, and that it is to be cited. */
static void notes_write(struct sl_anthropic_builder *b, struct sl_str context, bool cites)
{
    if (context.p) {
        sl_body_member(b->body, "context", context);
    }
    if (cites) {
        sl_jw_member_raw(jw(b), "citations", SL_STR("{\"enabled\":true}"));
    }
}

static void pieces_write(struct sl_anthropic_builder *b, struct sl_json_val content)
{
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        sl_body_around(b->body, SL_STR("{\"type\":\"text\",\"text\":"), sl_json_raw(sl_json_get(it.val, "text")),
                       SL_STR("}"));
    }
    sl_jw_end(jw(b));
}

static void found_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    const struct sl_found *found = part->found;
    struct sl_str title = found->title.p ? found->title : SL_STR("\"\"");
    block_begin(b, found->is_document ? "document" : "search_result");
    if (found->is_document) {
        sl_jw_key(jw(b), "source");
        block_begin(b, "content");
        pieces_write(b, found->content);
        sl_jw_end(jw(b));
    } else {
        sl_body_member(b->body, "source", found->source.p ? found->source : SL_STR("\"\""));
        pieces_write(b, found->content);
    }
    sl_body_member(b->body, "title", title);
    notes_write(b, found->context, found->cites);
    block_end(b, part->cache_control);
}

static void text_write(struct sl_anthropic_builder *b, struct sl_str text, struct sl_str cache_control)
{
    block_begin(b, "text");
    sl_body_member(b->body, "text", text);
    block_end(b, cache_control);
}

/* Writes the source of an image or document. */
static void source_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    sl_jw_key(jw(b), "source");
    if (part->media->base64.n) {
        block_begin(b, "base64");
        sl_jw_member_str(jw(b), "media_type", part->media->mime);
        sl_jw_key(jw(b), "data");
        sl_body_around(b->body, SL_STR("\""), part->media->base64, SL_STR("\""));
    } else if (part->media->url.p) {
        block_begin(b, "url");
        sl_body_member(b->body, "url", part->media->url);
    } else {
        block_begin(b, "file");
        sl_body_member(b->body, "file_id", part->media->file_id);
    }
    sl_jw_end(jw(b));
}

static void title_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    if (part->media->filename.p) {
        sl_body_member(b->body, "title", part->media->filename);
    }
}

/* A text file becomes a text. */
static int text_file_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    struct sl_str text = sl_base64_decode(part->media->base64, b->arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    block_begin(b, "document");
    sl_jw_key(jw(b), "source");
    block_begin(b, "text");
    sl_jw_member_str(jw(b), "media_type", SL_STR("text/plain"));
    sl_jw_member_str(jw(b), "data", text);
    sl_jw_end(jw(b));
    title_write(b, part);
    notes_write(b, part->media->context, part->media->cites);
    block_end(b, part->cache_control);
    return 0;
}

static int refuse_part(struct sl_anthropic_builder *b, const struct sl_part *part, const char *text)
{
    char path[128] = "messages";
    if (sl_json_is_present(part->node)) {
        sl_json_path(part->node, path, sizeof(path));
    }
    return sl_refuse(b->call, b->arena, b->error, path, "%s: %s", path, text);
}

static int file_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    bool is_pdf = part->media->base64.n && sl_str_case_eq(part->media->mime, SL_STR("application/pdf"));
    if (part->media->base64.n && part->media->mime.n > 5 &&
        sl_str_case_eq(sl_str_sub(part->media->mime, 0, 5), SL_STR("text/"))) {
        return text_file_write(b, part);
    }
    if (part->media->base64.n && part->media->mime.n > 6 &&
        sl_str_case_eq(sl_str_sub(part->media->mime, 0, 6), SL_STR("image/"))) {
        block_begin(b, "image");
    } else if (is_pdf || !part->media->base64.n) {
        block_begin(b, "document");
    } else {
        return refuse_part(b, part, "Anthropic models take PDF, text and image files.");
    }
    source_write(b, part);
    if (!part->media->base64.n || is_pdf) {
        title_write(b, part);
        notes_write(b, part->media->context, part->media->cites);
    }
    block_end(b, part->cache_control);
    return 0;
}

static void image_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    block_begin(b, "image");
    source_write(b, part);
    block_end(b, part->cache_control);
    if (part->media->detail.p && !sl_str_eq(part->media->detail, SL_STR("\"auto\""))) {
        sl_body_leave_out(b->body, SL_STR("image_url.detail"));
    }
}

static void thinking_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    block_begin(b, part->redacted.p ? "redacted_thinking" : "thinking");
    if (part->redacted.p) {
        sl_body_member(b->body, "data", part->redacted);
    } else {
        sl_body_member(b->body, "thinking", part->text);
        sl_body_member(b->body, "signature", part->signature);
    }
    sl_jw_end(jw(b));
}

static void tool_use_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    block_begin(b, "tool_use");
    sl_body_member(b->body, "id", part->call->id);
    sl_body_member(b->body, "name", part->call->name);
    sl_body_member(b->body, "input", part->call->arguments);
    block_end(b, part->cache_control);
}

static int part_write(struct sl_anthropic_builder *b, const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
        if (part->kind == SL_PART_TEXT && part->found) {
            found_write(b, part);
        } else {
            text_write(b, part->text, part->cache_control);
        }
        return 0;
    case SL_PART_IMAGE:
        image_write(b, part);
        return 0;
    case SL_PART_FILE:
        return file_write(b, part);
    case SL_PART_AUDIO:
        return refuse_part(b, part, "Anthropic models take no audio.");
    case SL_PART_THINKING:
        thinking_write(b, part);
        return 0;
    case SL_PART_TOOL_CALL:
        tool_use_write(b, part);
        return 0;
    }
    return 0;
}

static int parts_write(struct sl_anthropic_builder *b, const struct sl_message *message)
{
    int r = 0;
    if (message->is_plain) {
        text_write(b, message->text, SL_STR_NONE);
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = part_write(b, &message->parts[i]);
    }
    return r;
}

/* --- messages --- */

/* Writes a string as it came, or blocks. */
static int content_write(struct sl_anthropic_builder *b, const struct sl_message *message)
{
    sl_jw_key(jw(b), "content");
    if (message->is_plain) {
        sl_body_raw(b->body, message->text);
        return 0;
    }
    sl_jw_array(jw(b));
    int r = parts_write(b, message);
    sl_jw_end(jw(b));
    return r;
}

static int result_write(struct sl_anthropic_builder *b, const struct sl_message *message)
{
    int r = 0;
    block_begin(b, "tool_result");
    sl_body_member(b->body, "tool_use_id", message->tool_id);
    if (message->is_plain ? message->text.n > 2 : message->n_parts > 0) {
        r = content_write(b, message);
    }
    if (message->is_error) {
        sl_jw_member_bool(jw(b), "is_error", true);
    }
    block_end(b, message->cache_control);
    return r;
}

/* Writes a turn as one message: results first, because they stand behind their calls. *io_i moves behind the turn. */
static int turn_write(void *builder, uint32_t *io_i)
{
    struct sl_anthropic_builder *b = builder;
    const struct sl_chat *chat = b->chat;
    const struct sl_message *message = &chat->messages[*io_i];
    uint32_t end = *io_i + 1;
    int r = 0;
    while (end < chat->n_messages && chat->messages[end].is_joined) {
        end++;
    }
    bool is_alone = end == *io_i + 1;
    struct sl_str head = message->role == SL_ROLE_ASSISTANT ? SL_STR("{\"role\":\"assistant\",\"content\":")
                                                            : SL_STR("{\"role\":\"user\",\"content\":");
    if (is_alone && message->is_plain && message->role != SL_ROLE_TOOL) {
        sl_body_around(b->body, head, message->text, SL_STR("}"));
        *io_i = end;
        return 0;
    }
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "role", message->role == SL_ROLE_ASSISTANT ? SL_STR("assistant") : SL_STR("user"));
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    for (; r == 0 && *io_i < end; (*io_i)++) {
        message = &chat->messages[*io_i];
        r = message->role == SL_ROLE_TOOL ? result_write(b, message) : parts_write(b, message);
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    return r;
}

int sl_anthropic_messages_write(struct sl_anthropic_builder *b)
{
    return sl_form_turns(jw(b), "messages", b->chat, turn_write, b);
}

/* --- system --- */

#define JSON_WISH "Answer with one valid JSON object and nothing else: no code fence, no words around it."

/* MLflow joins plain texts with a newline. */
static bool can_join(const struct sl_anthropic_builder *b)
{
    bool can = b->call->manners->joins_system;
    for (uint32_t i = 0; i < b->chat->n_messages && can; i++) {
        can = b->chat->messages[i].role != SL_ROLE_SYSTEM || b->chat->messages[i].is_plain;
    }
    return can;
}

static void system_join(struct sl_anthropic_builder *b, bool wants_json)
{
    struct sl_buf *buf = &b->body->buf;
    bool is_first = true;
    sl_jw_raw(jw(b), SL_STR("\""));
    for (uint32_t i = 0; i < b->chat->n_messages; i++) {
        const struct sl_message *message = &b->chat->messages[i];
        if (message->role == SL_ROLE_SYSTEM) {
            struct sl_str text = message->text;
            sl_buf_add_c(buf, is_first ? "" : "\\n");
            sl_buf_add_str(buf, sl_str_sub(text, 1, text.n - 1));
            is_first = false;
        }
    }
    if (wants_json) {
        sl_buf_add_c(buf, is_first ? "" : "\\n");
        sl_buf_add_lit(buf, JSON_WISH);
    }
    sl_buf_add_char(buf, '"');
}

int sl_anthropic_system_write(struct sl_anthropic_builder *b)
{
    bool wants_json = b->chat->format == SL_ANSWER_JSON, has_any = wants_json;
    struct sl_json_val native = sl_chat_member(b->chat, "system");
    for (uint32_t i = 0; i < b->chat->n_messages; i++) {
        has_any |= b->chat->messages[i].role == SL_ROLE_SYSTEM;
    }
    if (!has_any) {
        if (sl_json_is_present(native)) {
            sl_body_member(b->body, "system", sl_json_raw(native));
        }
        return 0;
    }
    if (sl_json_is_present(native)) {
        sl_body_leave_out(b->body, SL_STR("system"));
    }
    sl_jw_key(jw(b), "system");
    if (can_join(b)) {
        system_join(b, wants_json);
        return 0;
    }
    int r = 0;
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < b->chat->n_messages && r == 0; i++) {
        if (b->chat->messages[i].role == SL_ROLE_SYSTEM) {
            r = parts_write(b, &b->chat->messages[i]);
        }
    }
    if (wants_json) {
        text_write(b, SL_STR("\"" JSON_WISH "\""), SL_STR_NONE);
    }
    sl_jw_end(jw(b));
    return r;
}
