/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/fleet/ask.h"
#include "gate/fleet/command.h"
#include "gate/fleet/find.h"
#include "gate/fleet/greet.h"
#include "gate/fleet/news.h"
#include "gate/fleet/state.h"
#include "gate/fleet/tell.h"

#define CONNECT_USEC (1 * SL_USEC_PER_SEC)
/* A step that takes longer has failed. */
#define STEP_USEC (2 * SL_USEC_PER_SEC)
#define BEAT_USEC (1 * SL_USEC_PER_SEC)
/* Between two attempts; each is up to a half shorter or longer. */
#define AGAIN_FIRST_USEC (50 * SL_USEC_PER_MSEC)
#define AGAIN_MOST_USEC  (1 * SL_USEC_PER_SEC)
#define PROBE_USEC       (200 * SL_USEC_PER_MSEC)
/* While the others tell their shares. */
#define TOLD_USEC (40 * SL_USEC_PER_MSEC)
/* One command, with all counters of a call. */
#define COMMAND_MAX (4u << 20)

static void join(struct sl_fleet_link *link);
static void dial(struct sl_fleet_link *link);

/* --- state --- */

static uint64_t jitter(struct sl_fleet_link *link, uint64_t usec)
{
    return usec / 2 + sl_rng_next(&link->loop->rng) % (usec + 1);
}

static void wait(struct sl_fleet_link *link, uint64_t usec)
{
    link->since_usec = sl_loop_now(link->loop);
    sl_timer_set(link->loop, &link->timer, link->since_usec + SL_MAX(usec, (uint64_t)1));
}

/* Another reason is news only if a person must do something about it: the others change by themselves. */
static bool is_news(struct sl_fleet_link *link)
{
    struct sl_fleet *fleet = link->fleet;
    bool is_first = !atomic_exchange(&fleet->is_told, true);
    pthread_mutex_lock(&fleet->lock);
    bool is_new = is_first || (link->is_fault_final && strcmp(fleet->told, link->fault) != 0);
    if (is_new) {
        snprintf(fleet->told, sizeof(fleet->told), "%s", link->fault);
    }
    pthread_mutex_unlock(&fleet->lock);
    return is_new;
}

/* When the first link is away, or the reason is another one; and once when all are back. */
static void loss_tell(struct sl_fleet_link *link)
{
    if (!link->is_ending && !link->on_change && is_news(link)) {
        sl_log(SL_LOG_WARNING, "counters",
               "the shared counters on %s cannot be used: %s; until then each limit does what its on_loss says",
               link->at, link->fault);
    }
}

static void back_tell(struct sl_fleet_link *link)
{
    struct sl_fleet *fleet = link->fleet;
    if (!link->on_change && atomic_load(&fleet->n_up) == fleet->n_workers && atomic_exchange(&fleet->is_told, false)) {
        sl_log(SL_LOG_INFO, "counters", "the shared counters are used again");
    }
}

static void state_set(struct sl_fleet_link *link, enum sl_link_state to)
{
    bool was_up = link->state == SL_LINK_UP, is_up = to == SL_LINK_UP;
    link->state = to;
    if (!was_up && is_up) {
        atomic_fetch_add(&link->fleet->n_up, link->on_change ? 0 : 1);
    }
    if (was_up && !is_up) {
        sl_limiter_leases_drop(link->fleet->limiter, &link->leases, link->number);
        atomic_fetch_sub(&link->fleet->n_up, link->on_change ? 0 : 1);
        const struct sl_fleet_conf *conf = &link->fleet->conf;
        uint64_t least = to == SL_LINK_SLOW ? 0 : conf->deadline_usec;
        link->patience_usec = sl_loop_now(link->loop) + SL_MAX(least, conf->wait_usec);
    }
    if (is_up) {
        link->fault[0] = '\0';
        link->is_fault_final = false;
        link->n_failures = 0;
        back_tell(link);
    }
    if (link->on_change) {
        link->on_change(link);
    }
}

/* `text` may be the link's own: the fault stays. */
static void fault_set(struct sl_fleet_link *link, const char *text, bool is_final)
{
    if (text != link->fault) {
        snprintf(link->fault, sizeof(link->fault), "%s", text);
    }
    link->is_fault_final = is_final;
}

/* --- the connection is gone, or has to be given up --- */

static void dial_later(struct sl_fleet_link *link)
{
    /* Once at once: mostly only the connection is lost, and the server is not. */
    uint32_t n = link->n_failures++;
    uint64_t usec = n ? jitter(link, SL_MIN(AGAIN_FIRST_USEC << SL_MIN(n - 1, 6u), AGAIN_MOST_USEC)) : 0;
    wait(link, usec);
}

/* What was connected to may be gone: the configured places know better. One that led nowhere is not asked next. */
static void place_leave(struct sl_fleet_link *link)
{
    bool was_up = link->state == SL_LINK_UP;
    if (!was_up && !link->host[0]) {
        link->place = (link->place + 1) % link->fleet->conf.n_places;
    }
    if (!was_up || link->is_watched) {
        link->host[0] = '\0';
    }
}

static void link_lost(struct sl_fleet_link *link)
{
    place_leave(link);
    if (link->is_ending) {
        return;
    }
    loss_tell(link);
    dial_later(link);
    state_set(link, SL_LINK_DOWN);
}

static void on_down(struct sl_redis *redis, const char *text)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(redis, struct sl_fleet_link, redis);
    if (!link->fault[0] || link->state == SL_LINK_UP || link->state == SL_LINK_DIAL) {
        fault_set(link, text, false);
    }
    link_lost(link);
}

/* Gives the connection up, and says why. */
static void link_fail(struct sl_fleet_link *link, const char *text, bool is_final)
{
    fault_set(link, text, is_final);
    sl_redis_close(&link->redis);
    link_lost(link);
}

static void slow(struct sl_fleet_link *link, const char *text)
{
    if (link->state != SL_LINK_UP) {
        return;
    }
    fault_set(link, text, false);
    loss_tell(link);
    wait(link, jitter(link, PROBE_USEC));
    state_set(link, SL_LINK_SLOW);
}

/* --- faults in replies --- */

static bool has_code(struct sl_str text, const char *code)
{
    struct sl_str word = sl_str_c(code);
    return sl_str_has_prefix(text, word) && (text.n == word.n || text.p[word.n] == ' ');
}

/* The scripts are gone, or the epoch is another one: joins again on the same connection. Calls wait for it. */
static void rejoin(struct sl_fleet_link *link, bool is_scriptless)
{
    if (link->state != SL_LINK_UP && link->state != SL_LINK_TELL) {
        return; /* on its way already */
    }
    if (is_scriptless) {
        state_set(link, SL_LINK_GREET);
        wait(link, STEP_USEC);
        if (sl_fleet_scripts_load(link) < 0) {
            link_fail(link, "out of memory", false);
        }
    } else {
        join(link);
    }
}

/* The server is at another place: that is no fault. */
static void sent_on(struct sl_fleet_link *link)
{
    link->fault[0] = '\0';
    sl_redis_close(&link->redis);
    if (!link->is_ending) {
        dial_later(link);
        state_set(link, SL_LINK_DOWN);
    }
}

/* "MOVED 3999 127.0.0.1:6381": a node of a cluster names the one that has the slot of our keys. */
static void moved(struct sl_fleet_link *link, struct sl_str text)
{
    struct sl_str rest = text, word = SL_STR("");
    uint64_t port = 0;
    for (int i = 0; i < 3; i++) {
        SL_IGNORE(!sl_str_next(&rest, ' ', &word)); /* the last word is the address */
    }
    size_t n = word.n;
    while (n && word.p[n - 1] != ':') { /* an IPv6 address has more of them */
        n--;
    }
    /* An empty host is the one that answers. */
    if (n > 1 && n <= sizeof(link->host) && sl_parse_u64(sl_str_sub(word, n, word.n), 1, UINT16_MAX, &port) == 0) {
        snprintf(link->host, sizeof(link->host), "%.*s", (int)(n - 1), word.p);
        link->port = (uint16_t)port;
    }
    sent_on(link);
}

/* A Sentinel has said where the server is. */
static void found(struct sl_fleet_link *link)
{
    if (link->state == SL_LINK_GREET) {
        sent_on(link);
    }
}

static void trouble(struct sl_fleet_link *link, struct sl_str text)
{
    static const char *const elsewhere[] = { "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN" };
    char shown[200];
    snprintf(shown, sizeof(shown), "%.*s", SL_STR_ARG(sl_str_sub(text, 0, 190)));
    if (has_code(text, "NOSCRIPT")) {
        rejoin(link, true);
        return;
    }
    if (has_code(text, "MOVED")) {
        moved(link, text);
        return;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(elsewhere); i++) {
        if (has_code(text, elsewhere[i])) {
            link_fail(link, shown, false);
            return;
        }
    }
    if (link->state == SL_LINK_UP) {
        slow(link, shown);
    } else if (link->state == SL_LINK_JOIN || link->state == SL_LINK_TELL) {
        /* It was slow before, or does not let us in: a full server may take it later. */
        bool is_refused = has_code(text, "ERR") || has_code(text, "NOPERM") || has_code(text, "WRONGTYPE");
        fault_set(link, shown, is_refused);
        loss_tell(link);
        wait(link, jitter(link, PROBE_USEC));
        state_set(link, SL_LINK_SLOW);
    }
}

static int reply_read(struct sl_fleet_link *link, const struct sl_resp *reply, size_t n, int64_t *ret_first)
{
    if (reply->type == SL_RESP_ERROR) {
        bool is_scriptless = has_code(reply->text, "NOSCRIPT");
        trouble(link, reply->text);
        return is_scriptless ? SL_E_STALE : SL_E_IO;
    }
    if (reply->type != SL_RESP_LIST || n < 2 || reply[1].type != SL_RESP_NUMBER) {
        link_fail(link, "a reply is not what the script gives", false);
        return SL_E_IO;
    }
    *ret_first = reply[1].number;
    if (*ret_first < 0) {
        rejoin(link, false);
        return SL_E_STALE;
    }
    return (int)n - 2;
}

/* --- beating --- */

static void on_beat(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    int64_t first;
    link->is_beating = false;
    if (!reply || reply_read(link, reply, n, &first) < 2) {
        return;
    }
    sl_fleet_clock(link, reply[2].number, sl_clock_wall_usec());
    if (reply[3].type == SL_RESP_LIST) {
        sl_fleet_peers_note(link, &reply[4], n - 4);
    }
}

static void beat(struct sl_fleet_link *link)
{
    if (link->is_beating) {
        link_fail(link, "it does not answer", false);
        return;
    }
    sl_fleet_command(link, SL_FLEET_BEAT, 0, 3);
    sl_fleet_command_mine(link);
    link->is_beating = sl_fleet_command_send(link, on_beat, link) == 0;
    wait(link, jitter(link, BEAT_USEC) + BEAT_USEC / 2);
}

/* --- joining --- */

static void on_told(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    int64_t is_open;
    link->is_telling = false;
    if (!reply || link->state != SL_LINK_TELL || reply_read(link, reply, n, &is_open) < 0) {
        return;
    }
    if (!is_open) {
        wait(link, jitter(link, TOLD_USEC));
        return;
    }
    wait(link, jitter(link, BEAT_USEC));
    state_set(link, SL_LINK_UP);
    sl_fleet_asks_send(link);
}

static void told_send(struct sl_fleet_link *link)
{
    sl_fleet_command(link, SL_FLEET_TOLD, 0, 3);
    sl_fleet_command_mine(link);
    wait(link, STEP_USEC);
    link->is_telling = sl_fleet_command_send(link, on_told, link) == 0;
    if (!link->is_telling) {
        link_fail(link, "out of memory", false);
    }
}

static void told(struct sl_fleet_link *link, bool is_whole)
{
    if (link->state != SL_LINK_TELL) {
        return;
    }
    if (!is_whole) {
        link_fail(link, "it did not take what this node has counted", false);
        return;
    }
    told_send(link);
}

/* Counts it, unless another link of this process has seen it before. */
static void epoch_note(struct sl_fleet *fleet, const char *epoch)
{
    pthread_mutex_lock(&fleet->lock);
    if (strcmp(fleet->epoch, epoch) != 0) {
        atomic_fetch_add(&fleet->n_epochs, fleet->epoch[0] ? 1 : 0); /* the first one is no change */
        snprintf(fleet->epoch, sizeof(fleet->epoch), "%s", epoch);
    }
    pthread_mutex_unlock(&fleet->lock);
}

static void on_joined(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    if (!reply || link->state != SL_LINK_JOIN) {
        return;
    }
    if (reply->type == SL_RESP_ERROR) {
        if (has_code(reply->text, "NOSCRIPT")) {
            state_set(link, SL_LINK_TELL); /* rejoin leads on from there */
        }
        trouble(link, reply->text);
        return;
    }
    if (n < 5 || reply[1].type != SL_RESP_BULK || reply[1].text.n >= SL_FLEET_WORD_MAX ||
        reply[4].type != SL_RESP_LIST) {
        link_fail(link, "a reply is not what the script gives", true);
        return;
    }
    uint64_t took = sl_loop_now(link->loop) - link->since_usec;
    if (took > link->fleet->conf.deadline_usec && link->fault[0]) { /* it is still too slow for calls */
        wait(link, jitter(link, PROBE_USEC));
        state_set(link, SL_LINK_SLOW);
        return;
    }
    snprintf(link->epoch, sizeof(link->epoch), "%.*s", SL_STR_ARG(reply[1].text));
    sl_fleet_clock(link, reply[3].number, sl_clock_wall_usec());
    if (reply[3].number > 0) { /* this server's clock may be behind that of the one before */
        link->news_usec = SL_MIN(link->news_usec, (uint64_t)reply[3].number);
    }
    sl_fleet_peers_note(link, &reply[5], n - 5);
    epoch_note(link->fleet, link->epoch);
    link->is_new_epoch = reply[2].number == 0;
    wait(link, STEP_USEC);
    state_set(link, SL_LINK_TELL);
    if (sl_fleet_tell(link) < 0) {
        link_fail(link, "out of memory", false);
    }
}

static void join(struct sl_fleet_link *link)
{
    unsigned char bytes[16];
    char word[2 * sizeof(bytes) + 1];
    sl_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        sl_format_hex(bytes[i], 2, word + 2 * i);
    }
    snprintf(link->connection, sizeof(link->connection), "%llu", (unsigned long long)++link->n_joins);
    /* The links of this process, too: floors have what they have all added, so none of their shares may come late. */
    uint32_t n_workers = link->on_change ? 0 : link->fleet->n_workers;
    sl_fleet_command(link, SL_FLEET_JOIN, 0, 4 + link->n_peers + (n_workers ? n_workers - 1 : 0));
    sl_resp_word(&link->out, sl_str_c(link->worker));
    sl_resp_word(&link->out, sl_str_c(link->connection));
    sl_resp_word(&link->out, sl_str_c(link->run));
    sl_resp_word(&link->out, sl_str_make(word, 2 * sizeof(bytes)));
    for (uint32_t i = 0; i < link->n_peers; i++) {
        sl_resp_word(&link->out, link->peers[i]);
    }
    for (uint32_t i = 0; i < n_workers; i++) {
        if (i != link->number) {
            char name[SL_FLEET_WORKER_MAX];
            sl_resp_word(&link->out, sl_str_make(name, sl_fleet_worker_name(link->fleet, i, name)));
        }
    }
    wait(link, STEP_USEC);
    state_set(link, SL_LINK_JOIN);
    if (sl_fleet_command_send(link, on_joined, link) < 0) {
        link_fail(link, "out of memory", false);
    }
}

/* --- greeting --- */

static void greeted(struct sl_fleet_link *link, const char *fault, bool is_final)
{
    if (link->state != SL_LINK_GREET) {
        return;
    }
    if (fault) {
        link_fail(link, fault, is_final);
    } else {
        join(link);
    }
}

static void on_up(struct sl_redis *redis)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(redis, struct sl_fleet_link, redis);
    wait(link, STEP_USEC);
    state_set(link, SL_LINK_GREET);
    bool is_known = link->host[0] || !link->fleet->conf.is_list;
    if ((is_known ? sl_fleet_greet(link) : sl_fleet_find(link)) < 0) {
        link_fail(link, "out of memory", false);
    }
}

static const struct sl_link_events events = { greeted, found, told, reply_read, slow };
static const struct sl_redis_cbs redis_cbs = { .on_up = on_up, .on_down = on_down };

static void dial(struct sl_fleet_link *link)
{
    const struct sl_fleet_conf *conf = &link->fleet->conf;
    const struct sl_fleet_place *place = &conf->places[link->place];
    bool is_sent_on = link->host[0];
    const struct sl_redis_at at = { is_sent_on ? sl_str_c(link->host) : place->host,
                                    is_sent_on ? link->port : place->port, conf->tls };
    snprintf(link->at, sizeof(link->at), "%.*s:%u", SL_STR_ARG(at.host), at.port);
    state_set(link, SL_LINK_DIAL);
    if (sl_redis_connect(&link->redis, &at, sl_loop_now(link->loop) + CONNECT_USEC) < 0) {
        fault_set(link, "out of memory", false);
        link_lost(link);
    }
}

/* --- the timer --- */

static void on_timer(struct sl_timer *timer)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(timer, struct sl_fleet_link, timer);
    if (link->is_ending) {
        sl_redis_close(&link->redis); /* what it waited for hears of it */
        link->on_done(link->arg);
        return;
    }
    switch (link->state) {
    case SL_LINK_DOWN:
        dial(link);
        break;
    case SL_LINK_DIAL: /* the dial has its own deadline */
        break;
    case SL_LINK_GREET:
    case SL_LINK_JOIN:
        link_fail(link, link->fault[0] ? link->fault : sl_fleet_silence(link->fleet), false);
        break;
    case SL_LINK_TELL:
        if (link->n_shares_due || link->is_telling) { /* commands of calls may be on their way, too */
            link_fail(link, "it does not answer", false);
        } else {
            told_send(link);
        }
        break;
    case SL_LINK_UP:
        beat(link);
        break;
    case SL_LINK_SLOW:
        join(link);
        break;
    case SL_LINK_STATES:
        break;
    }
}

/* --- begin and end --- */

int sl_fleet_link_new(struct sl_fleet *fleet, struct sl_loop *loop, uint32_t number, struct sl_metrics_worker *metrics,
                      struct sl_fleet_link **ret)
{
    struct sl_fleet_link *link = calloc(1, sizeof(*link));
    if (!link) {
        return SL_E_NOMEM;
    }
    link->events = &events;
    link->fleet = fleet;
    link->loop = loop;
    link->metrics = metrics;
    link->number = number;
    link->n_nodes = 1;
    SL_IGNORE(sl_fleet_worker_name(fleet, number, link->worker) == 0);
    sl_fleet_home_init(&link->home);
    sl_redis_init(&link->redis, loop, &redis_cbs);
    sl_buf_init(&link->out, COMMAND_MAX);
    sl_buf_init(&link->peer_text, SL_FLEET_PEERS_MAX * SL_FLEET_WORKER_MAX);
    sl_timer_init(&link->timer, on_timer);
    sl_timer_init(&link->expiry, sl_fleet_asks_on_timer);
    sl_timer_init(&link->lease_look, sl_fleet_leases_on_timer);
    sl_timer_init(&link->news, sl_fleet_news_on_timer);
    link->patience_usec = sl_loop_now(loop) + SL_MAX(CONNECT_USEC, fleet->conf.wait_usec);
    wait(link, 0);
    *ret = link;
    return 0;
}

struct sl_counter_home *sl_fleet_link_home(struct sl_fleet_link *link)
{
    return &link->home;
}

static void on_left(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    (void)reply;
    (void)n;
    wait(link, 0); /* the timer ends it */
}

void sl_fleet_link_end(struct sl_fleet_link *link, void (*on_done)(void *arg), void *arg)
{
    link->is_ending = true;
    link->on_done = on_done;
    link->arg = arg;
    if (link->state >= SL_LINK_JOIN && link->state != SL_LINK_SLOW) {
        sl_fleet_leases_end(link);
        sl_fleet_command(link, SL_FLEET_LEAVE, 0, 1);
        sl_resp_word(&link->out, sl_str_c(link->worker));
        if (sl_fleet_command_send(link, on_left, link) == 0) {
            wait(link, STEP_USEC);
            return;
        }
    }
    wait(link, 0);
}

void sl_fleet_link_free(struct sl_fleet_link *link)
{
    if (!link) {
        return;
    }
    SL_ASSERT(!link->asks.n);
    sl_timer_remove(link->loop, &link->timer);
    sl_timer_remove(link->loop, &link->expiry);
    sl_timer_remove(link->loop, &link->lease_look);
    sl_timer_remove(link->loop, &link->news);
    sl_limiter_leases_drop(link->fleet->limiter, &link->leases, link->number);
    if (link->state == SL_LINK_UP) {
        atomic_fetch_sub(&link->fleet->n_up, link->on_change ? 0 : 1);
    }
    sl_redis_done(&link->redis);
    sl_buf_done(&link->out);
    sl_buf_done(&link->peer_text);
    free(link);
}
