/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes. About once a second, and soon after a change is in force, each says so in a row under its name. The row
 * has a random number of its process, so that a second process of the same name is known as such and does not start. A
 * process that was killed left its number in the data directory, by which its successor has the name at once. All times
 * are the database's: the clocks of the nodes do not matter. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/postgres/priv.h"

#define SAY_USEC SL_USEC_PER_SEC
/* After a change: soon, but many changes at once are said once. */
#define SOON_USEC 100000

#define FORGET "86400000000" /* a day, in microseconds */

#define FILE_NAME "node.run"
#define TOKEN_LEN 16 /* hexadecimal digits */

/* --- the number of the process before this one --- */

static void path_make(const struct sl_pg *store, char *out, size_t cap)
{
    snprintf(out, cap, "%s/" FILE_NAME, store->dir);
}

/* Its own number: there was none. */
static int64_t before_read(const struct sl_pg *store)
{
    char path[4200], text[TOKEN_LEN];
    uint64_t before = 0;
    if (!store->dir) {
        return store->instance;
    }
    path_make(store, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_read = fd >= 0 && read(fd, text, TOKEN_LEN) == TOKEN_LEN &&
                   sl_parse_hex64(sl_str_make(text, TOKEN_LEN), &before) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return is_read ? (int64_t)before : store->instance;
}

static void instance_keep(const struct sl_pg *store)
{
    char path[4200], text[TOKEN_LEN];
    if (!store->dir) {
        return;
    }
    path_make(store, path, sizeof(path));
    sl_format_hex((uint64_t)store->instance, TOKEN_LEN, text);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || pwrite(fd, text, TOKEN_LEN, 0) != TOKEN_LEN) {
        sl_log(SL_LOG_WARNING, "store",
               "%s cannot be written (%s): if this process is killed, its name is free only 15 s later", path,
               strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* --- saying --- */

static int name_taken(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " SL_PG_NOW " - seen_usec FROM sluice.nodes WHERE name = ?", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->node));
    int r = sl_db_row(db, stmt, err);
    long long sec = r > 0 ? sl_db_column_int(stmt, 0) / (int64_t)SL_USEC_PER_SEC : 0;
    sl_db_reset(stmt);
    return r < 0 ? r
                 : sl_fail(err, SL_E_BUSY,
                           "a node named '%s' runs already with this database (it was there %lld s ago): give each "
                           "node a name of its own with `node`, and a data directory of its own. The name of one that "
                           "died is free after 15 s",
                           store->node, sec < 0 ? 0 : sec);
}

static int row_write(struct sl_pg *store, int64_t before, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_store_node node = { .version = SL_STR(""), .counters = SL_STR("") };
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "INSERT INTO sluice.nodes (name, instance, version, change, counters, draining, keys, started_usec, seen_usec) "
        "SELECT ?, ?, ?, ?, ?, ?, ?, t.now, t.now FROM (SELECT " SL_PG_NOW " AS now) AS t "
        "ON CONFLICT (name) DO UPDATE SET instance = excluded.instance, version = excluded.version, "
        "change = excluded.change, counters = excluded.counters, draining = excluded.draining, keys = excluded.keys, "
        "seen_usec = excluded.seen_usec, started_usec = CASE WHEN nodes.instance = excluded.instance "
        "THEN nodes.started_usec ELSE excluded.started_usec END "
        "WHERE nodes.instance IN (excluded.instance, ?) OR nodes.seen_usec < excluded.seen_usec - " SL_PG_GONE,
        err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    char keys[2 * SL_FINGERPRINT_LEN + 2];
    snprintf(keys, sizeof(keys), "%s %s", store->print, store->other_print);
    if (store->cbs.on_node) {
        store->cbs.on_node(store->cbs.tick_arg, &node);
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->node));
    sl_db_bind_int(stmt, 2, store->instance);
    sl_db_bind_str(stmt, 3, node.version);
    sl_db_bind_int(stmt, 4, (int64_t)store->applied);
    sl_db_bind_str(stmt, 5, node.counters);
    sl_db_bind_int(stmt, 6, node.is_draining);
    sl_db_bind_str(stmt, 7, sl_str_c(keys));
    sl_db_bind_int(stmt, 8, before);
    int r = sl_db_run(db, stmt, err);
    return r < 0 || sl_db_changes(db) == 1 ? r : name_taken(store, err);
}

int sl_pg_node_say(struct sl_pg *store, struct sl_err *err)
{
    bool is_first = store->said_usec == 0;
    uint64_t change = store->applied;
    int r = row_write(store, is_first ? before_read(store) : store->instance, err);
    if (r == 0 && is_first) {
        instance_keep(store);
        r = sl_db_exec(&store->conn.base, "DELETE FROM sluice.nodes WHERE seen_usec < " SL_PG_NOW " - " FORGET, err);
    }
    if (r == 0 || !is_first) { /* after a failure not at once again */
        store->said = change;
        store->said_usec = sl_clock_usec();
    }
    return r;
}

uint64_t sl_pg_node_due(const struct sl_pg *store)
{
    return store->said_usec + (store->said == store->applied ? SAY_USEC : SOON_USEC);
}

void sl_pg_node_leave(struct sl_pg *store)
{
    struct sl_db *db = &store->conn.base;
    struct sl_err err = { 0 };
    if (!store->said_usec || !store->conn.conn || store->conn.is_lost) {
        return;
    }
    struct sl_stmt *stmt = sl_db_stmt(db, "DELETE FROM sluice.nodes WHERE name = ? AND instance = ?", &err);
    if (stmt) {
        sl_db_bind_str(stmt, 1, sl_str_c(store->node));
        sl_db_bind_int(stmt, 2, store->instance);
        SL_IGNORE(sl_db_run(db, stmt, &err) < 0); /* then it is gone 15 s later */
    }
}

/* --- reading --- */

static int row_read(struct sl_store_nodes_job *job, struct sl_stmt *stmt)
{
    struct sl_store_node *node = &job->nodes[job->n];
    *node = (struct sl_store_node){
        .name = sl_arena_dup(&job->arena, sl_db_column_str(stmt, 0)),
        .version = sl_arena_dup(&job->arena, sl_db_column_str(stmt, 1)),
        .change = (uint64_t)sl_db_column_int(stmt, 2),
        .counters = sl_arena_dup(&job->arena, sl_db_column_str(stmt, 3)),
        .is_draining = sl_db_column_int(stmt, 4) != 0,
        .started_usec = (uint64_t)sl_db_column_int(stmt, 5),
        .seen_usec = (uint64_t)sl_db_column_int(stmt, 6),
        .silent_usec = (uint64_t)SL_MAX(sl_db_column_int(stmt, 7), (int64_t)0),
    };
    job->n++;
    return node->name.p && node->version.p && node->counters.p ? 0 : SL_E_NOMEM;
}

int sl_pg_nodes_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    struct sl_store_nodes_job *job = SL_CONTAINER_OF(base, struct sl_store_nodes_job, base);
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "SELECT name, version, change, counters, draining, started_usec, seen_usec, " SL_PG_NOW
        " - seen_usec, count(*) OVER () FROM nodes ORDER BY name",
        err);
    int r = stmt ? 0 : SL_E_NOMEM;
    job->n = 0;
    while (r == 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        if (!job->n) {
            job->nodes = sl_arena_alloc(&job->arena, (size_t)sl_db_column_int(stmt, 8) * sizeof(*job->nodes));
        }
        r = job->nodes && row_read(job, stmt) == 0 ? 0 : sl_fail_nomem(err);
    }
    if (stmt) {
        sl_db_reset(stmt);
    }
    return r;
}
