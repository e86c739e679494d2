/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the database, for the store's jobs. It belongs to the thread that runs the jobs. */
#ifndef SL_STORE_SQLITE_DB_H
#define SL_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/seal.h"

#define SL_DIR_DB "sluice.db"

/* "SLUC": marks a file as ours. */
#define SL_DB_APPLICATION_ID 0x534c5543

/* The most different statements in the source; each is prepared once. */
#define SL_DB_STMTS_MAX 96

struct sl_store_route;

struct sl_db {
    sqlite3 *handle; /* NULL: not open */
    struct {
        const char *sql; /* a literal: found by its address */
        sqlite3_stmt *stmt;
    } stmts[SL_DB_STMTS_MAX];
    uint32_t n_stmts;
    const struct sl_seal *seal;
    void (*describe)(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);
    uint64_t change; /* the number of the last change */
    int fault;       /* SQLite's code of the last failure that was not a constraint */
};

/* Opens (or makes) the file, checks that it is ours, applies missing migrations, and reads the change number. WAL,
 * synchronous=FULL; the caller does checkpoints. */
SL_MUST int sl_db_open(struct sl_db *db, const char *path, struct sl_err *err);
/* Opens only for reading, on a disk or in a directory that cannot be written. SL_E_IO when a log is left that would
 * have to be written back first. `may_share`: another process may have the file open, so its log is read as well. */
SL_MUST int sl_db_open_readonly(struct sl_db *db, const char *path, bool may_share, struct sl_err *err);
void sl_db_close(struct sl_db *db);

/* The statement for a literal, reset and without bound values; NULL with `err` set. Borrowed until the next call for
 * the same literal. */
sqlite3_stmt *sl_db_stmt(struct sl_db *db, const char *sql, struct sl_err *err);
/* Runs a statement that returns no rows, and resets it. */
SL_MUST int sl_db_run(struct sl_db *db, sqlite3_stmt *stmt, struct sl_err *err);
/* 1: there is a row; 0: no more (reset); <0: failed (reset). */
SL_MUST int sl_db_row(struct sl_db *db, sqlite3_stmt *stmt, struct sl_err *err);
/* Runs a statement without parameters or rows. */
SL_MUST int sl_db_exec(struct sl_db *db, const char *sql, struct sl_err *err);

/* True: after the last failure the file should be opened again. */
bool sl_db_is_broken(const struct sl_db *db);

/* The number of the next change; the transaction stores it at its commit. */
uint64_t sl_db_next_change(struct sl_db *db);

void sl_db_bind_str(sqlite3_stmt *stmt, int at, struct sl_str text);
void sl_db_bind_blob(sqlite3_stmt *stmt, int at, struct sl_str bytes);
/* Borrowed until the statement's next step. p == NULL for NULL. */
struct sl_str sl_db_column_str(sqlite3_stmt *stmt, int at);
/* True: it is a text in UTF-8. */
bool sl_db_column_is_text(sqlite3_stmt *stmt, int at);
/* True: it is a number from 1 on. */
bool sl_db_column_is_number(sqlite3_stmt *stmt, int at);

/* migrate.c */
extern const char *const sl_db_migrations[]; /* [i] makes version i + 1 */
extern const int sl_db_n_migrations;

#endif
