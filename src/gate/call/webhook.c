/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/headers.h"

#define SIGNATURE_MAX 64

/* "v1," and the HMAC-SHA256 of "ID.TIMESTAMP.BODY" in base64. */
static struct sl_str signature_of(const struct sl_webhook_message *message, struct sl_str key, struct sl_arena *arena)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct sl_str text = sl_arena_printf(arena, "%.*s.%llu.%.*s", SL_STR_ARG(message->id),
                                         (unsigned long long)message->now_sec, SL_STR_ARG(message->body));
    if (!text.p || !HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)text.p, text.n, mac, &len)) {
        return SL_STR_NONE;
    }
    struct sl_buf buf = SL_BUF_INIT(SIGNATURE_MAX);
    sl_buf_add_lit(&buf, "v1,");
    sl_buf_add_base64(&buf, sl_str_make((const char *)mac, len));
    struct sl_str signature = sl_buf_status(&buf) < 0 ? SL_STR_NONE : sl_arena_dup(arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    return signature;
}

int sl_webhook_headers(const struct sl_webhook_message *message, struct sl_str key, struct sl_arena *arena,
                       struct sl_headers *io_headers)
{
    struct sl_str signature = signature_of(message, key, arena);
    struct sl_str timestamp = sl_arena_printf(arena, "%llu", (unsigned long long)message->now_sec);
    if (!signature.p || !timestamp.p) {
        return SL_E_NOMEM;
    }
    int r = sl_headers_add(io_headers, arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r : sl_headers_add(io_headers, arena, SL_STR("webhook-id"), message->id);
    r = r < 0 ? r : sl_headers_add(io_headers, arena, SL_STR("webhook-timestamp"), timestamp);
    return r < 0 ? r : sl_headers_add(io_headers, arena, SL_STR("webhook-signature"), signature);
}
