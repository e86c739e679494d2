/* SPDX-License-Identifier: Apache-2.0 */
/* One try of one exchange at one target: over the network, or played here where the provider answers by itself. */
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

/* Used again for the next one. */
struct sl_attempt {
    struct sl_part part;
    struct sl_xchg *x;
    const struct sl_attempt_events *events;
    void *user;
    const struct sl_target *target;
    bool asks_usage; /* for a usage chunk that the client did not ask for */
    bool is_paused;
    uint64_t total_usec; /* for all of it; 0: over already */
    const struct sl_upstream_timeouts *timeouts;
    struct sl_http_req request; /* as it is sent */
    struct sl_hcall hcall;
    struct sl_play *play;
};

/* Builds and starts it; target, asks_usage, total_usec and timeouts are set. SL_E_NOMEM; any other code: the request
 * cannot be made, and *ret_error says why (it has no type where the provider did not say). */
SL_MUST int sl_attempt_start(struct sl_attempt *attempt, struct sl_xchg *x, const struct sl_attempt_events *events,
                             void *user, struct sl_llm_error *ret_error);
/* How long it has from the request's last byte to the reply's first. */
uint64_t sl_attempt_first_byte_usec(const struct sl_attempt *attempt);
/* That it was too slow, with the setting that says so. */
struct sl_str sl_attempt_slow_text(const struct sl_attempt *attempt, enum sl_error_type type, struct sl_str what);
/* Is the target of a stream asked for its usage, though the client did not ask? */
bool sl_attempt_asks_usage(const struct sl_xchg *x, const struct sl_target *target);
/* It refused that: what the client did not ask for is not asked of this target again. */
void sl_attempt_usage_refused(const struct sl_xchg *x, const struct sl_target *target);
enum sl_error_type sl_attempt_fault_type(enum sl_hcall_fault fault);
/* Nothing of it calls back afterwards. Nothing happens when it is over. */
void sl_attempt_stop(struct sl_attempt *attempt);
/* Holds the upstream back / lets it go on. */
void sl_attempt_pause(struct sl_attempt *attempt);
void sl_attempt_resume(struct sl_attempt *attempt);

#endif
