/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages in OpenAI's form. */
#include "llm/openai/write_messages.h"

#include "base/base64.h"
#include "llm/openai/host_row.h"

struct writer {
    const struct sl_call *call;
    struct sl_arena *arena;
    struct sl_body *body;
    struct sl_llm_error *error;
    bool gives_thoughts; /* reasoning goes up beside an assistant's text */
};

static struct sl_jw *jw(struct writer *wr)
{
    return &wr->body->w;
}

static int refuse(struct writer *wr, const struct sl_part *part, const char *text)
{
    char path[128] = "messages";
    if (sl_json_is_present(part->node)) {
        sl_json_path(part->node, path, sizeof(path));
    }
    return sl_refuse(wr->call, wr->arena, wr->error, path, "%s: %s", path, text);
}

static void part_begin(struct writer *wr, const char *type)
{
    sl_jw_object(jw(wr));
    sl_jw_member_str(jw(wr), "type", sl_str_c(type));
}

static void text_write(struct writer *wr, struct sl_str raw)
{
    part_begin(wr, "text");
    sl_body_member(wr->body, "text", raw);
    sl_jw_end(jw(wr));
}

static int image_write(struct writer *wr, const struct sl_part *part)
{
    if (!part->media->base64.n && !part->media->url.p) {
        return refuse(wr, part, "this provider takes images as data or by a URL.");
    }
    part_begin(wr, "image_url");
    sl_jw_key(jw(wr), "image_url");
    sl_jw_object(jw(wr));
    int r = sl_chat_place_write(wr->body, wr->arena, "url", part->media);
    if (part->media->detail.p) {
        sl_body_member(wr->body, "detail", part->media->detail);
    }
    sl_jw_end(jw(wr));
    sl_jw_end(jw(wr));
    return r;
}

/* A file of plain text becomes a text. */
static int text_file_write(struct writer *wr, const struct sl_media *media)
{
    struct sl_str text = sl_base64_decode(media->base64, wr->arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    part_begin(wr, "text");
    sl_jw_member_str(jw(wr), "text", text);
    sl_jw_end(jw(wr));
    return 0;
}

static int file_write(struct writer *wr, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    int r = 0;
    if (sl_str_has_prefix(media->mime, SL_STR("text/"))) {
        return text_file_write(wr, media);
    }
    if (media->url.p) {
        return refuse(wr, part, "this provider takes files as data or by a file_id.");
    }
    part_begin(wr, "file");
    sl_jw_key(jw(wr), "file");
    sl_jw_object(jw(wr));
    if (media->base64.n) {
        sl_body_member(wr->body, "filename", media->filename.p ? media->filename : SL_STR("\"document\""));
        r = sl_chat_place_write(wr->body, wr->arena, "file_data", media);
    } else {
        sl_body_member(wr->body, "file_id", media->file_id);
    }
    sl_jw_end(jw(wr));
    sl_jw_end(jw(wr));
    return r;
}

static int audio_write(struct writer *wr, const struct sl_part *part)
{
    part_begin(wr, "input_audio");
    sl_jw_key(jw(wr), "input_audio");
    sl_jw_object(jw(wr));
    sl_jw_key(jw(wr), "data");
    sl_body_around(wr->body, SL_STR("\""), part->media->base64, SL_STR("\""));
    if (part->media->format.p) {
        sl_body_member(wr->body, "format", part->media->format);
    }
    sl_jw_end(jw(wr));
    sl_jw_end(jw(wr));
    return 0;
}

/* --- one message --- */

/* True: a part of `content`; other parts have members of their own. */
static bool is_content(const struct sl_part *part)
{
    return part->kind != SL_PART_THINKING && part->kind != SL_PART_TOOL_CALL && part->kind != SL_PART_REFUSAL;
}

static int part_write(struct writer *wr, const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_TEXT:
        text_write(wr, part->text);
        return 0;
    case SL_PART_IMAGE:
        return image_write(wr, part);
    case SL_PART_FILE:
        return file_write(wr, part);
    case SL_PART_AUDIO:
        return audio_write(wr, part);
    case SL_PART_REFUSAL:
    case SL_PART_THINKING:
    case SL_PART_TOOL_CALL:
        break;
    }
    return 0;
}

static int content_write(struct writer *wr, const struct sl_message *message)
{
    uint32_t n = 0;
    int r = 0;
    for (uint32_t i = 0; i < message->n_parts; i++) {
        n += is_content(&message->parts[i]);
    }
    sl_jw_key(jw(wr), "content");
    if (message->is_plain) {
        sl_body_raw(wr->body, message->text);
        return 0;
    }
    if (n == 0) {
        sl_body_raw(wr->body, message->role == SL_ROLE_ASSISTANT ? SL_STR("null") : SL_STR("\"\""));
        return 0;
    }
    sl_jw_array(jw(wr));
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = is_content(&message->parts[i]) ? part_write(wr, &message->parts[i]) : 0;
    }
    sl_jw_end(jw(wr));
    return r;
}

/* Writes a tool's result, all its texts as one; a failure is noted in it. */
static int result_write(struct writer *wr, const struct sl_message *message)
{
    struct sl_buf *buf = &wr->body->buf;
    sl_body_member(wr->body, "tool_call_id", message->tool_id.p ? message->tool_id : SL_STR("\"\""));
    sl_jw_key(jw(wr), "content");
    sl_jw_raw(jw(wr), SL_STR("\""));
    sl_buf_add_c(buf, message->is_error ? "Error: " : "");
    if (message->is_plain) {
        sl_buf_add_str(buf, sl_str_sub(message->text, 1, message->text.n - 1));
    }
    for (uint32_t i = 0; i < message->n_parts; i++) {
        const struct sl_part *part = &message->parts[i];
        if (part->kind != SL_PART_TEXT) {
            return refuse(wr, part, "this provider takes results of tools as texts only.");
        }
        sl_buf_add_c(buf, i ? "\\n" : "");
        sl_buf_add_str(buf, sl_str_sub(part->text, 1, part->text.n - 1));
    }
    sl_buf_add_char(buf, '"');
    return 0;
}

static void call_write(struct writer *wr, const struct sl_tool_call *call)
{
    sl_jw_object(jw(wr));
    sl_body_member(wr->body, "id", call->id.p ? call->id : SL_STR("\"\""));
    sl_jw_member_str(jw(wr), "type", SL_STR("function"));
    sl_jw_key(jw(wr), "function");
    sl_jw_object(jw(wr));
    sl_body_member(wr->body, "name", call->name);
    sl_jw_member_str(jw(wr), "arguments", call->arguments);
    sl_jw_end(jw(wr));
    sl_jw_end(jw(wr));
}

static void assistant_write(struct writer *wr, const struct sl_message *message)
{
    bool has_calls = false, has_thought = false;
    for (uint32_t i = 0; i < message->n_parts; i++) {
        const struct sl_part *part = &message->parts[i];
        if (part->kind == SL_PART_REFUSAL) {
            sl_body_member(wr->body, "refusal", part->text);
        } else if (part->kind == SL_PART_THINKING && wr->gives_thoughts && part->text.n && !has_thought) {
            sl_body_member(wr->body, "reasoning_content", part->text);
            has_thought = true;
        } else if (part->kind == SL_PART_THINKING) {
            sl_body_leave_out(wr->body, SL_STR("messages.thinking")); /* it has no place in a request */
        } else if (part->kind == SL_PART_TOOL_CALL) {
            if (!has_calls) {
                sl_jw_key(jw(wr), "tool_calls");
                sl_jw_array(jw(wr));
            }
            has_calls = true;
            call_write(wr, part->call);
        }
    }
    if (has_calls) {
        sl_jw_end(jw(wr));
    }
}

static int message_write(struct writer *wr, const struct sl_message *message)
{
    static const char *const roles[] = {
        [SL_ROLE_SYSTEM] = "system", [SL_ROLE_USER] = "user", [SL_ROLE_ASSISTANT] = "assistant",
        [SL_ROLE_TOOL] = "tool",     [SL_ROLE_OTHER] = NULL,
    };
    if (message->role == SL_ROLE_OTHER) {
        return 0;
    }
    sl_jw_object(jw(wr));
    sl_jw_member_str(jw(wr), "role", sl_str_c(roles[message->role]));
    int r = message->role == SL_ROLE_TOOL ? result_write(wr, message) : content_write(wr, message);
    if (message->role == SL_ROLE_ASSISTANT) {
        assistant_write(wr, message);
    }
    sl_jw_end(jw(wr));
    return r;
}

int sl_openai_messages_write(const struct sl_call *call, const struct sl_chat *chat, const struct sl_openai_host *host,
                             struct sl_arena *arena, struct sl_body *body, struct sl_llm_error *ret_error)
{
    struct writer wr = { call, arena, body, ret_error, host && (host->quirks & SL_HOST_THOUGHTS) };
    int r = 0;
    sl_jw_key(&body->w, "messages");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        r = message_write(&wr, &chat->messages[i]);
    }
    sl_jw_end(&body->w);
    return r;
}
