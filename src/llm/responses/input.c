/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages as items of a response's input. An assistant's message becomes several items: one for its
 * text, and one for each call and each piece of reasoning, in their order. */
#include "base/base64.h"
#include "llm/form/refuse.h"
#include "llm/responses/responses.h"

static struct sl_jw *jw(struct sl_responses_builder *b)
{
    return &b->body->w;
}

static void item_begin(struct sl_responses_builder *b, const char *type)
{
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", sl_str_c(type));
}

/* --- parts --- */

static void text_write(struct sl_responses_builder *b, const char *type, const char *key, struct sl_str raw)
{
    item_begin(b, type);
    sl_body_member(b->body, key, raw);
    sl_jw_end(jw(b));
}

static int image_write(struct sl_responses_builder *b, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    int r = 0;
    item_begin(b, "input_image");
    if (media->base64.n || media->url.p) {
        r = sl_chat_place_write(b->body, b->arena, "image_url", media);
    } else if (media->file_id.p) {
        sl_body_member(b->body, "file_id", media->file_id);
    } else {
        r = sl_form_refuse(b->form, part->node, "OpenAI takes images as data, by a URL or by a file_id.");
    }
    sl_body_member(b->body, "detail", media->detail.p ? media->detail : SL_STR("\"auto\""));
    sl_jw_end(jw(b));
    return r;
}

/* A file of plain text becomes a text. */
static int text_file_write(struct sl_responses_builder *b, const struct sl_media *media)
{
    struct sl_str text = sl_base64_decode(media->base64, b->arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    item_begin(b, "input_text");
    sl_jw_member_str(jw(b), "text", text);
    sl_jw_end(jw(b));
    return 0;
}

static int file_write(struct sl_responses_builder *b, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    int r = 0;
    if (sl_str_has_prefix(media->mime, SL_STR("text/"))) {
        return text_file_write(b, media);
    }
    item_begin(b, "input_file");
    if (media->base64.n) {
        sl_body_member(b->body, "filename", media->filename.p ? media->filename : SL_STR("\"document\""));
        r = sl_chat_place_write(b->body, b->arena, "file_data", media);
    } else if (media->url.p) {
        sl_body_member(b->body, "file_url", media->url);
    } else {
        sl_body_member(b->body, "file_id", media->file_id);
    }
    sl_jw_end(jw(b));
    return r;
}

static int part_write(struct sl_responses_builder *b, const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
        text_write(b, "input_text", "text", part->text);
        return 0;
    case SL_PART_IMAGE:
        return image_write(b, part);
    case SL_PART_FILE:
        return file_write(b, part);
    case SL_PART_AUDIO:
        return sl_form_refuse(b->form, part->node, "OpenAI's Responses API takes text, images and files only.");
    case SL_PART_THINKING:
    case SL_PART_TOOL_CALL:
        break; /* an assistant's */
    }
    return 0;
}

static int parts_write(struct sl_responses_builder *b, const char *key, const struct sl_message *message)
{
    int r = 0;
    sl_jw_key(jw(b), key);
    sl_jw_array(jw(b));
    if (message->is_error) {
        sl_jw_raw(jw(b), SL_STR("{\"type\":\"input_text\",\"text\":\"Error:\"}"));
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = part_write(b, &message->parts[i]);
    }
    sl_jw_end(jw(b));
    return r;
}

/* --- items of an assistant --- */

struct words {
    struct sl_responses_builder *b;
    bool is_open; /* a message is open, and texts are added to it */
};

static void words_end(struct words *w)
{
    if (w->is_open) {
        sl_jw_end(jw(w->b));
        sl_jw_end(jw(w->b));
        w->is_open = false;
    }
}

static void words_add(struct words *w, const struct sl_part *part)
{
    bool is_refusal = part->kind == SL_PART_REFUSAL;
    if (part->text.n <= 2) {
        return; /* an empty text says nothing; clients that gather a stream have one beside calls */
    }
    if (!w->is_open) {
        sl_jw_object(jw(w->b));
        sl_jw_member_str(jw(w->b), "role", SL_STR("assistant"));
        sl_jw_key(jw(w->b), "content");
        sl_jw_array(jw(w->b));
        w->is_open = true;
    }
    text_write(w->b, is_refusal ? "refusal" : "output_text", is_refusal ? "refusal" : "text", part->text);
}

static void call_write(struct sl_responses_builder *b, const struct sl_tool_call *call)
{
    item_begin(b, "function_call");
    sl_body_member(b->body, "call_id", call->id);
    sl_body_member(b->body, "name", call->name);
    sl_jw_member_str(jw(b), "arguments", call->arguments);
    sl_jw_end(jw(b));
}

/* True: the reasoning is from here and goes back; false: it is another provider's. */
static bool reasoning_write(struct sl_responses_builder *b, const struct sl_part *part)
{
    struct sl_str raw = part->redacted.p ? part->redacted : part->signature;
    ptrdiff_t colon = sl_str_find_char(raw, ':', 0);
    if (colon < 0 || !sl_str_has_prefix(raw, SL_STR("\"" SL_RESPONSES_REASONING))) {
        return false;
    }
    item_begin(b, "reasoning");
    if ((size_t)colon > sizeof("\"" SL_RESPONSES_REASONING) - 1) {
        sl_jw_key(jw(b), "id");
        sl_body_around(b->body, SL_STR(""), sl_str_sub(raw, 0, (size_t)colon), SL_STR("\""));
    }
    sl_jw_key(jw(b), "summary");
    sl_jw_array(jw(b));
    if (part->text.n > 2) {
        text_write(b, "summary_text", "text", part->text);
    }
    sl_jw_end(jw(b));
    sl_jw_key(jw(b), "encrypted_content");
    sl_body_around(b->body, SL_STR("\""), sl_str_sub(raw, (size_t)colon + 1, raw.n), SL_STR(""));
    sl_jw_end(jw(b));
    return true;
}

static int assistant_write(struct sl_responses_builder *b, const struct sl_message *message)
{
    struct words w = { b, false };
    int r = 0;
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        const struct sl_part *part = &message->parts[i];
        switch (part->kind) {
        case SL_PART_TEXT:
        case SL_PART_REFUSAL:
            words_add(&w, part);
            break;
        case SL_PART_TOOL_CALL:
            words_end(&w);
            call_write(b, part->call);
            break;
        case SL_PART_THINKING:
            words_end(&w);
            if (!reasoning_write(b, part)) {
                sl_body_leave_out(b->body, SL_STR("thinking_blocks"));
            }
            break;
        case SL_PART_IMAGE:
        case SL_PART_AUDIO:
        case SL_PART_FILE:
            r = sl_form_refuse(b->form, part->node, "OpenAI takes text only in an assistant's message.");
            break;
        }
    }
    words_end(&w);
    return r;
}

/* --- items of a tool --- */

/* The API has no mark for a failure, so the text says it. */
static int result_write(struct sl_responses_builder *b, const struct sl_message *message)
{
    static const struct sl_str failed = SL_STR_INIT("\"Error: ");
    int r = 0;
    item_begin(b, "function_call_output");
    sl_body_member(b->body, "call_id", message->tool_id.p ? message->tool_id : SL_STR("\"\""));
    bool is_text = message->is_plain || (message->n_parts == 1 && message->parts[0].kind == SL_PART_TEXT);
    struct sl_str text = message->is_plain ? message->text : is_text ? message->parts[0].text : SL_STR_NONE;
    if (is_text && !message->is_error) {
        sl_body_member(b->body, "output", text);
    } else if (is_text) {
        sl_jw_key(jw(b), "output");
        sl_body_around(b->body, failed, sl_str_sub(text, 1, text.n), SL_STR(""));
    } else if (message->n_parts == 0) {
        sl_body_member(b->body, "output", message->is_error ? SL_STR("\"Error\"") : SL_STR("\"\""));
    } else {
        r = parts_write(b, "output", message);
    }
    sl_jw_end(jw(b));
    return r;
}

/* --- all messages --- */

static int message_write(struct sl_responses_builder *b, const struct sl_message *message)
{
    static const char *const roles[] = {
        [SL_ROLE_SYSTEM] = "system", [SL_ROLE_USER] = "user", [SL_ROLE_ASSISTANT] = "assistant",
        [SL_ROLE_TOOL] = NULL,       [SL_ROLE_OTHER] = NULL,
    };
    if (message->role == SL_ROLE_TOOL) {
        return result_write(b, message);
    }
    if (message->role == SL_ROLE_ASSISTANT && !message->is_plain) {
        return assistant_write(b, message);
    }
    int r = 0;
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "role", sl_str_c(roles[message->role]));
    if (message->is_plain) {
        sl_body_member(b->body, "content", message->text);
    } else {
        r = parts_write(b, "content", message);
    }
    sl_jw_end(jw(b));
    return r;
}

int sl_responses_input_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    int r = 0;
    sl_jw_key(jw(b), "input");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        const struct sl_message *message = &chat->messages[i];
        if (message->role == SL_ROLE_OTHER) {
            sl_body_leave_out(b->body, SL_STR("messages"));
            continue;
        }
        bool is_empty = !message->is_plain && message->n_parts == 0 && message->role != SL_ROLE_TOOL;
        r = is_empty ? 0 : message_write(b, message);
    }
    sl_jw_end(jw(b));
    return r;
}
