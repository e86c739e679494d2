/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions: each calls the function of its kind of store. */
#include "store/store.h"

#include <string.h>

#include "store/ops.h"
#include "store/reprice.h"
#include "store/sql/copy.h"
#include "store/tool.h"
#include "store/usage.h"

static const struct sl_store_ops *kind_find(const char *name)
{
    const struct sl_store_ops *const *kind = sl_store_kinds;
    while (name && *kind && strcmp((*kind)->name, name) != 0) {
        kind++;
    }
    return *kind;
}

int sl_store_open(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err)
{
    const struct sl_store_ops *kind = kind_find(conf->kind);
    return kind ? kind->open(conf, ret, ret_is_ok, err)
                : sl_fail(err, SL_E_INVAL, "there is no kind of store '%s'", conf->kind);
}

int sl_store_load(struct sl_store *store, struct sl_err *err)
{
    return store->ops->load(store, err);
}

int sl_store_start(struct sl_store *store, struct sl_err *err)
{
    return store->ops->start(store, err);
}

void sl_store_close(struct sl_store *store)
{
    if (store) {
        store->ops->close(store);
    }
}

bool sl_store_was_read(const struct sl_store *store)
{
    return atomic_load_explicit(&store->was_read, memory_order_acquire);
}

uint64_t sl_store_change(const struct sl_store *store)
{
    return atomic_load_explicit(&store->change, memory_order_relaxed);
}

bool sl_store_is_shared(const struct sl_store *store)
{
    return store->ops->is_shared;
}

bool sl_store_is_up(const struct sl_store *store)
{
    return !atomic_load_explicit(&store->is_failing, memory_order_relaxed);
}

int sl_store_submit(struct sl_store *store, struct sl_store_job *job)
{
    return store->ops->submit(store, job);
}

void sl_store_seal(struct sl_store *store, struct sl_seal *ret)
{
    store->ops->seal(store, ret);
}

int sl_store_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err)
{
    return store->ops->key_used(store, id, sec, err);
}

int sl_store_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                         struct sl_err *err)
{
    return store->ops->answers_put(store, of, ids, n_ids, err);
}

int sl_store_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err)
{
    return store->ops->answers_expire(store, now_usec, max, err);
}

int sl_store_answers_load(struct sl_store *store, uint64_t now_usec,
                          void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                          struct sl_err *err)
{
    return store->ops->answers_load(store, now_usec, on_answer, arg, err);
}

int sl_store_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err)
{
    return store->ops->counter_put(store, counter, err);
}

int sl_store_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err)
{
    return store->ops->counters_expire(store, now_usec, max_sessions, err);
}

int sl_store_counters_load(struct sl_store *store, uint64_t now_usec,
                           void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                           struct sl_err *err)
{
    return store->ops->counters_load(store, now_usec, on_counter, arg, err);
}

int sl_store_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err)
{
    return store->ops->usage_put(store, row, ret_is_other, err);
}

int sl_store_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err)
{
    return store->ops->usage_mark(store, mark, err);
}

int sl_store_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err)
{
    return store->ops->usage_marked(store, node, ret_mark, err);
}

int sl_store_usage_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err)
{
    return store->ops->usage_thin(store, now_sec, err);
}

int sl_store_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err)
{
    return store->ops->usage_open(store, ret, err);
}

int sl_usage_begin(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err)
{
    return reader->ops->usage_begin(reader, ret_mark, err);
}

int sl_usage_run(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                 int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err)
{
    return reader->ops->usage_run(reader, query, on_row, arg, err);
}

void sl_usage_close(struct sl_usage_reader *reader)
{
    if (reader) {
        reader->ops->usage_close(reader);
    }
}

int sl_store_check(const char *dir, const struct sl_store_looker *looker, struct sl_store_report *ret,
                   struct sl_err *err)
{
    return kind_find(NULL)->check(dir, looker, ret, err);
}

int sl_store_backup(const char *dir, const char *file, struct sl_err *err)
{
    return kind_find(NULL)->backup(dir, file, err);
}

int sl_store_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err)
{
    return kind_find(NULL)->rotate(dir, ret_routes, err);
}

int sl_store_look(const char *kind, const char *url, const struct sl_store_looker *looker, struct sl_store_report *ret,
                  struct sl_err *err)
{
    return kind_find(kind)->look(url, looker, ret, err);
}

int sl_store_migrate(const char *kind, const char *url, struct sl_err *err)
{
    return kind_find(kind)->migrate(url, err);
}

int sl_store_copy(const struct sl_store_end *from, const struct sl_store_end *to, struct sl_store_copied *ret,
                  struct sl_err *err)
{
    const struct sl_store_ops *kinds[] = { kind_find(from->kind), kind_find(to->kind) };
    struct sl_db *source = NULL, *target = NULL;
    int r = kinds[0]->end_open(from, false, &source, err);
    r = r < 0 ? r : kinds[1]->end_open(to, true, &target, err);
    r = r < 0 ? r : sl_sql_copy(source, target, ret, err);
    if (target) {
        int end = kinds[1]->end_close(target, r == 0, err);
        r = r < 0 ? r : end;
    }
    if (source) {
        SL_IGNORE(kinds[0]->end_close(source, false, NULL) < 0); /* it was only read */
    }
    return r;
}

int sl_store_url_check(const char *kind, const char *url, struct sl_err *err)
{
    return kind_find(kind)->url_check(url, err);
}

/* --- jobs --- */

int sl_store_route_job_init(struct sl_store_route_job *job, enum sl_store_verb verb, struct sl_str name)
{
    *job = (struct sl_store_route_job){ .base.kind = SL_STORE_JOB_ROUTE, .verb = verb };
    sl_arena_init_small(&job->arena, 1024);
    job->base.is_write = verb != SL_STORE_READ;
    job->route.name = sl_arena_dup(&job->arena, name);
    return job->route.name.p ? 0 : SL_E_NOMEM;
}

int sl_store_route_job_set(struct sl_store_route_job *job, struct sl_str spec, struct sl_str config)
{
    if (spec.p) {
        job->route.spec = sl_arena_dup(&job->arena, spec);
        if (!job->route.spec.p) {
            return SL_E_NOMEM;
        }
    }
    if (config.p) {
        int r = sl_secret_set(&job->config, config);
        if (r < 0) {
            return r;
        }
        job->route.config = sl_secret_reveal(&job->config);
    }
    return 0;
}

void sl_store_route_job_done(struct sl_store_route_job *job)
{
    sl_secret_done(&job->config);
    sl_arena_done(&job->arena);
}

void sl_store_key_job_init(struct sl_store_key_job *job, enum sl_store_key_verb verb)
{
    *job = (struct sl_store_key_job){ .base = { .kind = SL_STORE_JOB_KEY, .is_write = true }, .verb = verb };
    sl_arena_init_small(&job->arena, 1024);
}

void sl_store_key_job_done(struct sl_store_key_job *job)
{
    sl_arena_done(&job->arena);
}

int sl_store_group_job_init(struct sl_store_group_job *job, enum sl_store_group_verb verb, struct sl_str path)
{
    *job = (struct sl_store_group_job){ .base = { .kind = SL_STORE_JOB_GROUP, .is_write = true }, .verb = verb };
    sl_arena_init_small(&job->arena, 1024);
    job->group.path = sl_arena_dup(&job->arena, path);
    return job->group.path.p ? 0 : SL_E_NOMEM;
}

void sl_store_group_job_done(struct sl_store_group_job *job)
{
    sl_arena_done(&job->arena);
}

void sl_store_rotate_job_init(struct sl_store_rotate_job *job)
{
    *job = (struct sl_store_rotate_job){ .base = { .kind = SL_STORE_JOB_ROTATE, .is_write = true, .waits = true } };
}

void sl_store_reprice_job_init(struct sl_store_reprice_job *job, bool is_dry)
{
    *job = (struct sl_store_reprice_job){ .base = { .kind = SL_STORE_JOB_REPRICE, .is_write = !is_dry } };
}

void sl_store_audit_job_init(struct sl_store_audit_job *job, uint64_t before_id, uint32_t max)
{
    *job = (struct sl_store_audit_job){ .base.kind = SL_STORE_JOB_AUDIT, .before_id = before_id, .max = max };
    sl_arena_init_small(&job->arena, 4096);
}

void sl_store_nodes_job_init(struct sl_store_nodes_job *job)
{
    *job = (struct sl_store_nodes_job){ .base.kind = SL_STORE_JOB_NODES };
    sl_arena_init_small(&job->arena, 1024);
}

void sl_store_nodes_job_done(struct sl_store_nodes_job *job)
{
    sl_arena_done(&job->arena);
}

void sl_store_audit_job_done(struct sl_store_audit_job *job)
{
    sl_arena_done(&job->arena);
}
