/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/ask.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/fleet/command.h"
#include "gate/fleet/state.h"
#include "gate/policy/limit_home.h"
#include "gate/watch/metrics.h"

/* How often the server is asked to look for what dead nodes hold. */
#define DEAD_LOOK_USEC (1 * SL_USEC_PER_SEC)
/* 126 years: the server's numbers end at 285. */
#define PERIOD_MOST ((uint64_t)4000000000000000)

/* How many numbers of a reply are about one counter. */
#define COUNTER_ITEMS 6

struct sl_ask {
    struct sl_link link; /* in the link's list, while a call waits */
    struct sl_fleet_link *of;
    struct sl_admission *admission; /* NULL: nobody waits any more */
    uint64_t begin_usec, sent_usec, deadline_usec;
    bool is_sent;
    uint32_t n;
    struct sl_limit_pin pins[];
};

SL_LIST_FUNCTIONS(sl_fleet_asks, struct sl_ask, link);

static struct sl_fleet_link *link_of(struct sl_counter_home *home)
{
    return SL_CONTAINER_OF(home, struct sl_fleet_link, home);
}

static struct sl_limiter *limiter_of(const struct sl_ask *ask)
{
    return ask->of->fleet->limiter;
}

/* How many counters the call has. */
static uint32_t count(const struct sl_ask *ask)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ask->n; i++) {
        n += !ask->pins[i].is_twin;
    }
    return n;
}

/* When something has to be done about an ask: its call waits no longer, or before that, the link is found slow. */
static uint64_t due(const struct sl_ask *ask)
{
    bool may_be_late = ask->is_sent && ask->of->state == SL_LINK_UP;
    uint64_t late = ask->sent_usec + ask->of->fleet->conf.deadline_usec;
    return may_be_late ? SL_MIN(late, ask->deadline_usec) : ask->deadline_usec;
}

static void expiry_set(struct sl_fleet_link *link)
{
    const struct sl_ask *first = sl_fleet_asks_first(&link->asks);
    if (first) {
        sl_timer_set(link->loop, &link->expiry, due(first));
    } else {
        sl_timer_clear(&link->expiry);
    }
}

/* The call waits no longer. */
static struct sl_admission *admission_take(struct sl_ask *ask)
{
    struct sl_admission *admission = ask->admission;
    sl_fleet_asks_remove(&ask->of->asks, ask);
    ask->admission = NULL;
    admission->asking = NULL;
    return admission;
}

static void ask_free(struct sl_ask *ask)
{
    sl_limiter_unpin(limiter_of(ask), ask->of->number, ask->pins, ask->n);
    free(ask);
}

/* --- at the end of a call --- */

static void on_settled(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    int64_t first;
    if (reply) {
        SL_IGNORE(link->events->reply(link, reply, n, &first) <
                  0); /* then the link joins again, and tells its shares */
    }
}

/* True: the server has this worker's shares, so it can be told what changes. Else they will be told as they are then.
 */
static bool can_change(const struct sl_fleet_link *link)
{
    return link->state == SL_LINK_TELL || link->state == SL_LINK_UP || link->state == SL_LINK_SLOW;
}

static void changes_send(struct sl_fleet_link *link, const struct sl_limit_change *changes, uint32_t n)
{
    if (!n || !can_change(link)) {
        return;
    }
    sl_fleet_command(link, SL_FLEET_SETTLE, n, 3 + 3 * n);
    for (uint32_t i = 0; i < n; i++) {
        sl_fleet_command_key(link, changes[i].name);
    }
    sl_fleet_command_mine(link);
    for (uint32_t i = 0; i < n; i++) {
        sl_resp_word_u64(&link->out, changes[i].start_usec);
        sl_resp_word_u64(&link->out, changes[i].reserved);
        sl_resp_word_i64(&link->out, changes[i].used);
    }
    SL_IGNORE(sl_fleet_command_send(link, on_settled, link) < 0); /* the shares have it */
}

static void settle(struct sl_counter_home *home, const struct sl_limit_held *held, uint32_t n_held,
                   const uint64_t used[SL_LIMIT_KINDS])
{
    struct sl_fleet_link *link = link_of(home);
    struct sl_limit_change changes[SL_LIMIT_PINS_MAX];
    uint32_t n = sl_limiter_settle_away(link->fleet->limiter, link->number, held, n_held, used,
                                        sl_loop_recent(link->loop), changes);
    changes_send(link, changes, n);
}

/* Takes back what the server has counted for a pin: as much of a reservation, or of what is spent. */
static struct sl_limit_change undone(const struct sl_limit_pin *pin, uint64_t start_usec, uint64_t amount)
{
    bool is_held = pin->kind != SL_LIMIT_REQUESTS;
    struct sl_limit_change change = { .start_usec = start_usec,
                                      .reserved = is_held ? amount : 0,
                                      .used = is_held ? 0 : -(int64_t)amount };
    memcpy(change.name, pin->name, sizeof(change.name));
    return change;
}

/* The server has counted a call that was decided without it, or that nobody waits for: it has to forget it. */
static void give_back(struct sl_ask *ask, const struct sl_resp *answers)
{
    struct sl_fleet_link *link = ask->of;
    struct sl_limit_change changes[SL_LIMIT_PINS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < ask->n; i++) {
        if (!ask->pins[i].is_twin) {
            const struct sl_resp *of = &answers[COUNTER_ITEMS * (size_t)n];
            uint64_t leased = of[5].number > 0 ? (uint64_t)of[5].number : 0;
            changes[n++] = undone(&ask->pins[i], (uint64_t)of->number, ask->pins[i].amount + leased);
        }
    }
    sl_limiter_doubt(limiter_of(ask), link->number, ask->pins, ask->n); /* if this is lost, too */
    changes_send(link, changes, n);
}

/* What takes back the lease of each answer. The names are the counters': a pin that was given back has none. */
static void leases_undone(const struct sl_ask *ask, const struct sl_limit_answer *answers, struct sl_limit_change *ret)
{
    for (uint32_t i = 0, n = 0; i < ask->n; i++) {
        if (!ask->pins[i].is_twin) {
            if (answers[n].lease) {
                ret[n] = undone(&ask->pins[i], answers[n].start_usec, answers[n].lease);
            }
            n++;
        }
    }
}

/* Leases that came when the link was not up any more, or for a window that is over. */
static void leases_give_back(struct sl_fleet_link *link, const struct sl_limit_answer *answers,
                             struct sl_limit_change *changes, uint32_t n_answers)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_answers; i++) {
        if (answers[i].lease) {
            changes[n++] = changes[i];
        }
    }
    changes_send(link, changes, n);
}

/* --- leases --- */

#define CHANGES_MAX 64

static void leases_look(struct sl_fleet_link *link, bool is_end)
{
    struct sl_limit_change changes[CHANGES_MAX];
    uint32_t n;
    do {
        n = sl_limiter_leases_look(link->fleet->limiter, &link->leases, link->number, sl_loop_now(link->loop), is_end,
                                   changes, CHANGES_MAX);
        changes_send(link, changes, n);
    } while (n == CHANGES_MAX);
}

void sl_fleet_leases_on_timer(struct sl_timer *timer)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(timer, struct sl_fleet_link, lease_look);
    leases_look(link, false);
    if (link->leases.n) {
        sl_timer_set(link->loop, &link->lease_look, sl_loop_now(link->loop) + SL_LEASE_LOOK_USEC);
    }
}

void sl_fleet_leases_end(struct sl_fleet_link *link)
{
    leases_look(link, true);
}

/* --- the server's answer --- */

static void answered(struct sl_ask *ask, int64_t server_usec, const struct sl_resp *items, bool is_taken,
                     uint64_t now_wall_usec)
{
    struct sl_fleet_link *link = ask->of;
    struct sl_limit_answer answers[SL_LIMIT_PINS_MAX];
    struct sl_limit_change changes[SL_LIMIT_PINS_MAX];
    struct sl_limit_home_at at = sl_fleet_at(link, now_wall_usec);
    struct sl_admission *admission = admission_take(ask);
    uint32_t n = count(ask);
    expiry_set(link);
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_resp *of = &items[COUNTER_ITEMS * (size_t)i];
        answers[i] = sl_fleet_answer(link, server_usec, of);
        answers[i].own = of[4].number > 0 ? (uint64_t)of[4].number : 0;
        answers[i].lease = of[5].number > 0 ? (uint64_t)of[5].number : 0;
        answers[i].is_unsure = of[5].number >= 0;
    }
    leases_undone(ask, answers, changes);
    sl_limiter_answered(limiter_of(ask), &admission->call, &at, ask->pins, ask->n, answers, is_taken, admission->held,
                        &admission->n_held, &admission->view);
    leases_give_back(link, answers, changes, n);
    if (link->leases.n && !link->lease_look.deadline_usec) {
        sl_timer_set(link->loop, &link->lease_look, sl_loop_recent(link->loop) + SL_LEASE_LOOK_USEC);
    }
    if (link->metrics) {
        sl_metrics_observe(link->metrics, SL_METRIC_COUNTERS, &(struct sl_metric_key){ 0 },
                           sl_loop_now(link->loop) - ask->begin_usec);
    }
    admission->source = SL_LIMIT_SOURCE_SHARED;
    free(ask);
    sl_admission_answer(admission, is_taken ? 0 : admission->view.is_refused ? SL_E_LIMIT : SL_E_IO, now_wall_usec);
}

static void on_answer(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_ask *ask = arg;
    struct sl_fleet_link *link = ask->of;
    int64_t is_taken = 0;
    int left = reply ? link->events->reply(link, reply, n, &is_taken) : SL_E_IO;
    if (left != 1 + COUNTER_ITEMS * (int)count(ask)) {
        /* Nobody knows whether it was counted. If the call still waits, it is sent again when the link is up, and has
         * compared the shares. */
        sl_limiter_doubt(limiter_of(ask), link->number, ask->pins, ask->n);
        ask->is_sent = false;
        if (!ask->admission) {
            ask_free(ask);
        }
        return;
    }
    uint64_t wall = sl_clock_wall_usec();
    sl_fleet_clock(link, reply[2].number, wall);
    if (ask->admission) {
        answered(ask, reply[2].number, &reply[3], is_taken == 1, wall);
        return;
    }
    if (is_taken == 1) {
        give_back(ask, &reply[3]);
    }
    ask_free(ask);
}

/* --- asking --- */

static void pin_write(struct sl_buf *out, const struct sl_limit_pin *pin)
{
    bool is_held = pin->kind != SL_LIMIT_REQUESTS;
    sl_resp_word_u64(out, pin->cap);
    sl_resp_word_u64(out, pin->amount);
    sl_resp_word_u64(out, SL_MIN(pin->period_usec, PERIOD_MOST));
    sl_resp_word_u64(out, pin->end_usec[0]);
    sl_resp_word_u64(out, pin->end_usec[1]);
    sl_resp_word_u64(out, (unsigned)is_held + (pin->is_session ? 2u : 0u));
    sl_resp_word_u64(out, pin->want);
}

static bool looks_for_dead(struct sl_fleet_link *link, uint64_t now_usec)
{
    bool is_due = now_usec - link->dead_look_usec >= DEAD_LOOK_USEC;
    link->dead_look_usec = is_due ? now_usec : link->dead_look_usec;
    return is_due;
}

static void ask_send(struct sl_ask *ask, uint64_t now_usec)
{
    struct sl_fleet_link *link = ask->of;
    uint32_t n = count(ask);
    sl_fleet_command(link, SL_FLEET_ADMIT, n, 5 + 7 * n);
    for (uint32_t i = 0; i < ask->n; i++) {
        if (!ask->pins[i].is_twin) {
            sl_fleet_command_key(link, ask->pins[i].name);
        }
    }
    sl_fleet_command_mine(link);
    sl_resp_word(&link->out, looks_for_dead(link, now_usec) ? SL_STR("1") : SL_STR("0"));
    sl_resp_word_u64(&link->out, (uint64_t)link->n_peers + link->fleet->n_workers);
    for (uint32_t i = 0; i < ask->n; i++) {
        if (!ask->pins[i].is_twin) {
            pin_write(&link->out, &ask->pins[i]);
        }
    }
    ask->sent_usec = now_usec;
    ask->is_sent = sl_fleet_command_send(link, on_answer, ask) == 0; /* else its deadline comes */
}

void sl_fleet_asks_send(struct sl_fleet_link *link)
{
    uint64_t now = sl_loop_now(link->loop);
    for (struct sl_ask *ask = sl_fleet_asks_first(&link->asks); ask; ask = sl_fleet_asks_next(ask)) {
        if (!ask->is_sent) {
            ask_send(ask, now);
        }
    }
    expiry_set(link);
}

static int take_alone(struct sl_ask *ask, struct sl_admission *admission, uint64_t now_wall_usec)
{
    struct sl_fleet_link *link = ask->of;
    struct sl_limit_home_at at = sl_fleet_at(link, now_wall_usec);
    admission->source = SL_LIMIT_SOURCE_ALONE;
    return sl_limiter_take_alone(link->fleet->limiter, &admission->call, &at, ask->pins, ask->n, admission->held,
                                 &admission->n_held, &admission->view);
}

void sl_fleet_asks_on_timer(struct sl_timer *timer)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(timer, struct sl_fleet_link, expiry);
    uint64_t now = sl_loop_now(link->loop);
    bool is_late = false;
    for (struct sl_ask *ask = sl_fleet_asks_first(&link->asks); ask && ask->deadline_usec <= now;
         ask = sl_fleet_asks_first(&link->asks)) {
        struct sl_admission *admission = admission_take(ask);
        uint64_t wall = sl_clock_wall_usec();
        if (ask->is_sent) {
            is_late = true;
            sl_limiter_pin_again(limiter_of(ask), ask->pins, ask->n); /* for its reply */
        }
        int r = take_alone(ask, admission, wall);
        if (!ask->is_sent) {
            free(ask);
        }
        sl_admission_answer(admission, r, wall);
    }
    const struct sl_ask *first = sl_fleet_asks_first(&link->asks);
    if (is_late || (first && due(first) <= now)) {
        link->events->slow(link, "it does not answer within counters.deadline");
    }
    expiry_set(link);
}

static struct sl_ask *ask_new(struct sl_fleet_link *link, const struct sl_limit_call *call)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < call->n_owners; i++) {
        n += call->owners[i]->n;
    }
    struct sl_ask *ask = malloc(sizeof(*ask) + n * sizeof(ask->pins[0]));
    if (ask) {
        *ask = (struct sl_ask){ .of = link };
    }
    return ask;
}

static int take(struct sl_counter_home *home, struct sl_admission *admission, uint64_t now_wall_usec)
{
    struct sl_fleet_link *link = link_of(home);
    struct sl_limit_home_at at = sl_fleet_at(link, now_wall_usec);
    if (sl_limiter_take_leased(link->fleet->limiter, &admission->call, &at, admission->held, &admission->n_held,
                               &admission->view)) {
        admission->source = SL_LIMIT_SOURCE_LEASE;
        return 0;
    }
    struct sl_ask *ask = ask_new(link, &admission->call);
    admission->source = SL_LIMIT_SOURCE_SHARED;
    int r = ask ? sl_limiter_pin(link->fleet->limiter, &admission->call, &at, ask->pins, &ask->n, &admission->view)
                : SL_E_NOMEM;
    if (r < 0 || !ask->n) {
        free(ask);
        return r;
    }
    uint64_t now = sl_loop_now(link->loop);
    uint64_t deadline = now + SL_MAX(link->fleet->conf.deadline_usec, link->fleet->conf.wait_usec);
    bool is_up = link->state == SL_LINK_UP;
    if (!is_up && now >= link->patience_usec) {
        r = take_alone(ask, admission, now_wall_usec);
        free(ask);
        return r;
    }
    ask->begin_usec = now;
    ask->deadline_usec = is_up ? deadline : SL_MIN(deadline, link->patience_usec);
    ask->admission = admission;
    admission->asking = ask;
    sl_fleet_asks_add(&link->asks, ask);
    if (is_up) {
        ask_send(ask, now);
    }
    if (link->asks.n == 1) {
        expiry_set(link);
    }
    return SL_E_AGAIN;
}

static void forget(struct sl_counter_home *home, struct sl_admission *admission)
{
    struct sl_fleet_link *link = link_of(home);
    struct sl_ask *ask = admission->asking;
    admission_take(ask); /* the same one */
    expiry_set(link);
    if (!ask->is_sent) {
        ask_free(ask);
    }
}

void sl_fleet_home_init(struct sl_counter_home *home)
{
    *home = (struct sl_counter_home){ .take = take, .forget = forget, .settle = settle };
}
