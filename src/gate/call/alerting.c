/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/alerting.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/call/webhook.h"
#include "gate/config/alert_conf.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/watch/alert_words.h"
#include "gate/worker.h"

/* A receiver only has to take note. The standard asks for 15 to 30 seconds. */
#define CONNECT_USEC    (5 * SL_USEC_PER_SEC)
#define FIRST_BYTE_USEC (20 * SL_USEC_PER_SEC)
#define TOTAL_USEC      (30 * SL_USEC_PER_SEC)
/* The pauses between attempts: each twice as long as the one before, unless the receiver says for how long. */
#define PAUSE_MIN_USEC (SL_USEC_PER_SEC / 2)
#define PAUSE_MAX_USEC (300 * SL_USEC_PER_SEC)
#define ASKED_MAX_SEC  3600
/* An older alert is of no use to anybody. */
#define AGE_MAX_USEC (86400 * SL_USEC_PER_SEC)
/* So much of an answer is read, so that its connection can be kept. Only the status counts. */
#define ANSWER_MAX  65536
#define BODY_MAX    16384
#define STATUS_GONE 410

/* An attempt. */
struct letter {
    struct sl_hcall hcall;
    struct sl_arena arena;
    struct sl_settings *settings; /* held: the URL and the key are in them */
    struct sl_alert *alert;       /* the first of those that wait */
    int status;                   /* 0: none came */
    uint64_t asked_sec;           /* for how long the receiver wants to be left alone */
    size_t n_read;
};

struct sl_alerting {
    struct sl_worker *worker;
    struct sl_timer timer; /* the next attempt is due; or `letter` must end, which its own callbacks may not do */
    struct sl_alert_list waiting; /* the oldest first, also while it is on its way */
    size_t n_chosen;              /* of these: sl_alert_is_chosen */
    struct letter *letter;        /* NULL: none is on its way */
    struct sl_settings *tried;    /* held: of the last attempt; NULL: there was none */
    bool is_gone;                 /* with these settings the receiver wants nothing any more */
    uint64_t pause_usec;          /* before the next attempt */
    uint64_t n_failed;            /* attempts since the last one that was taken */
    uint64_t n_dropped;           /* alerts that were given up since then */
};

static struct sl_loop *loop_of(const struct sl_alerting *alerting)
{
    return &alerting->worker->engine->loop;
}

static struct sl_alerts *alerts_of(const struct sl_alerting *alerting)
{
    return alerting->worker->gate->alerts;
}

static void waiting_tell(const struct sl_alerting *alerting)
{
    sl_alerts_set_waiting(alerts_of(alerting), alerting->waiting.n);
}

static bool has_webhook(const struct sl_settings *settings)
{
    return settings->alerts && settings->alerts->url.p;
}

/* True: it is the 1st, 2nd, 4th, 8th, … of its kind: the log says it. */
static bool is_told(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

/* --- giving up --- */

static void drop(struct sl_alerting *alerting, struct sl_alert *alert, const char *why)
{
    free(alert);
    sl_alerts_count(alerts_of(alerting), SL_ALERT_DROPPED, 1);
    if (is_told(++alerting->n_dropped)) {
        sl_log(SL_LOG_WARNING, "alerts",
               "an alert is not sent to the webhook: %s (%llu since the last one that was "
               "delivered); it stands in this log",
               why, (unsigned long long)alerting->n_dropped);
    }
}

/* Takes one that waits out of the list. */
static struct sl_alert *waiting_take(struct sl_alerting *alerting, struct sl_alert *alert)
{
    sl_alert_list_remove(&alerting->waiting, alert);
    alerting->n_chosen -= sl_alert_is_chosen(alert);
    return alert;
}

static void drop_all(struct sl_alerting *alerting, const char *why)
{
    for (struct sl_alert *alert; (alert = sl_alert_list_first(&alerting->waiting)) != NULL;) {
        drop(alerting, waiting_take(alerting, alert), why);
    }
}

/* --- an attempt --- */

static void send_next(struct sl_alerting *alerting);

static void letter_free(struct sl_alerting *alerting)
{
    struct letter *letter = alerting->letter;
    alerting->letter = NULL;
    if (letter) {
        sl_hcall_cancel(&letter->hcall);
        sl_settings_unref(letter->settings);
        sl_arena_wipe(&letter->arena);
        sl_arena_done(&letter->arena);
        free(letter);
    }
}

static void letter_delivered(struct sl_alerting *alerting)
{
    if (alerting->n_failed) {
        sl_log(SL_LOG_INFO, "alerts", "the webhook takes alerts again, after %llu attempt%s that failed",
               (unsigned long long)alerting->n_failed, alerting->n_failed == 1 ? "" : "s");
    }
    alerting->n_failed = alerting->n_dropped = alerting->pause_usec = 0;
    sl_alerts_count(alerts_of(alerting), SL_ALERT_DELIVERED, 1);
    letter_free(alerting);
    free(waiting_take(alerting, sl_alert_list_first(&alerting->waiting)));
    send_next(alerting);
}

/* Between three quarters and all of the pause, so that many gateways do not call at one time. */
static uint64_t jittered(struct sl_alerting *alerting, uint64_t usec)
{
    return usec - sl_rng_next(&loop_of(alerting)->rng) % (usec / 4 + 1);
}

static void letter_failed(struct sl_alerting *alerting, const char *why)
{
    struct sl_loop *loop = loop_of(alerting);
    struct sl_str host = alerting->letter->settings->alerts->base.authority;
    uint64_t twice = SL_MAX(alerting->pause_usec * 2, (uint64_t)PAUSE_MIN_USEC);
    alerting->pause_usec = SL_MIN(twice, (uint64_t)PAUSE_MAX_USEC);
    uint64_t asked = SL_MIN(alerting->letter->asked_sec, (uint64_t)ASKED_MAX_SEC) * SL_USEC_PER_SEC;
    uint64_t pause = SL_MAX(jittered(alerting, alerting->pause_usec), asked);
    sl_alerts_count(alerts_of(alerting), SL_ALERT_REFUSED, 1);
    if (is_told(++alerting->n_failed)) {
        sl_log(SL_LOG_WARNING, "alerts",
               "the webhook at %.*s takes no alerts: %s; %zu wait, and it is tried again in "
               "%llu s",
               SL_STR_ARG(host), why, alerting->waiting.n,
               (unsigned long long)(pause + SL_USEC_PER_SEC - 1) / SL_USEC_PER_SEC);
    }
    letter_free(alerting);
    sl_timer_set(loop, &alerting->timer, sl_loop_now(loop) + pause);
}

/* The receiver wants nothing any more: it is left alone until the settings change. */
static void letter_gone(struct sl_alerting *alerting)
{
    sl_log(SL_LOG_ERROR, "alerts", "the webhook at %.*s answers 410: it gets no alerts until the configuration changes",
           SL_STR_ARG(alerting->letter->settings->alerts->base.authority));
    alerting->is_gone = true;
    letter_free(alerting);
    drop_all(alerting, "it answered 410");
}

/* True: the receiver does not want what was sent, and did not only ask for time. */
static bool is_refused(int status)
{
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

static void letter_end(struct sl_alerting *alerting)
{
    char why[32];
    int status = alerting->letter->status;
    if (status >= 200 && status < 300) {
        letter_delivered(alerting);
    } else if (status == STATUS_GONE) {
        letter_gone(alerting);
    } else {
        struct sl_alert *alert = alerting->letter->alert;
        snprintf(why, sizeof(why), "status %d", status);
        letter_failed(alerting, why);
        if (is_refused(status)) { /* perhaps it refuses only this one: the others go first */
            sl_alert_list_remove(&alerting->waiting, alert);
            sl_alert_list_add(&alerting->waiting, alert);
        }
    }
    waiting_tell(alerting);
}

static void on_head(struct sl_hcall *hcall, int status, const struct sl_headers *headers, int64_t length)
{
    (void)length;
    struct sl_alerting *alerting = hcall->user;
    struct letter *letter = alerting->letter;
    struct sl_str asked = sl_headers_get(headers, "retry-after");
    letter->status = status;
    int64_t now = (int64_t)(sl_clock_wall_usec() / SL_USEC_PER_SEC);
    if (asked.n && sl_parse_retry_after(asked, now, &letter->asked_sec) < 0) {
        letter->asked_sec = 0;
    }
}

static void on_data(struct sl_hcall *hcall, struct sl_str bytes)
{
    struct sl_alerting *alerting = hcall->user;
    struct sl_loop *loop = loop_of(alerting);
    alerting->letter->n_read += bytes.n;
    if (alerting->letter->n_read > ANSWER_MAX) {
        sl_hcall_cancel(hcall);
        sl_timer_set(loop, &alerting->timer, sl_loop_now(loop));
    }
}

static void on_end(struct sl_hcall *hcall)
{
    letter_end(hcall->user);
}

static void on_error(struct sl_hcall *hcall, enum sl_hcall_fault fault, const char *text)
{
    (void)fault;
    struct sl_alerting *alerting = hcall->user;
    if (alerting->letter->status) {
        letter_end(alerting); /* the rest of the answer says nothing */
        return;
    }
    letter_failed(alerting, text);
    waiting_tell(alerting);
}

static void on_turn(struct sl_hcall *hcall)
{
    (void)hcall;
}

static const struct sl_hcall_cbs cbs = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_error = on_error,
    .on_turn = on_turn,
};

/* The message with its signature. The operator's own file says the URL, so it may be on any network. */
static int letter_write(struct letter *letter, struct sl_hcall_req *ret_req)
{
    const struct sl_alert_conf *conf = letter->settings->alerts;
    struct sl_buf buf = SL_BUF_INIT(BODY_MAX);
    sl_alert_write(letter->alert, &buf);
    struct sl_str *body = SL_ARENA_NEW(&letter->arena, struct sl_str);
    struct sl_str text = sl_buf_status(&buf) < 0 ? SL_STR_NONE : sl_arena_dup(&letter->arena, sl_buf_str(&buf));
    sl_buf_done(&buf);
    if (!body || !text.p) {
        return SL_E_NOMEM;
    }
    *body = text;
    const struct sl_webhook_message message = {
        .id = sl_str_make(letter->alert->id, sizeof(letter->alert->id)),
        .now_sec = sl_clock_wall_usec() / SL_USEC_PER_SEC,
        .body = text,
    };
    *ret_req = (struct sl_hcall_req){
        .method = "POST", .target = conf->target, .slices = body, .n_slices = 1, .body_len = text.n
    };
    int r = sl_headers_add(&ret_req->headers, &letter->arena, SL_STR("user-agent"), SL_STR("sluice/" SL_VERSION));
    return r < 0 ? r : sl_webhook_headers(&message, sl_secret_reveal(&conf->key), &letter->arena, &ret_req->headers);
}

static int letter_start(struct sl_alerting *alerting, struct sl_settings *settings)
{
    struct letter *letter = calloc(1, sizeof(*letter));
    struct sl_hcall_req req;
    if (!letter) {
        return SL_E_NOMEM;
    }
    alerting->letter = letter;
    sl_arena_init(&letter->arena, &loop_of(alerting)->arenas);
    letter->settings = sl_settings_ref(settings);
    letter->alert = sl_alert_list_first(&alerting->waiting);
    const struct sl_hcall_timeouts timeouts = { CONNECT_USEC, FIRST_BYTE_USEC, FIRST_BYTE_USEC, TOTAL_USEC };
    int r = letter_write(letter, &req);
    return r < 0 ? r
                 : sl_hcall_start(&letter->hcall, &alerting->worker->engine->client, &settings->alerts->base, &req,
                                  &timeouts, &letter->arena, &cbs, alerting);
}

/* Other settings may have another receiver: it is asked at once. */
static void settings_look(struct sl_alerting *alerting, struct sl_settings *settings)
{
    if (settings != alerting->tried && !alerting->letter) {
        sl_settings_unref(alerting->tried);
        alerting->tried = sl_settings_ref(settings);
        alerting->is_gone = false;
        alerting->pause_usec = 0;
        sl_timer_clear(&alerting->timer);
    }
}

static void old_drop(struct sl_alerting *alerting)
{
    uint64_t now = sl_clock_wall_usec();
    for (struct sl_alert *first; (first = sl_alert_list_first(&alerting->waiting)) != NULL;) {
        if (first->wall_usec + AGE_MAX_USEC > now) {
            break;
        }
        drop(alerting, waiting_take(alerting, first), "it is older than a day");
    }
}

/* Sends the oldest one, unless one is on its way or a pause lasts. */
static void send_next(struct sl_alerting *alerting)
{
    struct sl_settings *settings = sl_worker_snapshot(alerting->worker)->settings;
    settings_look(alerting, settings);
    if (alerting->letter || alerting->timer.deadline_usec) {
        return;
    }
    old_drop(alerting);
    if (!has_webhook(settings) || alerting->is_gone) {
        drop_all(alerting, alerting->is_gone ? "it answered 410" : "there is none any more");
    } else if (alerting->waiting.n && letter_start(alerting, settings) < 0) {
        letter_free(alerting); /* no memory: later */
        sl_timer_set(loop_of(alerting), &alerting->timer, sl_loop_now(loop_of(alerting)) + PAUSE_MAX_USEC);
    }
}

static void on_timer(struct sl_timer *timer)
{
    struct sl_alerting *alerting = SL_CONTAINER_OF(timer, struct sl_alerting, timer);
    if (alerting->letter) {
        letter_end(alerting);
    } else {
        send_next(alerting);
        waiting_tell(alerting);
    }
}

/* --- taking --- */

/* Callers and admins of groups choose how many alerts of their own there are: these push out no others. */
static void waiting_add(struct sl_alerting *alerting, struct sl_alert *alert)
{
    bool is_chosen = sl_alert_is_chosen(alert);
    if (is_chosen && alerting->n_chosen == SL_ALERTS_CHOSEN) {
        drop(alerting, alert, "too many of callers, keys and lower groups wait");
        return;
    }
    if (alerting->waiting.n == SL_ALERTS_MAX) {
        struct sl_alert *first = sl_alert_list_first(&alerting->waiting);
        struct sl_alert *oldest = alerting->letter ? sl_alert_list_next(first) : first;
        drop(alerting, waiting_take(alerting, oldest), "too many wait");
    }
    sl_alert_list_add(&alerting->waiting, alert);
    alerting->n_chosen += is_chosen;
}

void sl_alerting_take(struct sl_worker *worker)
{
    struct sl_alerting *alerting = worker->alerting;
    uint64_t n_lost;
    if (!alerting) {
        return;
    }
    bool is_sent = has_webhook(sl_worker_snapshot(worker)->settings);
    for (struct sl_alert *alert; (alert = sl_alerts_take(worker->gate->alerts, &n_lost)) != NULL;) {
        if (n_lost) {
            sl_log(SL_LOG_WARNING, "alerts", "%llu alerts are lost: too many came at a time",
                   (unsigned long long)n_lost);
        }
        sl_alert_log(alert);
        if (!is_sent) {
            free(alert);
            continue;
        }
        waiting_add(alerting, alert);
    }
    send_next(alerting);
    waiting_tell(alerting);
}

int sl_alerting_start(struct sl_worker *worker)
{
    struct sl_alerting *alerting = calloc(1, sizeof(*alerting));
    if (!alerting) {
        return SL_E_NOMEM;
    }
    alerting->worker = worker;
    sl_timer_init(&alerting->timer, on_timer);
    worker->alerting = alerting;
    return 0;
}

void sl_alerting_stop(struct sl_worker *worker)
{
    struct sl_alerting *alerting = worker->alerting;
    if (alerting) {
        worker->alerting = NULL;
        sl_timer_remove(loop_of(alerting), &alerting->timer);
        letter_free(alerting);
        drop_all(alerting, "the gateway shuts down");
        waiting_tell(alerting);
        sl_settings_unref(alerting->tried);
        free(alerting);
    }
}
