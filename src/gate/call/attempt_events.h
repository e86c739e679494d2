/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt tells, be it made over the network or played here. */
#ifndef SL_GATE_ATTEMPT_EVENTS_H
#define SL_GATE_ATTEMPT_EVENTS_H

#include "llm/core/error.h"

struct sl_headers;

/* All come from the loop. A callee may stop the attempt: then none follows. */
struct sl_attempt_events {
    /* `length` -1: not known. The headers' texts live as long as the exchange. */
    void (*on_head)(void *user, int status, const struct sl_headers *headers, int64_t length);
    /* Body bytes, valid until on_turn. */
    void (*on_data)(void *user, struct sl_str bytes);
    /* All that one read brought has been given. */
    void (*on_turn)(void *user);
    /* The body ended; `is_until_close`: as far as one can know. */
    void (*on_end)(void *user, bool is_until_close);
    /* It failed. `is_unsent`: before anything of the request was sent. */
    void (*on_fault)(void *user, enum sl_error_type type, struct sl_str text, bool is_unsent);
};

#endif
