/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Google's turns to canonical messages. A turn of the user may have results of functions: each becomes a message
 * of its own, at its place. Consecutive turns of the model become one, and consecutive pieces of a text or a thought
 * become one piece, because clients keep a stream as they got it. */
#include "llm/gemini/read_contents.h"

#include "llm/gemini/member.h"
#include "llm/gemini/read_media.h"
#include "llm/gemini/read_results.h"

/* --- parts --- */

static int signature_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val signature = sl_gemini_get(v, "thoughtSignature");
    struct sl_str closed = SL_STR_NONE;
    if (sl_json_is_nothing(signature)) {
        return 0;
    }
    int r = sl_gemini_signature_read(signature, rd->arena, &part->signature, &closed);
    part->redacted = part->kind == SL_PART_THINKING ? closed : SL_STR_NONE;
    return r;
}

static int text_read(struct sl_gemini_reader *g, struct sl_json_val v, bool is_model, struct sl_part *part)
{
    struct sl_json_val text = sl_json_get(v, "text");
    bool is_thought = is_model && sl_json_is(sl_json_get(v, "thought"), SL_JSON_TRUE);
    if (!sl_json_is(text, SL_JSON_STRING)) {
        return sl_chat_fault(&g->rd, text, "a string is expected");
    }
    part->kind = is_thought ? SL_PART_THINKING : SL_PART_TEXT;
    part->text = sl_json_raw(text);
    return signature_read(&g->rd, v, part);
}

static void left_note(struct sl_gemini_reader *g, enum sl_gemini_left at, struct sl_json_val v)
{
    if (!sl_json_is_present(g->left[at])) {
        g->left[at] = v;
    }
}

enum data {
    D_TEXT,
    D_INLINE,
    D_FILE,
    D_CALL,
    D_RESPONSE,
    D_CODE,
    D_CODE_RESULT,
    D_SERVER_CALL,
    D_SERVER_RESULT,
    D_NONE
};

static const char *const datas[] = {
    [D_TEXT] = "text",
    [D_INLINE] = "inlineData",
    [D_FILE] = "fileData",
    [D_CALL] = "functionCall",
    [D_RESPONSE] = "functionResponse",
    [D_CODE] = "executableCode",
    [D_CODE_RESULT] = "codeExecutionResult",
    [D_SERVER_CALL] = "toolCall",
    [D_SERVER_RESULT] = "toolResponse",
};

/* The kind of a part; *ret_data is the member that shows it. Parts of other APIs get another error than unknown
 * ones. */
static enum data data_of(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_json_val *ret_data)
{
    enum data found = D_NONE;
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        size_t i = 0;
        while (i < SL_ARRAY_LEN(datas) && !sl_gemini_is_key(it.key, datas[i])) {
            i++;
        }
        if (i < SL_ARRAY_LEN(datas) && !sl_json_is(it.val, SL_JSON_NULL)) {
            found = (enum data)i;
            *ret_data = it.val;
        } else if (sl_gemini_is_key(it.key, "videoMetadata")) {
            left_note(g, SL_GEMINI_LEFT_VIDEO, it.val);
        } else if (sl_gemini_is_key(it.key, "mediaResolution")) {
            left_note(g, SL_GEMINI_LEFT_RESOLUTION, it.val);
        }
    }
    return found;
}

static int stranger_refuse(struct sl_gemini_reader *g, struct sl_json_val v)
{
    bool is_other = sl_json_is_present(sl_json_get(v, "type"));
    return sl_chat_fault(&g->rd, v, "a part has text, inlineData, fileData, functionCall or functionResponse%s",
                         is_other ? "; a 'type' belongs to other APIs" : "");
}

/* A part that is left out becomes an empty text, and empty texts do not go up. */
static int part_leave(struct sl_gemini_reader *g, enum sl_gemini_left at, struct sl_json_val v, struct sl_part *part)
{
    left_note(g, at, v);
    part->kind = SL_PART_TEXT;
    part->text = SL_STR("\"\"");
    return 0;
}

static int part_read(struct sl_gemini_reader *g, struct sl_json_val v, bool is_model, struct sl_part *part)
{
    struct sl_json_val data = SL_JSON_ABSENT;
    part->node = v;
    switch (data_of(g, v, &data)) {
    case D_TEXT:
        return text_read(g, v, is_model, part);
    case D_INLINE:
    case D_FILE:
        return is_model ? part_leave(g, SL_GEMINI_LEFT_MEDIA, data, part) : sl_gemini_media_read(&g->rd, v, part);
    case D_CALL: {
        int r = is_model ? sl_gemini_asked_read(g, data, part)
                         : sl_chat_fault(&g->rd, data, "a functionCall stands in a turn of the role model");
        return r < 0 ? r : signature_read(&g->rd, v, part);
    }
    case D_RESPONSE:
        return sl_chat_fault(&g->rd, data, "a functionResponse stands in a turn of the role user");
    case D_CODE:
    case D_CODE_RESULT:
        return part_leave(g, SL_GEMINI_LEFT_CODE, data, part);
    case D_SERVER_CALL:
    case D_SERVER_RESULT:
        return part_leave(g, SL_GEMINI_LEFT_SERVER, data, part);
    case D_NONE:
        break;
    }
    return stranger_refuse(g, v);
}

/* --- pieces --- */

/* True: the part may continue with the next one. A part with a signature is complete. */
static bool may_grow(const struct sl_part *part, const struct sl_part *next)
{
    bool is_text = part->kind == SL_PART_TEXT || part->kind == SL_PART_THINKING;
    return is_text && part->kind == next->kind && !part->signature.p && !part->redacted.p && !next->redacted.p;
}

/* Joins the texts of `n` parts. */
static int run_join(struct sl_chat_reader *rd, const struct sl_part *parts, uint32_t n, struct sl_part *ret)
{
    size_t len = 2;
    *ret = parts[0];
    if (n == 1) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        len += parts[i].text.n - 2;
    }
    char *p = sl_arena_bytes(rd->arena, len);
    if (!p) {
        return SL_E_NOMEM;
    }
    size_t at = 0;
    p[at++] = '"';
    for (uint32_t i = 0; i < n; i++) {
        memcpy(p + at, parts[i].text.p + 1, parts[i].text.n - 2);
        at += parts[i].text.n - 2;
    }
    p[at++] = '"';
    ret->text = sl_str_make(p, at);
    ret->signature = parts[n - 1].signature;
    return 0;
}

static int runs_join(struct sl_chat_reader *rd, struct sl_message *message)
{
    uint32_t n = 0;
    int r = 0;
    for (uint32_t from = 0, to; from < message->n_parts && r == 0; from = to) {
        to = from + 1;
        while (to < message->n_parts && may_grow(&message->parts[to - 1], &message->parts[to])) {
            to++;
        }
        struct sl_part joined;
        r = run_join(rd, &message->parts[from], to - from, &joined);
        bool is_empty = joined.kind == SL_PART_TEXT && joined.text.n <= 2 && !joined.signature.p;
        if (r == 0 && !is_empty) {
            message->parts[n++] = joined;
        }
    }
    message->n_parts = n;
    return r;
}

/* --- turns --- */

static struct sl_message *message_add(struct sl_gemini_reader *g, enum sl_role role)
{
    struct sl_message *message = &g->rd.chat->messages[g->rd.chat->n_messages++];
    message->role = role;
    return message;
}

static int role_read(struct sl_gemini_reader *g, struct sl_json_val content, bool *ret_is_model)
{
    static const struct {
        struct sl_str word;
        bool is_model;
    } roles[] = {
        { SL_STR_INIT("user"), false },     { SL_STR_INIT("model"), true },
        { SL_STR_INIT("function"), false }, /* results, from older clients */
        { SL_STR_INIT("tool"), false },     { SL_STR_INIT(""), false },
    };
    struct sl_json_val role = sl_json_get(content, "role");
    *ret_is_model = false;
    if (!sl_json_is(content, SL_JSON_OBJECT)) {
        return sl_chat_fault(&g->rd, content, "a turn is an object with a role and parts");
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(roles); i++) {
        if (sl_json_is_nothing(role) || sl_json_str_eq(role, roles[i].word)) {
            *ret_is_model = roles[i].is_model;
            return 0;
        }
    }
    return sl_chat_fault(&g->rd, role, "the role must be user or model%s",
                         sl_json_str_eq(role, SL_STR("system"))      ? "; instructions go into systemInstruction"
                         : sl_json_str_eq(role, SL_STR("assistant")) ? ", which is Google's word for assistant"
                                                                     : "");
}

/* Makes a message of one text a plain one: most messages are, and all writers handle these best. */
static void plain_make(struct sl_message *message)
{
    if (message && message->n_parts == 1 && message->parts[0].kind == SL_PART_TEXT && !message->parts[0].signature.p) {
        message->is_plain = true;
        message->text = message->parts[0].text;
        message->n_parts = 0;
    }
}

/* Reads results and the parts between them, in their order. */
static int user_read(struct sl_gemini_reader *g, struct sl_json_val parts)
{
    struct sl_gemini_iter it = sl_gemini_each(parts);
    struct sl_part *room = SL_ARENA_ARRAY(g->rd.arena, struct sl_part, it.n + 1);
    struct sl_message *message = NULL;
    int r = room ? 0 : SL_E_NOMEM;
    while (r == 0 && sl_gemini_next(&it)) {
        struct sl_json_val response = sl_gemini_get(it.val, "functionResponse");
        if (sl_json_is(response, SL_JSON_OBJECT)) {
            plain_make(message);
            message = NULL;
            r = sl_gemini_result_read(g, response, message_add(g, SL_ROLE_TOOL));
            continue;
        }
        if (!message) {
            message = message_add(g, SL_ROLE_USER);
            message->parts = room;
        }
        message->n_parts++;
        r = part_read(g, it.val, false, room++);
    }
    if (r == 0) {
        plain_make(message);
    }
    return r;
}

static int model_read(struct sl_gemini_reader *g, struct sl_json_val parts, struct sl_message *message)
{
    int r = 0;
    for (struct sl_gemini_iter it = sl_gemini_each(parts); r == 0 && sl_gemini_next(&it);) {
        r = part_read(g, it.val, true, &message->parts[message->n_parts++]);
    }
    return r;
}

struct turns {
    struct sl_message *model; /* the open turn of the model, or NULL */
    struct sl_part *room;     /* for the parts of all turns */
};

static int model_close(struct sl_gemini_reader *g, struct turns *turns)
{
    struct sl_message *message = turns->model;
    turns->model = NULL;
    if (!message) {
        return 0;
    }
    turns->room += message->n_parts;
    int r = runs_join(&g->rd, message);
    if (r == 0) {
        plain_make(message);
    }
    return r;
}

static int turn_read(struct sl_gemini_reader *g, struct turns *turns, struct sl_json_val content)
{
    struct sl_json_val parts = sl_json_get(content, "parts");
    bool is_model;
    int r = role_read(g, content, &is_model);
    if (r == 0 && !is_model) {
        r = model_close(g, turns);
        return r < 0 ? r : user_read(g, parts);
    }
    if (r == 0 && !turns->model) {
        sl_gemini_calls_forget(g->calls);
        turns->model = message_add(g, SL_ROLE_ASSISTANT);
        turns->model->parts = turns->room;
    }
    return r < 0 ? r : model_read(g, parts, turns->model);
}

static int system_read(struct sl_gemini_reader *g, struct sl_json_val system)
{
    struct sl_gemini_iter it = sl_gemini_each(sl_json_get(system, "parts"));
    if (sl_json_is_nothing(system)) {
        return 0;
    }
    if (!sl_json_is(system, SL_JSON_OBJECT) || it.n == 0) {
        return sl_chat_fault(&g->rd, system, "an object with parts of text is expected");
    }
    struct sl_message *message = message_add(g, SL_ROLE_SYSTEM);
    message->parts = SL_ARENA_ARRAY(g->rd.arena, struct sl_part, it.n);
    int r = message->parts ? 0 : SL_E_NOMEM;
    while (r == 0 && sl_gemini_next(&it)) {
        if (!sl_json_is(sl_json_get(it.val, "text"), SL_JSON_STRING)) {
            return sl_chat_fault(&g->rd, it.val, "a part of systemInstruction has a text");
        }
        r = part_read(g, it.val, false, &message->parts[message->n_parts++]);
    }
    if (r == 0) {
        plain_make(message);
    }
    return r;
}

int sl_gemini_contents_read(struct sl_gemini_reader *g, struct sl_json_val system, struct sl_json_val contents)
{
    struct turns turns = { 0 };
    size_t n_messages = 1, n_parts = 0;
    struct sl_gemini_iter it = sl_gemini_each(contents);
    if (it.n == 0) {
        return sl_refuse(g->rd.call, g->rd.arena, g->rd.error, "contents",
                         "Missing 'contents': a list of at least one turn is expected.");
    }
    if (!sl_json_is(contents, SL_JSON_ARRAY) && !sl_json_is(contents, SL_JSON_OBJECT)) {
        return sl_chat_fault(&g->rd, contents, "a list of turns is expected");
    }
    while (sl_gemini_next(&it)) {
        size_t n = sl_gemini_each(sl_json_get(it.val, "parts")).n;
        n_messages += n + 1;
        n_parts += n;
    }
    g->rd.chat->messages = SL_ARENA_ARRAY(g->rd.arena, struct sl_message, n_messages);
    turns.room = SL_ARENA_ARRAY(g->rd.arena, struct sl_part, n_parts + 1);
    int r = g->rd.chat->messages && turns.room ? system_read(g, system) : SL_E_NOMEM;
    for (it = sl_gemini_each(contents); r == 0 && sl_gemini_next(&it);) {
        r = turn_read(g, &turns, it.val);
    }
    return r < 0 ? r : model_close(g, &turns);
}
