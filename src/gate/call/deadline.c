/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/deadline.h"

#include "base/num.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "http/hreq.h"
#include "llm/core/error.h"
#include "wire/headers.h"

#define NAME "x-sluice-timeout"

/* How much of the header's value a refusal quotes. */
#define SHOWN_MAX 64

static bool refuse(struct sl_xchg *x, struct sl_str said, const char *fault)
{
    bool is_shown = sl_header_is_visible(said, SHOWN_MAX);
    struct sl_str shown = is_shown ? said : SL_STR("");
    sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                      "The header " NAME
                      " %s%s%.*s%s: it must be a duration above 0 with its unit (ms, s, m, h, d), as "
                      "in 30s or 1500ms.",
                      fault, is_shown ? " (\"" : "", SL_STR_ARG(shown), is_shown ? "\")" : "");
    return false;
}

bool sl_deadline_or_refuse(struct sl_xchg *x)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    x->has_own = sl_headers_begin(headers, SL_STR("x-sluice-"));
    struct sl_str said = x->has_own ? sl_headers_get(headers, NAME) : SL_STR_NONE;
    uint64_t usec = 0, number;
    if (!said.p) {
        return true;
    }
    if (sl_headers_count(headers, NAME) > 1) {
        return refuse(x, said, "is there more than once");
    }
    int r = sl_parse_duration(said, &usec);
    if (r == SL_E_INVAL) {
        return refuse(x, said, sl_parse_u64(said, 0, UINT64_MAX, &number) == 0 ? "has no unit" : "is no duration");
    }
    if (r == 0 && !usec) {
        return refuse(x, said, "leaves no time");
    }
    /* A value that is too large for a number is later than any route's time. */
    x->deadline_usec = r < 0 || usec > UINT64_MAX / 2 ? 0 : x->req->start_usec + usec;
    return true;
}

void sl_deadline_error(const struct sl_xchg *x, struct sl_llm_error *ret)
{
    struct sl_str said = sl_headers_get(&x->req->msg.headers, NAME);
    *ret = (struct sl_llm_error){
        .type = SL_ERR_CALLER_TIMEOUT,
        .status = 504,
        .message = sl_arena_printf(x->arena, "The time that the caller gave this call (" NAME ": %.*s) is over.",
                                   SL_STR_ARG(said)),
        .is_final = true,
    };
}
