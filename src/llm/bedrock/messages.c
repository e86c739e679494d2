/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical messages as Converse's blocks. */
#include "llm/bedrock/bedrock.h"
#include "llm/form/form.h"
#include "llm/form/shape.h"

static struct sl_jw *jw(struct sl_bedrock_builder *b)
{
    return &b->body->w;
}

/* Write {"KIND": { … and its end. */
static void block_begin(struct sl_bedrock_builder *b, const char *kind)
{
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), kind);
    sl_jw_object(jw(b));
}

static void block_end(struct sl_bedrock_builder *b)
{
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
}

void sl_bedrock_cache_point_write(struct sl_bedrock_builder *b, struct sl_str cache_control)
{
    bool has_cache = b->conf->family == SL_BEDROCK_CLAUDE || b->conf->family == SL_BEDROCK_NOVA;
    if (!cache_control.p || sl_str_eq_c(cache_control, "null")) {
        return;
    }
    if (!has_cache) {
        sl_body_leave_out(b->body, SL_STR("cache_control"));
        return;
    }
    block_begin(b, "cachePoint");
    sl_jw_member_str(jw(b), "type", SL_STR("default"));
    if (sl_str_find(cache_control, SL_STR("\"1h\""), 0) >= 0) {
        sl_jw_member_str(jw(b), "ttl", SL_STR("1h"));
    }
    block_end(b);
}

static void text_write(struct sl_bedrock_builder *b, struct sl_str text)
{
    sl_body_around(b->body, SL_STR("{\"text\":"), text, SL_STR("}"));
}

/* --- media --- */

/* Media types and endings of names, by Converse's word. */
static const struct format {
    const char *word, *type, *ending;
    bool is_image;
} formats[] = {
    { "png", "image/png", ".png", true },
    { "jpeg", "image/jpeg", ".jpeg", true },
    { "jpeg", "image/jpeg", ".jpg", true },
    { "gif", "image/gif", ".gif", true },
    { "webp", "image/webp", ".webp", true },
    { "pdf", "application/pdf", ".pdf", false },
    { "csv", "text/csv", ".csv", false },
    { "doc", "application/msword", ".doc", false },
    { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx", false },
    { "xls", "application/vnd.ms-excel", ".xls", false },
    { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx", false },
    { "html", "text/html", ".html", false },
    { "md", "text/markdown", ".md", false },
    { "txt", "text/plain", ".txt", false }, /* the last one: for any other text */
};

static const struct format *format_of(const struct sl_media *media, struct sl_str s3)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(formats); i++) {
        if (s3.n ? sl_str_has_suffix(s3, sl_str_c(formats[i].ending)) : sl_str_eq_c(media->mime, formats[i].type)) {
            return &formats[i];
        }
    }
    return !s3.n && sl_str_has_prefix(media->mime, SL_STR("text/")) ? &formats[SL_ARRAY_LEN(formats) - 1] : NULL;
}

const char *sl_bedrock_type_of(struct sl_json_val word, bool is_image)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(formats); i++) {
        if (formats[i].is_image == is_image && sl_json_str_eq(word, sl_str_c(formats[i].word))) {
            return formats[i].type;
        }
    }
    return NULL;
}

/* The name may have letters, digits, single blanks, hyphens, parentheses and brackets; no two documents may have the
 * same. */
static struct sl_str document_name(struct sl_bedrock_builder *b, struct sl_str raw)
{
    static char there;
    char *p = sl_arena_bytes(b->arena, 200);
    size_t n = 0;
    b->n_documents++;
    for (size_t i = 1; p && i + 1 < raw.n && n < 180; i++) {
        char c = raw.p[i];
        bool is_taken = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '(' ||
                        c == ')' || c == '[' || c == ']';
        c = is_taken || c == ' ' ? c : '-';
        if (is_taken || (n && p[n - 1] != c)) {
            p[n++] = c;
        }
    }
    if (!p) {
        return SL_STR_NONE;
    }
    struct sl_str stem = sl_str_trim(sl_str_make(p, n)), name = stem;
    stem = stem.n ? stem : SL_STR("document");
    b->n_names = SL_MAX(b->n_names, b->n_documents); /* it only grows, so a name that is taken is tried only once */
    int r = name.n ? sl_map_put(&b->names, name, &there) : SL_E_EXISTS;
    while (r == SL_E_EXISTS) {
        name = sl_arena_printf(b->arena, "%.*s %u", SL_STR_ARG(stem), b->n_names++);
        r = name.p ? sl_map_put(&b->names, name, &there) : SL_E_NOMEM;
    }
    return r == SL_E_NOMEM ? SL_STR_NONE : name;
}

bool sl_bedrock_cites(const struct sl_bedrock_builder *b)
{
    return b->conf->family == SL_BEDROCK_CLAUDE;
}

/* Writes a document's context, and that it is to be cited. */
static void notes_write(struct sl_bedrock_builder *b, struct sl_str context, bool cites)
{
    if (context.p) {
        sl_body_member(b->body, "context", context);
    }
    if (cites && sl_bedrock_cites(b)) {
        sl_jw_member_raw(jw(b), "citations", SL_STR("{\"enabled\":true}"));
    }
}

static void pieces_write(struct sl_bedrock_builder *b, struct sl_json_val content)
{
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        sl_body_around(b->body, SL_STR("{\"text\":"), sl_json_raw(sl_json_get(it.val, "text")), SL_STR("}"));
    }
    sl_jw_end(jw(b));
}

/* True: the document is to be cited, or has a context; else its text is enough. */
static bool is_cited(const struct sl_bedrock_builder *b, const struct sl_part *part)
{
    bool is_more = part->kind == SL_PART_TEXT && part->found && (part->found->cites || part->found->context.p);
    return is_more && sl_bedrock_cites(b);
}

static int found_write(struct sl_bedrock_builder *b, const struct sl_found *found)
{
    block_begin(b, found->is_document ? "document" : "searchResult");
    if (found->is_document) {
        struct sl_str name = document_name(b, found->title.p ? found->title : SL_STR("\"\""));
        if (!name.p) {
            return SL_E_NOMEM;
        }
        sl_jw_member_str(jw(b), "format", SL_STR("txt"));
        sl_jw_member_str(jw(b), "name", name);
        sl_jw_key(jw(b), "source");
        sl_jw_object(jw(b));
        pieces_write(b, found->content);
        sl_jw_end(jw(b));
    } else {
        sl_body_member(b->body, "source", found->source.p ? found->source : SL_STR("\"\""));
        sl_body_member(b->body, "title", found->title.p ? found->title : SL_STR("\"\""));
        pieces_write(b, found->content);
    }
    notes_write(b, found->context, found->cites);
    block_end(b);
    return 0;
}

static int part_refuse(struct sl_bedrock_builder *b, const struct sl_part *part, const char *text)
{
    char path[128] = "messages";
    if (sl_json_is_present(part->node)) {
        sl_json_path(part->node, path, sizeof(path));
    }
    return sl_refuse(b->call, b->arena, b->error, path, "%s: %s", path, text);
}

static int media_write(struct sl_bedrock_builder *b, const struct sl_part *part)
{
    const struct sl_media *media = part->media;
    struct sl_str s3 = media->file_id.p ? sl_str_sub(media->file_id, 1, media->file_id.n - 1) : SL_STR("");
    const struct format *format = media->base64.n || sl_str_has_prefix(s3, SL_STR("s3://")) ? format_of(media, s3)
                                                                                            : NULL;
    if (!format) {
        return part_refuse(b, part,
                           "Amazon Bedrock models take images and documents as data URIs, or as a file_id s3://… "
                           "whose ending tells what it is.");
    }
    block_begin(b, format->is_image ? "image" : "document");
    sl_jw_member_str(jw(b), "format", sl_str_c(format->word));
    if (!format->is_image) {
        struct sl_str name = document_name(b, media->filename);
        if (!name.p) {
            return SL_E_NOMEM;
        }
        sl_jw_member_str(jw(b), "name", name);
    }
    sl_jw_key(jw(b), "source");
    if (media->base64.n) {
        sl_body_around(b->body, SL_STR("{\"bytes\":\""), media->base64, SL_STR("\"}"));
    } else {
        sl_body_around(b->body, SL_STR("{\"s3Location\":{\"uri\":"), media->file_id, SL_STR("}}"));
    }
    if (!format->is_image) {
        notes_write(b, media->context, media->cites);
    }
    block_end(b);
    if (media->detail.p && !sl_str_eq(media->detail, SL_STR("\"auto\""))) {
        sl_body_leave_out(b->body, SL_STR("image_url.detail"));
    }
    return 0;
}

static int audio_write(struct sl_bedrock_builder *b, const struct sl_part *part)
{
    if (!(b->model->can & SL_MODEL_AUDIO)) {
        return part_refuse(b, part, "this model takes no audio.");
    }
    block_begin(b, "audio");
    sl_body_member(b->body, "format", part->media->format);
    sl_jw_key(jw(b), "source");
    sl_body_around(b->body, SL_STR("{\"bytes\":\""), part->media->base64, SL_STR("\"}"));
    block_end(b);
    return 0;
}

/* --- other parts --- */

static void thinking_write(struct sl_bedrock_builder *b, const struct sl_part *part)
{
    if (!(b->model->can & SL_MODEL_THINKING)) {
        sl_body_leave_out(b->body, SL_STR("messages.thinking_blocks"));
        return;
    }
    block_begin(b, "reasoningContent");
    if (part->redacted.p) {
        sl_body_member(b->body, "redactedContent", part->redacted);
    } else {
        sl_jw_key(jw(b), "reasoningText");
        sl_jw_object(jw(b));
        sl_body_member(b->body, "text", part->text.p ? part->text : SL_STR("\"\""));
        if (part->signature.p) {
            sl_body_member(b->body, "signature", part->signature);
        }
        sl_jw_end(jw(b));
    }
    block_end(b);
}

static void tool_use_write(struct sl_bedrock_builder *b, const struct sl_part *part)
{
    block_begin(b, "toolUse");
    sl_body_member(b->body, "toolUseId", part->call->id);
    sl_body_member(b->body, "name", part->call->name);
    sl_body_member(b->body, "input", part->call->arguments);
    block_end(b);
}

static int part_write(struct sl_bedrock_builder *b, const struct sl_part *part)
{
    int r = 0;
    switch (part->kind) {
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
        if (is_cited(b, part)) {
            r = found_write(b, part->found);
        } else {
            text_write(b, part->text);
        }
        break;
    case SL_PART_IMAGE:
    case SL_PART_FILE:
        r = media_write(b, part);
        break;
    case SL_PART_AUDIO:
        r = audio_write(b, part);
        break;
    case SL_PART_THINKING:
        thinking_write(b, part);
        break;
    case SL_PART_TOOL_CALL:
        tool_use_write(b, part);
        break;
    }
    if (r == 0) {
        sl_bedrock_cache_point_write(b, part->cache_control);
    }
    return r;
}

static int parts_write(struct sl_bedrock_builder *b, const struct sl_message *message)
{
    int r = 0;
    if (message->is_plain) {
        text_write(b, message->text);
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        r = part_write(b, &message->parts[i]);
    }
    return r;
}

/* --- turns --- */

static int result_write(struct sl_bedrock_builder *b, const struct sl_message *message)
{
    int r = 0;
    block_begin(b, "toolResult");
    sl_body_member(b->body, "toolUseId", message->tool_id);
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    if (!message->is_plain || !sl_raw_is_blank(message->text)) {
        r = parts_write(b, message);
    }
    sl_jw_end(jw(b));
    if (message->is_error) {
        sl_jw_member_str(jw(b), "status", SL_STR("error"));
    }
    block_end(b);
    sl_bedrock_cache_point_write(b, message->cache_control);
    return r;
}

static bool has_text(const struct sl_message *message)
{
    bool has = message->is_plain && message->role != SL_ROLE_TOOL;
    for (uint32_t i = 0; i < message->n_parts && !has; i++) {
        has = message->parts[i].kind == SL_PART_TEXT && message->role != SL_ROLE_TOOL;
    }
    return has;
}

static int turn_write(void *builder, uint32_t *io_i)
{
    struct sl_bedrock_builder *b = builder;
    const struct sl_message *message = &b->chat->messages[*io_i];
    bool has_words = false;
    uint32_t n_documents = b->n_documents;
    int r = 0;
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "role", message->role == SL_ROLE_ASSISTANT ? SL_STR("assistant") : SL_STR("user"));
    sl_jw_key(jw(b), "content");
    sl_jw_array(jw(b));
    do {
        message = &b->chat->messages[*io_i];
        has_words |= has_text(message);
        r = message->role == SL_ROLE_TOOL ? result_write(b, message) : parts_write(b, message);
        (*io_i)++;
    } while (r == 0 && *io_i < b->chat->n_messages && b->chat->messages[*io_i].is_joined);
    if (b->n_documents > n_documents && !has_words) {
        text_write(b, SL_STR("\"(document)\"")); /* a document needs a text beside it */
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    return r;
}

/* --- system --- */

#define JSON_WISH "\"Answer with one valid JSON object and nothing else: no code fence, no words around it.\""

static int system_write(struct sl_bedrock_builder *b)
{
    bool wants_json = b->chat->format == SL_ANSWER_JSON, has_any = wants_json;
    int r = 0;
    for (uint32_t i = 0; i < b->chat->n_messages; i++) {
        has_any |= b->chat->messages[i].role == SL_ROLE_SYSTEM;
    }
    if (!has_any) {
        return 0;
    }
    sl_jw_key(jw(b), "system");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < b->chat->n_messages && r == 0; i++) {
        if (b->chat->messages[i].role == SL_ROLE_SYSTEM) {
            r = parts_write(b, &b->chat->messages[i]);
        }
    }
    if (wants_json) {
        text_write(b, SL_STR(JSON_WISH));
    }
    sl_jw_end(jw(b));
    return r;
}

int sl_bedrock_messages_write(struct sl_bedrock_builder *b)
{
    int r = system_write(b);
    return r < 0 ? r : sl_form_turns(jw(b), "messages", b->chat, turn_write, b);
}
