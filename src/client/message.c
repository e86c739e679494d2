/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a chat. Each keeps its own JSON, so that a part can still be added to the last one, and the last one
 * can be removed. */
#include "client/chat.h"

#include <string.h>

#include "json/write.h"

/* Makes room for one more; NULL when out of memory. */
static struct slc_message *message_room(struct sluice_chat *chat)
{
    if (chat->n_messages == chat->cap_messages) {
        size_t cap = SL_MAX(chat->cap_messages * 2, (size_t)8);
        struct slc_message *more = sl_alloc_resize(&chat->alloc, chat->messages, cap * sizeof(*more));
        if (!more) {
            return NULL;
        }
        chat->messages = more;
        chat->cap_messages = cap;
    }
    struct slc_message *m = &chat->messages[chat->n_messages];
    *m = (struct slc_message){ .body = { .max = SIZE_MAX / 2, .alloc = &chat->alloc } };
    return m;
}

/* Adds the message of message_room, if its body could be written. */
static int message_take(struct sluice_chat *chat, struct slc_message *m)
{
    if (sl_buf_status(&m->body)) {
        sl_buf_done(&m->body);
        return slc_chat_no_memory(chat);
    }
    chat->n_messages++;
    return 0;
}

int sluice_chat_add_n(sluice_chat *chat, const char *role, const char *text, size_t len)
{
    static const char *const roles[] = { "system", "developer", "user", "assistant" };
    const char *known = NULL;
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text(chat, "text", text, len);
    r = r ? r : slc_chat_text_c(chat, "role", role);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(roles); i++) {
        known = strcmp(roles[i], role) == 0 ? roles[i] : known;
    }
    if (!known) {
        return SLC_CHAT_FAIL(chat, "the role must be system, developer, user or assistant, not '%s'%s", role,
                             strcmp(role, "tool") == 0 ? ": use sluice_chat_add_tool_result" : "");
    }
    struct slc_message *m = message_room(chat);
    if (!m) {
        return slc_chat_no_memory(chat);
    }
    m->role = known;
    m->is_text = true;
    struct sl_jw w;
    sl_jw_init(&w, &m->body);
    sl_jw_str(&w, sl_str_make(text, len));
    return message_take(chat, m);
}

int sluice_chat_add(sluice_chat *chat, const char *role, const char *text)
{
    return sluice_chat_add_n(chat, role, text, text ? strlen(text) : 0);
}

/* Adds a part, which is JSON, to the user's last message. */
static int part_add(struct sluice_chat *chat, struct sl_str part)
{
    struct slc_message *last = chat->n_messages ? &chat->messages[chat->n_messages - 1] : NULL;
    if (!last || !last->role || strcmp(last->role, "user") != 0) {
        struct slc_message *m = message_room(chat);
        if (!m) {
            return slc_chat_no_memory(chat);
        }
        m->role = "user";
        sl_buf_add_str(&m->body, part);
        return message_take(chat, m);
    }
    /* A new body beside the old one, so that the old one stays when memory runs out. */
    struct sl_buf body = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    if (last->is_text) {
        sl_buf_add_lit(&body, "{\"type\":\"text\",\"text\":");
    }
    sl_buf_add_str(&body, sl_buf_str(&last->body));
    sl_buf_add_c(&body, last->is_text ? "}," : ",");
    sl_buf_add_str(&body, part);
    if (sl_buf_status(&body)) {
        sl_buf_done(&body);
        return slc_chat_no_memory(chat);
    }
    sl_buf_done(&last->body);
    last->body = body;
    last->is_text = false;
    return 0;
}

/* Takes the buffer on every path. */
static int part_take(struct sluice_chat *chat, struct sl_buf *part)
{
    int r = sl_buf_status(part) ? slc_chat_no_memory(chat) : part_add(chat, sl_buf_str(part));
    sl_buf_done(part);
    return r;
}

static int image_add(struct sluice_chat *chat, struct sl_str url, const char *detail)
{
    struct sl_buf part = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    struct sl_jw w;
    sl_jw_init(&w, &part);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("image_url"));
    sl_jw_key(&w, "image_url");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "url", url);
    if (detail) {
        sl_jw_member_str(&w, "detail", sl_str_c(detail));
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
    return part_take(chat, &part);
}

int sluice_chat_add_image(sluice_chat *chat, const char *url, const char *detail)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text_c(chat, "url", url);
    r = r || !detail ? r : slc_chat_text_c(chat, "detail", detail);
    if (r == 0 && !strchr(url, ':')) {
        r = SLC_CHAT_FAIL(chat, "an image's url must begin with https:, http: or data:");
    }
    return r ? r : image_add(chat, sl_str_c(url), detail);
}

int sluice_chat_add_image_data(sluice_chat *chat, const char *media_type, const void *data, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-/";
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text_c(chat, "media type", media_type);
    if (r == 0 && (!strchr(media_type, '/') || media_type[strspn(media_type, allowed)])) {
        r = SLC_CHAT_FAIL(chat, "'%s' is no media type", media_type);
    }
    if (r == 0 && (!data || !len)) {
        r = SLC_CHAT_FAIL(chat, "the image is empty");
    }
    if (r < 0) {
        return r;
    }
    struct sl_buf url = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    sl_buf_add_lit(&url, "data:");
    sl_buf_add_c(&url, media_type);
    sl_buf_add_lit(&url, ";base64,");
    sl_buf_add_base64(&url, sl_str_make(data, len));
    r = sl_buf_status(&url) ? slc_chat_no_memory(chat) : image_add(chat, sl_buf_str(&url), NULL);
    sl_buf_done(&url);
    return r;
}

int sluice_chat_add_text(sluice_chat *chat, const char *text)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text_c(chat, "text", text);
    if (r < 0) {
        return r;
    }
    struct sl_buf part = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    struct sl_jw w;
    sl_jw_init(&w, &part);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("text"));
    sl_jw_member_str(&w, "text", sl_str_c(text));
    sl_jw_end(&w);
    return part_take(chat, &part);
}

int sluice_chat_add_part(sluice_chat *chat, const char *json, size_t len)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_json_check(chat, "part", json, &len, SL_JSON_OBJECT, "type");
    return r ? r : part_add(chat, sl_str_make(json, len));
}

static void calls_write(struct sl_jw *w, const sluice_result *result)
{
    size_t n = sluice_result_tool_call_count(result);
    if (n == 0) {
        return;
    }
    sl_jw_key(w, "tool_calls");
    sl_jw_array(w);
    for (size_t i = 0; i < n; i++) {
        const sluice_tool_call *call = sluice_result_tool_call(result, i);
        size_t len;
        const char *arguments = sluice_tool_call_arguments(call, &len);
        sl_jw_object(w);
        sl_jw_member_str(w, "id", sl_str_c(sluice_tool_call_id(call) ? sluice_tool_call_id(call) : ""));
        sl_jw_member_str(w, "type", SL_STR("function"));
        sl_jw_key(w, "function");
        sl_jw_object(w);
        sl_jw_member_str(w, "name", sl_str_c(sluice_tool_call_name(call) ? sluice_tool_call_name(call) : ""));
        sl_jw_member_str(w, "arguments", arguments ? sl_str_make(arguments, len) : SL_STR("{}"));
        sl_jw_end(w);
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

int sluice_chat_add_answer(sluice_chat *chat, const sluice_result *result)
{
    size_t len;
    const char *text = sluice_result_text(result, &len);
    int r = slc_chat_check(chat);
    if (r == 0 && !text && !sluice_result_tool_call_count(result)) {
        r = SLC_CHAT_FAIL(chat, "the result has neither text nor tool calls");
    }
    struct slc_message *m = r ? NULL : message_room(chat);
    if (!m) {
        return r ? r : slc_chat_no_memory(chat);
    }
    struct sl_jw w;
    sl_jw_init(&w, &m->body);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "role", SL_STR("assistant"));
    sl_jw_member_str(&w, "content", sl_str_make(text, len));
    calls_write(&w, result);
    sl_jw_end(&w);
    return message_take(chat, m);
}

int sluice_chat_add_tool_result(sluice_chat *chat, const char *call_id, const char *text)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text_c(chat, "tool call's id", call_id);
    r = r ? r : slc_chat_text_c(chat, "text", text);
    struct slc_message *m = r ? NULL : message_room(chat);
    if (!m) {
        return r ? r : slc_chat_no_memory(chat);
    }
    struct sl_jw w;
    sl_jw_init(&w, &m->body);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "role", SL_STR("tool"));
    sl_jw_member_str(&w, "tool_call_id", sl_str_c(call_id));
    sl_jw_member_str(&w, "content", sl_str_c(text));
    sl_jw_end(&w);
    return message_take(chat, m);
}

int sluice_chat_add_message(sluice_chat *chat, const char *json, size_t len)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_json_check(chat, "message", json, &len, SL_JSON_OBJECT, "role");
    struct slc_message *m = r ? NULL : message_room(chat);
    if (!m) {
        return r ? r : slc_chat_no_memory(chat);
    }
    sl_buf_add(&m->body, json, len);
    return message_take(chat, m);
}

int sluice_chat_pop(sluice_chat *chat)
{
    int r = slc_chat_check(chat);
    if (r == 0 && chat->n_messages == 0) {
        r = SLC_CHAT_FAIL(chat, "there is no message to take back");
    }
    if (r == 0) {
        sl_buf_done(&chat->messages[--chat->n_messages].body);
    }
    return r;
}

size_t sluice_chat_count(const sluice_chat *chat)
{
    return chat ? chat->n_messages : 0;
}
