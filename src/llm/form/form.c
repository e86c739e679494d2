/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/form.h"

#include "llm/core/request.h"
#include "llm/form/ids.h"
#include "llm/form/media.h"
#include "llm/form/person.h"
#include "llm/form/schema.h"
#include "llm/form/shape.h"
#include "llm/form/wrap.h"

/* The schema of the answer; or the parameters of a tool whose input is the answer. */
static int answer_schema(struct sl_form *form, struct sl_chat *chat)
{
    bool is_native = (form->model->can & SL_MODEL_SCHEMA) != 0;
    const struct sl_schema_rules *rules = is_native ? form->rules->answer : form->rules->tools;
    struct sl_str wrapped;
    int r = rules && rules->needs_object ? sl_wrap_schema(form, chat->schema_node, &wrapped) : 0;
    if (r <= 0) {
        return r < 0 ? r : sl_form_schema(form, rules, chat->schema_node, &chat->schema);
    }
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    r = sl_json_parse(&doc, wrapped);
    chat->schema = wrapped;
    r = r < 0 ? r : sl_form_schema(form, rules, sl_json_root(&doc), &chat->schema);
    sl_json_done(&doc);
    form->is_wrapped = true;
    return r;
}

static int schemas(struct sl_form *form, struct sl_chat *chat)
{
    const struct sl_form_rules *rules = form->rules;
    int r = 0;
    for (uint32_t i = 0; i < chat->n_tools && r == 0; i++) {
        struct sl_tool *tool = &chat->tools[i];
        bool is_strict = rules->strict_tools && sl_str_eq_c(tool->strict, "true");
        if (tool->parameters.p && !tool->is_left_out) {
            r = sl_form_schema(form, is_strict ? rules->strict_tools : rules->tools, tool->schema, &tool->parameters);
        }
    }
    return r < 0 || chat->format != SL_ANSWER_SCHEMA ? r : answer_schema(form, chat);
}

/* Encrypted thinking of another provider cannot be read by this one. Base64 has no colon, and the Responses API's form
 * has one. Thinking without a signature comes from another provider, too. */
static bool is_closed_elsewhere(const struct sl_part *part)
{
    struct sl_str closed = part->redacted.p ? part->redacted : part->signature;
    return part->kind == SL_PART_THINKING && (!closed.p || sl_str_find_char(closed, ':', 0) >= 0);
}

static void thoughts_sift(struct sl_form *form, struct sl_chat *chat)
{
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        struct sl_message *message = &chat->messages[i];
        uint32_t n = 0;
        for (uint32_t j = 0; message->role == SL_ROLE_ASSISTANT && j < message->n_parts; j++) {
            if (is_closed_elsewhere(&message->parts[j])) {
                sl_body_leave_out(form->body, SL_STR("thinking_blocks"));
            } else if (n++ != j) {
                message->parts[n - 1] = message->parts[j];
            }
        }
        message->n_parts = message->role == SL_ROLE_ASSISTANT ? n : message->n_parts;
    }
}

int sl_form_call(struct sl_form *form, struct sl_chat *chat)
{
    if (form->rules->signs_in_base64) {
        thoughts_sift(form, chat);
    }
    int r = sl_form_media(form, chat); /* before messages move, because paths are those of the call as it came */
    r = r < 0 ? r : sl_form_names(form, chat);
    r = r < 0 ? r : schemas(form, chat);
    r = r < 0 ? r : sl_form_shape(form, chat); /* this changes ids, too */
    struct sl_str *people[] = { &chat->user, &chat->safety_id };
    for (size_t i = 0; i < SL_ARRAY_LEN(people) && r == 0; i++) {
        if (people[i]->p) {
            *people[i] = sl_form_person(form, *people[i]);
            r = people[i]->p ? 0 : SL_E_NOMEM;
        }
    }
    return r;
}

int sl_form_write(const struct sl_form_rules *rules, sl_form_write_fn *write, const struct sl_call *call,
                  const struct sl_target *target, const struct sl_env *env, struct sl_arena *arena,
                  struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    struct sl_chat chat;
    int r = sl_chat_read(call, env, arena, &chat, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    struct sl_form form = { .rules = rules,
                            .model = target->row,
                            .call = call,
                            .env = env,
                            .arena = arena,
                            .body = &body,
                            .error = ret_error };
    sl_body_init(&body, call);
    r = write(&form, &chat, target);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    r = sl_body_finish(&body, arena, io_req);
    return r < 0 ? r : sl_form_aliases_keep(&form, io_req);
}

void sl_form_names_leave_out(const struct sl_chat *chat, struct sl_body *body)
{
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        if (chat->messages[i].has_name) {
            sl_body_leave_out(body, SL_STR("messages.name"));
            return;
        }
    }
}

static bool is_marked(const struct sl_message *message)
{
    bool has_mark = message->cache_control.p != NULL;
    for (uint32_t i = 0; i < message->n_parts && !has_mark; i++) {
        has_mark = message->parts[i].cache_control.p != NULL;
    }
    return has_mark;
}

void sl_form_marks_leave_out(const struct sl_chat *chat, struct sl_body *body)
{
    bool has_mark = false;
    for (uint32_t i = 0; i < chat->n_tools && !has_mark; i++) {
        has_mark = chat->tools[i].cache_control.p != NULL;
    }
    for (uint32_t i = 0; i < chat->n_messages && !has_mark; i++) {
        has_mark = is_marked(&chat->messages[i]);
    }
    if (has_mark) {
        sl_body_leave_out(body, SL_STR("cache_control"));
    }
}

int sl_form_turns(struct sl_jw *w, const char *key, const struct sl_chat *chat,
                  int (*write)(void *builder, uint32_t *io_i), void *builder)
{
    int r = 0;
    sl_jw_key(w, key);
    sl_jw_array(w);
    for (uint32_t i = 0; i < chat->n_messages && r == 0;) {
        if (chat->messages[i].role == SL_ROLE_SYSTEM) {
            i++;
        } else {
            r = write(builder, &i);
        }
    }
    sl_jw_end(w);
    return r;
}
