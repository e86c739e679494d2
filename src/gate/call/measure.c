/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange gives to the metrics, and GET /metrics. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/call/exchange.h"

/* A scrape of a gateway with a thousand busy routes is about 20 MB. */
#define METRICS_TEXT_MAX (256u << 20)
#define METRICS_READINGS 16

static const char *const operation_names[] = { "chat", "text_completion", "embeddings" };

/* Of the route's target that was tried, or is first. Made once for each route object, then found in it. */
static const struct sl_metric_labels *labels_of(struct sl_xchg *x)
{
    struct sl_metrics *metrics = x->worker->gate->metrics;
    if (!x->route) {
        return x->path && x->path->is_invocation ? sl_metrics_other(metrics) : sl_metrics_none(metrics);
    }
    const struct sl_target *target = x->target ? x->target : x->route->targets;
    _Atomic(const struct sl_metric_labels *) *kept = &x->route->metric_labels[target - x->route->targets];
    const struct sl_metric_labels *labels = atomic_load_explicit(kept, memory_order_acquire);
    if (SL_UNLIKELY(!labels)) {
        struct sl_metric_labels made = { x->route->name, sl_str_c(operation_names[x->route->type]),
                                         sl_str_c(target->provider->name), target->model };
        labels = sl_metrics_intern(metrics, &made, x->settings->metrics_max_routes);
        atomic_store_explicit(kept, labels, memory_order_release);
    }
    return labels;
}

void sl_measure_limit(struct sl_xchg *x, bool is_refused)
{
    struct sl_metric_key key = { .labels = labels_of(x), .word = is_refused ? "refused" : "allowed" };
    sl_metrics_add(x->worker->metrics, SL_METRIC_LIMITS, &key);
}

void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec)
{
    /* A call that its provider cannot express never left. */
    bool has_left = type < SL_ERR_CALLER_INVALID_REQUEST || type >= SL_ERR_CALLER_CANCELLED;
    if (x->n_measured == x->n_attempts || !has_left) {
        return;
    }
    x->n_measured = x->n_attempts;
    struct sl_metrics_worker *metrics = x->worker->metrics;
    struct sl_metric_key key = { .labels = labels_of(x), .error_type = (uint8_t)type };
    sl_metrics_observe(metrics, SL_METRIC_CLIENT_DURATION, &key, now_usec - x->upstream_start_usec);
    key.word = type == SL_ERR_NONE ? "ok" : type == SL_ERR_CALLER_CANCELLED ? "cancelled" : "error";
    sl_metrics_add(metrics, SL_METRIC_ATTEMPTS, &key);
}

/* Tokens, and the times of a stream. */
static void measure_success(struct sl_xchg *x, const struct sl_metric_labels *labels, uint64_t now_usec)
{
    struct sl_metrics_worker *metrics = x->worker->metrics;
    struct sl_metric_key key = { .labels = labels };
    bool is_stream = x->mode == SL_RELAY_EVENTS || x->mode == SL_RELAY_TRANSLATE_EVENTS;
    if (is_stream && x->first_byte_usec) {
        sl_metrics_observe(metrics, SL_METRIC_FIRST_TOKEN, &key, x->first_byte_usec - x->req->start_usec);
        if (x->usage.output > 1) {
            sl_metrics_observe(metrics, SL_METRIC_PER_TOKEN, &key,
                               (now_usec - x->first_byte_usec) / (uint64_t)(x->usage.output - 1));
        }
    }
    if (x->usage.input < 0 && x->usage.output < 0) {
        sl_metrics_add(metrics, SL_METRIC_USAGE_MISSING, &(struct sl_metric_key){ 0 });
    }
    if (x->usage.input >= 0) {
        key.word = "input";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->usage.input);
    }
    if (x->usage.output >= 0) {
        key.word = "output";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->usage.output);
    }
}

void sl_measure_exchange(struct sl_xchg *x, int status)
{
    struct sl_metrics_worker *metrics = x->worker->metrics;
    const struct sl_metric_labels *labels = labels_of(x);
    uint64_t now = sl_loop_now(&x->worker->loop);
    if (x->error_type == SL_ERR_CALLER_CANCELLED) {
        struct sl_metric_key key = { .word = x->n_attempts > x->n_measured ? "true" : "false" };
        sl_metrics_add(metrics, SL_METRIC_CLIENT_GONE, &key);
    }
    if (x->n_attempts) {
        sl_measure_attempt(x, x->error_type, now);
    }
    struct sl_metric_key key = {
        .labels = labels,
        .dialect = x->dialect->name,
        .status = (uint16_t)status,
        .error_type = (uint8_t)x->error_type,
        .is_stream = x->call.is_stream,
    };
    sl_metrics_add(metrics, SL_METRIC_REQUESTS, &key);
    if (!x->route || !x->path->is_invocation) {
        return;
    }
    struct sl_metric_key route = { .labels = labels, .error_type = (uint8_t)x->error_type };
    sl_metrics_observe(metrics, SL_METRIC_SERVER_DURATION, &route, now - x->req->start_usec);
    if (x->error_type == SL_ERR_NONE) {
        measure_success(x, labels, now);
    }
}

/* Only where one attempt answered: waiting between attempts is nobody's work. */
void sl_measure_overhead(struct sl_xchg *x)
{
    if (x->n_attempts != 1 || x->error_type != SL_ERR_NONE || !x->upstream_end_usec) {
        return;
    }
    uint64_t sent = x->upstream_start_usec, connect = 0;
    if (x->hcall.sent_usec) {
        sent = x->hcall.sent_usec;
        connect = x->hcall.is_reused ? 0 : x->hcall.connected_usec - x->hcall.start_usec;
    }
    if (sent >= x->req->body_usec + connect) {
        sl_metrics_observe(x->worker->metrics, SL_METRIC_OVERHEAD, &(struct sl_metric_key){ 0 },
                           sent - connect - x->req->body_usec + sl_loop_now(&x->worker->loop) - x->upstream_end_usec);
    }
}

void sl_measure_turned_away(struct sl_worker *worker)
{
    struct sl_metric_key key = {
        .labels = sl_metrics_none(worker->gate->metrics),
        .dialect = sl_dialect_mlflow.name,
        .status = 503,
        .error_type = SL_ERR_SLUICE_OVERLOADED,
    };
    sl_metrics_add(worker->metrics, SL_METRIC_REQUESTS, &key);
}

/* --- GET /metrics --- */

/* A scrape: formatted on the pool, since a large one would hold up the loop. */
struct sl_scrape {
    uv_work_t work;
    struct sl_xchg *x; /* NULL: the client went away */
    struct sl_gate *gate;
    struct sl_snapshot *snapshot;       /* held: the limits in force */
    struct sl_metric_reading *readings; /* METRICS_READINGS, and one for each route whose limit is in use */
    size_t n, cap;
    struct sl_map limits; /* of those readings, by route */
    struct sl_buf text;
};

static void reading_add(struct sl_scrape *scrape, enum sl_metric metric, const char *word, uint64_t value,
                        uint32_t scale)
{
    SL_ASSERT(scrape->n < scrape->cap);
    scrape->readings[scrape->n++] = (struct sl_metric_reading){ metric, word, value, scale, NULL };
}

/* Linux 6.2 and newer say the number as the folder's size. */
static uint64_t open_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
        return (uint64_t)st.st_size;
    }
    uint64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n > 3 ? n - 3 : 0; /* "." and ".." and the folder itself */
}

static void process_read(struct sl_scrape *scrape)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        uint64_t sec = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
        uint64_t usec = (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        reading_add(scrape, SL_METRIC_PROCESS_CPU, NULL, sec * 1000000 + usec, 1000000);
    }
    unsigned long long virtual_pages, resident_pages;
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        SL_IGNORE(read(fd, text, sizeof(text) - 1) < 0); /* then nothing is found in it */
        close(fd);
    }
    char *end;
    virtual_pages = strtoull(text, &end, 10);
    resident_pages = strtoull(end, NULL, 10);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    reading_add(scrape, SL_METRIC_PROCESS_VIRTUAL, NULL, virtual_pages * page, 1);
    reading_add(scrape, SL_METRIC_PROCESS_RESIDENT, NULL, resident_pages * page, 1);
    reading_add(scrape, SL_METRIC_PROCESS_FDS, NULL, open_fds(), 1);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        reading_add(scrape, SL_METRIC_PROCESS_MAX_FDS, NULL, limit.rlim_cur, 1);
    }
    reading_add(scrape, SL_METRIC_PROCESS_START, NULL, scrape->gate->start_wall_usec, 1000000);
}

static void gate_read(struct sl_scrape *scrape)
{
    struct sl_gate *gate = scrape->gate;
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(gate->metrics, &now);
    uint64_t idle = SL_MIN(now.upstream_idle, now.upstream_conns); /* the two are not read at one time */
    reading_add(scrape, SL_METRIC_IN_FLIGHT, NULL, now.in_flight, 1);
    reading_add(scrape, SL_METRIC_UPSTREAM_CONNECTIONS, "active", now.upstream_conns - idle, 1);
    reading_add(scrape, SL_METRIC_UPSTREAM_CONNECTIONS, "idle", idle, 1);
    reading_add(scrape, SL_METRIC_LOG_DROPPED, NULL, sl_accesslog_dropped(gate->access_log), 1);
    reading_add(scrape, SL_METRIC_CONFIG_RELOAD, "ok", atomic_load(&gate->reloads_ok), 1);
    reading_add(scrape, SL_METRIC_CONFIG_RELOAD, "refused", atomic_load(&gate->reloads_refused), 1);
    reading_add(scrape, SL_METRIC_CONFIG_VERSION, NULL, atomic_load(&gate->config_version), 1);
    reading_add(scrape, SL_METRIC_BUILD_INFO, SL_VERSION, 1, 1);
}

/* Under a shard's lock: into the reading of the counter's route, when that has labels of its own. */
static void limit_read(void *arg, const struct sl_limit_record *record)
{
    struct sl_scrape *scrape = arg;
    const struct sl_route *route = sl_snapshot_find(scrape->snapshot, record->route);
    if (!route || route->incarnation != record->incarnation) {
        return;
    }
    const struct sl_metric_labels *labels = atomic_load_explicit(&route->metric_labels[0], memory_order_acquire);
    if (!labels || labels == sl_metrics_other(scrape->gate->metrics)) {
        return;
    }
    enum sl_limit_key key = record->key == SL_LIMIT_SHARED ? SL_LIMIT_USER : record->key;
    double used = 0;
    for (uint32_t i = 0; i < route->n_rules; i++) {
        const struct sl_limit_rule *rule = &route->rules[i];
        if (rule->key == key && rule->period_usec == record->period_usec && rule->calls) {
            used = SL_MAX(used, (double)record->used / (double)rule->calls);
        }
    }
    if (used <= 0) {
        return; /* a counter of a limit that is no longer in force */
    }
    struct sl_metric_reading *at = sl_map_find(&scrape->limits, labels->route);
    uint64_t share = (uint64_t)(used * 1e6);
    if (!at && scrape->n < scrape->cap &&
        sl_map_put(&scrape->limits, labels->route, &scrape->readings[scrape->n]) == 0) {
        at = &scrape->readings[scrape->n++];
        *at = (struct sl_metric_reading){ SL_METRIC_LIMIT_USED, NULL, 0, 1000000, labels };
    }
    if (at) {
        at->value = SL_MAX(at->value, share);
    }
}

static void scrape_run(uv_work_t *work)
{
    struct sl_scrape *scrape = SL_CONTAINER_OF(work, struct sl_scrape, work);
    process_read(scrape);
    sl_limiter_walk(scrape->gate->limiter, sl_clock_wall_usec(), limit_read, scrape);
    sl_metrics_write(scrape->gate->metrics, scrape->readings, scrape->n, &scrape->text);
}

static void scrape_free(struct sl_scrape *scrape)
{
    sl_map_done(&scrape->limits);
    sl_snapshot_unref(scrape->snapshot);
    sl_buf_done(&scrape->text);
    free(scrape->readings);
    free(scrape);
}

static void scrape_done(uv_work_t *work, int status)
{
    struct sl_scrape *scrape = SL_CONTAINER_OF(work, struct sl_scrape, work);
    struct sl_xchg *x = scrape->x;
    if (x) {
        x->scrape = NULL;
        if (status < 0 || sl_buf_status(&scrape->text) < 0) {
            sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        } else {
            sl_xchg_reply(x, 200, SL_STR("text/plain; version=0.0.4; charset=utf-8"), sl_buf_str(&scrape->text));
        }
    }
    scrape_free(scrape);
}

void sl_scrape_forget(struct sl_xchg *x)
{
    if (x->scrape) {
        x->scrape->x = NULL;
        x->scrape = NULL;
    }
}

void sl_handle_metrics(struct sl_xchg *x)
{
    struct sl_scrape *scrape = calloc(1, sizeof(*scrape));
    size_t cap = METRICS_READINGS + (size_t)x->settings->metrics_max_routes;
    if (scrape) {
        scrape->readings = calloc(cap, sizeof(*scrape->readings));
    }
    if (!scrape || !scrape->readings) {
        free(scrape);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    scrape->x = x;
    scrape->cap = cap;
    scrape->gate = x->worker->gate;
    scrape->snapshot = sl_snapshot_ref(x->worker->snapshot);
    sl_buf_init(&scrape->text, METRICS_TEXT_MAX);
    gate_read(scrape);
    if (uv_queue_work(&x->worker->loop.uv, &scrape->work, scrape_run, scrape_done) < 0) {
        scrape_free(scrape);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway cannot read its metrics now");
        return;
    }
    x->scrape = scrape;
}
