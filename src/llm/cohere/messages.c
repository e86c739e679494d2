/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages in Cohere's form: the same roles; the text beside tool calls is the tool plan. */
#include "base/base64.h"
#include "llm/cohere/cohere.h"

static struct sl_jw *jw(struct sl_cohere_builder *b)
{
    return &b->body->w;
}

static int refuse_part(struct sl_cohere_builder *b, const struct sl_part *part, const char *text)
{
    char path[128] = "messages";
    if (sl_json_is_present(part->node)) {
        sl_json_path(part->node, path, sizeof(path));
    }
    return sl_refuse(b->call, b->arena, b->error, path, "%s: %s", path, text);
}

static bool is_words(const struct sl_part *part)
{
    return part->kind == SL_PART_TEXT || part->kind == SL_PART_REFUSAL;
}

/* --- parts --- */

static void text_write(struct sl_cohere_builder *b, struct sl_str raw)
{
    sl_body_around(b->body, SL_STR("{\"type\":\"text\",\"text\":"), raw, SL_STR("}"));
}

static int image_write(struct sl_cohere_builder *b, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    if (!media->base64.n && !media->url.p) {
        return refuse_part(b, part, "Cohere takes images as data or by a URL.");
    }
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("image_url"));
    sl_jw_key(jw(b), "image_url");
    sl_jw_object(jw(b));
    int r = sl_chat_place_write(b->body, b->arena, "url", media);
    if (media->detail.p) {
        sl_body_member(b->body, "detail", media->detail);
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    return r;
}

/* True: a file of text, which becomes a text; its name has no place. */
static bool is_text_file(const struct sl_part *part)
{
    return part->kind == SL_PART_FILE && part->media->base64.n &&
           sl_str_case_eq(sl_str_sub(part->media->mime, 0, 5), SL_STR("text/"));
}

static int text_file_write(struct sl_cohere_builder *b, const struct sl_part *part)
{
    struct sl_str text = sl_base64_decode(part->media->base64, b->arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    if (!text.n || !sl_str_is_utf8(text)) {
        return refuse_part(b, part, "a file of text must have some, in UTF-8.");
    }
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("text"));
    sl_jw_member_str(jw(b), "text", text);
    sl_jw_end(jw(b));
    return 0;
}

static int part_write(struct sl_cohere_builder *b, const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
        text_write(b, part->text);
        return 0;
    case SL_PART_IMAGE:
        return image_write(b, part);
    case SL_PART_AUDIO:
    case SL_PART_FILE:
        return is_text_file(part) ? text_file_write(b, part)
                                  : refuse_part(b, part, "Cohere models take text, files of text and images only.");
    case SL_PART_THINKING:
    case SL_PART_TOOL_CALL:
        return 0;
    }
    return 0;
}

static int content_write(struct sl_cohere_builder *b, const struct sl_message *message)
{
    int r = 0;
    if (message->is_plain && !message->is_error) {
        sl_body_member(b->body, "content", message->text);
        return 0;
    }
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    if (message->is_error) { /* Cohere has no mark for a failure, so the text says it */
        text_write(b, SL_STR("\"Error:\""));
    }
    if (message->is_plain && message->text.n > 2) {
        text_write(b, message->text);
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = part_write(b, &message->parts[i]);
    }
    sl_jw_end(jw(b));
    return r;
}

/* --- messages of an assistant --- */

static bool has_calls(const struct sl_message *message)
{
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (message->parts[i].kind == SL_PART_TOOL_CALL) {
            return true;
        }
    }
    return false;
}

/* All texts of a message as one raw string; "\"\"" if there are none. */
static struct sl_str words_join(struct sl_cohere_builder *b, const struct sl_message *message)
{
    struct sl_str only = message->is_plain ? message->text : SL_STR("\"\"");
    size_t n = 2, n_words = 0;
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (is_words(&message->parts[i])) {
            only = message->parts[i].text;
            n += only.n - 2;
            n_words++;
        }
    }
    char *p = n_words > 1 ? sl_arena_bytes(b->arena, n) : NULL;
    if (n_words <= 1 || !p) {
        return n_words <= 1 ? only : SL_STR_NONE;
    }
    size_t at = 0;
    p[at++] = '"';
    for (uint32_t i = 0; i < message->n_parts; i++) {
        struct sl_str text = message->parts[i].text;
        if (is_words(&message->parts[i])) {
            memcpy(p + at, text.p + 1, text.n - 2);
            at += text.n - 2;
        }
    }
    p[at++] = '"';
    return sl_str_make(p, at);
}

static int calls_write(struct sl_cohere_builder *b, const struct sl_message *message)
{
    struct sl_str plan = words_join(b, message);
    if (!plan.p) {
        return SL_E_NOMEM;
    }
    if (plan.n > 2) {
        sl_body_member(b->body, "tool_plan", plan);
    }
    sl_jw_key(jw(b), "tool_calls");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < message->n_parts; i++) {
        const struct sl_part *part = &message->parts[i];
        if (part->kind != SL_PART_TOOL_CALL) {
            continue;
        }
        sl_jw_object(jw(b));
        sl_body_member(b->body, "id", part->call->id);
        sl_jw_member_str(jw(b), "type", SL_STR("function"));
        sl_jw_key(jw(b), "function");
        sl_jw_object(jw(b));
        sl_body_member(b->body, "name", part->call->name);
        sl_jw_member_str(jw(b), "arguments", part->call->arguments);
        sl_jw_end(jw(b));
        sl_jw_end(jw(b));
    }
    sl_jw_end(jw(b));
    return 0;
}

/* --- messages of a tool --- */

static int result_write(struct sl_cohere_builder *b, const struct sl_message *message)
{
    sl_body_member(b->body, "tool_call_id", message->tool_id);
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (!is_words(&message->parts[i]) && !is_text_file(&message->parts[i])) {
            return refuse_part(b, &message->parts[i], "Cohere models take a tool's result as text only.");
        }
    }
    return content_write(b, message);
}

/* --- all messages --- */

static void thoughts_leave(struct sl_cohere_builder *b, const struct sl_message *message)
{
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (message->parts[i].kind == SL_PART_THINKING) {
            sl_body_leave_out(b->body, SL_STR("thinking_blocks")); /* another provider's */
        }
    }
}

/* False: nothing is left of the message; it had only another provider's thoughts. */
static bool is_written(const struct sl_message *message)
{
    bool has_any = message->is_plain || message->role == SL_ROLE_TOOL;
    for (uint32_t i = 0; i < message->n_parts && !has_any; i++) {
        has_any = message->parts[i].kind != SL_PART_THINKING;
    }
    return has_any && message->role != SL_ROLE_OTHER;
}

static int message_write(struct sl_cohere_builder *b, const struct sl_message *message)
{
    static const char *const roles[] = {
        [SL_ROLE_SYSTEM] = "system",
        [SL_ROLE_USER] = "user",
        [SL_ROLE_ASSISTANT] = "assistant",
        [SL_ROLE_TOOL] = "tool",
    };
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "role", sl_str_c(roles[message->role]));
    int r = message->role == SL_ROLE_TOOL ? result_write(b, message)
            : has_calls(message)          ? calls_write(b, message)
                                          : content_write(b, message);
    sl_jw_end(jw(b));
    return r;
}

int sl_cohere_messages_write(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    int r = 0;
    sl_jw_key(jw(b), "messages");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        thoughts_leave(b, &chat->messages[i]);
        if (chat->messages[i].role == SL_ROLE_OTHER) {
            sl_body_leave_out(b->body, SL_STR("messages"));
        }
        r = is_written(&chat->messages[i]) ? message_write(b, &chat->messages[i]) : 0;
    }
    sl_jw_end(jw(b));
    return r;
}
