/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/readings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "gate/config/certs.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/policy/alert.h"
#include "gate/fleet/fleet.h"
#include "gate/policy/limit_table.h"
#include "gate/policy/queue.h"
#include "gate/watch/accesslog.h"
#include "gate/watch/accounts.h"
#include "gate/watch/ledger.h"
#include "gate/watch/metrics.h"
#include "gate/watch/spans.h"
#include "http/way.h"
#include "log/rlog.h"
#include "net/tls.h"
#include "store/store.h"

#define MILLION 1000000

static void put(struct sl_reading_sink *sink, uint64_t value)
{
    sink->put(sink, &(struct sl_metric_key){ 0 }, value, 1);
}

static void put_word(struct sl_reading_sink *sink, const char *word, uint64_t value)
{
    sink->put(sink, &(struct sl_metric_key){ .word = word }, value, 1);
}

static void put_millionths(struct sl_reading_sink *sink, uint64_t value)
{
    sink->put(sink, &(struct sl_metric_key){ 0 }, value, MILLION);
}

static struct sl_gate *gate_of(const void *source)
{
    return ((const struct sl_reading_source *)source)->gate;
}

/* --- of the gateway --- */

static void in_flight_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(gate_of(source)->metrics, &now);
    put(sink, now.in_flight);
}

static void unpriced_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(gate_of(source)->metrics, &now);
    put(sink, now.unpriced);
}

static void connections_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(gate_of(source)->metrics, &now);
    uint64_t idle = SL_MIN(now.upstream_idle, now.upstream_conns); /* the two are not read at the same time */
    put_word(sink, "active", now.upstream_conns - idle);
    put_word(sink, "idle", idle);
}

static void log_dropped_read(struct sl_reading_sink *sink, const void *source)
{
    put(sink, sl_accesslog_dropped(gate_of(source)->access_log));
}

/* Has no value when no ledger is kept. */
static bool ledger_look(const void *source, struct sl_ledger_look *ret)
{
    const struct sl_ledger *ledger = gate_of(source)->ledger;
    if (ledger) {
        sl_ledger_look(ledger, ret);
    }
    return ledger;
}

static void usage_waiting_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_ledger_look look;
    if (ledger_look(source, &look) && gate_of(source)->store) {
        put(sink, look.n_waiting);
    }
}

static void usage_other_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_ledger_look look;
    if (ledger_look(source, &look)) {
        put(sink, look.n_other);
    }
}

static void usage_lost_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_ledger_look look;
    if (ledger_look(source, &look)) {
        put(sink, look.n_lost);
    }
}

static struct sl_rlog_counts rows_count(const void *source)
{
    struct sl_rlog_counts counts = { 0 };
    if (gate_of(source)->requests) {
        sl_rlog_count(gate_of(source)->requests, &counts);
    }
    return counts;
}

static void rows_written_read(struct sl_reading_sink *sink, const void *source)
{
    put(sink, rows_count(source).n_written);
}

static void rows_dropped_read(struct sl_reading_sink *sink, const void *source)
{
    put(sink, rows_count(source).n_dropped);
}

static void reloads_read(struct sl_reading_sink *sink, const void *source)
{
    put_word(sink, "ok", atomic_load(&gate_of(source)->reloads_ok));
    put_word(sink, "refused", atomic_load(&gate_of(source)->reloads_refused));
}

static void handshakes_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source; /* handshakes are counted for the whole process */
    for (enum sl_tls_failure failure = 0; failure < SL_TLS_FAILURE_COUNT; failure++) {
        put_word(sink, sl_tls_failure_word(failure), sl_tls_failures(failure));
    }
}

static void version_read(struct sl_reading_sink *sink, const void *source)
{
    put(sink, atomic_load(&gate_of(source)->config_version));
}

/* Has no value when no store is configured. */
static void store_up_read(struct sl_reading_sink *sink, const void *source)
{
    const struct sl_store *store = gate_of(source)->store;
    if (store) {
        put(sink, sl_store_was_read(store) && sl_store_is_up(store));
    }
}

static void store_change_read(struct sl_reading_sink *sink, const void *source)
{
    const struct sl_store *store = gate_of(source)->store;
    if (store) {
        put(sink, sl_store_change(store));
    }
}

static void file_read(struct sl_reading_sink *sink, const void *source)
{
    put(sink, !atomic_load(&gate_of(source)->is_file_refused));
}

static void file_time_read(struct sl_reading_sink *sink, const void *source)
{
    put_millionths(sink, atomic_load(&gate_of(source)->config_wall_usec));
}

static void on_certificate(void *arg, const char *path, uint64_t expiry)
{
    put_word(arg, path, expiry);
}

static void certificate_read(struct sl_reading_sink *sink, const void *source)
{
    const struct sl_snapshot *snapshot = ((const struct sl_reading_source *)source)->snapshot;
    struct sl_certs certs = { .fn = on_certificate, .arg = sink };
    sl_certs_look(&certs, snapshot->settings->server.tls_cert, snapshot->settings->server_tls);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    for (const struct sl_route *route; (route = sl_snapshot_next(&it)) != NULL;) {
        sl_certs_look(&certs, route->own->tls_cert, route->way ? route->way->tls : NULL);
    }
    sl_certs_done(&certs);
}

static void build_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    put_word(sink, SL_VERSION, 1);
}

/* --- limits --- */

/* The fullest counter of a route. */
struct used {
    const struct sl_metric_labels *labels;
    uint64_t share; /* millionths */
};

struct used_walk {
    const struct sl_reading_source *source;
    struct sl_map by_route; /* struct used */
};

/* How much of its limit a counter has used, in millionths; 0: that limit is no longer in force. */
static uint64_t share_of(const struct sl_route *route, const struct sl_limit_record *record)
{
    bool is_shared = record->key == SL_LIMIT_SHARED;
    double used = 0;
    for (uint32_t i = 0; route->limits && i < route->limits->n; i++) {
        const struct sl_limit_rule *rule = &route->limits->rules[i];
        bool is_its = is_shared ? rule->key != SL_LIMIT_WHOLE : rule->key == record->key;
        if (is_its && rule->kind == record->kind && rule->period_usec == record->period_usec &&
            rule->zone == record->zone && rule->cap) {
            used = SL_MAX(used, (double)record->used / (double)rule->cap);
        }
    }
    return (uint64_t)(used * MILLION);
}

/* Runs under a shard's lock. Only routes that have labels of their own are shown. */
static void on_record(void *arg, const struct sl_limit_record *record)
{
    struct used_walk *walk = arg;
    if (record->owner != SL_LIMIT_OF_ROUTE) {
        return;
    }
    const struct sl_route *route = sl_snapshot_find(walk->source->snapshot, record->name);
    if (!route || route->incarnation != record->incarnation) {
        return;
    }
    const struct sl_metric_labels *labels = atomic_load_explicit(&route->metric_labels[0], memory_order_acquire);
    uint64_t share = share_of(route, record);
    if (!labels || labels == sl_metrics_other(walk->source->gate->metrics) || !share) {
        return;
    }
    struct used *used = sl_map_find(&walk->by_route, labels->route);
    if (!used) {
        used = calloc(1, sizeof(*used));
        if (!used || sl_map_put(&walk->by_route, labels->route, used) < 0) {
            free(used); /* no memory: this route is not shown */
            return;
        }
        used->labels = labels;
    }
    used->share = SL_MAX(used->share, share);
}

static void limits_read(struct sl_reading_sink *sink, const void *source)
{
    struct used_walk walk = { .source = source };
    sl_limiter_walk(walk.source->gate->limiter, sl_clock_wall_usec(), on_record, &walk);
    size_t i = 0;
    for (struct used *used; (used = sl_map_each(&walk.by_route, &i)) != NULL;) {
        sink->put(sink, &(struct sl_metric_key){ .labels = used->labels }, used->share, MILLION);
        free(used);
    }
    sl_map_done(&walk.by_route);
}

static void accounts_each(struct sl_reading_sink *sink, const void *source,
                          void (*fn)(void *arg, const struct sl_account *account))
{
    const struct sl_reading_source *from = source;
    sl_accounts_each(from->snapshot, from->gate->limiter, fn, sink);
}

static void share_put(void *arg, const struct sl_account *account)
{
    struct sl_reading_sink *sink = arg;
    struct sl_metric_labels labels = { .owner = account->owner };
    sink->put(sink, &(struct sl_metric_key){ .labels = &labels, .word = account->kind }, account->share, MILLION);
}

static void accounts_ratio_read(struct sl_reading_sink *sink, const void *source)
{
    accounts_each(sink, source, share_put);
}

static void used_put(void *arg, const struct sl_account *account)
{
    struct sl_reading_sink *sink = arg;
    struct sl_metric_labels labels = { .owner = account->owner };
    sink->put(sink, &(struct sl_metric_key){ .labels = &labels, .word = account->kind }, account->used, account->scale);
}

static void accounts_used_read(struct sl_reading_sink *sink, const void *source)
{
    accounts_each(sink, source, used_put);
}

static void reserved_put(void *arg, const struct sl_account *account)
{
    struct sl_account other = *account;
    other.used = account->reserved;
    used_put(arg, &other);
}

static void accounts_reserved_read(struct sl_reading_sink *sink, const void *source)
{
    accounts_each(sink, source, reserved_put);
}

/* Has no values in a process without alerts. */
static bool alerts_look(const void *source, struct sl_alerts_look *ret)
{
    struct sl_alerts *alerts = gate_of(source)->alerts;
    if (alerts) {
        sl_alerts_look(alerts, ret);
    }
    return alerts;
}

static void alerts_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_alerts_look look;
    bool has = alerts_look(source, &look);
    for (unsigned owner = 0; has && owner < SL_LIMIT_OWNERS; owner++) {
        for (unsigned kind = 0; kind < SL_LIMIT_KINDS; kind++) {
            for (unsigned at = 0; at < SL_ARRAY_LEN(look.raised[0][0]); at++) {
                struct sl_metric_labels labels = { .owner = sl_str_c(sl_limit_owner_names[owner]) };
                const struct sl_metric_key key = { .labels = &labels,
                                                   .word = sl_limit_kind_names[kind],
                                                   .status = (uint16_t)at };
                if (look.raised[owner][kind][at]) {
                    sink->put(sink, &key, look.raised[owner][kind][at], 1);
                }
            }
        }
    }
}

static void alert_fates_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_alerts_look look;
    bool has = alerts_look(source, &look);
    for (unsigned fate = 0; has && fate < SL_ALERT_FATES; fate++) {
        put_word(sink, sl_alert_fate_names[fate], look.fates[fate]);
    }
}

static void alerts_waiting_read(struct sl_reading_sink *sink, const void *source)
{
    struct sl_alerts_look look;
    if (alerts_look(source, &look)) {
        put(sink, look.n_waiting);
    }
}

/* Has no values in a process without traces. */
static void spans_read(struct sl_reading_sink *sink, const void *source)
{
    uint64_t fates[SL_SPAN_FATES];
    bool has = ((const struct sl_reading_source *)source)->snapshot->settings->otel && gate_of(source)->spans;
    if (has) {
        sl_spans_look(gate_of(source)->spans, fates);
    }
    for (unsigned fate = 0; has && fate < SL_SPAN_FATES; fate++) {
        put_word(sink, sl_span_fate_names[fate], fates[fate]);
    }
}

/* --- targets of routes that have several --- */

/* Writes a value for each target, up to metrics.max_targets; `only_watched`: only for targets with health checks. */
static void targets_walk(struct sl_reading_sink *sink, const void *source, bool only_watched,
                         uint64_t (*value)(const struct sl_target_look *look))
{
    uint64_t now = sl_clock_usec();
    const struct sl_snapshot *snapshot = ((const struct sl_reading_source *)source)->snapshot;
    uint32_t n = 0, max = snapshot->settings->metrics_max_targets;
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    for (const struct sl_route *route; (route = sl_snapshot_next(&it)) != NULL;) {
        for (uint32_t i = 0; route->traffic && i < route->n_targets && n < max; i++, n++) {
            struct sl_target_look look;
            struct sl_metric_labels labels = { .route = route->name, .target = route->traffic->targets[i].name };
            sl_pool_look(&route->traffic->pool, i, now, &look);
            if (!only_watched || sl_traffic_is_watched(route->traffic, i)) {
                sink->put(sink, &(struct sl_metric_key){ .labels = &labels }, value(&look), 1);
            }
        }
    }
}

static uint64_t look_state(const struct sl_target_look *look)
{
    return look->state;
}

static uint64_t look_in_flight(const struct sl_target_look *look)
{
    return look->in_flight;
}

static void target_state_read(struct sl_reading_sink *sink, const void *source)
{
    targets_walk(sink, source, false, look_state);
}

static uint64_t look_waits(const struct sl_target_look *look)
{
    return (look->waits_usec + MILLION - 1) / MILLION;
}

static void target_waits_read(struct sl_reading_sink *sink, const void *source)
{
    targets_walk(sink, source, false, look_waits);
}

static void target_in_flight_read(struct sl_reading_sink *sink, const void *source)
{
    targets_walk(sink, source, false, look_in_flight);
}

static uint64_t look_health(const struct sl_target_look *look)
{
    return !look->is_down;
}

static void target_health_read(struct sl_reading_sink *sink, const void *source)
{
    targets_walk(sink, source, true, look_health);
}

static void queue_depth_read(struct sl_reading_sink *sink, const void *source)
{
    const struct sl_snapshot *snapshot = ((const struct sl_reading_source *)source)->snapshot;
    uint32_t n = 0, max = snapshot->settings->metrics_max_targets;
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    for (const struct sl_route *route; n < max && (route = sl_snapshot_next(&it)) != NULL;) {
        if (route->traffic && route->traffic->queue) {
            struct sl_metric_labels labels = { .route = route->name };
            sink->put(sink, &(struct sl_metric_key){ .labels = &labels }, sl_queue_depth(route->traffic->queue), 1);
            n++;
        }
    }
}

/* --- of the process --- */

static void cpu_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        uint64_t sec = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
        put_millionths(sink, sec * MILLION + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
    }
}

/* Reads /proc/self/statm: the first number is the virtual size, the second the resident size. */
static uint64_t memory_bytes(unsigned field)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        SL_IGNORE(read(fd, text, sizeof(text) - 1) < 0); /* after an error the text is empty, and the result 0 */
        close(fd);
    }
    char *at = text;
    unsigned long long pages = 0;
    for (unsigned i = 0; i <= field; i++) {
        pages = strtoull(at, &at, 10);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void resident_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    put(sink, memory_bytes(1));
}

static void virtual_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    put(sink, memory_bytes(0));
}

/* Since Linux 6.2 the folder's size is the number of files. */
static void fds_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
        put(sink, (uint64_t)st.st_size);
        return;
    }
    uint64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    put(sink, n > 3 ? n - 3 : 0); /* without ".", ".." and the folder's own descriptor */
}

static void max_fds_read(struct sl_reading_sink *sink, const void *source)
{
    (void)source;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        put(sink, limit.rlim_cur);
    }
}

static void counters_up_read(struct sl_reading_sink *sink, const void *source)
{
    if (gate_of(source)->fleet) {
        put(sink, sl_fleet_is_up(gate_of(source)->fleet));
    }
}

static void epochs_read(struct sl_reading_sink *sink, const void *source)
{
    if (gate_of(source)->fleet) {
        put(sink, sl_fleet_epochs(gate_of(source)->fleet));
    }
}

static void start_read(struct sl_reading_sink *sink, const void *source)
{
    put_millionths(sink, gate_of(source)->start_wall_usec);
}

#define GAUGE(name_, help_, read_, ...)                                       \
    {                                                                         \
        { name_, SL_METRIC_IS_GAUGE, NULL, 0, { __VA_ARGS__ }, help_ }, read_ \
    }
#define COUNTER(name_, help_, read_, ...)                                       \
    {                                                                           \
        { name_, SL_METRIC_IS_COUNTER, NULL, 0, { __VA_ARGS__ }, help_ }, read_ \
    }

const struct sl_reading sl_readings[] = {
    GAUGE("sluice_requests_in_flight", "Requests that are being answered.", in_flight_read, LB_END),
    GAUGE("sluice_limit_used_ratio",
          "How much of a route's limit is used in the open windows, for its fullest counter (the route's own or one "
          "user's); at 1, calls are refused.",
          limits_read, LB_ROUTE),
    GAUGE("sluice_account_used_ratio",
          "How much of the limits of a group, a key or a route as a whole is used in the open windows, for the fullest "
          "of a kind; only with `metrics.max_accounts`.",
          accounts_ratio_read, LB_ACCOUNT, LB_KIND),
    GAUGE("sluice_account_used",
          "How much is used of the same limit, with what is reserved: calls, tokens, US dollars, calls that run.",
          accounts_used_read, LB_ACCOUNT, LB_KIND),
    GAUGE("sluice_account_reserved", "How much of that running calls have reserved.", accounts_reserved_read,
          LB_ACCOUNT, LB_KIND),
    COUNTER("sluice_limit_alerts_total", "Thresholds of limits that were reached, each once a window (`alerts.at`).",
            alerts_read, LB_WHOSE, LB_KIND, LB_AT),
    COUNTER("sluice_alert_webhooks_total", "What became of alerts on their way to `alerts.webhook`.", alert_fates_read,
            LB_FATE),
    GAUGE("sluice_alerts_waiting", "Alerts that wait for `alerts.webhook` to take them.", alerts_waiting_read, LB_END),
    COUNTER("sluice_trace_spans_total",
            "What became of the spans of traced calls (docs/tracing.md); absent without `otel`.", spans_read, LB_SPAN),
    GAUGE("sluice_counters_up",
          "1 while the shared counters can be asked, else 0: then each limit does what its `on_loss` says. Absent with "
          "`counters: local`.",
          counters_up_read, LB_END),
    COUNTER("sluice_counters_epoch_total",
            "How often the server of the shared counters came back with other data than before; then the nodes told it "
            "what they knew.",
            epochs_read, LB_END),
    GAUGE("sluice_target_state",
          "The breaker of a target: 0 closed, 1 half-open, 2 open, and also 2 while the target is down by its health "
          "checks.",
          target_state_read, LB_ROUTE, LB_TARGET),
    GAUGE("sluice_target_waits_seconds",
          "For how long a target will still get no calls: its breaker is open, it asked to wait (Retry-After), or it "
          "is down until its next health check; 0: it gets calls.",
          target_waits_read, LB_ROUTE, LB_TARGET),
    GAUGE("sluice_target_health", "For targets with health checks: 1 up, 0 down (the target gets no calls).",
          target_health_read, LB_ROUTE, LB_TARGET),
    GAUGE("sluice_target_in_flight", "Calls that run at a target.", target_in_flight_read, LB_ROUTE, LB_TARGET),
    GAUGE("sluice_queue_depth", "Calls of a route with a queue that wait for a place at a target.", queue_depth_read,
          LB_ROUTE),
    GAUGE("sluice_upstream_connections", "Connections to upstreams.", connections_read, LB_STATE),
    COUNTER("sluice_unpriced_requests_total",
            "Calls that succeeded (and lost attempts) whose cost is not known: the model has no price, or the upstream "
            "did not say what was used.",
            unpriced_read, LB_END),
    COUNTER("sluice_log_dropped_total",
            "Access log lines lost: the writer did not keep up, or the file could not be written.", log_dropped_read,
            LB_END),
    GAUGE("sluice_usage_waiting",
          "Calls whose usage is not yet in the data directory: mostly those of the last second; more while the store "
          "does not work. Absent without a data directory.",
          usage_waiting_read, LB_END),
    COUNTER("sluice_usage_other_total",
            "Calls without a key that the usage counts under the principal `other`, because there are too many callers "
            "without a key.",
            usage_other_read, LB_END),
    COUNTER("sluice_usage_lost_total", "Calls that are missing in the usage because memory was short.", usage_lost_read,
            LB_END),
    COUNTER("sluice_request_log_rows_total", "Rows that the request log wrote.", rows_written_read, LB_END),
    COUNTER("sluice_request_log_dropped_total",
            "Rows of the request log lost: its thread did not keep up, or its files could not be written.",
            rows_dropped_read, LB_END),
    COUNTER("sluice_config_reload_total", "Reloads of the configuration.", reloads_read, LB_RESULT),
    GAUGE("sluice_config_version", "Number of the configuration in force: it grows by one with each change.",
          version_read, LB_END),
    GAUGE("sluice_store_up", "1 while the store can be read and written, else 0; absent without one.", store_up_read,
          LB_END),
    GAUGE("sluice_store_change",
          "Number of the last stored change that is in force here: on nodes that share a store it should be the same.",
          store_change_read, LB_END),
    GAUGE("sluice_config_last_reload_successful",
          "1: the configuration in force is what the file said when it was last read; 0: the file was refused.",
          file_read, LB_END),
    GAUGE("sluice_config_last_reload_success_timestamp_seconds",
          "When the configuration in force was read, in seconds since 1970.", file_time_read, LB_END),
    GAUGE("sluice_certificate_expiry_timestamp_seconds",
          "When the first certificate of the file expires, in seconds since 1970: the listener's, and those that "
          "routes show "
          "to their upstreams.",
          certificate_read, LB_FILE),
    COUNTER("sluice_tls_handshakes_failed_total", "TLS handshakes of clients that failed.", handshakes_read,
            LB_HANDSHAKE),
    GAUGE("sluice_build_info", "Always 1; the label says which version runs.", build_read, LB_VERSION),
    COUNTER("process_cpu_seconds_total", "User and system CPU time.", cpu_read, LB_END),
    GAUGE("process_resident_memory_bytes", "Resident memory.", resident_read, LB_END),
    GAUGE("process_virtual_memory_bytes", "Virtual memory.", virtual_read, LB_END),
    GAUGE("process_open_fds", "Open file descriptors.", fds_read, LB_END),
    GAUGE("process_max_fds", "Limit of open file descriptors.", max_fds_read, LB_END),
    GAUGE("process_start_time_seconds", "When the process started, in seconds since 1970.", start_read, LB_END),
    { .read = NULL },
};
