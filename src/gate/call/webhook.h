/* SPDX-License-Identifier: Apache-2.0 */
/* Signs what is sent to a webhook, as Standard Webhooks 1.0 say. Pure. */
#ifndef SL_GATE_WEBHOOK_H
#define SL_GATE_WEBHOOK_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_headers;

struct sl_webhook_message {
    struct sl_str id;   /* the same for each attempt; without a '.' */
    uint64_t now_sec;   /* the time of this attempt */
    struct sl_str body; /* as it is sent */
};

/* Adds content-type, webhook-id, webhook-timestamp and webhook-signature. SL_E_NOMEM. */
SL_MUST int sl_webhook_headers(const struct sl_webhook_message *message, struct sl_str key, struct sl_arena *arena,
                               struct sl_headers *io_headers);

#endif
