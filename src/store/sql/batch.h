/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction with many jobs, each in a savepoint of its own. */
#ifndef SL_STORE_SQL_BATCH_H
#define SL_STORE_SQL_BATCH_H

#include "store/sql/db.h"

struct sl_store_job;

/* Runs a job; its result goes into it. */
void sl_sql_job_run(struct sl_db *db, struct sl_store_job *job);
/* Runs the writes of the list; the caller begins and ends the transaction. SL_E_IO: it is lost. */
SL_MUST int sl_sql_batch_run(struct sl_db *db, struct sl_store_job *list, struct sl_err *err);
/* Stores the number of the last change. */
SL_MUST int sl_sql_change_write(struct sl_db *db, struct sl_err *err);

#endif
