/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a store that speaks SQL: each job and each operation in the file of its name. */
#ifndef SL_STORE_SQL_ROWS_H
#define SL_STORE_SQL_ROWS_H

#include "store/ops.h"
#include "store/sql/db.h"

/* The work of a job, on the store's thread: a write inside its savepoint, a read outside. A result <0 undoes it;
 * SL_E_IO: the database failed, not the job. */
SL_MUST int sl_sql_route_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sql_key_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sql_group_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sql_reprice_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sql_audit_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);

/* Encrypts every route with `next`, and writes the audit row of the job. SL_E_KEY: one cannot be decrypted. */
SL_MUST int sl_sql_rotate_rows(struct sl_db *db, struct sl_store_job *job, const struct sl_seal *next,
                               struct sl_err *err);

/* In audit.c: call it in the transaction of the change itself. It takes neither id nor ownership. */
SL_MUST int sl_audit_add(struct sl_db *db, const struct sl_audit_row *row, struct sl_err *err);

/* The other operations. */
int sl_sql_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);
int sl_sql_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                       struct sl_err *err);
int sl_sql_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
int sl_sql_answers_load(struct sl_store *store, uint64_t now_usec,
                        void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                        struct sl_err *err);
int sl_sql_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
int sl_sql_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err);
int sl_sql_counters_load(struct sl_store *store, uint64_t now_usec,
                         void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                         struct sl_err *err);
int sl_sql_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err);
int sl_sql_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err);
int sl_sql_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err);
int sl_sql_usage_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err);

/* --- the load --- */

typedef void (*sl_on_event_fn)(void *arg, const struct sl_store_event *event);
/* Rows that cannot be read: each is reported and stays where it is. `what`: "route", "key", "group", "limits of route".
 */
struct sl_bad_rows {
    void (*on_bad)(void *arg, const char *what, struct sl_str name, const char *why);
    void *arg;
    uint32_t n;
};
/* Loads all limits, groups, keys and routes. Bad rows are no failure. SL_E_KEY: the key decrypts no route. */
SL_MUST int sl_store_load_rows(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                               struct sl_err *err);
SL_MUST int sl_store_load_keys(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                               struct sl_err *err);
SL_MUST int sl_store_load_groups(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                                 struct sl_err *err);
/* One row as it is now, as an event; none: no event, except for limits, where it says that there are none. */
SL_MUST int sl_sql_route_report(struct sl_db *db, struct sl_str name, sl_on_event_fn on_event, void *arg,
                                struct sl_bad_rows *bad, struct sl_err *err);
SL_MUST int sl_sql_limits_report(struct sl_db *db, struct sl_str route, sl_on_event_fn on_event, void *arg,
                                 struct sl_bad_rows *bad, struct sl_err *err);
SL_MUST int sl_sql_key_report(struct sl_db *db, uint64_t id, sl_on_event_fn on_event, void *arg,
                              struct sl_bad_rows *bad, struct sl_err *err);
SL_MUST int sl_sql_group_report(struct sl_db *db, struct sl_str path, sl_on_event_fn on_event, void *arg,
                                struct sl_bad_rows *bad, struct sl_err *err);
void sl_bad_rows_add(struct sl_bad_rows *bad, const char *what, struct sl_str name, const char *why);
/* Tells the operator; for `on_bad`. */
void sl_bad_row_tell(void *arg, const char *what, struct sl_str name, const char *why);

/* --- among each other --- */

/* The longest sealed text; the caller has bounded the body that it comes from. */
#define SL_SEALED_MAX (64u << 20)
SL_MUST int sl_sealed_read(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_secret *ret);
/* SL_E_BUSY: `sql` counts `max` in the topmost group, or below it; top.n == 0 or max == 0: there is no bound. */
SL_MUST int sl_sql_below_check(struct sl_db *db, const char *sql, struct sl_str top, uint32_t max, struct sl_err *err);
/* 1: there is a stored group of that path; 0: there is none. */
SL_MUST int sl_sql_group_exists(struct sl_db *db, struct sl_str path, struct sl_err *err);
/* The mark as it stands in `db`. */
SL_MUST int sl_sql_mark_read(struct sl_db *db, uint64_t *ret_mark, struct sl_err *err);

#endif
