/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/fleet.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/random.h"
#include "gate/fleet/greet.h"
#include "gate/fleet/link.h"
#include "gate/fleet/state.h"
#include "gate/policy/limit_home.h"

/* How long a start waits for the server's first words. */
#define TRY_USEC (3 * SL_USEC_PER_SEC)

static int texts_copy(struct sl_fleet *fleet)
{
    struct sl_fleet_conf *conf = &fleet->conf;
    struct sl_str *const texts[] = { &conf->user, &conf->password, &conf->ns, &conf->master };
    struct sl_fleet_place *places = SL_ARENA_ARRAY(&fleet->arena, struct sl_fleet_place, conf->n_places);
    struct sl_str parts[] = { SL_STR("sluice:{"), conf->ns, SL_STR("}:") };
    fleet->prefix = sl_arena_join(&fleet->arena, parts, SL_ARRAY_LEN(parts));
    bool has_all = places && fleet->prefix.p;
    for (size_t i = 0; has_all && i < SL_ARRAY_LEN(texts); i++) {
        *texts[i] = sl_arena_dup(&fleet->arena, texts[i]->n ? *texts[i] : SL_STR(""));
        has_all = texts[i]->p;
    }
    for (size_t i = 0; has_all && i < conf->n_places; i++) {
        places[i] = (struct sl_fleet_place){ sl_arena_dup(&fleet->arena, conf->places[i].host), conf->places[i].port };
        has_all = places[i].host.p;
    }
    conf->places = places;
    return has_all ? 0 : SL_E_NOMEM;
}

int sl_fleet_new(const struct sl_fleet_conf *conf, struct sl_limiter *limiter, uint32_t n_workers,
                 struct sl_fleet **ret)
{
    struct sl_fleet *fleet = calloc(1, sizeof(*fleet));
    if (!fleet) {
        return SL_E_NOMEM;
    }
    fleet->conf = *conf;
    fleet->limiter = limiter;
    fleet->n_workers = n_workers;
    pthread_mutex_init(&fleet->lock, NULL);
    sl_arena_init_small(&fleet->arena, 512);
    sl_buf_init(&fleet->news, SL_FLEET_NEWS_BYTES);
    if (texts_copy(fleet) < 0) {
        sl_fleet_free(fleet);
        return SL_E_NOMEM;
    }
    unsigned char bytes[6];
    sl_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        sl_format_hex(bytes[i], 2, fleet->process + 2 * i);
    }
    sl_limiter_leave_home(limiter, n_workers + 1); /* one more for sl_fleet_try */
    *ret = fleet;
    return 0;
}

void sl_fleet_free(struct sl_fleet *fleet)
{
    if (fleet) {
        sl_arena_wipe(&fleet->arena);
        sl_arena_done(&fleet->arena);
        sl_buf_done(&fleet->news);
        pthread_mutex_destroy(&fleet->lock);
        free(fleet);
    }
}

bool sl_fleet_is_up(const struct sl_fleet *fleet)
{
    return atomic_load(&fleet->n_up) == fleet->n_workers;
}

uint64_t sl_fleet_epochs(const struct sl_fleet *fleet)
{
    return atomic_load(&fleet->n_epochs);
}

/* --- at the start --- */

struct trial {
    struct sl_loop loop;
    struct sl_fleet_link *link;
    struct sl_timer timer;
    bool is_up, is_ending;
    char fault[256], at[SL_FLEET_AT_MAX];
    bool is_final;
};

static void on_left(void *arg)
{
    struct trial *trial = arg;
    sl_fleet_link_free(trial->link);
    sl_loop_stop(&trial->loop);
}

/* The link is in the middle of a step when it tells of a change, so it is ended by the timer. */
static void on_change(struct sl_fleet_link *link)
{
    struct trial *trial = SL_CONTAINER_OF(link->loop, struct trial, loop);
    bool is_fault = (link->state == SL_LINK_DOWN || link->state == SL_LINK_SLOW) && link->fault[0];
    bool are_all_tried = link->is_fault_final || link->state == SL_LINK_SLOW || !link->place;
    bool is_over = link->state == SL_LINK_UP || (is_fault && are_all_tried);
    if (is_over && !trial->is_ending) {
        trial->is_ending = true;
        trial->is_up = link->state == SL_LINK_UP;
        memcpy(trial->fault, link->fault, sizeof(trial->fault));
        memcpy(trial->at, link->at, sizeof(trial->at));
        trial->is_final = link->is_fault_final;
        sl_timer_set(link->loop, &trial->timer, sl_loop_now(link->loop));
    }
}

static void on_timer(struct sl_timer *timer)
{
    struct trial *trial = SL_CONTAINER_OF(timer, struct trial, timer);
    trial->is_ending = true;
    sl_fleet_link_end(trial->link, on_left, trial);
}

int sl_fleet_try(struct sl_fleet *fleet, struct sl_err *err)
{
    struct trial *trial = calloc(1, sizeof(*trial));
    if (!trial) {
        return sl_fail_nomem(err);
    }
    int r = sl_loop_init(&trial->loop, err);
    if (r < 0) {
        free(trial);
        return r;
    }
    sl_timer_init(&trial->timer, on_timer);
    r = sl_fleet_link_new(fleet, &trial->loop, fleet->n_workers, NULL, &trial->link);
    if (r == 0) {
        trial->link->on_change = on_change;
        sl_timer_set(&trial->loop, &trial->timer, sl_loop_now(&trial->loop) + TRY_USEC);
        sl_loop_run(&trial->loop);
        sl_timer_remove(&trial->loop, &trial->timer);
        const char *fault = trial->fault[0] ? trial->fault : sl_fleet_silence(fleet);
        r = trial->is_up
                ? 0
                : sl_fail(err, trial->is_final ? SL_E_INVAL : SL_E_IO, "counters: the server %s: %s", trial->at, fault);
    } else {
        sl_fail_nomem(err);
        sl_loop_stop(&trial->loop);
        sl_loop_run(&trial->loop);
    }
    sl_loop_done(&trial->loop);
    free(trial);
    return r;
}
