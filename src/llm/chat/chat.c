/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/chat/chat.h"

#include "llm/core/language.h"
#include "llm/core/llm.h"

int sl_chat_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena, struct sl_chat *ret_chat,
                 struct sl_llm_error *ret_error)
{
    return call->language->read_chat(call, env, arena, ret_chat, ret_error);
}

bool sl_json_says_nothing(struct sl_json_val v)
{
    double n;
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        return sl_json_double(v, &n) == 0 && n == 0;
    }
    if (sl_json_is(v, SL_JSON_STRING)) {
        return sl_json_tok(v)->len == 0;
    }
    if (sl_json_is(v, SL_JSON_ARRAY) || sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_json_count(v) == 0;
    }
    return sl_json_is_nothing(v) || sl_json_is(v, SL_JSON_FALSE);
}

struct sl_json_val sl_chat_member(const struct sl_chat *chat, const char *name)
{
    struct sl_json_val found = SL_JSON_ABSENT;
    for (uint32_t i = 0; i < chat->n_members; i++) {
        if (sl_str_eq_c(chat->members[i].name, name)) {
            found = chat->members[i].val;
        }
    }
    return found;
}

static enum sl_fate fate_of(const struct sl_call *call, const struct sl_fate_row *table, struct sl_str name)
{
    for (; table->name; table++) {
        if (sl_str_eq_c(name, table->name)) {
            return table->fate;
        }
    }
    bool is_passed = call->manners->passes_unknown && table->fate != SL_FATE_NEVER;
    return is_passed ? SL_FATE_PASS : SL_FATE_DROP;
}

int sl_chat_members(const struct sl_call *call, const struct sl_chat *chat, const struct sl_provider *provider,
                    const struct sl_fate_row *table, struct sl_body *body, struct sl_arena *arena,
                    struct sl_llm_error *ret_error)
{
    for (uint32_t i = 0; i < chat->n_members; i++) {
        const struct sl_member *member = &chat->members[i];
        enum sl_fate fate = fate_of(call, table, member->name);
        if (fate == SL_FATE_OWN || (fate != SL_FATE_PASS && sl_json_says_nothing(member->val))) {
            continue;
        }
        if (fate == SL_FATE_PASS) {
            sl_jw_key_str(&body->w, member->name);
            sl_body_raw(body, sl_json_raw(member->val));
        } else if (fate == SL_FATE_DROP) {
            sl_body_leave_out(body, member->name);
        } else {
            struct sl_str name = sl_arena_dup(arena, member->name);
            return name.p ? sl_refuse(call, arena, ret_error, name.p,
                                      "The parameter '%s' is not supported for %s models.", name.p, provider->label)
                          : SL_E_NOMEM;
        }
    }
    return 0;
}

int sl_chat_place_write(struct sl_body *body, struct sl_arena *arena, const char *key, const struct sl_media *media)
{
    if (!media->base64.n) {
        sl_body_member(body, key, media->url);
        return 0;
    }
    struct sl_str head = sl_arena_printf(arena, "\"data:%.*s;base64,", SL_STR_ARG(media->mime));
    if (!head.p) {
        return SL_E_NOMEM;
    }
    sl_jw_key(&body->w, key);
    sl_body_around(body, head, media->base64, SL_STR("\""));
    return 0;
}
