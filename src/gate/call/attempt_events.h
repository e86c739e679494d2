/* SPDX-License-Identifier: Apache-2.0 */
/* The events of an attempt, over the network or played here. */
#ifndef SL_GATE_ATTEMPT_EVENTS_H
#define SL_GATE_ATTEMPT_EVENTS_H

#include "llm/core/error.h"

struct sl_headers;

/* All of them come from the loop. A callback may stop the attempt: then no other follows. */
struct sl_attempt_events {
    /* `length` -1: not known. The headers' texts live as long as the exchange. */
    void (*on_head)(void *user, int status, const struct sl_headers *headers, int64_t length);
    /* Body bytes, valid until on_turn. */
    void (*on_data)(void *user, struct sl_str bytes);
    /* All bytes of one read were passed on. */
    void (*on_turn)(void *user);
    /* The body ended. `is_until_close`: the close marked its end, so nobody can know whether it is complete. */
    void (*on_end)(void *user, bool is_until_close);
    /* The attempt failed. `is_unsent`: before any byte of the request was sent. */
    void (*on_fault)(void *user, enum sl_error_type type, struct sl_str text, bool is_unsent);
};

#endif
