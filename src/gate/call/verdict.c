/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/verdict.h"

#include "base/num.h"
#include "wire/headers.h"

#define RETRY_WAIT_DEFAULT (250 * SL_USEC_PER_MSEC)
#define RETRY_WAIT_MAX     (2 * SL_USEC_PER_SEC)

bool sl_wait_asked(const struct sl_headers *headers, uint64_t now_wall_usec, uint64_t *ret_usec)
{
    static const char *const names[] = { "retry-after-ms", "x-ms-retry-after-ms" };
    uint64_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        struct sl_str text = sl_str_trim(sl_headers_get(headers, names[i]));
        if (text.n && sl_parse_u64(text, 0, UINT32_MAX, &n) == 0) {
            *ret_usec = n * SL_USEC_PER_MSEC;
            return true;
        }
    }
    struct sl_str text = sl_headers_get(headers, "retry-after");
    int r = text.n ? sl_parse_retry_after(text, (int64_t)(now_wall_usec / SL_USEC_PER_SEC), &n) : SL_E_INVAL;
    if (r == 0 || r == SL_E_RANGE) { /* a number that is too large means a very long wait */
        *ret_usec = (r == 0 ? SL_MIN(n, (uint64_t)UINT32_MAX) : UINT32_MAX) * SL_USEC_PER_SEC;
    }
    return r == 0 || r == SL_E_RANGE;
}

struct sl_verdict sl_verdict_of_head(int status, const struct sl_headers *headers, uint64_t now_wall_usec)
{
    if (status != 503 && status != 529) {
        return SL_VERDICT(ON);
    }
    uint64_t wait = RETRY_WAIT_DEFAULT;
    if (sl_wait_asked(headers, now_wall_usec, &wait) && wait > RETRY_WAIT_MAX) {
        return SL_VERDICT(ON); /* the client may wait so long, the gateway does not */
    }
    return (struct sl_verdict){ SL_VERDICT_AGAIN, SL_ERR_PROVIDER_OVERLOADED, wait, false };
}

enum sl_relay_mode sl_relay_mode_of(int status, bool is_stream, bool is_stream_asked, bool is_same_language)
{
    if (status >= 300) {
        return SL_RELAY_COLLECT_ERROR;
    }
    if (is_stream) {
        return !is_stream_asked ? SL_RELAY_GATHER : is_same_language ? SL_RELAY_EVENTS : SL_RELAY_TRANSLATE_EVENTS;
    }
    return is_same_language && !is_stream_asked ? SL_RELAY_HELD : SL_RELAY_COLLECT;
}

bool sl_may_retry(const struct sl_chance *chance)
{
    return !chance->is_head_sent && chance->n_retries < chance->n_allowed &&
           chance->now_usec + chance->wait_usec < chance->end_usec;
}
