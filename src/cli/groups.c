/* SPDX-License-Identifier: Apache-2.0 */
/* sluice groups … */
#include <stdlib.h>
#include <string.h>

#include "declare.h"
#include "limit_words.h"
#include "listing.h"

#define OWN_GROUPS "/api/sluice/v1/groups"

int cli_groups_list(const struct cli_args *args)
{
    static const char *const heading[] = { "NAME", "UPDATED", "OWNER" };
    static const char *const paths[] = { "name", "updated_at", "owner" };
    struct listing l = { .table = { .heading = heading, .n_columns = 3 }, .paths = paths };
    return listing_print(args, OWN_GROUPS, "groups", &l);
}

static int group_print(const struct cli_args *args, const sluice_result *group)
{
    if (args->is_json) {
        cli_put_result(group);
        return CLI_DONE;
    }
    static const char *const columns[] = { "FIELD", "VALUE" };
    static const char *const members[] = { "name",       "limits", "children",  "created_at",
                                           "updated_at", "owner",  "defined_at" };
    struct cli_table table = { .heading = columns, .n_columns = 2 };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        size_t len = 0;
        int kind = sluice_json_kind(group, members[i]);
        const char *value = kind == 0 || kind == '0' ? NULL : sluice_json_get(group, members[i], &len);
        char *cell = value ? strndup(value, len) : NULL; /* a list has no NUL behind it */
        cli_table_add(&table, members[i]);
        cli_table_add(&table, cell);
        table.is_broken |= value && !cell;
        free(cell);
    }
    return cli_table_end(args, &table);
}

int cli_groups_get(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *path = declare_path(OWN_GROUPS, args->words[0]);
    int r = path ? cli_open(args, &client) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_call(args, client, "GET", path, NULL, &result);
    r = r ? r : group_print(args, result);
    sluice_result_free(result);
    sluice_close(client);
    free(path);
    return r;
}

/* The new group as JSON. */
static int group_make(const struct cli_args *args, char **ret)
{
    size_t len;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    fputs("{\"name\":", out);
    cli_json_string(out, args->words[0]);
    putc('}', out);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_groups_create(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *json = NULL;
    int r = group_make(args, &json);
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
        free(json);
        return CLI_DONE;
    }
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "POST", OWN_GROUPS, json, &result);
    if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0 && !args->is_quiet) {
        cli_print(stderr, "made the group %s", args->words[0]);
    }
    sluice_result_free(result);
    sluice_close(client);
    free(json);
    return r;
}

/* The whole group with another list of limits: what the server takes in place of the one that it has. */
static int group_limits_make(const sluice_result *group, const char *limits, char **ret)
{
    size_t len, n_children;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    const char *children = sluice_json_kind(group, "children") == 'o' ? sluice_json_get(group, "children", &n_children)
                                                                      : NULL;
    fprintf(out, "{\"limits\":%s,\"children\":%.*s}", limits, children ? (int)n_children : 4,
            children ? children : "null");
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_groups_limits(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *group = NULL, *result = NULL;
    char *limits = NULL, *json = NULL, *path = declare_path(OWN_GROUPS, args->words[0]);
    int r = path ? limits_check("groups limits", args) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "GET", path, NULL, &group);
    if (r == 0 && !limits_are_said(args)) {
        r = limits_print(args, group, "limits");
    } else {
        r = r ? r : limits_make(args, group, &limits);
        r = r ? r : group_limits_make(group, limits, &json);
        r = r ? r : limits_put(args, client, path, json, &result);
    }
    sluice_result_free(result);
    sluice_result_free(group);
    sluice_close(client);
    free(json);
    free(limits);
    free(path);
    return r;
}

int cli_groups_delete(const struct cli_args *args)
{
    sluice_client *client = NULL;
    if (args->is_dry_run) {
        cli_print(stdout, "would delete the group %s", args->words[0]);
        return CLI_DONE;
    }
    char *path = declare_path(OWN_GROUPS, args->words[0]);
    int r = path ? cli_confirm(args, "delete the group '%s'?", args->words[0]) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "DELETE", path, NULL, NULL);
    if (r == 0 && !args->is_quiet) {
        cli_print(stderr, "deleted the group %s", args->words[0]);
    }
    sluice_close(client);
    free(path);
    return r;
}
