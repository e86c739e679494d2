/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/estimate.h"

#include "base/buf.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "wire/headers.h"

bool sl_estimate_reply(struct sl_xchg *x)
{
    const struct sl_language *language = x->dialect->language;
    bool is_counted = !x->call->is_count;
    for (uint32_t i = 0; !is_counted && i < x->route->n_targets; i++) {
        const struct sl_target *target = &x->route->targets[i];
        is_counted = target->counts_tokens && sl_target_speaks(target, x->call->type, language);
    }
    if (is_counted) {
        return false;
    }
    struct sl_buf *out = x->desk->text;
    struct sl_llm_error error = { 0 };
    struct sl_headers headers = { 0 };
    sl_buf_reset(out);
    int r = language->count(x->call, x->env, x->arena, out, &error);
    if (r < 0 && error.type) {
        sl_xchg_fail(x, &error);
        return true;
    }
    r = r < 0 ? r : sl_headers_add(&headers, x->arena, SL_STR("x-sluice-estimate"), SL_STR("tokens"));
    if (r < 0) {
        sl_xchg_fail_nomem(x);
    } else {
        sl_xchg_reply_with(x, 200, &headers, SL_STR("application/json"), sl_buf_str(out));
    }
    return true;
}
