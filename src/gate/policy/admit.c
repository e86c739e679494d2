/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/admit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/exchange.h"

static struct sl_limit_subject subject_of(const struct sl_xchg *x)
{
    return (struct sl_limit_subject){ x->route->name, x->route->incarnation, x->principal };
}

static uint64_t seconds_up(uint64_t usec)
{
    return (usec + SL_USEC_PER_SEC - 1) / SL_USEC_PER_SEC;
}

/* "1m30s", "1h0m0s": whole seconds, rounded up, as OpenAI's headers spell it. */
static size_t wait_format(uint64_t usec, char out[48])
{
    uint64_t sec = seconds_up(usec);
    unsigned long long h = sec / 3600, m = sec / 60 % 60, s = sec % 60;
    return (size_t)(h   ? sprintf(out, "%lluh%llum%llus", h, m, s)
                    : m ? sprintf(out, "%llum%llus", m, s)
                        : sprintf(out, "%llus", s));
}

/* A sentence that says what to do; MLflow's words on its paths and on Databricks'. */
static struct sl_str refusal_text(struct sl_xchg *x, const struct sl_limit_view *view)
{
    /* MLflow names the first limit that refused, a sentence the one that makes the caller wait the longest. */
    bool names_wait = x->dialect->manners->limit_names_wait;
    const struct sl_limit_rule *rule = &x->route->rules[names_wait ? view->rule : view->first_refusing];
    unsigned long long calls = rule->calls;
    if (!names_wait) {
        return sl_arena_printf(&x->req->arena, "Rate limit exceeded: %llu per %u %s", calls, rule->multiple,
                               rule->unit);
    }
    char wait[48];
    wait_format(view->reset_usec, wait);
    return sl_arena_printf(&x->req->arena,
                           "Rate limit reached for the route '%.*s': %llu call%s per %u %s%s. Try again in %s.",
                           SL_STR_ARG(x->route->name), calls, calls == 1 ? "" : "s", rule->multiple, rule->unit,
                           rule->multiple == 1 ? "" : "s", wait);
}

static void refuse(struct sl_xchg *x)
{
    const struct sl_limit_view *view = &x->ticket.view;
    struct sl_llm_error error = {
        .type = SL_ERR_POLICY_RATE_LIMITED,
        .message = refusal_text(x, view),
        .retry_after_sec = seconds_up(view->reset_usec),
    };
    sl_xchg_fail(x, &error);
}

void sl_admit(struct sl_xchg *x, void (*on_admitted)(struct sl_xchg *x))
{
    struct sl_ticket *ticket = &x->ticket;
    SL_ASSERT(ticket->state == SL_TICKET_NONE);
    if (x->route->n_rules) {
        struct sl_limit_subject subject = subject_of(x);
        ticket->wall_usec = x->env.wall_usec;
        int r = sl_limiter_take(x->worker->gate->limiter, &subject, x->route->rules, x->route->n_rules,
                                ticket->wall_usec, &ticket->view);
        if (r < 0) {
            sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
            return;
        }
        ticket->has_view = true;
        sl_measure_limit(x, ticket->view.is_refused);
        if (ticket->view.is_refused) {
            refuse(x);
            return;
        }
    }
    ticket->state = SL_TICKET_OPEN;
    on_admitted(x);
}

void sl_ticket_settle(struct sl_ticket *ticket, enum sl_outcome outcome, const struct sl_usage *usage)
{
    (void)outcome; /* calls are counted when they are admitted: nothing to give back */
    (void)usage;
    SL_ASSERT(ticket->state == SL_TICKET_OPEN);
    ticket->state = SL_TICKET_SETTLED;
}

static const struct sl_str limit_names[] = {
    SL_STR_INIT("x-ratelimit-limit-requests"),
    SL_STR_INIT("x-ratelimit-remaining-requests"),
    SL_STR_INIT("x-ratelimit-reset-requests"),
};

static void limit_headers_drop(struct sl_headers *headers)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < headers->n; i++) {
        bool is_limit = false;
        for (size_t k = 0; k < SL_ARRAY_LEN(limit_names); k++) {
            is_limit |= headers->v[i].name.n == limit_names[k].n && sl_str_case_eq(headers->v[i].name, limit_names[k]);
        }
        if (!is_limit) {
            headers->v[n++] = headers->v[i];
        }
    }
    headers->n = n;
}

int sl_admit_headers(struct sl_xchg *x, struct sl_headers *io_headers)
{
    if (!x->route || !x->route->n_rules || !x->path || !x->path->is_invocation) {
        return 0;
    }
    struct sl_arena *arena = &x->req->arena;
    struct sl_limit_view view = x->ticket.view;
    uint64_t now = sl_clock_wall_usec();
    if (!x->ticket.has_view) { /* refused before it came to that: how things stand */
        struct sl_limit_subject subject = subject_of(x);
        sl_limiter_peek(x->worker->gate->limiter, &subject, x->route->rules, x->route->n_rules, now, &view);
    } else if (!view.is_refused) {
        uint64_t passed = now > x->ticket.wall_usec ? now - x->ticket.wall_usec : 0;
        view.reset_usec -= SL_MIN(passed, view.reset_usec);
    }
    char *texts = sl_arena_bytes(arena, 96);
    if (!texts) {
        return SL_E_NOMEM;
    }
    limit_headers_drop(io_headers);
    struct sl_str values[3];
    values[0] = sl_str_make(texts, sl_format_u64(view.calls, texts));
    values[1] = sl_str_make(texts + 20, sl_format_u64(view.remaining, texts + 20));
    values[2] = sl_str_make(texts + 40, wait_format(view.reset_usec, texts + 40));
    int r = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(values) && r == 0; i++) {
        r = sl_headers_add(io_headers, arena, limit_names[i], values[i]);
    }
    return r;
}
