/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered migrations. A released one never changes; a change of the schema is a new one at the end. Each runs in a
 * transaction of its own, which also sets user_version. */
#include "base/attr.h"
#include "store/sqlite/db.h"

const char *const sl_db_migrations[] = {
    /* 1 */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('change', 0);"
    /* id: the order of creation, never used twice. version: the number of the change that made the row what it is.
     * spec: the route's JSON without its provider's configuration. sealed: that configuration, encrypted. */
    "CREATE TABLE routes ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " version INTEGER NOT NULL,"
    " created_usec INTEGER NOT NULL,"
    " updated_usec INTEGER NOT NULL,"
    " spec TEXT NOT NULL,"
    " sealed BLOB NOT NULL);"
    /* Also for routes of the file, which are only known by name. */
    "CREATE TABLE limits ("
    " route TEXT PRIMARY KEY,"
    " version INTEGER NOT NULL,"
    " limits TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE counters ("
    " route TEXT NOT NULL,"
    " incarnation INTEGER NOT NULL,"
    " key TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " period_usec INTEGER NOT NULL,"
    " end_usec INTEGER NOT NULL,"
    " used INTEGER NOT NULL,"
    " PRIMARY KEY (route, incarnation, key, principal, period_usec)) WITHOUT ROWID;",
    /* 2 */
    /* hash: SHA-256 of the key's text, which is stored nowhere. routes: a JSON list, NULL for all. */
    "CREATE TABLE keys ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " version INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " routes TEXT,"
    " hash BLOB NOT NULL UNIQUE,"
    " created_sec INTEGER NOT NULL,"
    " expires_sec INTEGER NOT NULL,"
    " last_used_sec INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE audit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_usec INTEGER NOT NULL,"
    " principal TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " request_id TEXT NOT NULL,"
    " action TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " before TEXT,"
    " after TEXT);",
    /* 3 */
    /* Which upstream has which response. */
    "CREATE TABLE answers ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " route TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " end_usec INTEGER NOT NULL);"
    "CREATE INDEX answers_end ON answers (end_usec);",
    /* 4 */
    /* The route's target that has it; '': the route had only one. */
    "ALTER TABLE answers ADD COLUMN target TEXT NOT NULL DEFAULT '';",
    /* 5 */
    /* Two upstreams may give the same id. */
    "CREATE TABLE answers_of_each ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " end_usec INTEGER NOT NULL,"
    " UNIQUE (id, route, target));"
    "INSERT INTO answers_of_each (n, id, route, target, principal, end_usec)"
    " SELECT n, id, route, target, principal, end_usec FROM answers;"
    "DROP TABLE answers;"
    "ALTER TABLE answers_of_each RENAME TO answers;"
    "CREATE INDEX answers_end ON answers (end_usec);",
    /* 6 */
    /* The usage ledger. usage_series: whom and what sums are for. span: 60, 3600 or 86400 seconds from `at` on. */
    "CREATE TABLE usage_series ("
    " id INTEGER PRIMARY KEY,"
    " route TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " provider TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " grp TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " tier TEXT NOT NULL,"
    " above TEXT NOT NULL,"
    " UNIQUE (route, key, principal, target, provider, model, grp, tier, above));"
    "CREATE TABLE usage ("
    " span INTEGER NOT NULL,"
    " at INTEGER NOT NULL,"
    " series INTEGER NOT NULL,"
    " requests INTEGER NOT NULL,"
    " errors INTEGER NOT NULL,"
    " unmetered INTEGER NOT NULL,"
    " priced INTEGER NOT NULL,"
    " unpriced INTEGER NOT NULL,"
    " cost_nano INTEGER NOT NULL,"
    " told INTEGER NOT NULL,"
    " told_nano INTEGER NOT NULL,"
    " input INTEGER NOT NULL,"
    " output INTEGER NOT NULL,"
    " cached INTEGER NOT NULL,"
    " cache_write INTEGER NOT NULL,"
    " cache_hour INTEGER NOT NULL,"
    " reasoning INTEGER NOT NULL,"
    " audio_input INTEGER NOT NULL,"
    " image_input INTEGER NOT NULL,"
    " video_input INTEGER NOT NULL,"
    " audio_output INTEGER NOT NULL,"
    " image_output INTEGER NOT NULL,"
    " video_output INTEGER NOT NULL,"
    " cached_audio INTEGER NOT NULL,"
    " cached_image INTEGER NOT NULL,"
    " billed_input INTEGER NOT NULL,"
    " billed_output INTEGER NOT NULL,"
    " searches INTEGER NOT NULL,"
    " citations INTEGER NOT NULL,"
    " queries INTEGER NOT NULL,"
    " msec INTEGER NOT NULL,"
    " PRIMARY KEY (span, at, series)) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('usage_mark', 0), ('usage_callers', 0), ('usage_minutes', 0), ('usage_hours', 0),"
    " ('usage_days', 0);",
    /* 7 */
    /* Not only routes have limits, and they limit more than requests. owner, name: a route, a key, a group. who: a
     * principal or a session. zone: '' where the period is not the calendar's. */
    "CREATE TABLE counters_of_all ("
    " owner TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " incarnation INTEGER NOT NULL,"
    " key TEXT NOT NULL,"
    " who TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " period_usec INTEGER NOT NULL,"
    " zone TEXT NOT NULL,"
    " end_usec INTEGER NOT NULL,"
    " used INTEGER NOT NULL,"
    " PRIMARY KEY (owner, name, incarnation, key, who, kind, period_usec, zone)) WITHOUT ROWID;"
    "INSERT INTO counters_of_all (owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, used)"
    " SELECT 'route', route, incarnation, key, principal, 'requests', period_usec, '', end_usec, used FROM counters;"
    "DROP TABLE counters;"
    "ALTER TABLE counters_of_all RENAME TO counters;",
    /* 8 */
    /* path: "acme/search" is in the group "acme". A key's group_path may also be a group of the file; '': none. */
    "CREATE TABLE key_groups ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " path TEXT NOT NULL UNIQUE,"
    " version INTEGER NOT NULL,"
    " created_usec INTEGER NOT NULL,"
    " updated_usec INTEGER NOT NULL);"
    "ALTER TABLE keys ADD COLUMN group_path TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX keys_group ON keys (group_path);",
    /* 9 */
    /* JSON lists, NULL for none. children: the limits that a new group in it begins with. */
    "ALTER TABLE key_groups ADD COLUMN limits TEXT;"
    "ALTER TABLE key_groups ADD COLUMN children TEXT;"
    "ALTER TABLE keys ADD COLUMN limits TEXT;",
    /* 10 */
    /* Whoever is in a group pushes out only rows of its own topmost group; '' stands for all without one. n counts the
     * rows of each. */
    "ALTER TABLE audit ADD COLUMN top TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE audit ADD COLUMN n INTEGER NOT NULL DEFAULT 0;"
    "UPDATE audit SET n = id;"
    "CREATE INDEX audit_top ON audit (top, n);",
    /* 11 */
    /* A row for many responses, because a row costs more than an id: each of `ids` has a line. n: how many ids there
     * were up to the last of them. */
    "CREATE TABLE answers_together ("
    " n INTEGER PRIMARY KEY,"
    " ids TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " end_usec INTEGER NOT NULL);"
    "INSERT INTO answers_together (n, ids, route, target, principal, end_usec)"
    " SELECT n, id || char(10), route, target, principal, end_usec FROM answers;"
    "DROP TABLE answers;"
    "ALTER TABLE answers_together RENAME TO answers;"
    "CREATE INDEX answers_end ON answers (end_usec);",
    /* 12 */
    /* Attempts that others followed, and what they cost; calls and attempts with an estimate. */
    "ALTER TABLE usage ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE usage ADD COLUMN lost_nano INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE usage ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;",
};

const int sl_db_n_migrations = SL_ARRAY_LEN(sl_db_migrations);
