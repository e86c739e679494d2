/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/exporting.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/config/otel_conf.h"
#include "gate/config/route_header.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/watch/spans.h"
#include "gate/worker.h"
#include "wire/otlp.h"

/* Spans are gathered for so long, unless there are many of them. */
#define GATHER_USEC (1 * SL_USEC_PER_SEC)
#define BATCH_SPANS 2048
#define BATCH_BYTES (512u << 10)
/* The bound of the buffer: a batch, and the last span of it. */
#define BATCH_ROOM   (BATCH_BYTES + SL_OTLP_SPAN_MAX)
#define ANSWER_MAX   65536
#define CONNECT_USEC (5 * SL_USEC_PER_SEC)
/* Between two tries of one batch; the collector may ask for more. */
#define PAUSE_FIRST_USEC (1 * SL_USEC_PER_SEC)
#define PAUSE_LAST_USEC  (30 * SL_USEC_PER_SEC)
/* After that its spans are of no use to anybody. */
#define BATCH_AGE_USEC (300 * SL_USEC_PER_SEC)
#define END_USEC       (2 * SL_USEC_PER_SEC)

/* A request with the batch. */
struct parcel {
    struct sl_hcall hcall;
    struct sl_arena arena;
    struct sl_settings *settings; /* held: URL and headers are in them */
    struct sl_str slices[2];
    struct sl_buf answer;
    int status; /* 0: none came */
    uint64_t asked_sec;
    bool is_cut; /* the answer is too long: `timer` ends the parcel */
};

struct sl_exporting {
    struct sl_worker *worker;
    struct sl_timer timer;
    struct sl_buf batch; /* spans, as they stand in a request */
    uint32_t n_batch;
    uint64_t batch_usec; /* when it was sent first; 0: not yet */
    struct parcel *parcel;
    struct sl_settings *tried; /* held: of the last request; NULL: there was none */
    bool is_pausing;           /* `timer` ends the pause */
    uint64_t pause_usec;
    uint64_t n_failed;           /* tries since the last batch that was taken */
    void (*on_ended)(void *arg); /* not NULL: it ends, and `timer` ends the wait */
    void *arg;
};

static struct sl_loop *loop_of(const struct sl_exporting *exporting)
{
    return &exporting->worker->engine->loop;
}

static struct sl_spans *spans_of(const struct sl_exporting *exporting)
{
    return exporting->worker->gate->spans;
}

static void timer_in(struct sl_exporting *exporting, uint64_t usec)
{
    sl_timer_set(loop_of(exporting), &exporting->timer, sl_loop_now(loop_of(exporting)) + usec);
}

/* --- the batch --- */

static void batch_end(struct sl_exporting *exporting, enum sl_span_fate fate, uint64_t n_rejected)
{
    uint64_t n = exporting->n_batch, rejected = SL_MIN(n_rejected, n);
    sl_spans_count(spans_of(exporting), fate, n - rejected);
    sl_spans_count(spans_of(exporting), SL_SPAN_REJECTED, rejected);
    sl_buf_reset(&exporting->batch);
    exporting->n_batch = 0;
    exporting->batch_usec = 0;
}

/* How many spans are in the batch now; SL_E_NOMEM. */
static int batch_fill(struct sl_exporting *exporting)
{
    if (!exporting->n_batch) {
        /* All its room at once: growing would copy what is there. */
        int r = sl_buf_reserve(&exporting->batch, BATCH_ROOM);
        if (r < 0) {
            sl_buf_done(&exporting->batch);
            return r;
        }
        exporting->n_batch = sl_spans_take(spans_of(exporting), &exporting->batch, BATCH_SPANS, BATCH_BYTES);
    }
    return (int)exporting->n_batch;
}

static void all_drop(struct sl_exporting *exporting)
{
    while (batch_fill(exporting) > 0) {
        batch_end(exporting, SL_SPAN_DROPPED, 0);
    }
}

/* --- a request --- */

static void parcel_free(struct sl_exporting *exporting)
{
    struct parcel *parcel = SL_TAKE(exporting->parcel);
    if (parcel) {
        sl_hcall_cancel(&parcel->hcall);
        sl_settings_unref(parcel->settings);
        sl_buf_done(&parcel->answer);
        sl_arena_wipe(&parcel->arena); /* it had the headers */
        sl_arena_done(&parcel->arena);
        free(parcel);
    }
}

static void next(struct sl_exporting *exporting);

static void ended(struct sl_exporting *exporting)
{
    void (*fn)(void *arg) = exporting->on_ended;
    exporting->on_ended = NULL;
    sl_timer_clear(&exporting->timer);
    all_drop(exporting);
    fn(exporting->arg);
}

static struct sl_str host_of(const struct parcel *parcel)
{
    return parcel->settings->otel->base.authority;
}

static void taken(struct sl_exporting *exporting)
{
    const struct parcel *parcel = exporting->parcel;
    struct sl_otlp_answer answer;
    if (sl_otlp_answer_read(sl_buf_str(&parcel->answer), &answer) < 0) {
        answer = (struct sl_otlp_answer){ 0, SL_STR("") }; /* it said 200 all the same */
    }
    if (answer.n_rejected || answer.message.n) {
        bool is_text = sl_str_is_utf8(answer.message);
        sl_log(SL_LOG_WARNING, "traces", "the collector at %.*s took a batch, but rejected %llu of its %u spans: %.*s",
               SL_STR_ARG(host_of(parcel)), (unsigned long long)answer.n_rejected, exporting->n_batch,
               SL_STR_ARG(is_text ? sl_str_sub(answer.message, 0, 300) : SL_STR("(no text)")));
    } else if (exporting->n_failed) {
        sl_log(SL_LOG_INFO, "traces", "the collector at %.*s takes spans again, after %llu tries",
               SL_STR_ARG(host_of(parcel)), (unsigned long long)exporting->n_failed);
    }
    exporting->n_failed = exporting->pause_usec = 0;
    batch_end(exporting, SL_SPAN_SENT, answer.n_rejected);
    parcel_free(exporting);
    next(exporting);
}

/* True for the 1st, 2nd, 4th, 8th, … try that fails: the log has these. */
static bool is_logged(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

static void pause_begin(struct sl_exporting *exporting, uint64_t asked_sec)
{
    uint64_t usec = exporting->pause_usec ? exporting->pause_usec * 2 : PAUSE_FIRST_USEC;
    exporting->pause_usec = SL_MIN(usec, (uint64_t)PAUSE_LAST_USEC);
    /* Many gateways should not come at one time. */
    uint64_t own = exporting->pause_usec - sl_rng_next(&loop_of(exporting)->rng) % (exporting->pause_usec / 4);
    uint64_t asked = SL_MIN(asked_sec * SL_USEC_PER_SEC, (uint64_t)BATCH_AGE_USEC);
    exporting->is_pausing = true;
    timer_in(exporting, SL_MAX(own, asked));
}

/* `why`: no answer came, or one that asks for another try. */
static void failed(struct sl_exporting *exporting, const char *why)
{
    bool is_other = sl_worker_snapshot(exporting->worker)->settings != exporting->tried; /* it may not be asked again */
    uint64_t asked_sec = is_other ? 0 : exporting->parcel->asked_sec;
    if (is_logged(++exporting->n_failed)) {
        sl_log(SL_LOG_WARNING, "traces", "the collector at %.*s takes no spans: %s; they are sent again later",
               SL_STR_ARG(host_of(exporting->parcel)), why);
    }
    parcel_free(exporting);
    if (exporting->on_ended) {
        ended(exporting);
        return;
    }
    if (sl_loop_now(loop_of(exporting)) - exporting->batch_usec > BATCH_AGE_USEC) {
        batch_end(exporting, SL_SPAN_DROPPED, 0);
    }
    pause_begin(exporting, asked_sec);
}

/* The collector does not want this batch, whenever it comes. */
static void refused(struct sl_exporting *exporting, int status)
{
    if (is_logged(++exporting->n_failed)) {
        sl_log(SL_LOG_ERROR, "traces", "the collector at %.*s refuses spans: status %d; they are lost",
               SL_STR_ARG(host_of(exporting->parcel)), status);
    }
    batch_end(exporting, SL_SPAN_REJECTED, 0);
    parcel_free(exporting);
    if (exporting->on_ended) {
        ended(exporting);
    } else {
        pause_begin(exporting, 0); /* the next one would mostly have the same fate */
    }
}

static void parcel_end(struct sl_exporting *exporting)
{
    int status = exporting->parcel->status;
    char why[32];
    if (status >= 200 && status < 300) {
        taken(exporting);
    } else if (status == 429 || status == 502 || status == 503 || status == 504) {
        snprintf(why, sizeof(why), "status %d", status);
        failed(exporting, why);
    } else {
        refused(exporting, status);
    }
}

static void on_head(struct sl_hcall *hcall, int status, const struct sl_headers *headers, int64_t length)
{
    (void)length;
    struct sl_exporting *exporting = hcall->user;
    struct parcel *parcel = exporting->parcel;
    struct sl_str asked = sl_headers_get(headers, "retry-after");
    parcel->status = status;
    int64_t now_sec = (int64_t)(sl_clock_wall_usec() / SL_USEC_PER_SEC);
    if (!asked.n || sl_parse_retry_after(asked, now_sec, &parcel->asked_sec) < 0) {
        parcel->asked_sec = 0;
    }
}

static void on_data(struct sl_hcall *hcall, struct sl_str bytes)
{
    struct sl_exporting *exporting = hcall->user;
    struct parcel *parcel = exporting->parcel;
    sl_buf_add_str(&parcel->answer, bytes);
    if (sl_buf_status(&parcel->answer) < 0) {
        sl_buf_done(&parcel->answer);
        parcel->is_cut = true;
        sl_hcall_cancel(hcall);
        timer_in(exporting, 0);
    }
}

static void on_end(struct sl_hcall *hcall)
{
    parcel_end(hcall->user);
}

static void on_error(struct sl_hcall *hcall, enum sl_hcall_fault fault, const char *text)
{
    (void)fault;
    struct sl_exporting *exporting = hcall->user;
    if (exporting->parcel->status) {
        sl_buf_done(&exporting->parcel->answer); /* a part of it says nothing */
        parcel_end(exporting);
    } else {
        failed(exporting, text);
    }
}

static void on_turn(struct sl_hcall *hcall)
{
    (void)hcall;
}

static const struct sl_hcall_cbs cbs = { on_head, on_data, on_end, on_error, on_turn, NULL };

static int headers_make(const struct sl_otel_conf *conf, struct sl_arena *arena, struct sl_headers *headers)
{
    int r = sl_headers_add(headers, arena, SL_STR("content-type"), SL_STR("application/x-protobuf"));
    r = r < 0 ? r : sl_headers_add(headers, arena, SL_STR("user-agent"), SL_STR("sluice/" SL_VERSION));
    for (uint32_t i = 0; i < conf->n_headers && r == 0; i++) {
        r = sl_headers_add(headers, arena, conf->headers[i].name, sl_secret_reveal(&conf->headers[i].value));
    }
    return r;
}

/* The operator's own file says the URL, so it may be on any network. */
static int parcel_start(struct sl_exporting *exporting, struct sl_settings *settings)
{
    struct parcel *parcel = calloc(1, sizeof(*parcel));
    if (!parcel) {
        return SL_E_NOMEM;
    }
    const struct sl_otel_conf *conf = settings->otel;
    exporting->parcel = parcel;
    sl_arena_init(&parcel->arena, &loop_of(exporting)->arenas);
    sl_buf_init(&parcel->answer, ANSWER_MAX);
    parcel->settings = sl_settings_ref(settings);
    struct sl_buf head = SL_BUF_INIT(ANSWER_MAX + BATCH_ROOM);
    sl_otlp_begin(&head, conf->resource, exporting->batch.len);
    parcel->slices[0] = sl_buf_status(&head) < 0 ? SL_STR_NONE : sl_arena_dup(&parcel->arena, sl_buf_str(&head));
    parcel->slices[1] = sl_buf_str(&exporting->batch);
    sl_buf_done(&head);
    struct sl_hcall_req req = {
        .method = "POST",
        .target = conf->target,
        .slices = parcel->slices,
        .n_slices = SL_ARRAY_LEN(parcel->slices),
        .body_len = parcel->slices[0].n + parcel->slices[1].n,
    };
    const struct sl_hcall_timeouts timeouts = { SL_MIN(CONNECT_USEC, conf->timeout_usec), conf->timeout_usec,
                                                conf->timeout_usec, conf->timeout_usec };
    int r = parcel->slices[0].p ? headers_make(conf, &parcel->arena, &req.headers) : SL_E_NOMEM;
    return r < 0 ? r
                 : sl_hcall_start(&parcel->hcall, &exporting->worker->engine->client, &conf->base, &req, &timeouts,
                                  &parcel->arena, &cbs, exporting);
}

/* --- what comes next --- */

/* Other settings may have another collector: it is asked at once. */
static void settings_look(struct sl_exporting *exporting, struct sl_settings *settings)
{
    if (settings != exporting->tried && !exporting->parcel) {
        sl_settings_unref(exporting->tried);
        exporting->tried = sl_settings_ref(settings);
        exporting->pause_usec = 0;
        exporting->is_pausing = false;
    }
}

/* Sends the batch, or the next one; nothing is on its way. */
static void batch_send(struct sl_exporting *exporting)
{
    struct sl_settings *settings = sl_worker_snapshot(exporting->worker)->settings;
    settings_look(exporting, settings);
    if (!settings->otel) {
        all_drop(exporting);
        SL_IGNORE(sl_spans_sleep(spans_of(exporting)));
        return;
    }
    int n = batch_fill(exporting);
    if (n == 0) {
        next(exporting);
        return;
    }
    if (n > 0 && !exporting->batch_usec) {
        exporting->batch_usec = sl_loop_now(loop_of(exporting));
    }
    if (n < 0 || parcel_start(exporting, settings) < 0) { /* no memory: later */
        parcel_free(exporting);
        if (exporting->on_ended) {
            ended(exporting);
        } else {
            pause_begin(exporting, 0);
        }
    }
}

/* Nothing is on its way, and no pause lasts: sends at once, in a second, or sleeps. */
static void next(struct sl_exporting *exporting)
{
    bool is_filling = sl_spans_are_filling(spans_of(exporting));
    bool has_any = sl_spans_sleep(spans_of(exporting)) || exporting->n_batch;
    if (has_any && (is_filling || exporting->on_ended)) {
        batch_send(exporting);
    } else if (exporting->on_ended) {
        ended(exporting);
    } else if (has_any && !exporting->timer.deadline_usec) {
        timer_in(exporting, GATHER_USEC);
    } else if (!has_any) {
        sl_buf_done(&exporting->batch);
    }
}

static void on_timer(struct sl_timer *timer)
{
    struct sl_exporting *exporting = SL_CONTAINER_OF(timer, struct sl_exporting, timer);
    if (exporting->parcel && exporting->parcel->is_cut && !exporting->on_ended) {
        parcel_end(exporting);
    } else if (exporting->on_ended) {
        parcel_free(exporting);
        ended(exporting);
    } else if (!exporting->parcel) {
        exporting->is_pausing = false;
        batch_send(exporting);
    }
}

void sl_exporting_look(struct sl_worker *worker)
{
    struct sl_exporting *exporting = worker->exporting;
    if (!exporting || exporting->parcel || exporting->on_ended) {
        return;
    }
    struct sl_settings *settings = sl_worker_snapshot(worker)->settings;
    if (settings != exporting->tried && exporting->tried) {
        settings_look(exporting, settings);
        sl_timer_clear(&exporting->timer);
    }
    if (!exporting->is_pausing) {
        next(exporting);
    }
}

/* --- start and end --- */

int sl_exporting_start(struct sl_worker *worker)
{
    struct sl_exporting *exporting = calloc(1, sizeof(*exporting));
    if (!exporting) {
        return SL_E_NOMEM;
    }
    exporting->worker = worker;
    sl_buf_init(&exporting->batch, BATCH_ROOM);
    sl_timer_init(&exporting->timer, on_timer);
    worker->exporting = exporting;
    return 0;
}

void sl_exporting_end(struct sl_worker *worker, void (*fn)(void *arg), void *arg)
{
    struct sl_exporting *exporting = worker->exporting;
    exporting->on_ended = fn;
    exporting->arg = arg;
    bool has_failed = exporting->n_failed != 0;
    timer_in(exporting, END_USEC);
    if (has_failed) { /* it would not take them now either */
        parcel_free(exporting);
        ended(exporting);
    } else if (!exporting->parcel) {
        next(exporting);
    }
}

void sl_exporting_stop(struct sl_worker *worker)
{
    struct sl_exporting *exporting = worker->exporting;
    if (exporting) {
        worker->exporting = NULL;
        sl_timer_remove(loop_of(exporting), &exporting->timer);
        parcel_free(exporting);
        sl_buf_done(&exporting->batch);
        sl_settings_unref(exporting->tried);
        free(exporting);
    }
}
