/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/key_body.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/limits.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/entry.h"
#include "gate/config/group.h"
#include "gate/config/group_path.h"
#include "gate/config/instant.h"
#include "gate/config/snapshot.h"
#include "gate/worker.h"
#include "json/json.h"
#include "json/write.h"

#define KEY_ROUTES_MAX       256
#define KEY_ROUTES_BYTES_MAX 16384

/* --- reading --- */

static int text_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    int r = sl_json_text(v, arena, ret);
    if (r == SL_E_NOMEM) {
        return sl_fail_nomem(err);
    }
    return r == 0 && sl_key_is_name(*ret)
               ? 0
               : sl_fail(err, SL_E_INVAL,
                         "must be a string of 1 to %d bytes without control characters, marks of the "
                         "direction of writing and "
                         "without spaces around it",
                         SL_KEY_NAME_MAX);
}

static int name_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    return text_read(v, arena, &ret->name, err);
}

static int principal_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    return text_read(v, arena, &ret->principal, err);
}

static int role_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    struct sl_str text;
    return sl_json_text(v, arena, &text) == 0 && sl_role_parse(text, &ret->role) == 0
               ? 0
               : sl_fail(err, SL_E_INVAL,
                         "must be \"query\" (invoke and read), \"viewer\" (read routes and metrics), \"operator\" "
                         "(change routes, too) or \"admin\" (everything)");
}

static int group_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    int r = sl_json_text(v, arena, &ret->group);
    if (r == SL_E_NOMEM) {
        return sl_fail_nomem(err);
    }
    const char *fault = r < 0 ? "must be the path of a group, or null for none" : sl_group_path_fault(ret->group);
    return fault ? sl_fail(err, SL_E_INVAL, "%s", fault) : 0;
}

static int routes_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY) || sl_json_count(v) > KEY_ROUTES_MAX) {
        return sl_fail(err, SL_E_INVAL, "must be a list of at most %d names of routes, or null for all routes",
                       KEY_ROUTES_MAX);
    }
    ret->has_routes = true;
    ret->routes.v = SL_ARENA_ARRAY(arena, struct sl_str, sl_json_count(v) + 1);
    if (!ret->routes.v) {
        return sl_fail_nomem(err);
    }
    size_t n_bytes = 0;
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        struct sl_str name;
        if (sl_json_text(it.val, arena, &name) < 0 || !sl_route_is_name(name)) {
            return sl_fail(err, SL_E_INVAL,
                           "[%u] must be the name of a route: 1 to 255 letters, digits, '_', '-' and '.'", it.index);
        }
        ret->routes.v[ret->routes.n++] = name;
        n_bytes += name.n;
    }
    if (n_bytes > KEY_ROUTES_BYTES_MAX) {
        return sl_fail(err, SL_E_INVAL, "must be names with at most %d bytes together", KEY_ROUTES_BYTES_MAX);
    }
    return 0;
}

static int expiry_read(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err)
{
    if (sl_json_is(v, SL_JSON_NULL)) {
        return 0;
    }
    struct sl_str text = sl_json_is(v, SL_JSON_NUMBER) ? sl_json_raw(v) : SL_STR_NONE;
    if ((!text.p && sl_json_text(v, arena, &text) < 0) || sl_instant_parse(text, &ret->expires_sec) < 0) {
        return sl_fail(err, SL_E_INVAL,
                       "must be a time like \"2030-12-31T23:59:59Z\", unix seconds, or null for never");
    }
    if (ret->expires_sec <= sl_clock_wall_usec() / SL_USEC_PER_SEC) {
        return sl_fail(err, SL_E_INVAL, "lies in the past: nobody could use the key");
    }
    return 0;
}

static const struct member {
    const char *name;
    bool is_required;
    int (*read)(struct sl_json_val v, struct sl_arena *arena, struct sl_key_body *ret, struct sl_err *err);
} members[] = {
    { "name", true, name_read },    { "principal", false, principal_read }, { "role", true, role_read },
    { "group", false, group_read }, { "routes", false, routes_read },       { "expires_at", false, expiry_read },
};

/* Refuses an unknown member: it may be a misspelt name, and a key that lacks a restriction is dangerous. */
static bool names_or_refuse(struct sl_xchg *x, struct sl_json_val body)
{
    for (struct sl_json_iter it = sl_json_each(body); sl_json_next(&it);) {
        bool is_known = sl_json_str_eq(it.key, SL_STR("limits"));
        for (size_t i = 0; i < SL_ARRAY_LEN(members); i++) {
            is_known |= sl_json_str_eq(it.key, sl_str_c(members[i].name));
        }
        if (!is_known) {
            sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                              "%.*s: a key has no such member; it has name, principal, role, group, limits, "
                              "routes and expires_at",
                              SL_STR_ARG(sl_str_sub(sl_json_raw(it.key), 0, 100)));
            return false;
        }
    }
    return true;
}

/* A key in a group makes none that lasts longer than itself: else it would have no end. */
static bool end_or_refuse(struct sl_xchg *x, struct sl_key_body *io_asked)
{
    uint64_t end = x->caller.key->expires_sec;
    if (end && !io_asked->expires_sec) {
        io_asked->expires_sec = end;
    }
    if (!end || io_asked->expires_sec <= end) {
        return true;
    }
    char time[32];
    sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                      "expires_at: a key of a group makes keys that end with it or before, at %.*s; left out, it is "
                      "that.",
                      SL_STR_ARG(sl_instant_format(end, time)));
    return false;
}

/* True: the principal begins with a group's name that the key is not in. An admin of that group could make the same. */
static bool is_foreign(const struct sl_groups *groups, const struct sl_key_body *asked)
{
    struct sl_str top = sl_group_top(asked->principal);
    return top.n < asked->principal.n && sl_groups_find(groups, top) && !sl_group_is_in(asked->group, top);
}

/* A key in a group makes keys in its reach only. Nothing is looked up for others: so nobody learns of other groups.
 * Their principals begin with the group, so that nobody can take the place of a caller of another group. */
static bool reach_or_refuse(struct sl_xchg *x, struct sl_key_body *io_asked)
{
    struct sl_str own = x->caller.key ? x->caller.key->group : SL_STR("");
    if (!own.n) {
        return true;
    }
    if (!io_asked->group.n) {
        io_asked->group = own;
    }
    if (!sl_auth_reaches(x, io_asked->group)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                          "group: a key of the group '%.*s' makes keys in it and in the groups below it only.",
                          SL_STR_ARG(own));
        return false;
    }
    if (io_asked->principal.n && (!sl_group_is_in(io_asked->principal, own) || io_asked->principal.n == own.n)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                          "principal: a key of the group '%.*s' makes keys whose principal begins with '%.*s/'; left "
                          "out, it is GROUP/NAME.",
                          SL_STR_ARG(own), SL_STR_ARG(own));
        return false;
    }
    return end_or_refuse(x, io_asked);
}

void sl_key_group_missing(struct sl_xchg *x, struct sl_str path)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no group '%.*s'.", SL_STR_ARG(path));
}

/* Checks what the members say together. */
static bool place_or_refuse(struct sl_xchg *x, struct sl_key_body *io_asked)
{
    if (!reach_or_refuse(x, io_asked)) {
        return false;
    }
    const struct sl_key_spec spec = {
        .name = io_asked->name, .principal = io_asked->principal, .group = io_asked->group, .role = io_asked->role
    };
    const char *fault = sl_key_group_fault(&spec);
    if (!fault && !io_asked->principal.n && !io_asked->group.n) {
        fault = "principal: is missing: a key without a group needs name, principal and role";
    }
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%s", fault);
        return false;
    }
    const struct sl_groups *groups = sl_worker_snapshot(x->worker)->groups;
    /* A key that moves keeps its principal. */
    if (x->match.method == SL_POST && is_foreign(groups, io_asked)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                          "principal: '%.*s' is for keys in the group '%.*s': put the key into it, or choose another.",
                          SL_STR_ARG(io_asked->principal), SL_STR_ARG(sl_group_top(io_asked->principal)));
        return false;
    }
    if (!io_asked->group.n) {
        return true;
    }
    const struct sl_group *group = sl_groups_find(groups, io_asked->group);
    if (!group) {
        sl_key_group_missing(x, io_asked->group);
        return false;
    }
    io_asked->is_file_group = sl_group_is_of_file(group);
    const struct sl_str parts[] = { io_asked->group, SL_STR("/"), io_asked->name };
    if (!io_asked->principal.n) {
        io_asked->principal = sl_arena_join(x->arena, parts, SL_ARRAY_LEN(parts));
    }
    if (!io_asked->principal.p) {
        sl_xchg_fail_nomem(x);
    }
    return io_asked->principal.p;
}

bool sl_key_body_or_refuse(struct sl_xchg *x, struct sl_key_body *ret)
{
    struct sl_json_val body;
    if (!sl_api_body_or_refuse(x, &body) || !names_or_refuse(x, body)) {
        return false;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(members); i++) {
        struct sl_json_val v = sl_json_get(body, members[i].name);
        struct sl_err err = { 0 };
        int r = sl_json_is_present(v)    ? members[i].read(v, x->arena, ret, &err)
                : members[i].is_required ? sl_fail(&err, SL_E_INVAL, "is missing: a key needs name, principal and role")
                                         : 0;
        if (r == SL_E_NOMEM) {
            sl_xchg_fail_nomem(x);
            return false;
        }
        if (r < 0) {
            sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%s%s%s", members[i].name,
                              err.text[0] == '[' ? "" : ": ", err.text);
            return false;
        }
    }
    struct sl_json_val limits = sl_json_get(body, "limits");
    if (!sl_json_is_nothing(limits) &&
        !sl_api_own_limits_or_refuse(x, limits, &sl_limits_mixed, &ret->limits, &ret->stored_limits)) {
        return false;
    }
    const char *fault = sl_role_routes_fault(ret->role, ret->has_routes);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "routes: %s", fault);
    }
    return !fault && place_or_refuse(x, ret);
}

/* --- showing --- */

void sl_key_routes_write(struct sl_jw *w, bool has_routes, const struct sl_strs *routes)
{
    if (!has_routes) {
        sl_jw_null(w);
        return;
    }
    sl_jw_array(w);
    for (uint32_t i = 0; i < routes->n; i++) {
        sl_jw_str(w, routes->v[i]);
    }
    sl_jw_end(w);
}

void sl_key_body_write(struct sl_jw *w, const struct sl_key_body *asked)
{
    sl_jw_member_str(w, "name", asked->name);
    sl_jw_member_str(w, "principal", asked->principal);
    sl_jw_member_str(w, "role", sl_str_c(sl_role_name(asked->role)));
    sl_jw_member_str(w, "group", asked->group.n ? asked->group : SL_STR_NONE);
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_ours, asked->limits);
    sl_jw_key(w, "routes");
    sl_key_routes_write(w, asked->has_routes, &asked->routes);
    sl_api_time_write(w, "expires_at", asked->expires_sec);
}

struct sl_key_body sl_key_body_of(const struct sl_key *key)
{
    return (struct sl_key_body){ .name = key->name,
                                 .principal = key->principal,
                                 .group = key->group,
                                 .role = key->role,
                                 .has_routes = key->has_routes,
                                 .routes = key->routes,
                                 .expires_sec = key->expires_sec,
                                 .limits = key->limits };
}

struct sl_str sl_key_body_text(const struct sl_key_body *asked, struct sl_arena *arena)
{
    struct sl_buf out = SL_BUF_INIT(2 * SL_MANAGE_BODY_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_key_body_write(&w, asked);
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return text;
}
