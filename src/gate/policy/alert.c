/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/alert.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/policy/limit_record.h"
#include "gate/policy/period.h"

const char *const sl_alert_fate_names[] = {
    [SL_ALERT_DELIVERED] = "delivered",
    [SL_ALERT_REFUSED] = "failed",
    [SL_ALERT_DROPPED] = "dropped",
    [SL_ALERT_FATES] = NULL,
};

struct sl_alerts {
    pthread_mutex_t lock; /* guards all below; taken under a shard's lock of the limiter, and takes no other lock but
                             those of `on_raised` */
    struct sl_alert_list queue;
    size_t n_chosen; /* of the queue: sl_alert_is_chosen */
    void (*on_raised)(void *arg);
    void *raised_arg;
    size_t n_sending;
    uint64_t n_lost; /* since somebody took one */
    struct sl_alerts_look counts;
};

int sl_alerts_new(struct sl_alerts **ret)
{
    struct sl_alerts *alerts = calloc(1, sizeof(*alerts));
    if (!alerts) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&alerts->lock, NULL);
    *ret = alerts;
    return 0;
}

void sl_alerts_free(struct sl_alerts *alerts)
{
    struct sl_alert *alert;
    while (alerts && (alert = sl_alert_list_take_first(&alerts->queue)) != NULL) {
        free(alert);
    }
    if (alerts) {
        pthread_mutex_destroy(&alerts->lock);
        free(alerts);
    }
}

void sl_alerts_watch(struct sl_alerts *alerts, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&alerts->lock);
    alerts->on_raised = fn;
    alerts->raised_arg = arg;
    if (fn && alerts->queue.n) {
        fn(arg);
    }
    pthread_mutex_unlock(&alerts->lock);
}

static struct sl_alert *alert_new(const struct sl_limit_record *record, unsigned at)
{
    struct sl_alert *alert = malloc(sizeof(*alert) + record->name.n + record->who.n);
    if (!alert) {
        return NULL;
    }
    *alert = (struct sl_alert){
        .rule = { .cap = record->cap,
                  .period_usec = record->period_usec,
                  .key = record->key,
                  .kind = record->kind,
                  .zone = record->zone },
        .at = at,
        .used = record->used - record->reserved,
        .wall_usec = sl_clock_wall_usec(),
        .end_wall_usec = record->end_wall_usec,
    };
    sl_period_name(&alert->rule);
    char *text = (char *)(alert + 1);
    memcpy(text, record->name.p, record->name.n);
    struct sl_limit_owner_shown owner = sl_limit_owner_show(record->owner, sl_str_make(text, record->name.n));
    alert->owner = owner.owner;
    alert->name = owner.name;
    alert->rule.route = owner.route;
    if (record->who.n) {
        memcpy(text + record->name.n, record->who.p, record->who.n);
    }
    alert->who = sl_str_make(text + record->name.n, record->who.n);
    return alert;
}

/* The oldest; NULL: there is none. */
static struct sl_alert *take(struct sl_alerts *alerts)
{
    struct sl_alert *alert = sl_alert_list_take_first(&alerts->queue);
    alerts->n_chosen -= alert && sl_alert_is_chosen(alert);
    return alert;
}

void sl_alerts_raise(struct sl_alerts *alerts, const struct sl_limit_record *record, unsigned at)
{
    struct sl_alert *alert = alert_new(record, at), *lost = NULL;
    pthread_mutex_lock(&alerts->lock);
    alerts->counts.raised[sl_limit_owner_show(record->owner, record->name).owner][record->kind][at]++;
    bool is_one_too_many = alert && sl_alert_is_chosen(alert) && alerts->n_chosen == SL_ALERTS_CHOSEN;
    if (!alert || is_one_too_many || alerts->queue.n == SL_ALERTS_MAX) { /* no memory, or no room */
        lost = is_one_too_many ? alert : alert ? take(alerts) : NULL;
        alerts->n_lost++;
        alerts->counts.fates[SL_ALERT_DROPPED]++;
    }
    if (alert && !is_one_too_many) {
        sl_alert_list_add(&alerts->queue, alert);
        alerts->n_chosen += sl_alert_is_chosen(alert);
    }
    if (alerts->on_raised) {
        alerts->on_raised(alerts->raised_arg);
    }
    pthread_mutex_unlock(&alerts->lock);
    free(lost);
}

struct sl_alert *sl_alerts_take(struct sl_alerts *alerts, uint64_t *ret_lost)
{
    uint64_t random[2];
    pthread_mutex_lock(&alerts->lock);
    struct sl_alert *alert = take(alerts);
    *ret_lost = alerts->n_lost;
    alerts->n_lost = 0;
    pthread_mutex_unlock(&alerts->lock);
    if (alert) {
        sl_random_bytes(random, sizeof(random));
        SL_IGNORE(!sl_format_hex(random[1], 16, sl_format_hex(random[0], 16, alert->id)));
    }
    return alert;
}

/* --- counts --- */

void sl_alerts_count(struct sl_alerts *alerts, enum sl_alert_fate fate, uint64_t n)
{
    pthread_mutex_lock(&alerts->lock);
    alerts->counts.fates[fate] += n;
    pthread_mutex_unlock(&alerts->lock);
}

void sl_alerts_set_waiting(struct sl_alerts *alerts, size_t n)
{
    pthread_mutex_lock(&alerts->lock);
    alerts->n_sending = n;
    pthread_mutex_unlock(&alerts->lock);
}

void sl_alerts_look(struct sl_alerts *alerts, struct sl_alerts_look *ret)
{
    pthread_mutex_lock(&alerts->lock);
    *ret = alerts->counts;
    ret->n_waiting = alerts->queue.n + alerts->n_sending;
    pthread_mutex_unlock(&alerts->lock);
}
