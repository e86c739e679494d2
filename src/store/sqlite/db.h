/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the database, for the store's jobs. It belongs to the thread that runs the jobs. */
#ifndef SL_STORE_SQLITE_DB_H
#define SL_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "store/sql/db.h"

#define SL_DIR_DB "sluice.db"

/* "SLUC": marks a file as ours. */
#define SL_DB_APPLICATION_ID 0x534c5543

/* The most different statements in the source; each is prepared once. */
#define SL_DB_STMTS_MAX 96

struct sl_sqlite_stmt {
    struct sl_stmt base;
    const char *sql; /* a literal: found by its address */
    sqlite3_stmt *stmt;
};

struct sl_sqlite_db {
    struct sl_db base;
    sqlite3 *handle; /* NULL: not open */
    struct sl_sqlite_stmt stmts[SL_DB_STMTS_MAX];
    uint32_t n_stmts;
    int fault; /* SQLite's code of the last failure that was not a constraint */
};

/* Opens (or makes) the file, checks that it is ours, applies missing migrations, and reads the change number. WAL,
 * synchronous=FULL; the caller does checkpoints. */
SL_MUST int sl_db_open(struct sl_sqlite_db *db, const char *path, struct sl_err *err);
/* Opens only for reading, on a disk or in a directory that cannot be written. SL_E_IO when a log is left that would
 * have to be written back first. `may_share`: another process may have the file open, so its log is read as well. */
SL_MUST int sl_db_open_readonly(struct sl_sqlite_db *db, const char *path, bool may_share, struct sl_err *err);
void sl_db_close(struct sl_sqlite_db *db);

/* True: after the last failure the file should be opened again. */
bool sl_db_is_broken(const struct sl_sqlite_db *db);

/* migrate.c */
extern const char *const sl_db_migrations[]; /* [i] makes version i + 1 */
extern const int sl_db_n_migrations;

#endif
