/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a stream: events, and one JSON list that grows. */
#include "llm/gemini/write.h"

void sl_gemini_item_begin(struct sl_gemini_writer *st, struct sl_buf *out)
{
    if (!st || !st->is_list) {
        sl_buf_add_lit(out, "data: ");
        return;
    }
    sl_buf_add_c(out, st->has_item ? ",\n" : "[");
    st->has_item = true;
}

void sl_gemini_item_end(const struct sl_gemini_writer *st, struct sl_buf *out)
{
    sl_buf_add_c(out, !st || !st->is_list ? "\n\n" : "");
}

void sl_gemini_list_end(struct sl_gemini_writer *st, struct sl_buf *out)
{
    if (st && st->is_list) {
        sl_buf_add_c(out, st->has_item ? "\n]" : "[]");
    }
}

void sl_gemini_write_item(void *state, struct sl_str json, struct sl_buf *out)
{
    sl_gemini_item_begin(state, out);
    sl_buf_add_str(out, json);
    sl_gemini_item_end(state, out);
}
