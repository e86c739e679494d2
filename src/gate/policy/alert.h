/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: a counter of a limit has reached a threshold, a share of its cap. Whoever counts raises them, also under a
 * lock; somebody else takes them and tells the operator. In between they wait in a queue that is bounded. Any thread.
 */
#ifndef SL_GATE_ALERT_H
#define SL_GATE_ALERT_H

#include "base/err.h"
#include "base/list.h"
#include "gate/policy/limit_rule.h"

struct sl_limit_record;

/* The thresholds: percent of a cap, rising. */
#define SL_ALERT_MARKS_MAX 8
struct sl_alert_marks {
    uint32_t n; /* 0: there are no alerts */
    uint8_t at[SL_ALERT_MARKS_MAX];
};

/* Limits of keys and groups with a shorter window have no alerts. */
#define SL_ALERT_OWN_PERIOD_MIN (60 * SL_USEC_PER_SEC)
/* How many alerts wait at most, to be taken, or to be sent; and how many of them may be of counters whose number
 * callers and admins of groups choose. */
#define SL_ALERTS_MAX    1024
#define SL_ALERTS_CHOSEN 512

/* One threshold that was reached. */
struct sl_alert {
    struct sl_link link;
    enum sl_limit_owner owner;
    struct sl_limit_rule rule; /* with the cap */
    unsigned at;               /* percent */
    uint64_t used;             /* without what running calls have reserved */
    uint64_t wall_usec;        /* when it was reached */
    uint64_t end_wall_usec;    /* of the window */
    struct sl_str name;        /* the owner's */
    struct sl_str who;         /* the principal or the session; "": all calls of the owner */
    char id[32];               /* random digits of hex; set when it is taken */
};
SL_LIST_HEAD(sl_alert_list);
SL_LIST_FUNCTIONS(sl_alert_list, struct sl_alert, link);

/* True: it is of one caller or session, of a key, or of a group in another; else of a route or a topmost group. */
SL_INLINE bool sl_alert_is_chosen(const struct sl_alert *alert)
{
    bool is_low = alert->owner == SL_LIMIT_OF_GROUP && sl_str_find_char(alert->name, '/', 0) >= 0;
    return alert->rule.key != SL_LIMIT_WHOLE || alert->owner == SL_LIMIT_OF_KEY || is_low;
}

/* What became of alerts on their way to the operator's webhook. */
enum sl_alert_fate {
    SL_ALERT_DELIVERED,
    SL_ALERT_REFUSED, /* an attempt failed, and there will be another */
    SL_ALERT_DROPPED, /* given up: too old, too many, or the process ended */
    SL_ALERT_FATES,
};
extern const char *const sl_alert_fate_names[];

struct sl_alerts;

SL_MUST int sl_alerts_new(struct sl_alerts **ret);
/* Frees what nobody took, too. Accepts NULL. */
void sl_alerts_free(struct sl_alerts *alerts);
/* Calls `fn` from now on when an alert comes; on the raising thread, under locks. NULL: no more. */
void sl_alerts_watch(struct sl_alerts *alerts, void (*fn)(void *arg), void *arg);
/* Copies the record. When the queue is full, the oldest alert is dropped; one of those that are chosen already when
 * there are many of them. */
void sl_alerts_raise(struct sl_alerts *alerts, const struct sl_limit_record *record, unsigned at);
/* The oldest one, which the caller frees; NULL: none waits. *ret_lost: how many were dropped since the last call. */
struct sl_alert *sl_alerts_take(struct sl_alerts *alerts, uint64_t *ret_lost);

/* --- counts, for metrics --- */

void sl_alerts_count(struct sl_alerts *alerts, enum sl_alert_fate fate, uint64_t n);
/* How many wait to be sent. */
void sl_alerts_set_waiting(struct sl_alerts *alerts, size_t n);

struct sl_alerts_look {
    uint64_t fates[SL_ALERT_FATES];
    size_t n_waiting;                                      /* to be taken or to be sent */
    uint64_t raised[SL_LIMIT_OWNERS][SL_LIMIT_KINDS][101]; /* by percent */
};
void sl_alerts_look(struct sl_alerts *alerts, struct sl_alerts_look *ret);

#endif
