/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/ledger.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/watch/sheet.h"
#include "gate/watch/usage_file.h"
#include "gate/watch/squeeze.h"
#include "gate/watch/tally.h"
#include "store/usage.h"

struct member {
    struct member *next;
    struct sl_tally tally;
};

struct sl_ledger {
    pthread_mutex_t lock; /* guards everything but the counts; no worker takes it */
    struct member *members;
    struct sl_sheet open;
    struct sl_sheet frozen;     /* being written, or written: the store's mark decides */
    uint64_t mark;              /* of `frozen`; begins anywhere, so that no other process's is taken for ours */
    uint64_t frozen_other;      /* calls of `frozen` that the store counted under SL_USAGE_OTHER */
    struct sl_usage_file *file; /* NULL: there is no file */
    char *frozen_node; /* whose mark decides about `frozen`, when that was found in the file; NULL: this one's */
    bool is_doubtful;  /* another process froze it, and may have written it */
    size_t squeeze_at;
    atomic_uint_fast64_t n_waiting, n_other, n_lost; /* written under the lock */
};

int sl_ledger_new(struct sl_ledger **ret)
{
    struct sl_ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&ledger->lock, NULL);
    sl_sheet_init(&ledger->open);
    sl_sheet_init(&ledger->frozen);
    sl_random_bytes(&ledger->mark, sizeof(ledger->mark));
    ledger->mark >>= 2; /* a number that SQL has, and room for all that come */
    ledger->squeeze_at = SL_LEDGER_ROWS_MAX;
    *ret = ledger;
    return 0;
}

void sl_ledger_free(struct sl_ledger *ledger)
{
    if (!ledger) {
        return;
    }
    for (struct member *m = ledger->members, *next; m; m = next) {
        next = m->next;
        sl_tally_done(&m->tally);
        free(m);
    }
    sl_sheet_done(&ledger->open);
    sl_sheet_done(&ledger->frozen);
    sl_usage_file_free(ledger->file);
    free(ledger->frozen_node);
    pthread_mutex_destroy(&ledger->lock);
    free(ledger);
}

int sl_ledger_join(struct sl_ledger *ledger, struct sl_tally **ret)
{
    struct member *m = calloc(1, sizeof(*m));
    if (!m || sl_tally_init(&m->tally) < 0) {
        free(m);
        return SL_E_NOMEM;
    }
    pthread_mutex_lock(&ledger->lock);
    m->next = ledger->members;
    ledger->members = m;
    pthread_mutex_unlock(&ledger->lock);
    *ret = &m->tally;
    return 0;
}

/* --- with the lock held --- */

static void count(atomic_uint_fast64_t *v, uint64_t n)
{
    atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

static void on_row(void *arg, const struct sl_usage_row *row)
{
    struct sl_ledger *ledger = arg;
    bool is_kept = sl_sheet_add(&ledger->open, row) == 0;
    if (is_kept && ledger->file) {
        sl_usage_file_note(ledger->file, row);
    }
    count(is_kept ? &ledger->n_waiting : &ledger->n_lost, (uint64_t)row->sums[SL_USAGE_REQUESTS]);
}

static void tallies_take(struct sl_ledger *ledger)
{
    for (struct member *m = ledger->members; m; m = m->next) {
        struct sl_tally_faults faults;
        sl_tally_take(&m->tally, on_row, ledger, &faults);
        count(&ledger->n_other, faults.n_other);
        count(&ledger->n_lost, faults.n_lost);
    }
    if (ledger->open.rows.n >= ledger->squeeze_at) {
        sl_sheet_squeeze(&ledger->open, ledger->squeeze_at, sl_clock_wall_usec() / SL_USEC_PER_SEC);
        ledger->squeeze_at = SL_MAX(SL_LEDGER_ROWS_MAX, 2 * ledger->open.rows.n);
    }
}

/* `is_frozen`: rows were frozen that the store may get now. */
static void file_keep(struct sl_ledger *ledger, bool is_frozen)
{
    if (ledger->file && (is_frozen || !sl_usage_file_write(ledger->file)) && !ledger->frozen_node) {
        sl_usage_file_renew(ledger->file, &ledger->frozen, ledger->mark, &ledger->open, is_frozen);
    }
}

static uint64_t requests_of(const struct sl_sheet *sheet)
{
    const struct sl_usage_row *row;
    uint64_t n = 0;
    for (size_t i = 0; (row = sl_sheet_each(sheet, &i)) != NULL;) {
        n += (uint64_t)row->sums[SL_USAGE_REQUESTS];
    }
    return n;
}

/* What was frozen is in the store. */
static void frozen_forget(struct sl_ledger *ledger)
{
    count(&ledger->n_waiting, -requests_of(&ledger->frozen));
    count(&ledger->n_other, ledger->frozen_other);
    ledger->frozen_other = 0;
    sl_sheet_done(&ledger->frozen);
}

/* Looks what became of the last transaction. */
static int frozen_settle(struct sl_ledger *ledger, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    uint64_t mark = ledger->mark;
    bool is_asked = (was_lost || ledger->is_doubtful) && ledger->frozen.rows.n;
    int r = is_asked ? sl_store_usage_marked(store, ledger->frozen_node, &mark, err) : 0;
    if (r < 0) {
        return r;
    }
    ledger->is_doubtful = false;
    bool was_other = ledger->frozen_node;
    free(ledger->frozen_node);
    ledger->frozen_node = NULL;
    if (mark == ledger->mark) {
        frozen_forget(ledger);
    } else if (was_other) {
        file_keep(ledger, true); /* from now on this node's own mark decides */
    }
    return 0;
}

static int frozen_write(struct sl_ledger *ledger, struct sl_store *store, struct sl_err *err)
{
    const struct sl_usage_row *row;
    int r = 0;
    ledger->frozen_other = 0;
    for (size_t i = 0; r == 0 && (row = sl_sheet_each(&ledger->frozen, &i)) != NULL;) {
        bool is_other;
        r = sl_store_usage_put(store, row, &is_other, err);
        if (r == 0 && is_other) {
            ledger->frozen_other += (uint64_t)row->sums[SL_USAGE_REQUESTS];
        }
    }
    return r < 0 || !ledger->frozen.rows.n ? r : sl_store_usage_mark(store, ledger->mark, err);
}

static void freeze(struct sl_ledger *ledger)
{
    struct sl_sheet empty = ledger->frozen;
    ledger->frozen = ledger->open;
    ledger->open = empty;
    ledger->squeeze_at = SL_LEDGER_ROWS_MAX;
    ledger->mark++;
}

/* --- from outside --- */

int sl_ledger_tick(struct sl_ledger *ledger, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    pthread_mutex_lock(&ledger->lock);
    tallies_take(ledger);
    int r = frozen_settle(ledger, store, was_lost, err);
    bool is_frozen = r == 0 && !ledger->frozen.rows.n;
    if (is_frozen) {
        freeze(ledger);
    }
    file_keep(ledger, is_frozen);
    r = r < 0 ? r : frozen_write(ledger, store, err);
    r = r < 0 ? r : sl_store_usage_thin(store, sl_clock_wall_usec() / SL_USEC_PER_SEC, err);
    pthread_mutex_unlock(&ledger->lock);
    return r;
}

void sl_ledger_hold(struct sl_ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    tallies_take(ledger);
    file_keep(ledger, false);
    pthread_mutex_unlock(&ledger->lock);
}

/* --- what a process before this one left --- */

static int on_kept_node(void *arg, struct sl_str node)
{
    struct sl_ledger *ledger = arg;
    free(ledger->frozen_node);
    ledger->frozen_node = strndup(node.p, node.n);
    return ledger->frozen_node ? 0 : SL_E_NOMEM;
}

static int on_kept_row(void *arg, const struct sl_usage_row *row)
{
    struct sl_ledger *ledger = arg;
    int r = sl_sheet_add(&ledger->open, row);
    count(&ledger->n_waiting, r == 0 ? (uint64_t)row->sums[SL_USAGE_REQUESTS] : 0);
    return r;
}

static int on_kept_mark(void *arg, uint64_t mark)
{
    struct sl_ledger *ledger = arg;
    if (ledger->frozen.rows.n) {
        return SL_E_DAMAGED; /* a file has one mark */
    }
    freeze(ledger);
    ledger->mark = mark;
    ledger->is_doubtful = true;
    return 0;
}

/* The file could not be read to its end: all of it is for another process. */
static void kept_forget(struct sl_ledger *ledger)
{
    sl_usage_file_free(ledger->file);
    ledger->file = NULL;
    sl_sheet_done(&ledger->open);
    sl_sheet_done(&ledger->frozen);
    ledger->is_doubtful = false;
    atomic_store(&ledger->n_waiting, 0);
}

void sl_ledger_keep(struct sl_ledger *ledger, const char *dir, const char *node)
{
    struct sl_err err = { 0 };
    const struct sl_usage_file_cbs cbs = { on_kept_node, on_kept_row, on_kept_mark, ledger };
    pthread_mutex_lock(&ledger->lock);
    int r = sl_usage_file_new(dir, node, &ledger->file) < 0 ? sl_fail_nomem(&err)
                                                            : sl_usage_file_read(ledger->file, &cbs, &err);
    if (r < 0) {
        sl_log(SL_LOG_ERROR, "store",
               "the usage that a process before this one left is not counted: %s. The file stays as it is, for a start "
               "that can read it; until then, or until it is moved away, usage that waits is in memory only",
               err.text);
        kept_forget(ledger);
    }
    if (ledger->frozen_node && (!ledger->frozen.rows.n || strcmp(ledger->frozen_node, node) == 0)) {
        free(ledger->frozen_node);
        ledger->frozen_node = NULL;
    }
    uint64_t n = atomic_load(&ledger->n_waiting);
    if (n) {
        sl_log(SL_LOG_INFO, "store", "the usage of %llu calls that the process before this one left is written now",
               (unsigned long long)n);
    }
    pthread_mutex_unlock(&ledger->lock);
}

bool sl_ledger_is_kept(const struct sl_ledger *ledger)
{
    return ledger->file;
}

struct asking {
    const struct sl_usage_query *query;
    struct sl_sheet *sheet;
};

static int on_stored(void *arg, const struct sl_usage_row *row)
{
    const struct asking *asking = arg;
    return sl_sheet_take(asking->sheet, row, asking->query);
}

/* The rows in memory that the reader does not see. `reader` NULL: there is no store. */
static int memory_ask(struct sl_ledger *ledger, struct sl_usage_reader *reader, const struct asking *asking,
                      struct sl_err *err)
{
    uint64_t mark = 0;
    pthread_mutex_lock(&ledger->lock);
    tallies_take(ledger);
    file_keep(ledger, false);
    int r = reader ? sl_usage_begin(reader, &mark, err) : 0;
    if (r == 0 && !(reader && mark == ledger->mark)) {
        r = sl_sheet_ask(asking->sheet, &ledger->frozen, asking->query);
    }
    r = r < 0 ? r : sl_sheet_ask(asking->sheet, &ledger->open, asking->query);
    pthread_mutex_unlock(&ledger->lock);
    return r;
}

int sl_ledger_ask(struct sl_ledger *ledger, struct sl_store *store, const struct sl_usage_query *query,
                  struct sl_sheet *ret, struct sl_err *err)
{
    struct asking asking = { query, ret };
    struct sl_usage_reader *reader = NULL;
    int r = store ? sl_store_usage_open(store, &reader, err) : 0;
    r = r < 0 ? r : memory_ask(ledger, reader, &asking, err);
    if (r == 0 && reader) {
        r = sl_usage_run(reader, query, on_stored, &asking, err);
    }
    sl_usage_close(reader);
    return r;
}

void sl_ledger_look(const struct sl_ledger *ledger, struct sl_ledger_look *ret)
{
    ret->n_waiting = atomic_load_explicit(&ledger->n_waiting, memory_order_relaxed);
    ret->n_other = atomic_load_explicit(&ledger->n_other, memory_order_relaxed);
    ret->n_lost = atomic_load_explicit(&ledger->n_lost, memory_order_relaxed);
}
