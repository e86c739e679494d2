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
