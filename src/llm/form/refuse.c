/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/refuse.h"

#include <stdarg.h>
#include <stdio.h>

#include "llm/core/request.h"

int sl_form_refuse(const struct sl_form *form, struct sl_json_val v, const char *fmt, ...)
{
    char text[384], path[128] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (sl_json_is_present(v)) {
        sl_json_path(v, path, sizeof(path));
    }
    return sl_refuse(form->call, form->arena, form->error, path[0] ? path : "messages", "%s%s%s", path,
                     path[0] ? ": " : "", text);
}

int sl_form_refuse_many(const struct sl_form *form, const struct sl_chat *chat, const char *who)
{
    int64_t best_of;
    if (chat->n != 1) {
        return sl_refuse(form->call, form->arena, form->error, "n", "%s models give one choice: 'n' must be 1.", who);
    }
    if (sl_json_int(sl_chat_member(chat, "best_of"), true, &best_of) == 0 && best_of > 1) {
        return sl_refuse(form->call, form->arena, form->error, "best_of",
                         "%s models give one choice: 'best_of' must be 1.", who);
    }
    for (struct sl_json_iter it = sl_json_each(sl_chat_member(chat, "modalities")); sl_json_next(&it);) {
        if (!sl_json_str_eq(it.val, SL_STR("text"))) {
            return sl_refuse(form->call, form->arena, form->error, "modalities", "%s models answer with text only.",
                             who);
        }
    }
    return 0;
}

int sl_form_refuse_tools(const struct sl_form *form, const struct sl_chat *chat)
{
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].type.n) {
            return sl_refuse(form->call, form->arena, form->error, "tools",
                             "Only function calling tool is supported, but received tool type %.*s",
                             SL_STR_ARG(chat->tools[i].type));
        }
    }
    return 0;
}
