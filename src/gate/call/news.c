/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/news.h"

#include "base/map.h"
#include "base/num.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/fleet/news.h"
#include "gate/gate.h"
#include "gate/policy/affinity.h"
#include "gate/worker.h"
#include "net/loop.h"

/* A year: more is a fault. */
#define FOR_MOST (365ull * 86400 * SL_USEC_PER_SEC)

void sl_news_breaker(const struct sl_xchg *x, uint32_t target, bool is_open)
{
    const struct sl_traffic *traffic = x->at.traffic;
    struct sl_fleet *fleet = x->worker->gate->fleet;
    if (fleet) {
        sl_fleet_news_tell(fleet, &(struct sl_fleet_news){ .is_breaker = true,
                                                           .route = x->at.route->name,
                                                           .target = traffic->targets[target].name,
                                                           .for_usec = is_open ? traffic->pool.breaker.open_usec : 0 });
    }
}

void sl_news_place(const struct sl_xchg *x, uint64_t key, uint64_t print, uint64_t ttl_usec)
{
    struct sl_fleet *fleet = x->worker->gate->fleet;
    if (fleet && sl_hash_is_shared()) {
        sl_fleet_news_tell(fleet, &(struct sl_fleet_news){ .key = key, .print = print, .for_usec = ttl_usec });
    }
}

/* --- */

static void breaker_take(struct sl_worker *worker, const struct sl_fleet_news *news, uint64_t now_usec)
{
    struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(worker), news->route);
    uint32_t target = route && route->traffic ? sl_traffic_named(route->traffic, route->n_targets, news->target)
                                              : SL_NO_TARGET;
    if (target != SL_NO_TARGET) {
        sl_pool_told(&route->traffic->pool, target, news->for_usec, now_usec);
    }
}

static void on_news(void *arg, const struct sl_fleet_news *news)
{
    struct sl_worker *worker = arg;
    uint64_t now = sl_loop_recent(worker->desk.loop);
    if (news->for_usec > FOR_MOST) {
        return;
    }
    if (news->is_breaker) {
        breaker_take(worker, news, now);
    } else if (sl_hash_is_shared()) {
        SL_IGNORE(sl_affinity_put(worker->gate->affinity, news->key, news->print, news->for_usec, now));
    }
}

void sl_news_listen(struct sl_worker *worker)
{
    sl_fleet_news_listen(worker->fleet, on_news, worker);
}
