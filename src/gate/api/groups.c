/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of keys: whoever has no group sees all, others their own and those below it. */
#include <stdio.h>

#include "base/buf.h"
#include "base/word.h"
#include "gate/api/api.h"
#include "gate/api/limit_counts.h"
#include "gate/api/limits.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/group_path.h"
#include "gate/config/key.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/json.h"
#include "json/write.h"
#include "wire/uri.h"

/* --- showing --- */

static void where_write(const struct sl_xchg *x, const struct sl_group *group, char *out, size_t cap)
{
    snprintf(out, cap, "%s:%u", sl_settings_file(x->settings), group->def->line);
}

static void limits_write(struct sl_jw *w, const struct sl_limits *limits, const struct sl_limits *children)
{
    sl_jw_key(w, "limits");
    sl_limits_write(w, &sl_limits_ours, limits);
    sl_jw_key(w, "children");
    if (children) {
        sl_jw_object(w);
        sl_jw_key(w, "limits");
        sl_limits_write(w, &sl_limits_ours, children);
        sl_jw_end(w);
    } else {
        sl_jw_null(w);
    }
}

/* `has_counts`: with what is used of its limits. */
static void group_write(const struct sl_xchg *x, struct sl_jw *w, const struct sl_group *group, bool has_counts)
{
    bool is_of_file = sl_group_is_of_file(group);
    sl_jw_object(w);
    sl_jw_member_str(w, "name", group->def->path);
    limits_write(w, group->def->limits, group->def->children);
    if (has_counts) {
        sl_api_counts_write(x, w, group->def->limits, &(struct sl_counts_asked){ .of_all = true });
    }
    sl_api_time_write(w, "created_at", group->def->created_sec);
    sl_api_time_write(w, "updated_at", group->def->updated_sec);
    sl_jw_member_str(w, "owner", is_of_file ? SL_STR("file") : SL_STR("api"));
    if (is_of_file && sl_auth_reaches(x, SL_STR(""))) { /* others need not know the operator's files */
        char where[512];
        where_write(x, group, where, sizeof(where));
        sl_jw_member_str(w, "defined_at", sl_str_c(where));
    }
    sl_jw_end(w);
}

static void group_reply(struct sl_xchg *x, int status, const struct sl_group *group)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    group_write(x, w, group, true);
    sl_api_reply(x, status);
}

/* The text for a group that does not exist, and for one that this caller must not know of. */
static void missing(struct sl_xchg *x, struct sl_str path)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no group '%.*s'.",
                      SL_STR_ARG(sl_str_sub(path, 0, sl_utf8_fit(path, SL_GROUP_PATH_MAX))));
}

/* The group that the path names, if this caller may see it; NULL: the call was refused. */
static const struct sl_group *group_or_refuse(struct sl_xchg *x)
{
    struct sl_str path = x->match.arg;
    const struct sl_group *group = sl_auth_reaches(x, path)
                                       ? sl_groups_find(sl_worker_snapshot(x->worker)->groups, path)
                                       : NULL;
    if (!group) {
        missing(x, path);
    }
    return group;
}

static void handle_group_get(struct sl_xchg *x)
{
    const struct sl_group *group = group_or_refuse(x);
    if (group) {
        group_reply(x, 200, group);
    }
}

/* --- the list --- */

/* The index of the next group in the caller's reach, from `i` on. */
static uint32_t reached_from(const struct sl_xchg *x, const struct sl_groups *groups, uint32_t i)
{
    while (groups && i < groups->n && !sl_auth_reaches(x, groups->v[i]->def->path)) {
        i++;
    }
    return i;
}

/* A page ends with the group that the token names. It need not exist any more. */
static bool start_or_refuse(struct sl_xchg *x, const struct sl_groups *groups, uint32_t *ret)
{
    struct sl_str token;
    bool has = sl_query_get(x->match.query, "page_token", x->arena, &token);
    if (has && sl_group_path_fault(token)) {
        sl_api_refuse_page(x);
        return false;
    }
    *ret = reached_from(x, groups, has ? sl_groups_after(groups, token) : 0);
    return true;
}

static void handle_group_list(struct sl_xchg *x)
{
    const struct sl_groups *groups = sl_worker_snapshot(x->worker)->groups;
    struct sl_str last = SL_STR_NONE;
    uint32_t i, end = groups ? groups->n : 0;
    if (!start_or_refuse(x, groups, &i)) {
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "groups");
    sl_jw_array(w);
    for (uint32_t n = 0; i < end && !sl_api_page_is_full(x, n); n++) {
        last = groups->v[i]->def->path;
        group_write(x, w, groups->v[i], false);
        i = reached_from(x, groups, i + 1);
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "next_page_token", i < end ? last : SL_STR_NONE);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

/* --- reading --- */

struct asked {
    struct sl_str path;
    bool has_limits;                /* the body says some, or none */
    const struct sl_limits *limits; /* NULL: none */
    const struct sl_limits *children;
    struct sl_str stored_limits, stored_children; /* the same for the store */
};

static bool name_or_refuse(struct sl_xchg *x, struct sl_json_val body, struct asked *ret)
{
    struct sl_json_val name = sl_json_get(body, "name");
    int r = sl_json_text(name, x->arena, &ret->path);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    const char *fault = !sl_json_is_present(name) ? "is missing: the group's path"
                        : r < 0                   ? "must be a string: the group's path"
                                                  : sl_group_path_fault(ret->path);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "name: %s", fault);
    }
    return !fault;
}

/* Refuses members that are not in `names` (which ends with NULL): one may be a misspelt limit. */
static bool members_or_refuse(struct sl_xchg *x, struct sl_json_val object, const char *const *names, const char *what)
{
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
        const char *const *name = names;
        while (*name && !sl_json_str_eq(it.key, sl_str_c(*name))) {
            name++;
        }
        if (!*name) {
            sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "%.*s: there is no such member; %s",
                              SL_STR_ARG(sl_str_sub(sl_json_raw(it.key), 0, 100)), what);
            return false;
        }
    }
    return true;
}

static bool children_or_refuse(struct sl_xchg *x, struct sl_json_val children, struct asked *ret)
{
    static const char *const names[] = { "limits", NULL };
    if (sl_json_is_nothing(children)) {
        return true;
    }
    if (!sl_json_is(children, SL_JSON_OBJECT)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "children: must be an object with limits, or null");
        return false;
    }
    struct sl_json_val limits = sl_json_get(children, "limits");
    return members_or_refuse(x, children, names, "children have limits") &&
           (sl_json_is_nothing(limits) ||
            sl_api_own_limits_or_refuse(x, limits, &sl_limits_group, &ret->children, &ret->stored_children));
}

/* Reads the body. False: it was refused. */
static bool asked_or_refuse(struct sl_xchg *x, bool has_name, struct asked *ret)
{
    static const char *const names[] = { "limits", "children", "name", NULL };
    struct sl_json_val body;
    if (!sl_api_body_or_refuse(x, &body) ||
        !members_or_refuse(x, body, names, "a group has name, limits and children")) {
        return false;
    }
    struct sl_json_val limits = sl_json_get(body, "limits"), name = sl_json_get(body, "name");
    if (has_name && !name_or_refuse(x, body, ret)) {
        return false;
    }
    if (!has_name && sl_json_is_present(name) && !sl_json_str_eq(name, ret->path)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "name: must be that of the path, or be left out");
        return false;
    }
    ret->has_limits = sl_json_is_present(limits);
    return (sl_json_is_nothing(limits) ||
            sl_api_own_limits_or_refuse(x, limits, &sl_limits_group, &ret->limits, &ret->stored_limits)) &&
           children_or_refuse(x, sl_json_get(body, "children"), ret);
}

/* --- making and changing --- */

/* A key in a group makes groups below it only. Nothing is looked up for others: so nobody learns of other groups. */
static bool below_or_refuse(struct sl_xchg *x, struct sl_str path)
{
    struct sl_str own = x->caller.key ? x->caller.key->group : SL_STR("");
    if (!own.n || (sl_auth_reaches(x, path) && path.n != own.n)) {
        return true;
    }
    sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN, "A key of the group '%.*s' changes groups below it only.",
                      SL_STR_ARG(own));
    return false;
}

static void file_refuse(struct sl_xchg *x, const struct sl_group *group)
{
    char where[512] = "the operator's configuration";
    if (sl_auth_reaches(x, SL_STR(""))) {
        where_write(x, group, where, sizeof(where));
    }
    sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                      "The group '%.*s' is the operator's and cannot be changed by a call: it stands in %s.",
                      SL_STR_ARG(group->def->path), where);
}

static void stale(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "Another call has changed the group in the meantime: try again.");
}

/* The rules in the store's form; p == NULL: none, or no memory. */
static struct sl_str stored_of(const struct sl_limits *limits, struct sl_arena *arena)
{
    struct sl_buf out = SL_BUF_INIT(SL_MANAGE_BODY_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_limits_write(&w, &sl_limits_mixed, limits);
    struct sl_str text = limits && sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return text;
}

static void taken(struct sl_xchg *x, struct sl_str path)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "There is a group '%.*s' already.", SL_STR_ARG(path));
}

/* The group that it is to be in must be there. Its limits for new groups hold, unless the body says some. *ret_above:
 * its path, if it is a stored one. */
static bool above_or_refuse(struct sl_xchg *x, const struct sl_groups *groups, struct asked *io_asked,
                            struct sl_str *ret_above)
{
    struct sl_str above = sl_group_above(io_asked->path);
    const struct sl_group *group = above.n ? sl_groups_find(groups, above) : NULL;
    if (above.n && !group) {
        missing(x, above);
        return false;
    }
    if (group && !io_asked->has_limits) {
        io_asked->limits = group->def->children;
        io_asked->stored_limits = stored_of(group->def->children, x->arena);
    }
    if (io_asked->limits && !io_asked->stored_limits.p) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    *ret_above = group && !sl_group_is_of_file(group) ? above : SL_STR("");
    return true;
}

static void on_made(struct sl_xchg *x, struct sl_question *question)
{
    struct sl_str path = question->group.group.path;
    int r = question->base.r;
    if (r == SL_E_EXISTS) {
        taken(x, path);
    } else if (r == SL_E_INVAL) { /* another call deleted it in the meantime */
        missing(x, question->group.above);
    } else if (r == SL_E_STALE) {
        stale(x);
    } else if (r == SL_E_BUSY) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT,
                          "There are %u groups below '%.*s', and its admins may make no more "
                          "(limits.max_subgroups): delete some, or ask whoever runs this gateway.",
                          question->group.max, SL_STR_ARG(question->base.who.top));
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    } else {
        const struct sl_group *group = sl_groups_find(sl_worker_snapshot(x->worker)->groups, path);
        if (group) {
            group_reply(x, question->group.is_new ? 201 : 200, group);
        } else {
            sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "The group was made, but another change has taken it away.");
        }
    }
}

/* JSON for the audit, on the job's arena. */
static struct sl_str audit_text(struct sl_store_group_job *job, const struct sl_limits *limits,
                                const struct sl_limits *children)
{
    struct sl_buf out = SL_BUF_INIT(2 * SL_MANAGE_BODY_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "name", job->group.path);
    limits_write(&w, limits, children);
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&out) == 0 ? sl_arena_dup(&job->arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return text;
}

/* A question about the path's group as it is now: `group`, or NULL. NULL: the call was refused. */
static struct sl_question *question_new(struct sl_xchg *x, enum sl_store_group_verb verb, struct sl_str path,
                                        const struct sl_group *group)
{
    struct sl_question *question = sl_question_new_group(x, verb, path);
    if (!question || !group) {
        return question;
    }
    struct sl_store_group_job *job = &question->group;
    job->if_version = group->def->version;
    job->before = audit_text(job, group->def->limits, group->def->children);
    if (!job->before.p) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    return question;
}

static int text_keep(struct sl_arena *arena, struct sl_str text, struct sl_str *ret)
{
    *ret = text.p ? sl_arena_dup(arena, text) : SL_STR_NONE;
    return text.p && !ret->p ? SL_E_NOMEM : 0;
}

static bool few_or_refuse(struct sl_xchg *x, const struct asked *asked, const struct sl_group *group)
{
    return sl_api_few_or_refuse(x, "limits", asked->limits, group ? group->def->limits : NULL) &&
           sl_api_few_or_refuse(x, "children: limits", asked->children, group ? group->def->children : NULL);
}

/* Makes the group, or changes `group`. */
static void asked_put(struct sl_xchg *x, enum sl_store_group_verb verb, const struct sl_group *group,
                      const struct asked *asked, struct sl_str above)
{
    struct sl_question *question = question_new(x, verb, asked->path, group);
    if (!question) {
        return;
    }
    struct sl_store_group_job *job = &question->group;
    job->text = audit_text(job, asked->limits, asked->children);
    if (!job->text.p || text_keep(&job->arena, above, &job->above) < 0 ||
        text_keep(&job->arena, asked->stored_limits, &job->group.limits) < 0 ||
        text_keep(&job->arena, asked->stored_children, &job->group.children) < 0) {
        sl_question_free(question);
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_question_ask(question, on_made);
}

/* A group that is not there yet. */
static void asked_create(struct sl_xchg *x, enum sl_store_group_verb verb, const struct sl_groups *groups,
                         struct asked *asked)
{
    struct sl_str above;
    if (groups && groups->n >= SL_GROUPS_MAX) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "There are %d groups already, and there may be no more.",
                          SL_GROUPS_MAX);
    } else if (few_or_refuse(x, asked, NULL) && above_or_refuse(x, groups, asked, &above)) {
        asked_put(x, verb, NULL, asked, above);
    }
}

static void handle_group_create(struct sl_xchg *x)
{
    struct asked asked = { .path = SL_STR_NONE };
    if (!asked_or_refuse(x, true, &asked) || !below_or_refuse(x, asked.path)) {
        return;
    }
    const struct sl_groups *groups = sl_worker_snapshot(x->worker)->groups;
    if (sl_groups_find(groups, asked.path)) {
        taken(x, asked.path);
    } else {
        asked_create(x, SL_STORE_GROUP_CREATE, groups, &asked);
    }
}

static void handle_group_replace(struct sl_xchg *x)
{
    struct asked asked = { .path = x->match.arg };
    const char *fault = sl_group_path_fault(asked.path);
    if (!asked_or_refuse(x, false, &asked) || !below_or_refuse(x, asked.path)) {
        return;
    }
    const struct sl_groups *groups = sl_worker_snapshot(x->worker)->groups;
    const struct sl_group *group = sl_groups_find(groups, asked.path);
    if (fault) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "the path of the group: %s", fault);
    } else if (group && sl_group_is_of_file(group)) {
        file_refuse(x, group);
    } else if (group && few_or_refuse(x, &asked, group)) {
        asked_put(x, SL_STORE_GROUP_REPLACE, group, &asked, SL_STR(""));
    } else if (!group) {
        asked_create(x, SL_STORE_GROUP_REPLACE, groups, &asked);
    }
}

/* --- deleting --- */

static void on_deleted(struct sl_xchg *x, struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_NOTFOUND) {
        missing(x, question->group.group.path);
    } else if (r == SL_E_STALE) {
        stale(x);
    } else if (r == SL_E_BUSY) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "It is not deleted: %s.", question->base.err.text);
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    } else {
        sl_api_reply_empty(x);
    }
}

static void handle_group_delete(struct sl_xchg *x)
{
    struct sl_str path = x->match.arg;
    if (!sl_auth_reaches(x, path)) {
        missing(x, path);
        return;
    }
    if (!below_or_refuse(x, path)) {
        return;
    }
    const struct sl_group *group = sl_groups_find(sl_worker_snapshot(x->worker)->groups, path);
    if (group && sl_group_is_of_file(group)) {
        file_refuse(x, group);
    } else if (sl_group_path_fault(path)) {
        missing(x, path);
    } else { /* also one that is out of force, because the group that it is in is not there */
        struct sl_question *question = question_new(x, SL_STORE_GROUP_DELETE, path, group);
        if (question) {
            sl_question_ask(question, on_deleted);
        }
    }
}

#define OWN "/api/sluice/v1/groups"

const struct sl_path sl_groups_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN,
      .handle = handle_group_list,
      .access = SL_ACCESS_GROUP_VIEWER,
      .told = SL_TOLD("List the groups, 1000 a page.", .parameters = "page_group", .reply = "GroupPage") },
    { .methods = SL_POST,
      .pattern = OWN,
      .handle = handle_group_create,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Make a group.", .statuses = "201 404 409", .parameters = "wait", .body = "CreateGroupRequest",
                      .reply = "Group") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN "/{**}",
      .takes_slash = true,
      .handle = handle_group_get,
      .access = SL_ACCESS_GROUP_VIEWER,
      .told = SL_TOLD("One group.", .reply = "Group") },
    { .methods = SL_PUT,
      .pattern = OWN "/{**}",
      .takes_slash = true,
      .handle = handle_group_replace,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Make a group, or replace all its limits.", .statuses = "200 201 409", .parameters = "wait",
                      .body = "PutGroupRequest", .reply = "Group") },
    { .methods = SL_DELETE,
      .pattern = OWN "/{**}",
      .takes_slash = true,
      .handle = handle_group_delete,
      .access = SL_ACCESS_GROUP_ADMIN,
      .told = SL_TOLD("Delete a group that was made by a call and that has neither keys nor groups in it.",
                      .statuses = "200 409", .parameters = "wait", .reply = "Empty") },
    { 0 },
};
