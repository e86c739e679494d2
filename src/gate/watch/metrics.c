/* SPDX-License-Identifier: Apache-2.0 */
/* Each worker has a list of its series that only grows. A new series is complete before it is linked (release), so a
 * reader (acquire) never sees half of one. Each value is an atomic with one writer, which needs a load and a store, but
 * no locked instruction. */
#include "gate/watch/metrics.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

/* The most label objects for each route with labels: a route that changes its model on a reload needs a new one. */
#define METRICS_LABELS_PER_ROUTE 4
#define METRICS_TABLE_MIN        64

struct sl_metrics_worker {
    struct sl_metrics *metrics;
    struct sl_metrics_worker *next;
    struct sl_metric_series **table; /* private to the worker */
    size_t n, cap;
    _Atomic(struct sl_metric_series *) list;
    atomic_uint_fast64_t in_flight;
    atomic_uint_fast64_t unpriced;
    const atomic_uint *n_conns, *n_idle; /* may be NULL; with the metrics' lock held */
};

struct labels_entry {
    struct sl_metric_labels labels;
    struct labels_entry *next;
    struct sl_str id; /* the five texts */
    char text[];
};

struct sl_metrics {
    pthread_mutex_t lock; /* guards the labels and the list of workers */
    struct sl_map by_id, by_route;
    struct labels_entry *entries;
    uint32_t n_routes;
    struct sl_metrics_worker *workers;
    struct sl_metric_labels other, none;
};

int sl_metrics_new(struct sl_metrics **ret)
{
    struct sl_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&metrics->lock, NULL);
    struct sl_str other = SL_STR("other"), none = SL_STR("none");
    metrics->other = (struct sl_metric_labels){ other, other, other, other, other, true };
    metrics->none = (struct sl_metric_labels){ none, none, none, none, none, true };
    *ret = metrics;
    return 0;
}

static void worker_free(struct sl_metrics_worker *worker)
{
    struct sl_metric_series *s = atomic_load(&worker->list);
    while (s) {
        struct sl_metric_series *next = s->next;
        free(s);
        s = next;
    }
    free(worker->table);
    free(worker);
}

void sl_metrics_free(struct sl_metrics *metrics)
{
    if (!metrics) {
        return;
    }
    for (struct sl_metrics_worker *w = metrics->workers; w;) {
        struct sl_metrics_worker *next = w->next;
        worker_free(w);
        w = next;
    }
    for (struct labels_entry *e = metrics->entries; e;) {
        struct labels_entry *next = e->next;
        free(e);
        e = next;
    }
    sl_map_done(&metrics->by_id);
    sl_map_done(&metrics->by_route);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

const struct sl_metric_labels *sl_metrics_other(const struct sl_metrics *metrics)
{
    return &metrics->other;
}

const struct sl_metric_labels *sl_metrics_none(const struct sl_metrics *metrics)
{
    return &metrics->none;
}

/* The texts one after the other, each with a NUL at its end. */
static struct labels_entry *entry_new(const struct sl_metric_labels *from)
{
    const struct sl_str in[] = { from->route, from->operation, from->provider, from->model, from->target };
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(in); i++) {
        n += in[i].n + 1;
    }
    struct labels_entry *entry = calloc(1, sizeof(*entry) + n);
    if (!entry) {
        return NULL;
    }
    struct sl_str *const to[] = { &entry->labels.route, &entry->labels.operation, &entry->labels.provider,
                                  &entry->labels.model, &entry->labels.target };
    char *at = entry->text;
    for (size_t i = 0; i < SL_ARRAY_LEN(in); i++) {
        if (in[i].n) {
            memcpy(at, in[i].p, in[i].n);
        }
        *to[i] = sl_str_make(at, in[i].n);
        at += in[i].n + 1;
    }
    entry->id = sl_str_make(entry->text, n);
    return entry;
}

/* With the lock held. Takes over `entry`. */
static const struct sl_metric_labels *entry_put(struct sl_metrics *metrics, struct labels_entry *entry,
                                                const struct sl_metric_bounds *bounds)
{
    struct labels_entry *found = sl_map_find(&metrics->by_id, entry->id);
    if (found) {
        free(entry);
        return &found->labels;
    }
    const struct labels_entry *same_route = sl_map_find(&metrics->by_route, entry->labels.route);
    bool is_new_route = !same_route;
    bool fits = (!is_new_route || metrics->n_routes < bounds->routes) &&
                metrics->by_id.n < (size_t)bounds->routes * METRICS_LABELS_PER_ROUTE;
    entry->labels.has_histograms = is_new_route ? metrics->n_routes < bounds->histogram_routes
                                                : same_route->labels.has_histograms;
    if (!fits || sl_map_put(&metrics->by_id, entry->id, entry) < 0) {
        free(entry);
        return &metrics->other;
    }
    /* Without memory the route is not in the map: it counts again when it comes with other labels. */
    if (is_new_route && sl_map_put(&metrics->by_route, entry->labels.route, entry) == 0) {
        metrics->n_routes++;
    }
    entry->next = metrics->entries;
    metrics->entries = entry;
    return &entry->labels;
}

const struct sl_metric_labels *sl_metrics_intern(struct sl_metrics *metrics, const struct sl_metric_labels *labels,
                                                 const struct sl_metric_bounds *bounds)
{
    struct labels_entry *entry = entry_new(labels);
    if (!entry) {
        return &metrics->other;
    }
    pthread_mutex_lock(&metrics->lock);
    const struct sl_metric_labels *found = entry_put(metrics, entry, bounds);
    pthread_mutex_unlock(&metrics->lock);
    return found;
}

/* --- counting --- */

int sl_metrics_worker_new(struct sl_metrics *metrics, struct sl_metrics_worker **ret)
{
    struct sl_metrics_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return SL_E_NOMEM;
    }
    worker->metrics = metrics;
    worker->cap = METRICS_TABLE_MIN;
    worker->table = calloc(worker->cap, sizeof(struct sl_metric_series *));
    if (!worker->table) {
        free(worker);
        return SL_E_NOMEM;
    }
    pthread_mutex_lock(&metrics->lock);
    worker->next = metrics->workers;
    metrics->workers = worker;
    pthread_mutex_unlock(&metrics->lock);
    *ret = worker;
    return 0;
}

static uint64_t key_hash(enum sl_metric metric, const struct sl_metric_key *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key->labels * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 32)) + ((uint64_t)(uintptr_t)key->word ^ (uint64_t)(uintptr_t)key->source << 1);
    h = h * 0xbf58476d1ce4e5b9u + (uint64_t)(uintptr_t)key->dialect;
    h = (h ^ (h >> 29)) +
        ((uint64_t)metric << 32 | (uint64_t)key->status << 16 | (uint64_t)key->error_type << 8 | key->is_stream);
    h *= 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

static bool key_is(const struct sl_metric_series *s, uint64_t hash, enum sl_metric metric,
                   const struct sl_metric_key *key)
{
    return s->hash == hash && s->metric == metric && s->key.labels == key->labels && s->key.word == key->word &&
           s->key.source == key->source && s->key.dialect == key->dialect && s->key.status == key->status &&
           s->key.error_type == key->error_type && s->key.is_stream == key->is_stream;
}

static void table_put(struct sl_metric_series **table, size_t cap, struct sl_metric_series *s)
{
    size_t i = s->hash & (cap - 1);
    while (table[i]) {
        i = (i + 1) & (cap - 1);
    }
    table[i] = s;
}

static int table_grow(struct sl_metrics_worker *worker)
{
    size_t cap = worker->cap * 2;
    struct sl_metric_series **table = calloc(cap, sizeof(struct sl_metric_series *));
    if (!table) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < worker->cap; i++) {
        if (worker->table[i]) {
            table_put(table, cap, worker->table[i]);
        }
    }
    free(worker->table);
    worker->table = table;
    worker->cap = cap;
    return 0;
}

static SL_NOINLINE struct sl_metric_series *series_new(struct sl_metrics_worker *worker, uint64_t hash,
                                                       enum sl_metric metric, const struct sl_metric_key *key)
{
    if (worker->n * 2 >= worker->cap && table_grow(worker) < 0) {
        return NULL;
    }
    size_t n = sl_metric_value_count(metric);
    struct sl_metric_series *s = calloc(1, sizeof(*s) + n * sizeof(s->v[0]));
    if (!s) {
        return NULL;
    }
    s->metric = metric;
    s->hash = hash;
    s->key = *key;
    for (size_t i = 0; i < n; i++) {
        atomic_init(&s->v[i], 0);
    }
    table_put(worker->table, worker->cap, s);
    worker->n++;
    s->next = atomic_load_explicit(&worker->list, memory_order_relaxed);
    atomic_store_explicit(&worker->list, s, memory_order_release);
    return s;
}

/* NULL: no memory, so nothing is counted. */
static struct sl_metric_series *series_get(struct sl_metrics_worker *worker, enum sl_metric metric,
                                           const struct sl_metric_key *key)
{
    uint64_t hash = key_hash(metric, key);
    for (size_t i = hash & (worker->cap - 1); worker->table[i]; i = (i + 1) & (worker->cap - 1)) {
        if (key_is(worker->table[i], hash, metric, key)) {
            return worker->table[i];
        }
    }
    const struct sl_metric_labels *other = &worker->metrics->other;
    if (worker->n >= SL_METRICS_SERIES_MAX && key->labels && key->labels != other) {
        struct sl_metric_key lumped = *key;
        lumped.labels = other;
        return series_get(worker, metric, &lumped);
    }
    return series_new(worker, hash, metric, key);
}

static void value_add(atomic_uint_fast64_t *v, uint64_t n)
{
    atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
}

void sl_metrics_add_many(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key,
                         uint64_t n)
{
    struct sl_metric_series *s = series_get(worker, metric, key);
    if (s) {
        value_add(&s->v[0], n);
    }
}

void sl_metrics_add(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key)
{
    sl_metrics_add_many(worker, metric, key, 1);
}

void sl_metrics_observe(struct sl_metrics_worker *worker, enum sl_metric metric, const struct sl_metric_key *key,
                        uint64_t value)
{
    const struct sl_metric_family *family = &sl_metric_families[metric];
    struct sl_metric_key lumped = *key;
    if (key->labels && !key->labels->has_histograms) {
        lumped.labels = &worker->metrics->other;
    }
    struct sl_metric_series *s = series_get(worker, metric, &lumped);
    if (!s) {
        return;
    }
    size_t i = 0;
    while (i < family->n_buckets && value > family->buckets[i]) {
        i++;
    }
    value_add(&s->v[0], value);
    value_add(&s->v[1 + i], 1);
}

void sl_metrics_unpriced(struct sl_metrics_worker *worker)
{
    value_add(&worker->unpriced, 1);
}

void sl_metrics_in_flight(struct sl_metrics_worker *worker, int change)
{
    value_add(&worker->in_flight, (uint64_t)(int64_t)change);
}

void sl_metrics_watch(struct sl_metrics_worker *worker, const atomic_uint *n_conns, const atomic_uint *n_idle)
{
    pthread_mutex_lock(&worker->metrics->lock);
    worker->n_conns = n_conns;
    worker->n_idle = n_idle;
    pthread_mutex_unlock(&worker->metrics->lock);
}

void sl_metrics_gauges_read(struct sl_metrics *metrics, struct sl_metrics_gauges *ret)
{
    *ret = (struct sl_metrics_gauges){ 0 };
    pthread_mutex_lock(&metrics->lock);
    for (struct sl_metrics_worker *w = metrics->workers; w; w = w->next) {
        ret->in_flight += atomic_load_explicit(&w->in_flight, memory_order_relaxed);
        ret->unpriced += atomic_load_explicit(&w->unpriced, memory_order_relaxed);
        if (w->n_conns) {
            ret->upstream_conns += atomic_load_explicit(w->n_conns, memory_order_relaxed);
            ret->upstream_idle += atomic_load_explicit(w->n_idle, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&metrics->lock);
}

size_t sl_metric_value_count(enum sl_metric metric)
{
    return sl_metric_families[metric].buckets ? sl_metric_families[metric].n_buckets + 2 : 1;
}

int sl_metrics_collect(struct sl_metrics *metrics, struct sl_metric_series ***ret, size_t *ret_n)
{
    size_t n = 0, cap = 256;
    struct sl_metric_series **all = malloc(cap * sizeof(struct sl_metric_series *));
    pthread_mutex_lock(&metrics->lock);
    struct sl_metrics_worker *first = metrics->workers;
    pthread_mutex_unlock(&metrics->lock);
    for (struct sl_metrics_worker *w = first; all && w; w = w->next) {
        for (struct sl_metric_series *s = atomic_load_explicit(&w->list, memory_order_acquire); all && s; s = s->next) {
            if (n == cap) {
                struct sl_metric_series **more = realloc(all, cap * 2 * sizeof(struct sl_metric_series *));
                if (!more) {
                    free(all);
                }
                all = more;
                cap *= 2;
            }
            if (all) {
                all[n++] = s;
            }
        }
    }
    if (!all) {
        return SL_E_NOMEM;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}
