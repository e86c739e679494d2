/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/spent.h"

#include "base/arena.h"
#include "base/num.h"
#include "gate/call/asked.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/gate.h"
#include "gate/policy/factor.h"
#include "gate/worker.h"
#include "llm/chat/reckon.h"
#include "llm/core/call.h"
#include "llm/core/target.h"

/* True: after such an end the provider may bill what it did. */
static bool may_be_billed(const struct sl_record *record, enum sl_error_type type)
{
    static const enum sl_error_type always[] = {
        SL_ERR_NONE,
        SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE,
        SL_ERR_PROVIDER_TIMEOUT_IDLE,
        SL_ERR_PROVIDER_TIMEOUT_TOTAL,
        SL_ERR_PROVIDER_STREAM_BROKEN,
        SL_ERR_PROVIDER_BAD_RESPONSE,
    };
    static const enum sl_error_type if_sent[] = {
        SL_ERR_CALLER_TIMEOUT,
        SL_ERR_CALLER_CANCELLED,
        SL_ERR_SLUICE_DRAINING,
        SL_ERR_SLUICE_OVERLOADED,
    };
    bool is_billed = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(always); i++) {
        is_billed |= type == always[i];
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(if_sent); i++) {
        is_billed |= type == if_sent[i] && record->sent_usec;
    }
    return is_billed && record->upstream_status < 400;
}

bool sl_spent_is_last_billed(const struct sl_record *record)
{
    return record->n_attempts > record->n_left && may_be_billed(record, record->error_type);
}

/* True: a reply says what the call itself used, in tokens. Reading an earlier response again and counting tokens use
 * none, and of a raw passage nobody knows what was asked. */
static bool is_metered(const struct sl_xchg *x)
{
    return sl_xchg_is_invocation(x) && sl_xchg_has_price(x) && !x->call->is_count && x->record.target;
}

static bool is_said(const struct sl_usage *usage)
{
    return usage->input >= 0 || usage->output >= 0 || usage->cost_nano > 0;
}

/* The tokens of the call's text, as far as its bytes tell. */
static int64_t input_of(const struct sl_xchg *x, const struct sl_target *target)
{
    struct sl_reckoning seen;
    if (x->record.reserved_input) {
        return (int64_t)x->record.reserved_input;
    }
    sl_reckon(x->call->body, NULL, &seen);
    return (int64_t)((uint64_t)seen.n_images * SL_RECKON_IMAGE_TOKENS +
                     sl_factor_tokens(x->worker->gate->factors, target->model, seen.text_bytes));
}

/* Adds what the upstream did not say. An event of a stream is about a token; a stream that ended early said of its
 * output what it knew at its begin. True: something was added. */
static bool estimate(const struct sl_xchg *x, const struct sl_target *target, uint32_t n_events, struct sl_usage *io)
{
    bool is_estimated = io->input < 0 || io->output < (int64_t)n_events;
    io->input = io->input >= 0 ? io->input : input_of(x, target);
    io->output = SL_MAX(io->output, (int64_t)n_events);
    return is_estimated;
}

void sl_spent_note(struct sl_xchg *x, enum sl_error_type type, bool is_beaten, bool has_heard)
{
    struct sl_record *record = &x->record;
    struct sl_usage usage = has_heard ? record->usage : SL_USAGE_NONE;
    /* One that was stopped has no error; the provider may have it, or not. */
    bool is_billed = is_beaten ? record->sent_usec && record->upstream_status < 400 : may_be_billed(record, type);
    record->n_left++;
    record->billed.is_known = false;
    if (!is_metered(x) || !(is_billed || is_said(&usage))) {
        return;
    }
    struct sl_spent *spent = sl_arena_alloc(x->arena, sizeof(*spent));
    if (!spent) {
        return; /* the call is worth more than its books */
    }
    bool is_estimated = is_billed && estimate(x, record->target, has_heard ? record->n_events : 0, &usage);
    *spent = (struct sl_spent){
        .next = record->spent,
        .route = x->at.route,
        .target = record->target,
        .target_name = record->target_name,
        .is_away = record->is_away,
        .is_estimated = is_estimated,
        .usage = usage,
        .cost_nano = sl_asked_cost(x, record->target, &usage, NULL),
    };
    record->spent = spent;
    record->billed = (struct sl_billed){ true, is_estimated, usage.input, usage.output, spent->cost_nano };
}

void sl_spent_close(struct sl_xchg *x)
{
    struct sl_record *record = &x->record;
    if (!is_metered(x) || !sl_spent_is_last_billed(record)) {
        return;
    }
    record->is_estimated = estimate(x, record->target, record->n_events, &record->usage);
    if (record->is_estimated) {
        record->cost_nano = SL_COST_UNKNOWN; /* what was known was of a part */
        record->billed = (struct sl_billed){ true, true, record->usage.input, record->usage.output,
                                             sl_asked_cost(x, record->target, &record->usage, NULL) };
    }
}
