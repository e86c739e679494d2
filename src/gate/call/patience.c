/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/patience.h"

#include "base/num.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "llm/core/call.h"
#include "llm/core/language.h"

/* OpenAI's clients wait this long for a reply. */
#define FIRST_BYTE_USEC (600 * SL_USEC_PER_SEC)

/* True: another target may answer sooner, and no time is set. */
static bool has_other(const struct sl_xchg *x)
{
    return (x->at.route->n_targets > 1 || x->detours) && !x->call->passage;
}

/* A time that is set counts for every dialect. Otherwise it is the time that the dialect's clients wait, or a shorter
 * one if another target may answer sooner. */
uint64_t sl_patience_first_byte_usec(const struct sl_xchg *x, const struct sl_upstream_timeouts *timeouts)
{
    uint64_t said = timeouts->first_byte_usec, own = x->dialect->manners->first_byte_usec;
    if (!said && has_other(x)) {
        return x->call->is_stream ? SL_SEVERAL_STREAM_FIRST_BYTE_USEC : SL_SEVERAL_FIRST_BYTE_USEC;
    }
    return said ? said : own ? own : FIRST_BYTE_USEC;
}

/* In the order of sl_timeout_rows, whose bits say what a target or a route sets itself. */
enum { CONNECT, FIRST_BYTE, IDLE, TOTAL, N_KEYS };

static unsigned key_of(enum sl_error_type type)
{
    switch ((int)type) {
    case SL_ERR_PROVIDER_TIMEOUT_CONNECT:
        return CONNECT;
    case SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE:
        return FIRST_BYTE;
    case SL_ERR_PROVIDER_TIMEOUT_IDLE:
        return IDLE;
    case SL_ERR_PROVIDER_TIMEOUT_TOTAL:
        return TOTAL;
    default:
        return N_KEYS;
    }
}

struct sl_str sl_patience_tell(const struct sl_xchg *x, const struct sl_patience *patience, enum sl_error_type type,
                               struct sl_str what)
{
    static const char *const names[N_KEYS] = { "connect", "first_byte", "idle", "total" };
    const struct sl_upstream_timeouts *t = patience->timeouts;
    unsigned key = key_of(type);
    if (key == N_KEYS) {
        return what;
    }
    const struct sl_route_target *own = x->at.traffic ? &x->at.traffic->targets[patience->target] : NULL;
    bool is_targets = own && (own->timeouts_said >> key & 1) && (key != TOTAL || patience->total_usec == t->total_usec);
    /* The time for the whole call is that of the route that was called. */
    const struct sl_route *route = key == TOTAL && !is_targets ? x->route : x->at.route;
    const uint64_t usecs[N_KEYS] = { t->connect_usec, sl_patience_first_byte_usec(x, t), t->idle_usec,
                                     is_targets ? t->total_usec : route->conf.timeouts.total_usec };
    char time[32];
    sl_format_duration(usecs[key], time);
    struct sl_str told;
    if (is_targets) {
        told = sl_arena_printf(x->arena, "%.*s (timeouts.%s of the target '%.*s': %s)", SL_STR_ARG(what), names[key],
                               SL_STR_ARG(own->name), time);
    } else if (route->conf_said >> key & 1) {
        told = sl_arena_printf(x->arena, "%.*s (sluice.timeouts.%s of the route '%.*s': %s)", SL_STR_ARG(what),
                               names[key], SL_STR_ARG(route->name), time);
    } else if (key == FIRST_BYTE && !t->first_byte_usec && has_other(x)) {
        told = sl_arena_printf(x->arena, "%.*s (%s, as no timeouts.first_byte is set and another target may answer)",
                               SL_STR_ARG(what), time);
    } else {
        told = sl_arena_printf(x->arena, "%.*s (upstream.timeouts.%s: %s)", SL_STR_ARG(what), names[key], time);
    }
    return told.p ? told : what;
}
