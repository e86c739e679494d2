/* SPDX-License-Identifier: Apache-2.0 */
/* Decides what follows a failed attempt: the same target again, another target, or the error goes to the client. */
#ifndef SL_GATE_NEXT_H
#define SL_GATE_NEXT_H

#include <stdbool.h>
#include <stdint.h>

struct sl_ask;
struct sl_pool;

/* X(symbol, word): why an attempt failed, as `fallback.on` spells it. */
#define SL_CAUSES(X)                    \
    X(CONNECT, "connect")               \
    X(TIMEOUT, "timeout")               \
    X(RATE_LIMITED, "rate_limited")     \
    X(OVERLOADED, "overloaded")         \
    X(SERVER_ERROR, "server_error")     \
    X(BAD_RESPONSE, "bad_response")     \
    X(AUTH, "auth")                     \
    X(BILLING, "billing")               \
    X(CONTENT_FILTER, "content_filter") \
    X(CONTEXT_LENGTH, "context_length") \
    X(REJECTED, "rejected")

enum sl_cause {
#define X(symbol, word) SL_CAUSE_##symbol,
    SL_CAUSES(X)
#undef X
        SL_CAUSE_COUNT, /* a cause for which no other target helps */
};

/* The words in that order; ends with NULL. */
extern const char *const sl_cause_words[];

/* The causes for which another target is tried by default. */
#define SL_CAUSES_DEFAULT                                                                                        \
    (1u << SL_CAUSE_CONNECT | 1u << SL_CAUSE_TIMEOUT | 1u << SL_CAUSE_RATE_LIMITED | 1u << SL_CAUSE_OVERLOADED | \
     1u << SL_CAUSE_SERVER_ERROR | 1u << SL_CAUSE_BAD_RESPONSE)

struct sl_fallback {
    uint32_t on;          /* one bit for each cause */
    uint32_t attempts;    /* the most attempts of one call, repeats at one target included */
    uint64_t within_usec; /* counted from the call's beginning: the last attempt begins within this time */
};

/* An attempt that failed, and what came before it. */
struct sl_failure {
    uint32_t target;
    enum sl_cause cause;
    bool may_repeat;    /* the same target may be asked again: nothing was sent, or it says that it is busy */
    bool is_slow;       /* it used its whole time-out, and a repeat would do the same */
    uint64_t wait_usec; /* the wait that the target asked for before a repeat */
    uint32_t n_attempts, n_repeats, n_repeats_allowed;
    bool has_beyond;               /* another route may be asked when this one's targets are used up */
    uint64_t start_usec, end_usec; /* of the whole call */
};

enum sl_step_kind { SL_STEP_GIVE_UP, SL_STEP_REPEAT, SL_STEP_MOVE };

struct sl_step {
    enum sl_step_kind kind;
    uint32_t target; /* for REPEAT and MOVE. SL_NO_TARGET at MOVE: a target of another route */
    uint64_t wait_usec;
};

/* `ask->passed` has every target that was tried, this one too. A repeat at the same target comes first, but never if it
 * would use up the attempt of a target that was not asked yet. */
struct sl_step sl_next(struct sl_pool *pool, const struct sl_fallback *fallback, const struct sl_failure *failure,
                       const struct sl_ask *ask);

#endif
