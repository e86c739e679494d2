/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a chat query: its error, its tools and settings, and the whole body, put together when it is asked for.
 * message.c adds the messages. */
#include "client/chat.h"

#include <math.h>
#include <string.h>

#include "json/write.h"

/* --- making and freeing --- */

sluice_chat *sluice_chat_new_alloc(sluice_alloc_fn fn, void *arg)
{
    struct sl_alloc alloc = { fn, arg };
    struct sluice_chat *chat = slc_zalloc(&alloc, sizeof(*chat));
    if (chat) {
        chat->alloc = alloc;
        chat->tools = (struct sl_buf){ .max = SIZE_MAX / 2, .alloc = &chat->alloc };
        chat->json = chat->tools;
    }
    return chat;
}

sluice_chat *sluice_chat_new(void)
{
    return sluice_chat_new_alloc(NULL, NULL);
}

static void setting_done(struct sluice_chat *chat, struct slc_setting *setting)
{
    sl_alloc_free(&chat->alloc, setting->name);
    sl_buf_done(&setting->value);
}

void sluice_chat_free(sluice_chat *chat)
{
    if (!chat) {
        return;
    }
    for (size_t i = 0; i < chat->n_messages; i++) {
        sl_buf_done(&chat->messages[i].body);
    }
    for (size_t i = 0; i < chat->n_settings; i++) {
        setting_done(chat, &chat->settings[i]);
    }
    sl_buf_done(&chat->tools);
    sl_buf_done(&chat->json);
    sluice_error_free(chat->err);
    struct sl_alloc alloc = chat->alloc;
    sl_alloc_free(&alloc, chat->messages);
    sl_alloc_free(&alloc, chat->settings);
    sl_alloc_free(&alloc, chat);
}

const sluice_error *sluice_chat_error(const sluice_chat *chat)
{
    return chat ? chat->err : NULL;
}

void sluice_chat_clear_error(sluice_chat *chat)
{
    if (chat) {
        sluice_error_free(chat->err);
        chat->err = NULL;
    }
}

/* --- errors --- */

int slc_chat_no_memory(struct sluice_chat *chat)
{
    return slc_fail(&chat->alloc, &chat->err, SLUICE_ENOMEM, "out of memory");
}

int slc_chat_check(const struct sluice_chat *chat)
{
    return chat ? sluice_error_code(chat->err) : SLUICE_EUSAGE;
}

int slc_chat_text(struct sluice_chat *chat, const char *what, const char *text, size_t n)
{
    if (!text) {
        return SLC_CHAT_FAIL(chat, "the %s is NULL", what);
    }
    if (!sl_str_is_utf8(sl_str_make(text, n))) {
        return SLC_CHAT_FAIL(chat, "the %s is not UTF-8", what);
    }
    return 0;
}

int slc_chat_text_c(struct sluice_chat *chat, const char *what, const char *text)
{
    return slc_chat_text(chat, what, text, text ? strlen(text) : 0);
}

int slc_chat_json_check(struct sluice_chat *chat, const char *what, const char *json, size_t *io_len, int kind,
                        const char *key)
{
    struct slc_doc doc;
    if (!json) {
        return SLC_CHAT_FAIL(chat, "the %s is NULL", what);
    }
    *io_len = *io_len == SLUICE_NUL_TERMINATED ? strlen(json) : *io_len;
    int r = slc_doc_parse(&doc, &chat->alloc, sl_str_make(json, *io_len), false);
    if (r < 0) {
        return r == SL_E_NOMEM ? slc_chat_no_memory(chat)
                               : SLC_CHAT_FAIL(chat, "the %s is not JSON: %s at offset %zu", what,
                                               sl_json_fault_text(doc.json.fault), doc.json.fault_offset);
    }
    struct sl_json_val root = sl_json_root(&doc.json);
    bool fits = kind < 0 || (int)sl_json_tok(root)->kind == kind;
    bool has_key = !key || sl_json_is(sl_json_get(root, key), SL_JSON_STRING);
    slc_doc_done(&doc, &chat->alloc);
    if (!fits) {
        return SLC_CHAT_FAIL(chat, "the %s must be a JSON object", what);
    }
    return has_key ? 0 : SLC_CHAT_FAIL(chat, "the %s has no %s", what, key);
}

/* --- tools and settings --- */

static struct slc_setting *setting_find(const struct sluice_chat *chat, const char *name)
{
    for (size_t i = 0; i < chat->n_settings; i++) {
        if (strcmp(chat->settings[i].name, name) == 0) {
            return &chat->settings[i];
        }
    }
    return NULL;
}

int sluice_chat_add_tool(sluice_chat *chat, const char *name, const char *description, const char *parameters,
                         size_t parameters_len)
{
    int r = slc_chat_check(chat);
    r = r ? r : slc_chat_text_c(chat, "tool's name", name);
    r = r || !description ? r : slc_chat_text_c(chat, "description", description);
    r = r || !parameters ? r
                         : slc_chat_json_check(chat, "parameters", parameters, &parameters_len, SL_JSON_OBJECT, NULL);
    if (r == 0 && setting_find(chat, "tools")) {
        r = SLC_CHAT_FAIL(chat, "tools has been set as JSON");
    }
    if (r < 0) {
        return r;
    }
    struct sl_buf tool = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    struct sl_jw w;
    sl_jw_init(&w, &tool);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("function"));
    sl_jw_key(&w, "function");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "name", sl_str_c(name));
    if (description) {
        sl_jw_member_str(&w, "description", sl_str_c(description));
    }
    if (parameters) {
        sl_jw_member_raw(&w, "parameters", sl_str_make(parameters, parameters_len));
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
    if (sl_buf_status(&tool) || sl_buf_reserve(&chat->tools, tool.len + 1)) {
        chat->tools.status = 0; /* nothing of it was written */
        sl_buf_done(&tool);
        return slc_chat_no_memory(chat);
    }
    if (chat->tools.len) {
        sl_buf_add_char(&chat->tools, ',');
    }
    sl_buf_add_str(&chat->tools, sl_buf_str(&tool));
    sl_buf_done(&tool);
    return 0;
}

static int name_check(struct sluice_chat *chat, const char *name)
{
    int r = slc_chat_text_c(chat, "name", name);
    if (r < 0) {
        return r;
    }
    bool is_ours = strcmp(name, "messages") == 0 || strcmp(name, "stream") == 0 ||
                   (strcmp(name, "tools") == 0 && chat->tools.len);
    return is_ours || !*name ? SLC_CHAT_FAIL(chat, "'%s' cannot be set: it is the library's", name) : 0;
}

static void setting_remove(struct sluice_chat *chat, const char *name)
{
    struct slc_setting *old = setting_find(chat, name);
    if (old) {
        setting_done(chat, old);
        size_t behind = (size_t)(chat->settings + --chat->n_settings - old);
        memmove(old, old + 1, behind * sizeof(*old));
    }
}

/* Takes the value on every path. */
static int setting_take(struct sluice_chat *chat, const char *name, struct sl_buf *value)
{
    struct slc_setting *old = setting_find(chat, name);
    if (!old && chat->n_settings == chat->cap_settings) {
        size_t cap = SL_MAX(chat->cap_settings * 2, (size_t)8);
        struct slc_setting *more = sl_alloc_resize(&chat->alloc, chat->settings, cap * sizeof(*more));
        value->status = more ? value->status : SL_E_NOMEM;
        chat->settings = more ? more : chat->settings;
        chat->cap_settings = more ? cap : chat->cap_settings;
    }
    char *copy = old || sl_buf_status(value) ? NULL : slc_dup(&chat->alloc, name, strlen(name));
    if (sl_buf_status(value) || (!old && !copy)) {
        sl_buf_done(value);
        return slc_chat_no_memory(chat);
    }
    if (old) {
        sl_buf_done(&old->value);
        old->value = *value;
    } else {
        chat->settings[chat->n_settings++] = (struct slc_setting){ copy, *value };
    }
    return 0;
}

int sluice_chat_set_str(sluice_chat *chat, const char *name, const char *value)
{
    int r = slc_chat_check(chat);
    r = r ? r : name_check(chat, name);
    r = r || !value ? r : slc_chat_text_c(chat, name, value);
    if (r == 0 && !value) {
        setting_remove(chat, name);
    }
    if (r < 0 || !value) {
        return r;
    }
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_str_c(&w, value);
    return setting_take(chat, name, &out);
}

int sluice_chat_set_int(sluice_chat *chat, const char *name, int64_t value)
{
    int r = slc_chat_check(chat);
    r = r ? r : name_check(chat, name);
    if (r < 0) {
        return r;
    }
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    sl_buf_add_i64(&out, value);
    return setting_take(chat, name, &out);
}

int sluice_chat_set_double(sluice_chat *chat, const char *name, double value)
{
    int r = slc_chat_check(chat);
    r = r ? r : name_check(chat, name);
    if (r == 0 && !isfinite(value)) {
        r = SLC_CHAT_FAIL(chat, "%s must be a finite number", name);
    }
    if (r < 0) {
        return r;
    }
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_double(&w, value);
    return setting_take(chat, name, &out);
}

int sluice_chat_set_bool(sluice_chat *chat, const char *name, int value)
{
    return sluice_chat_set_json(chat, name, value ? "true" : "false", SLUICE_NUL_TERMINATED);
}

int sluice_chat_set_json(sluice_chat *chat, const char *name, const char *json, size_t len)
{
    int r = slc_chat_check(chat);
    r = r ? r : name_check(chat, name);
    r = r || !json ? r : slc_chat_json_check(chat, name, json, &len, -1, NULL);
    if (r == 0 && !json) {
        setting_remove(chat, name);
    }
    if (r < 0 || !json) {
        return r;
    }
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &chat->alloc };
    sl_buf_add(&out, json, len);
    return setting_take(chat, name, &out);
}

/* --- sending --- */

static void message_write(struct sl_jw *w, const struct slc_message *m)
{
    if (!m->role) {
        sl_jw_raw(w, sl_buf_str(&m->body));
        return;
    }
    sl_jw_object(w);
    sl_jw_member_str(w, "role", sl_str_c(m->role));
    sl_jw_key(w, "content");
    if (m->is_text) {
        sl_jw_raw(w, sl_buf_str(&m->body));
    } else {
        sl_jw_array(w);
        sl_jw_raw(w, sl_buf_str(&m->body));
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

const char *sluice_chat_json(sluice_chat *chat, size_t *len)
{
    if (len) {
        *len = 0;
    }
    if (slc_chat_check(chat) < 0) {
        return NULL;
    }
    sl_buf_reset(&chat->json);
    struct sl_jw w;
    sl_jw_init(&w, &chat->json);
    sl_jw_object(&w);
    sl_jw_key(&w, "messages");
    sl_jw_array(&w);
    for (size_t i = 0; i < chat->n_messages; i++) {
        message_write(&w, &chat->messages[i]);
    }
    sl_jw_end(&w);
    for (size_t i = 0; i < chat->n_settings; i++) {
        sl_jw_key_str(&w, sl_str_c(chat->settings[i].name));
        sl_jw_raw(&w, sl_buf_str(&chat->settings[i].value));
    }
    if (chat->tools.len) {
        sl_jw_key(&w, "tools");
        sl_jw_array(&w);
        sl_jw_raw(&w, sl_buf_str(&chat->tools));
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    sl_buf_add_char(&chat->json, '\0');
    if (sl_buf_status(&chat->json)) {
        SL_IGNORE(slc_chat_no_memory(chat)); /* the error is kept in the chat */
        return NULL;
    }
    if (len) {
        *len = chat->json.len - 1;
    }
    return chat->json.p;
}

/* The body; an error of the chat becomes the call's. */
static int body_get(struct sluice_chat *chat, const char **ret, size_t *ret_len, sluice_error **err)
{
    int r = slc_need(chat, "chat", err);
    *ret = r ? NULL : sluice_chat_json(chat, ret_len);
    return r || *ret ? r : slc_fail_copy(&chat->alloc, err, chat->err);
}

int sluice_chat_query(sluice_client *client, const char *route, sluice_chat *chat, sluice_result **result,
                      sluice_error **err)
{
    const char *json;
    size_t len;
    int r = body_get(chat, &json, &len, err);
    return r ? r : sluice_query(client, route, json, len, result, err);
}

int sluice_chat_query_stream(sluice_client *client, const char *route, sluice_chat *chat,
                             const sluice_callbacks *callbacks, void *arg, sluice_result **result, sluice_error **err)
{
    const char *json;
    size_t len;
    int r = body_get(chat, &json, &len, err);
    return r ? r : sluice_query_stream(client, route, json, len, callbacks, arg, result, err);
}

int sluice_request_chat(sluice_client *client, const char *route, sluice_chat *chat, int stream,
                        sluice_request **request, sluice_error **err)
{
    const char *json;
    size_t len;
    int r = body_get(chat, &json, &len, err);
    return r ? r : sluice_request_query(client, route, json, len, stream, request, err);
}
