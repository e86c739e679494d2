/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of dynamic routes and of stored limits. */
#include <stdio.h>

#include "base/log.h"
#include "store/dir.h"
#include "store/sql/rows.h"

/* The longest text of a route for the audit, before it is cut. */
#define DESCRIBED_MAX (4u << 20)
/* How many names of routes are listed that the key does not decrypt. */
#define LOST_NAMES 10

static struct sl_store_route_job *job_of(struct sl_store_job *job)
{
    return SL_CONTAINER_OF(job, struct sl_store_route_job, base);
}

int sl_sealed_read(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_secret *ret)
{
    struct sl_buf plain = SL_BUF_INIT(SL_SEALED_MAX);
    int r = sl_seal_open(seal, name, sealed, &plain);
    r = r < 0 ? r : sl_secret_set(ret, sl_buf_str(&plain));
    sl_wipe(plain.p, plain.cap);
    sl_buf_done(&plain);
    return r;
}

#define COLUMNS "id, version, created_usec, updated_usec, name, spec, sealed"

/* Checks a row before it is used. NULL: it is fine. */
static const char *row_fault(struct sl_stmt *stmt)
{
    return !sl_db_column_is_text(stmt, 4)     ? "its name is no text"
           : !sl_db_column_is_number(stmt, 0) ? "its id is not above 0"
           : !sl_db_column_is_number(stmt, 1) ? "its version is not above 0"
           : !sl_db_column_is_text(stmt, 5)   ? "its definition is no text"
                                              : NULL;
}

/* Borrows from the statement; the configuration goes to `config`. SL_E_DAMAGED, SL_E_KEY: it is not what was
 * written. */
static int row_read(struct sl_db *db, struct sl_stmt *stmt, struct sl_store_route *ret, struct sl_secret *config,
                    struct sl_err *err)
{
    const char *fault = row_fault(stmt);
    *ret = (struct sl_store_route){
        .id = (uint64_t)sl_db_column_int(stmt, 0),
        .version = (uint64_t)sl_db_column_int(stmt, 1),
        .created_usec = (uint64_t)sl_db_column_int(stmt, 2),
        .updated_usec = (uint64_t)sl_db_column_int(stmt, 3),
        .name = sl_db_column_str(stmt, 4),
        .spec = sl_db_column_str(stmt, 5),
    };
    if (fault) {
        return sl_fail(err, SL_E_DAMAGED, "the stored route '%.*s' is damaged: %s", SL_STR_ARG(ret->name), fault);
    }
    int r = sl_sealed_read(db->seal, ret->name, sl_db_column_str(stmt, 6), config);
    if (r < 0) {
        return sl_fail(err, r, "the credentials of route '%.*s' cannot be decrypted with the secret key",
                       SL_STR_ARG(ret->name));
    }
    ret->config = sl_secret_reveal(config);
    return 0;
}

/* Finds by name. Returns 1, 0 or <0; on 1 `ret` borrows from *ret_stmt, which the caller resets. */
static int row_find(struct sl_db *db, struct sl_str name, struct sl_store_route *ret, struct sl_secret *config,
                    struct sl_stmt **ret_stmt, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " COLUMNS " FROM routes WHERE name = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, name);
    int r = sl_db_row(db, stmt, err);
    if (r == 1) {
        r = row_read(db, stmt, ret, config, err);
        r = r < 0 ? r : 1;
        if (r < 0) {
            sl_db_reset(stmt);
        }
    }
    *ret_stmt = stmt;
    return r;
}

/* Deletes what is stored about the name, so that a later route of that name starts without it. */
static int leftovers_delete(struct sl_db *db, struct sl_str name, struct sl_err *err)
{
    static const char *const sqls[] = { "DELETE FROM limits WHERE route = ?",
                                        "DELETE FROM counters WHERE owner = 'route' AND name = ?" };
    for (size_t i = 0; i < SL_ARRAY_LEN(sqls); i++) {
        struct sl_stmt *stmt = sl_db_stmt(db, sqls[i], err);
        if (!stmt) {
            return err->code;
        }
        sl_db_bind_str(stmt, 1, name);
        int r = sl_db_run(db, stmt, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int insert(struct sl_db *db, struct sl_store_route_job *job, struct sl_str sealed, struct sl_err *err)
{
    struct sl_store_route *route = &job->route;
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO routes (name, version, created_usec, updated_usec, spec, sealed) "
                                      "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                                      err);
    if (!stmt) {
        return err->code;
    }
    route->version = sl_db_next_change(db);
    route->created_usec = route->updated_usec = job->now_usec;
    sl_db_bind_str(stmt, 1, route->name);
    sl_db_bind_int(stmt, 2, (int64_t)route->version);
    sl_db_bind_int(stmt, 3, (int64_t)route->created_usec);
    sl_db_bind_int(stmt, 4, (int64_t)route->updated_usec);
    sl_db_bind_str(stmt, 5, route->spec);
    sl_db_bind_blob(stmt, 6, sealed);
    int r = sl_db_insert(db, stmt, &route->id, err);
    return r < 0 ? r : leftovers_delete(db, route->name, err);
}

static int update(struct sl_db *db, struct sl_store_route_job *job, struct sl_str sealed, struct sl_err *err)
{
    struct sl_store_route *route = &job->route;
    struct sl_stmt *stmt = sl_db_stmt(
        db, "UPDATE routes SET version = ?, updated_usec = ?, spec = ?, sealed = ? WHERE id = ?", err);
    if (!stmt) {
        return err->code;
    }
    route->version = sl_db_next_change(db);
    route->updated_usec = job->now_usec;
    sl_db_bind_int(stmt, 1, (int64_t)route->version);
    sl_db_bind_int(stmt, 2, (int64_t)route->updated_usec);
    sl_db_bind_str(stmt, 3, route->spec);
    sl_db_bind_blob(stmt, 4, sealed);
    sl_db_bind_int(stmt, 5, (int64_t)route->id);
    return sl_db_run(db, stmt, err);
}

/* --- the audit --- */

static int described(const struct sl_db *db, const struct sl_store_route *route, struct sl_buf *out, struct sl_err *err)
{
    if (db->describe) {
        db->describe(route, db->seal, out);
    } else {
        sl_buf_add_str(out, route->spec);
    }
    return sl_buf_status(out) < 0 ? sl_fail_nomem(err) : 0;
}

static int audit(struct sl_db *db, const struct sl_store_route_job *job, const char *action, struct sl_str before,
                 struct sl_str after, struct sl_err *err)
{
    const struct sl_audit_row row = {
        .at_usec = job->now_usec,
        .who = job->base.who,
        .action = sl_str_c(action),
        .target = job->route.name,
        .before = before.n ? before : SL_STR_NONE,
        .after = after.n ? after : SL_STR_NONE,
    };
    return sl_audit_add(db, &row, err);
}

/* `before` "": there was nothing. */
static int audit_put(struct sl_db *db, const struct sl_store_route_job *job, struct sl_str before, struct sl_err *err)
{
    struct sl_buf after = SL_BUF_INIT(DESCRIBED_MAX);
    int r = described(db, &job->route, &after, err);
    r = r < 0 ? r : audit(db, job, before.n ? "route.replace" : "route.create", before, sl_buf_str(&after), err);
    sl_buf_done(&after);
    return r;
}

static void event_set(struct sl_store_route_job *job, enum sl_store_event_kind kind, uint64_t number, bool is_new)
{
    job->base.has_event = true;
    job->base.event = (struct sl_store_event){
        .kind = kind,
        .number = number,
        .name = job->route.name,
        .route = kind == SL_STORE_ROUTE_PUT ? &job->route : NULL,
        .limits = job->limits,
        .is_new = is_new,
    };
}

static int write_sealed(struct sl_db *db, struct sl_store_route_job *job, bool is_new, struct sl_err *err)
{
    struct sl_buf sealed = SL_BUF_INIT(SL_SEALED_MAX);
    int r = sl_seal_close(db->seal, job->route.name, job->route.config, &sealed);
    if (r < 0) {
        sl_fail(err, r, "the route's configuration cannot be encrypted: out of memory, or it is too large");
    } else {
        r = is_new ? insert(db, job, sl_buf_str(&sealed), err) : update(db, job, sl_buf_str(&sealed), err);
    }
    sl_buf_done(&sealed);
    if (r == 0) {
        event_set(job, SL_STORE_ROUTE_PUT, job->route.version, is_new);
    }
    return r;
}

static int limits_audit(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT limits FROM limits WHERE route = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, job->route.name);
    int r = sl_db_row(db, stmt, err);
    struct sl_str before = r == 1 ? sl_db_column_str(stmt, 0) : SL_STR_NONE;
    r = r < 0 ? r : audit(db, job, job->limits.p ? "limits.set" : "limits.clear", before, job->limits, err);
    sl_db_reset(stmt);
    return r;
}

static int limits_write(struct sl_db *db, struct sl_store_route_job *job, uint64_t number, struct sl_err *err)
{
    const char *sql = job->limits.p
                          ? "INSERT INTO limits (route, version, limits) VALUES (?, ?, ?) ON CONFLICT (route) "
                            "DO UPDATE SET version = excluded.version, limits = excluded.limits"
                          : "DELETE FROM limits WHERE route = ?";
    struct sl_stmt *stmt = sl_db_stmt(db, sql, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, job->route.name);
    if (job->limits.p) {
        sl_db_bind_int(stmt, 2, (int64_t)number);
        sl_db_bind_str(stmt, 3, job->limits);
    }
    return sl_db_run(db, stmt, err);
}

static int create(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    int r = write_sealed(db, job, true, err);
    if (r == 0) {
        r = audit_put(db, job, SL_STR(""), err);
    }
    if (r == 0 && job->limits.p) {
        r = limits_write(db, job, job->route.version, err);
        r = r < 0 ? r : audit(db, job, "limits.set", SL_STR_NONE, job->limits, err);
    }
    return r == SL_E_EXISTS ? sl_fail(err, r, "the name is taken") : r;
}

static int replace(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_store_route old;
    struct sl_secret config = { 0 };
    struct sl_buf before = SL_BUF_INIT(DESCRIBED_MAX);
    struct sl_stmt *stmt = NULL;
    int found = row_find(db, job->route.name, &old, &config, &stmt, err);
    int r = found == 1 ? described(db, &old, &before, err) : found;
    if (r == 0 && job->has_if_version && (found ? old.version : 0) != job->if_version) {
        r = sl_fail(err, SL_E_STALE, "the route was changed in the meantime");
    }
    if (r == 0 && job->prepare) {
        r = job->prepare(job, found ? &old : NULL, err);
    }
    if (found == 1) {
        job->route.id = old.id;
        job->route.created_usec = old.created_usec;
        sl_db_reset(stmt);
    }
    sl_secret_done(&config);
    r = r < 0 ? r : write_sealed(db, job, !found, err);
    r = r < 0 ? r : audit_put(db, job, sl_buf_str(&before), err);
    sl_buf_done(&before);
    return r;
}

/* Checks that the row has the version that the caller knows. */
static int version_check(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT version FROM routes WHERE name = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, job->route.name);
    int r = sl_db_row(db, stmt, err);
    bool is_stale = r == 1 && (uint64_t)sl_db_column_int(stmt, 0) != job->if_version;
    sl_db_reset(stmt);
    return r < 0 ? r : is_stale ? sl_fail(err, SL_E_STALE, "the route was changed in the meantime") : 0;
}

/* Describes a row for the audit before it is deleted. A row that the key does not decrypt can be deleted too. */
static int old_describe(struct sl_db *db, struct sl_str name, struct sl_buf *out, struct sl_err *err)
{
    struct sl_store_route old;
    struct sl_secret config = { 0 };
    struct sl_err cause = { 0 };
    struct sl_stmt *stmt = NULL;
    int r = row_find(db, name, &old, &config, &stmt, &cause);
    if (r == 1) {
        r = described(db, &old, out, &cause);
        sl_db_reset(stmt);
    }
    sl_secret_done(&config);
    return r < 0 && r != SL_E_KEY && r != SL_E_DAMAGED ? sl_fail(err, r, "%s", cause.text) : 0;
}

static int row_delete(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "DELETE FROM routes WHERE name = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, job->route.name);
    int r = sl_db_run(db, stmt, err);
    if (r == 0 && sl_db_changes(db) == 0) {
        return sl_fail(err, SL_E_NOTFOUND, "no such route");
    }
    return r < 0 ? r : leftovers_delete(db, job->route.name, err);
}

static int delete (struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_buf before = SL_BUF_INIT(DESCRIBED_MAX);
    int r = job->has_if_version ? version_check(db, job, err) : 0;
    r = r < 0 ? r : old_describe(db, job->route.name, &before, err);
    r = r < 0 ? r : row_delete(db, job, err);
    r = r < 0 ? r : audit(db, job, "route.delete", sl_buf_str(&before), SL_STR_NONE, err);
    sl_buf_done(&before);
    if (r == 0) {
        event_set(job, SL_STORE_ROUTE_DELETED, sl_db_next_change(db), false);
    }
    return r;
}

static int read_one(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    struct sl_store_route row;
    struct sl_stmt *stmt = NULL;
    int r = row_find(db, job->route.name, &row, &job->config, &stmt, err);
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_NOTFOUND, "no such route");
    }
    row.name = job->route.name;
    row.spec = sl_arena_dup(&job->arena, row.spec);
    job->route = row;
    sl_db_reset(stmt);
    return row.spec.p ? 0 : sl_fail_nomem(err);
}

static int route_exists(struct sl_db *db, struct sl_str name, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT 1 FROM routes WHERE name = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, name);
    int r = sl_db_row(db, stmt, err);
    sl_db_reset(stmt);
    return r;
}

static int set_limits(struct sl_db *db, struct sl_store_route_job *job, struct sl_err *err)
{
    int r = job->is_file_route ? 1 : route_exists(db, job->route.name, err);
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_NOTFOUND, "no such route");
    }
    uint64_t number = sl_db_next_change(db);
    r = limits_audit(db, job, err);
    r = r < 0 ? r : limits_write(db, job, number, err);
    if (r == 0) {
        event_set(job, SL_STORE_LIMITS_PUT, number, false);
    }
    return r;
}

int sl_sql_route_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    static int (*const verbs[])(struct sl_db *, struct sl_store_route_job *, struct sl_err *) = {
        [SL_STORE_CREATE] = create, [SL_STORE_REPLACE] = replace,       [SL_STORE_DELETE] = delete,
        [SL_STORE_READ] = read_one, [SL_STORE_SET_LIMITS] = set_limits,
    };
    struct sl_store_route_job *job = job_of(base);
    return verbs[job->verb](db, job, err);
}

/* --- the load --- */

void sl_bad_rows_add(struct sl_bad_rows *bad, const char *what, struct sl_str name, const char *why)
{
    bad->n++;
    bad->on_bad(bad->arg, what, name, why);
}

void sl_bad_row_tell(void *arg, const char *what, struct sl_str name, const char *why)
{
    (void)arg;
    sl_log(SL_LOG_ERROR, "store",
           "the stored %s '%.*s' is damaged and not served: %s. Its row is kept: restore a backup, "
           "or delete it and make it anew",
           what, SL_STR_ARG(sl_str_sub(name, 0, 255)), why);
}

#define LIMITS_COLUMNS "route, version, limits, json_valid(limits)"

static int limits_rows(struct sl_db *db, struct sl_stmt *stmt, sl_on_event_fn on_event, void *arg,
                       struct sl_bad_rows *bad, uint32_t *ret_n, struct sl_err *err)
{
    int r;
    *ret_n = 0;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_event event = {
            .kind = SL_STORE_LIMITS_PUT,
            .number = (uint64_t)sl_db_column_int(stmt, 1),
            .name = sl_db_column_str(stmt, 0),
            .limits = sl_db_column_str(stmt, 2),
        };
        if (!sl_db_column_is_text(stmt, 0) || !sl_db_column_is_text(stmt, 2) || sl_db_column_int(stmt, 3) != 1) {
            sl_bad_rows_add(bad, "limits of route", event.name, "they are no JSON");
            continue;
        }
        on_event(arg, &event);
        ++*ret_n;
    }
    return r;
}

static int load_limits(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                       struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " LIMITS_COLUMNS " FROM limits", err);
    uint32_t n;
    return stmt ? limits_rows(db, stmt, on_event, arg, bad, &n, err) : err->code;
}

int sl_sql_limits_report(struct sl_db *db, struct sl_str route, sl_on_event_fn on_event, void *arg,
                         struct sl_bad_rows *bad, struct sl_err *err)
{
    const struct sl_store_event none = { .kind = SL_STORE_LIMITS_PUT, .name = route };
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " LIMITS_COLUMNS " FROM limits WHERE route = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, route);
    uint32_t n;
    int r = limits_rows(db, stmt, on_event, arg, bad, &n, err);
    if (r == 0 && !n) { /* a row that cannot be read is not in force either */
        on_event(arg, &none);
    }
    return r;
}

struct routes_load {
    sl_on_event_fn on_event;
    void *arg;
    struct sl_bad_rows *bad;
    struct sl_str limits; /* of the one route that is read; p == NULL: they come as events of their own */
    char lost[400];       /* names of routes that the key does not decrypt */
    unsigned n_lost, n_opened;
};

static int load_route(struct sl_db *db, struct sl_stmt *stmt, struct routes_load *load, struct sl_err *err)
{
    struct sl_store_route route;
    struct sl_secret config = { 0 };
    struct sl_err cause = { 0 };
    int r = row_read(db, stmt, &route, &config, &cause);
    if (r == SL_E_KEY) {
        size_t n = strlen(load->lost);
        if (load->n_lost++ < LOST_NAMES && n + route.name.n + 3 < sizeof(load->lost)) {
            snprintf(load->lost + n, sizeof(load->lost) - n, "%s%.*s", n ? ", " : "", SL_STR_ARG(route.name));
        }
        sl_bad_rows_add(load->bad, "route", route.name,
                        "its credentials, or its name, are not what was encrypted under the secret key");
        r = 0;
    } else if (r == SL_E_DAMAGED) {
        sl_bad_rows_add(load->bad, "route", route.name, row_fault(stmt));
        r = 0;
    } else if (r == 0) {
        struct sl_store_event event = {
            .kind = SL_STORE_ROUTE_PUT, .number = route.version, .name = route.name, .route = &route, .is_new = true
        };
        event.limits = load->limits;
        load->n_opened++;
        load->on_event(load->arg, &event);
    } else {
        sl_fail(err, r, "%s", cause.text);
    }
    sl_secret_done(&config);
    return r;
}

/* Says which key does not fit which file: one of the two was restored or moved without the other. */
static int key_fail(const struct sl_db *db, const struct routes_load *load, struct sl_err *err)
{
    const char *slash = strrchr(db->name, '/');
    const char *variable = sl_dir_key_variable();
    struct sl_str dir = slash ? sl_str_make(db->name, (size_t)(slash - db->name + 1)) : SL_STR("");
    return sl_fail(err, SL_E_KEY, "%.*s%s does not open the %u route%s of %s, which another secret key encrypted: %s",
                   variable ? 0 : (int)dir.n, dir.p, variable ? variable : SL_DIR_KEY, load->n_lost,
                   load->n_lost == 1 ? "" : "s", db->name, load->lost);
}

int sl_store_load_rows(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                       struct sl_err *err)
{
    struct routes_load load = { .on_event = on_event, .arg = arg, .bad = bad };
    /* Limits come first, so that each route is reported together with its limits. */
    int r = load_limits(db, on_event, arg, bad, err);
    r = r < 0 ? r : sl_store_load_groups(db, on_event, arg, bad, err);
    r = r < 0 ? r : sl_store_load_keys(db, on_event, arg, bad, err);
    struct sl_stmt *stmt = r < 0 ? NULL : sl_db_stmt(db, "SELECT " COLUMNS " FROM routes ORDER BY id", err);
    if (!stmt) {
        return r < 0 ? r : err->code;
    }
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        r = load_route(db, stmt, &load, err);
        if (r < 0) {
            sl_db_reset(stmt);
            return r;
        }
    }
    if (r == 0 && load.n_lost && !load.n_opened) {
        return key_fail(db, &load, err);
    }
    return r;
}

/* A row that cannot be read takes the route out of force. */
static int route_rows(struct sl_db *db, struct sl_stmt *stmt, struct routes_load *load, struct sl_str name,
                      struct sl_err *err)
{
    const struct sl_store_event gone = { .kind = SL_STORE_ROUTE_DELETED, .name = name };
    int r = sl_db_row(db, stmt, err);
    if (r > 0) {
        r = load_route(db, stmt, load, err);
        if (r == 0 && !load->n_opened) {
            load->on_event(load->arg, &gone);
        }
    }
    sl_db_reset(stmt);
    return r;
}

int sl_sql_route_report(struct sl_db *db, struct sl_str name, sl_on_event_fn on_event, void *arg,
                        struct sl_bad_rows *bad, struct sl_err *err)
{
    struct routes_load load = { .on_event = on_event, .arg = arg, .bad = bad };
    struct sl_stmt *limits = sl_db_stmt(db, "SELECT limits FROM limits WHERE route = ?", err);
    struct sl_stmt *stmt = limits ? sl_db_stmt(db, "SELECT " COLUMNS " FROM routes WHERE name = ?", err) : NULL;
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(limits, 1, name);
    sl_db_bind_str(stmt, 1, name);
    int r = sl_db_row(db, limits, err);
    if (r > 0) {
        load.limits = sl_db_column_str(limits, 0);
    }
    r = r < 0 ? r : route_rows(db, stmt, &load, name, err);
    sl_db_reset(limits);
    return r;
}
