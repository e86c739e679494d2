/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages as contents: turns of user and model, made of parts. System texts stand apart. */
#include "llm/gemini/gemini.h"

#include "base/map.h"

/* Base64 of "skip_thought_signature_validator", which Google documents for a call whose signature was lost. */
#define LOST_SIGNATURE "\"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=\""

static struct sl_jw *jw(struct sl_gemini_builder *b)
{
    return &b->body->w;
}

static int refuse_part(struct sl_gemini_builder *b, const struct sl_part *part, const char *text)
{
    char path[128] = "messages";
    if (sl_json_is_present(part->node)) {
        sl_json_path(part->node, path, sizeof(path));
    }
    return sl_refuse(b->call, b->arena, b->error, path, "%s: %s", path, text);
}

/* --- texts --- */

static bool is_empty(struct sl_str raw)
{
    return raw.n <= 2;
}

static void text_write(struct sl_gemini_builder *b, struct sl_str text, struct sl_str signature)
{
    if (is_empty(text) && !signature.p) {
        return;
    }
    sl_jw_object(jw(b));
    sl_body_member(b->body, "text", text);
    if (signature.p) {
        sl_body_member(b->body, "thoughtSignature", signature);
    }
    sl_jw_end(jw(b));
}

/* --- media --- */

/* A file's type by the ending of its name. */
static const struct {
    struct sl_str ending, type;
} endings[] = {
    { SL_STR_INIT(".png"), SL_STR_INIT("image/png") },         { SL_STR_INIT(".jpg"), SL_STR_INIT("image/jpeg") },
    { SL_STR_INIT(".jpeg"), SL_STR_INIT("image/jpeg") },       { SL_STR_INIT(".webp"), SL_STR_INIT("image/webp") },
    { SL_STR_INIT(".gif"), SL_STR_INIT("image/gif") },         { SL_STR_INIT(".heic"), SL_STR_INIT("image/heic") },
    { SL_STR_INIT(".heif"), SL_STR_INIT("image/heif") },       { SL_STR_INIT(".pdf"), SL_STR_INIT("application/pdf") },
    { SL_STR_INIT(".txt"), SL_STR_INIT("text/plain") },        { SL_STR_INIT(".csv"), SL_STR_INIT("text/csv") },
    { SL_STR_INIT(".html"), SL_STR_INIT("text/html") },        { SL_STR_INIT(".md"), SL_STR_INIT("text/markdown") },
    { SL_STR_INIT(".json"), SL_STR_INIT("application/json") }, { SL_STR_INIT(".mp3"), SL_STR_INIT("audio/mp3") },
    { SL_STR_INIT(".wav"), SL_STR_INIT("audio/wav") },         { SL_STR_INIT(".mp4"), SL_STR_INIT("video/mp4") },
    { SL_STR_INIT(".mov"), SL_STR_INIT("video/mov") },         { SL_STR_INIT(".webm"), SL_STR_INIT("video/webm") },
};

/* The type for a raw URL or file name; "" when it is not known. */
static struct sl_str type_of_name(struct sl_str raw)
{
    if (is_empty(raw)) {
        return SL_STR_NONE;
    }
    struct sl_str name = sl_str_sub(raw, 1, raw.n - 1);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '?' || name.p[i] == '#') {
            name.n = i;
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(endings); i++) {
        size_t n = endings[i].ending.n;
        if (name.n > n && sl_str_case_eq(sl_str_sub(name, name.n - n, name.n), endings[i].ending)) {
            return endings[i].type;
        }
    }
    return SL_STR_NONE;
}

static void inline_write(struct sl_gemini_builder *b, struct sl_str type, struct sl_str base64)
{
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "inlineData");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "mimeType", type);
    sl_jw_key(jw(b), "data");
    sl_body_around(b->body, SL_STR("\""), base64, SL_STR("\""));
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
}

static int named_write(struct sl_gemini_builder *b, const struct sl_part *part, struct sl_str uri)
{
    struct sl_str type = type_of_name(uri);
    type = type.n ? type : type_of_name(part->media->filename);
    if (!type.n && b->conf->needs_media_type) {
        return refuse_part(b, part,
                           "this provider must be told the type of a file: its name must end in one, as in "
                           ".png or .pdf; or send it as a data URI.");
    }
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "fileData");
    sl_jw_object(jw(b));
    if (type.n) {
        sl_jw_member_str(jw(b), "mimeType", type);
    }
    sl_body_member(b->body, "fileUri", uri);
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    return 0;
}

/* True: a file that was uploaded to Google before; its name is its URI. */
static bool is_own_file(struct sl_str raw)
{
    static const char *const begins[] = { "\"https://", "\"gs://", "\"files/" };
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        if (sl_str_has_prefix(raw, sl_str_c(begins[i]))) {
            return true;
        }
    }
    return false;
}

static int media_write(struct sl_gemini_builder *b, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    if (media->detail.p && !sl_str_eq(media->detail, SL_STR("\"auto\""))) {
        sl_body_leave_out(b->body, SL_STR("image_url.detail"));
    }
    if (part->kind == SL_PART_AUDIO) {
        bool is_wav = sl_str_eq(media->format, SL_STR("\"wav\""));
        inline_write(b, is_wav ? SL_STR("audio/wav") : SL_STR("audio/mp3"), media->base64);
        return 0;
    }
    if (media->base64.n) {
        inline_write(b, media->mime, media->base64);
        return 0;
    }
    if (media->url.p) {
        return named_write(b, part, media->url);
    }
    if (!is_own_file(media->file_id)) {
        return refuse_part(b, part, "file_id must be the URI of a file at Google: files/…, https://… or gs://….");
    }
    return named_write(b, part, media->file_id);
}

/* --- calls --- */

static bool has_id(const struct sl_gemini_builder *b, struct sl_str raw)
{
    return !b->conf->has_no_ids && !is_empty(raw) && !sl_str_has_prefix(raw, SL_STR("\"" SL_GEMINI_MADE_ID));
}

static void call_write(struct sl_gemini_builder *b, const struct sl_part *part, bool needs_signature)
{
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "functionCall");
    sl_jw_object(jw(b));
    if (has_id(b, part->call->id)) {
        sl_body_member(b->body, "id", part->call->id);
    }
    sl_body_member(b->body, "name", part->call->name);
    sl_body_member(b->body, "args", part->call->arguments);
    sl_jw_end(jw(b));
    if (part->signature.p) {
        sl_body_member(b->body, "thoughtSignature", part->signature);
    } else if (needs_signature) {
        sl_body_member(b->body, "thoughtSignature", SL_STR(LOST_SIGNATURE));
    }
    sl_jw_end(jw(b));
}

/* --- results --- */

/* All texts of a message as one raw string, with a line for each. */
static struct sl_str texts_join(struct sl_gemini_builder *b, const struct sl_message *message)
{
    if (message->is_plain) {
        return message->text;
    }
    size_t n = 2, n_texts = 0;
    struct sl_str only = SL_STR("\"\"");
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (message->parts[i].kind == SL_PART_TEXT) {
            only = message->parts[i].text;
            n += only.n;
            n_texts++;
        }
    }
    char *p = n_texts > 1 ? sl_arena_bytes(b->arena, n) : NULL;
    if (n_texts <= 1) {
        return only;
    }
    if (!p) {
        return SL_STR_NONE;
    }
    size_t at = 0;
    p[at++] = '"';
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (message->parts[i].kind == SL_PART_TEXT) {
            struct sl_str text = message->parts[i].text;
            if (at > 1) {
                memcpy(p + at, "\\n", 2);
                at += 2;
            }
            memcpy(p + at, text.p + 1, text.n - 2);
            at += text.n - 2;
        }
    }
    p[at++] = '"';
    return sl_str_make(p, at);
}

static bool may_be_object(struct sl_str raw)
{
    size_t i = 1;
    while (i + 2 < raw.n && (raw.p[i] == ' ' || (raw.p[i] == '\\' && strchr("ntr", raw.p[i + 1])))) {
        i += raw.p[i] == ' ' ? 1 : 2;
    }
    return i < raw.n && raw.p[i] == '{';
}

/* A result that is the JSON of an object becomes that object; otherwise *ret stays as it is. */
static int object_read(struct sl_gemini_builder *b, struct sl_str raw, struct sl_str *ret)
{
    if (!may_be_object(raw)) {
        return 0;
    }
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = SL_JSON_TOKENS_MAX, .record_depth = 1 };
    struct sl_json doc;
    struct sl_str text = SL_STR_NONE;
    sl_json_init(&doc, &limits);
    doc.budget = b->env->scratch->budget;
    int r = sl_json_parse(&doc, raw);
    r = r < 0 ? r : sl_json_text(sl_json_root(&doc), b->arena, &text);
    r = r < 0 ? r : sl_json_parse(&doc, text);
    if (r == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT)) {
        *ret = sl_json_raw(sl_json_root(&doc));
    }
    sl_json_done(&doc);
    return r == SL_E_NOMEM ? r : 0; /* no JSON, so it is a text */
}

/* `name` is that of its call. */
static int result_write(struct sl_gemini_builder *b, const struct sl_message *message, struct sl_str name)
{
    struct sl_str text = texts_join(b, message), object = SL_STR_NONE;
    int r = text.p ? object_read(b, text, &object) : SL_E_NOMEM;
    if (r < 0) {
        return r;
    }
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "functionResponse");
    sl_jw_object(jw(b));
    if (has_id(b, message->tool_id)) {
        sl_body_member(b->body, "id", message->tool_id);
    }
    sl_body_member(b->body, "name", name);
    sl_jw_key(jw(b), "response");
    if (message->is_error) {
        sl_body_around(b->body, SL_STR("{\"error\":"), text, SL_STR("}"));
    } else if (object.p) {
        sl_body_raw(b->body, object);
    } else {
        sl_body_around(b->body, SL_STR("{\"output\":"), text, SL_STR("}"));
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    return 0;
}

/* --- turns --- */

static int part_write(struct sl_gemini_builder *b, const struct sl_part *part, bool *io_needs_signature)
{
    switch (part->kind) {
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
        text_write(b, part->text, part->signature);
        return 0;
    case SL_PART_IMAGE:
    case SL_PART_AUDIO:
    case SL_PART_FILE:
        return media_write(b, part);
    case SL_PART_THINKING:
        sl_body_leave_out(b->body, SL_STR("thinking_blocks")); /* another provider's */
        return 0;
    case SL_PART_TOOL_CALL:
        call_write(b, part, *io_needs_signature);
        *io_needs_signature = false; /* the first call of a step has the signature */
        return 0;
    }
    return 0;
}

static int message_write(struct sl_gemini_builder *b, uint32_t at, bool is_current)
{
    const struct sl_message *message = &b->chat->messages[at];
    bool needs_signature = is_current && (b->model->can & SL_MODEL_SIGNS);
    int r = 0;
    if (message->is_plain) {
        text_write(b, message->text, SL_STR_NONE);
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = part_write(b, &message->parts[i], &needs_signature);
    }
    return r;
}

/* The results of messages [from, end) by their raw ids: llm/form has given each call a different id. */
static int results_map(struct sl_gemini_builder *b, uint32_t from, uint32_t end, struct sl_map *by_id)
{
    int r = 0;
    for (uint32_t i = from; i < end && r == 0; i++) {
        r = sl_map_put(by_id, b->chat->messages[i].tool_id, &b->chat->messages[i]);
    }
    return r;
}

/* Writes the result of a call, and the parts beside its text. */
static int result_of_call(struct sl_gemini_builder *b, const struct sl_map *by_id, const struct sl_tool_call *call)
{
    const struct sl_message *message = sl_map_find(by_id, call->id);
    bool no_signature = false;
    if (!message) {
        return 0;
    }
    int r = result_write(b, message, call->name);
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = message->parts[i].kind == SL_PART_TEXT ? 0 : part_write(b, &message->parts[i], &no_signature);
    }
    return r;
}

/* Writes results in the order of their calls: without ids only the order tells them apart. llm/form has put all of them
 * behind the message with their calls. *io_at becomes the last of them. */
static int results_write(struct sl_gemini_builder *b, uint32_t *io_at)
{
    const struct sl_message *messages = b->chat->messages;
    uint32_t from = *io_at, end = from;
    while (end < b->chat->n_messages && messages[end].role == SL_ROLE_TOOL) {
        end++;
    }
    struct sl_map by_id = { 0 };
    int r = results_map(b, from, end, &by_id);
    for (uint32_t i = 0; from > 0 && i < messages[from - 1].n_parts && r == 0; i++) {
        const struct sl_part *part = &messages[from - 1].parts[i];
        r = part->kind == SL_PART_TOOL_CALL ? result_of_call(b, &by_id, part->call) : 0;
    }
    sl_map_done(&by_id);
    *io_at = end - 1;
    return r;
}

static bool is_written(const struct sl_message *message)
{
    if (message->role == SL_ROLE_SYSTEM || message->role == SL_ROLE_OTHER) {
        return false;
    }
    bool has_any = message->role == SL_ROLE_TOOL || (message->is_plain && !is_empty(message->text));
    for (uint32_t i = 0; i < message->n_parts && !has_any; i++) {
        const struct sl_part *part = &message->parts[i];
        bool is_text = part->kind == SL_PART_TEXT || part->kind == SL_PART_REFUSAL;
        has_any = is_text ? !is_empty(part->text) || part->signature.p : part->kind != SL_PART_THINKING;
    }
    return has_any;
}

/* A message with nothing else gets no part. */
static void thoughts_leave(struct sl_gemini_builder *b, const struct sl_message *message)
{
    for (uint32_t i = 0; i < message->n_parts; i++) {
        if (message->parts[i].kind == SL_PART_THINKING) {
            sl_body_leave_out(b->body, SL_STR("thinking_blocks"));
        }
    }
}

/* Calls after the user's last message belong to the current turn, so their signatures count. */
static uint32_t current_from(const struct sl_chat *chat)
{
    uint32_t from = chat->n_messages;
    while (from > 0 && chat->messages[from - 1].role != SL_ROLE_USER) {
        from--;
    }
    return from;
}

/* True: the turn is one plain text. Most turns are, and long conversations consist of them. */
static bool is_alone(const struct sl_chat *chat, uint32_t at)
{
    const struct sl_message *message = &chat->messages[at];
    bool is_last = at + 1 == chat->n_messages;
    return message->is_plain && message->role != SL_ROLE_TOOL && !message->is_joined &&
           (is_last || (!chat->messages[at + 1].is_joined && chat->messages[at + 1].role != SL_ROLE_OTHER));
}

static void alone_write(struct sl_gemini_builder *b, const struct sl_message *message)
{
    struct sl_str before = message->role == SL_ROLE_ASSISTANT ? SL_STR("{\"role\":\"model\",\"parts\":[{\"text\":")
                                                              : SL_STR("{\"role\":\"user\",\"parts\":[{\"text\":");
    sl_body_around(b->body, before, message->text, SL_STR("}]}"));
}

static void turn_close(struct sl_gemini_builder *b, bool *io_is_open)
{
    if (*io_is_open) {
        sl_jw_end(jw(b));
        sl_jw_end(jw(b));
        *io_is_open = false;
    }
}

static int contents_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    uint32_t current = current_from(chat);
    bool is_open = false, is_model = false;
    int r = 0;
    sl_jw_key(jw(b), "contents");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        const struct sl_message *message = &chat->messages[i];
        if (message->role == SL_ROLE_OTHER) {
            sl_body_leave_out(b->body, SL_STR("messages"));
        }
        if (!is_written(message)) {
            thoughts_leave(b, message);
            continue;
        }
        bool is_other = (message->role == SL_ROLE_ASSISTANT) != is_model;
        if (is_other) {
            turn_close(b, &is_open);
        }
        if (!is_open && is_alone(chat, i)) {
            alone_write(b, message);
            continue;
        }
        if (!is_open) {
            is_open = true;
            is_model = message->role == SL_ROLE_ASSISTANT;
            sl_jw_object(jw(b));
            sl_jw_member_str(jw(b), "role", is_model ? SL_STR("model") : SL_STR("user"));
            sl_jw_key(jw(b), "parts");
            sl_jw_array(jw(b));
        }
        r = message->role == SL_ROLE_TOOL ? results_write(b, &i) : message_write(b, i, i >= current);
    }
    turn_close(b, &is_open);
    sl_jw_end(jw(b));
    return r;
}

static int system_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val prompt = sl_chat_member(chat, "system_prompt");
    bool has_prompt = sl_json_is(prompt, SL_JSON_STRING), is_open = false, no_signature = false;
    int r = 0;
    for (uint32_t i = 0; i < chat->n_messages + has_prompt && r == 0; i++) {
        bool is_prompt = i == chat->n_messages;
        const struct sl_message *message = is_prompt ? NULL : &chat->messages[i];
        if (message && message->role != SL_ROLE_SYSTEM) {
            continue;
        }
        if (!is_open) {
            is_open = true;
            sl_jw_key(jw(b), "systemInstruction");
            sl_jw_object(jw(b));
            sl_jw_key(jw(b), "parts");
            sl_jw_array(jw(b));
        }
        if (is_prompt) {
            text_write(b, sl_json_raw(prompt), SL_STR_NONE);
        } else if (message->is_plain) {
            text_write(b, message->text, SL_STR_NONE);
        }
        for (uint32_t k = 0; message && k < message->n_parts && r == 0; k++) {
            r = part_write(b, &message->parts[k], &no_signature);
        }
    }
    if (is_open) {
        sl_jw_end(jw(b));
        sl_jw_end(jw(b));
    }
    return r;
}

int sl_gemini_contents_write(struct sl_gemini_builder *b)
{
    int r = system_write(b);
    return r < 0 ? r : contents_write(b);
}
