/* SPDX-License-Identifier: Apache-2.0 */
/* One try of an exchange at one target: over the network, or played here if the provider answers by itself. */
#ifndef SL_GATE_ATTEMPT_H
#define SL_GATE_ATTEMPT_H

#include "gate/call/part.h"
#include "http/client.h"
#include "llm/core/error.h"
#include "llm/core/http_req.h"

struct sl_attempt_events;
struct sl_play;
struct sl_target;
struct sl_upstream_timeouts;
struct sl_xchg;

/* Used again for the next attempt. */
struct sl_attempt {
    struct sl_part part;
    struct sl_xchg *x;
    const struct sl_attempt_events *events;
    void *user;
    const struct sl_target *target;
    bool asks_usage; /* asks for a usage chunk that the client did not ask for */
    bool is_paused;
    uint64_t total_usec; /* for the whole attempt; 0: no time is left */
    const struct sl_upstream_timeouts *timeouts;
    struct sl_http_req request; /* as it is sent */
    struct sl_hcall hcall;
    struct sl_play *play;
};

/* Builds the request and starts the attempt; target, asks_usage, total_usec and timeouts must be set. SL_E_NOMEM; any
 * other code: the request cannot be made, and *ret_error says why (without a type if the provider gave none). */
SL_MUST int sl_attempt_start(struct sl_attempt *attempt, struct sl_xchg *x, const struct sl_attempt_events *events,
                             void *user, struct sl_llm_error *ret_error);
/* The time from the request's last byte to the first of the reply. */
uint64_t sl_attempt_first_byte_usec(const struct sl_attempt *attempt);
/* The text of a time-out, with the setting that gave the time. */
struct sl_str sl_attempt_slow_text(const struct sl_attempt *attempt, enum sl_error_type type, struct sl_str what);
/* True: ask the target of this stream for its usage, although the client did not. */
bool sl_attempt_asks_usage(const struct sl_xchg *x, const struct sl_target *target);
/* The target refused that: it is not asked for usage again, unless a client wants it. */
void sl_attempt_usage_refused(const struct sl_xchg *x, const struct sl_target *target);
enum sl_error_type sl_attempt_fault_type(enum sl_hcall_fault fault);
/* The text for callers of a route that was made by a call: they must not see addresses, which are for the operator.
 * SL_STR_NONE: no memory. */
struct sl_str sl_attempt_fault_outer(enum sl_hcall_fault fault, struct sl_str text, struct sl_arena *arena);
/* Records the times of its connection so far. Does nothing when it was not started. */
void sl_attempt_time(const struct sl_attempt *attempt);
/* Stops the attempt; it calls nothing back afterwards. Does nothing when it is over. */
void sl_attempt_stop(struct sl_attempt *attempt);
/* Pauses the upstream's reply, or lets it go on. */
void sl_attempt_pause(struct sl_attempt *attempt);
void sl_attempt_resume(struct sl_attempt *attempt);

#endif
