/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the request log as events. The log's thread says that there are new rows; the thread pool reads them; the
 * loop sends them. While the client takes nothing, nothing is read: the rows wait in the log. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/api/requests.h"
#include "gate/api/requests_json.h"
#include "gate/api/requests_query.h"
#include "gate/call/auth.h"
#include "gate/call/own.h"
#include "gate/call/part.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "json/write.h"
#include "log/rlog.h"
#include "log/scan.h"
#include "net/loop.h"

/* Rows that are read at once. */
#define BATCH_ROWS 256
/* A batch of rows, each of the greatest length and escaped. */
#define TEXT_MAX_BYTES (64u << 20)
/* How often it looks whether the client takes more, its key still holds, the gateway drains, or a heartbeat is due. */
#define TICK_USEC SL_USEC_PER_SEC
/* More bytes than this wait for the client: nothing is read. */
#define QUEUED_MAX 65536

struct tail {
    struct sl_part part;
    struct sl_xchg *x; /* NULL: it ended */
    struct sl_worker *worker;
    struct sl_rlog *log;
    struct sl_loop *loop;
    struct sl_arena arena; /* of the query's texts */
    struct sl_rlog_query query;
    struct sl_rlog_watch watch;
    struct sl_post post;
    atomic_bool is_posted;
    struct sl_timer tick;
    uint64_t sent_usec, seat;
    uv_work_t work;
    bool is_reading, has_new, is_operators;
    uint64_t from; /* the number of the next row */
    uint32_t n_rows;
    struct sl_buf text;
    int r;
};

/* Frees it when neither the log, nor the pool, nor the exchange has it any more. */
static void tail_free_if_left(struct tail *tail)
{
    if (tail->x || tail->is_reading || atomic_load(&tail->is_posted)) {
        return;
    }
    struct sl_worker *worker = tail->worker;
    sl_seats_leave(&worker->gate->tails, tail->seat);
    sl_buf_done(&tail->text);
    sl_arena_done(&tail->arena);
    free(tail);
    sl_worker_answered(worker);
}

static bool on_row(void *arg, uint64_t number, const struct sl_rlog_row *row)
{
    struct tail *tail = arg;
    struct sl_jw w;
    (void)number;
    sl_buf_add_lit(&tail->text, "data: ");
    sl_jw_init(&w, &tail->text);
    sl_jw_object(&w);
    sl_jw_key(&w, "request");
    sl_requests_row_write(&w, row, tail->is_operators);
    sl_jw_end(&w);
    sl_buf_add_lit(&tail->text, "\n\n");
    return ++tail->n_rows < BATCH_ROWS;
}

static void tail_run(uv_work_t *work)
{
    struct tail *tail = SL_CONTAINER_OF(work, struct tail, work);
    tail->r = sl_rlog_scan_from(tail->log, &tail->query, &tail->from, on_row, tail);
}

static void tail_done(uv_work_t *work, int status);

/* Reads new rows, if there may be some and the client takes more. */
static void tail_read(struct tail *tail)
{
    if (!tail->x || tail->is_reading || !tail->has_new || sl_hreq_queued(tail->x->req) > QUEUED_MAX) {
        return;
    }
    tail->n_rows = 0;
    sl_buf_reset(&tail->text);
    tail->is_reading = uv_queue_work(&tail->loop->uv, &tail->work, tail_run, tail_done) == 0;
    tail->has_new = !tail->is_reading;
}

static void tail_send(struct tail *tail, struct sl_str text)
{
    /* The loop notices a client that cannot take it. */
    SL_IGNORE(sl_hreq_data(tail->x->req, text) < 0);
    sl_hreq_flush(tail->x->req);
    tail->sent_usec = sl_loop_now(tail->loop);
}

static void tail_done(uv_work_t *work, int status)
{
    struct tail *tail = SL_CONTAINER_OF(work, struct tail, work);
    if (tail->x && (status < 0 || tail->r < 0 || sl_buf_status(&tail->text) < 0)) {
        sl_xchg_cut(tail->x); /* no memory: rows are missing, so the list must not look whole */
    } else if (tail->x && tail->n_rows) {
        tail->has_new |= tail->n_rows == BATCH_ROWS;
        tail_send(tail, sl_buf_str(&tail->text));
    }
    tail->is_reading = false; /* only now: the end of the exchange must not free it above */
    tail_read(tail);
    tail_free_if_left(tail);
}

static void on_new(void *arg)
{
    struct tail *tail = arg;
    atomic_store(&tail->is_posted, false);
    tail->has_new = true;
    tail_read(tail);
    tail_free_if_left(tail);
}

/* On the log's thread. */
static void on_watch(void *arg)
{
    struct tail *tail = arg;
    if (!atomic_exchange(&tail->is_posted, true)) {
        sl_loop_post(tail->loop, &tail->post, on_new, tail);
    }
}

static void on_tick(struct sl_timer *timer)
{
    struct tail *tail = SL_CONTAINER_OF(timer, struct tail, tick);
    uint64_t now = sl_loop_now(tail->loop), every = tail->x->settings->server.heartbeat_usec;
    if (atomic_load_explicit(&tail->worker->gate->is_draining, memory_order_relaxed) || !sl_auth_holds(tail->x)) {
        sl_xchg_end(tail->x);
        return;
    }
    if (every && now - tail->sent_usec >= every && sl_hreq_queued(tail->x->req) == 0) {
        tail_send(tail, SL_STR(":\n\n"));
    }
    sl_timer_set(tail->loop, &tail->tick, now + TICK_USEC);
    tail_read(tail);
}

static void on_stop(struct sl_part *part)
{
    struct tail *tail = SL_CONTAINER_OF(part, struct tail, part);
    sl_rlog_unwatch(tail->log, &tail->watch);
    sl_timer_remove(tail->loop, &tail->tick);
    tail->x = NULL;
    tail_free_if_left(tail);
}

/* False: the reply could not begin. */
static bool head_send(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    int r = sl_headers_add(&headers, x->arena, SL_STR("content-type"), SL_STR("text/event-stream"));
    r = r < 0 ? r : sl_headers_add(&headers, x->arena, SL_STR("cache-control"), SL_STR("no-cache"));
    r = r < 0 ? r : sl_headers_add(&headers, x->arena, SL_STR("x-accel-buffering"), SL_STR("no"));
    r = r < 0 ? r : sl_headers_own(x, &headers);
    r = r < 0 ? r : sl_hreq_reply(x->req, 200, &headers, -1);
    if (r == 0) {
        sl_hreq_flush(x->req);
    }
    return r == 0;
}

/* NULL: it was refused. */
static struct tail *tail_new(struct sl_xchg *x)
{
    struct tail *tail = sl_requests_log_or_refuse(x) ? calloc(1, sizeof(*tail)) : NULL;
    struct sl_err err = { 0 };
    if (!tail) {
        if (x->worker->gate->requests) {
            sl_xchg_fail_nomem(x);
        }
        return NULL;
    }
    sl_arena_init_small(&tail->arena, 512);
    if (sl_requests_query_read(x->match.query, "", &tail->arena, &tail->query, &err) < 0 ||
        sl_requests_scope_add(x, &tail->arena, &tail->query, &err) < 0) {
        sl_arena_done(&tail->arena);
        free(tail);
        sl_requests_refuse(x, &err);
        return NULL;
    }
    if (!sl_seats_take(&x->worker->gate->tails, sl_auth_tenant(x), &tail->seat)) {
        sl_arena_done(&tail->arena);
        free(tail);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "Too many such lists are open: close one, or try again.");
        return NULL;
    }
    tail->x = x;
    tail->worker = x->worker;
    tail->log = x->worker->gate->requests;
    tail->loop = x->desk->loop;
    tail->is_operators = sl_requests_is_operators(x);
    tail->watch = (struct sl_rlog_watch){ .fn = on_watch, .arg = tail };
    sl_buf_init(&tail->text, TEXT_MAX_BYTES);
    sl_timer_init(&tail->tick, on_tick);
    return tail;
}

void sl_requests_tail(struct sl_xchg *x)
{
    struct tail *tail = tail_new(x);
    if (!tail) {
        return;
    }
    tail->worker->n_questions++;
    tail->from = sl_rlog_end(tail->log);
    sl_part_begin(&x->parts, &tail->part, on_stop);
    sl_rlog_watch(tail->log, &tail->watch);
    if (!head_send(x)) {
        sl_xchg_cut(x);
        return;
    }
    tail->has_new = true; /* rows that came before the watch did */
    tail->sent_usec = sl_loop_now(tail->loop);
    sl_timer_set(tail->loop, &tail->tick, tail->sent_usec + TICK_USEC);
    tail_read(tail);
}
