/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/event.h"

#include "base/buf.h"

void sl_event_begin(struct sl_jw *w, struct sl_buf *out, const char *type)
{
    sl_buf_printf(out, "event: %s\ndata: ", type);
    sl_jw_init(w, out);
    sl_jw_object(w);
    sl_jw_member_str(w, "type", sl_str_c(type));
}

void sl_event_end(struct sl_jw *w)
{
    while (w->depth) {
        sl_jw_end(w);
    }
    sl_buf_add_lit(w->out, "\n\n");
}
