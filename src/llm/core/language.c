/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/language.h"
#include "llm/core/llm.h"

const struct sl_dialect *sl_dialect_for(const struct sl_dialect *dialect, const struct sl_headers *headers)
{
    bool is_variant = dialect->variant &&
                      sl_str_find(sl_headers_get(headers, "user-agent"), sl_str_c(dialect->variant_agent), 0) >= 0;
    return is_variant ? dialect->variant : dialect;
}

int sl_dialect_read(const struct sl_dialect *dialect, const struct sl_incoming *in, struct sl_json *doc,
                    struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    int r = dialect->language->read_call(in, doc, arena, ret_call, ret_error);
    if (r == 0) {
        ret_call->manners = dialect->manners;
    }
    return r;
}

struct sl_str sl_stream_type(const struct sl_language *language, const struct sl_call *call)
{
    return call->is_list ? SL_STR("application/json") : language->stream_type;
}

struct sl_str sl_stream_alive(const struct sl_language *language, const struct sl_call *call)
{
    return call->is_list || call->is_silent ? SL_STR("") : language->alive;
}
