/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/verdict.h"

#include "base/num.h"
#include "wire/headers.h"

#define RETRY_WAIT_DEFAULT (250 * SL_USEC_PER_MSEC)
#define RETRY_WAIT_MAX     (2 * SL_USEC_PER_SEC)

struct sl_verdict sl_verdict_of_head(int status, const struct sl_headers *headers, uint64_t now_wall_usec)
{
    if (status != 503 && status != 529) {
        return SL_VERDICT(ON);
    }
    struct sl_str text = sl_headers_get(headers, "retry-after");
    uint64_t sec = 0, wait = RETRY_WAIT_DEFAULT;
    if (text.n && sl_parse_retry_after(text, (int64_t)(now_wall_usec / SL_USEC_PER_SEC), &sec) == 0) {
        if (sec > RETRY_WAIT_MAX / SL_USEC_PER_SEC) {
            return SL_VERDICT(ON); /* the client may wait for as long, we do not */
        }
        wait = sec * SL_USEC_PER_SEC;
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
