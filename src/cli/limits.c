/* SPDX-License-Identifier: Apache-2.0 */
/* sluice limits … */
#include <stdlib.h>
#include <string.h>

#include "declare.h"
#include "limit_words.h"

/* ROUTES/ROUTE/limits, with the principal whose part is asked for; NULL: out of memory. The caller frees it. */
static char *limits_path(const struct cli_args *args)
{
    char *route = declare_path(OWN_ROUTES, args->words[0]), *path = NULL;
    if (route && asprintf(&path, "%s/limits", route) < 0) {
        path = NULL;
    }
    free(route);
    if (path && args->principal) {
        char *asked = declare_query(path, "?principal=", args->principal);
        free(path);
        path = asked;
    }
    return path;
}

/* Calls the route's limits; `json` NULL: only gets them. */
static int limits_call(const struct cli_args *args, sluice_client *client, const char *json, sluice_result **result)
{
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    char *path = limits_path(args);
    if (!path) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    int r = sluice_request_http(client, json ? "PUT" : "GET", path, json, json ? SLUICE_NUL_TERMINATED : 0, &request,
                                &err);
    free(path);
    return cli_perform(args, client, args->words[0], r < 0 ? NULL : request, err, result);
}

int cli_limits_get(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    int r = cli_open(args, &client);
    r = r ? r : limits_call(args, client, NULL, &result);
    r = r ? r : limits_print(args, result, NULL);
    sluice_result_free(result);
    sluice_close(client);
    return r;
}

/* The body of the call; the caller frees it. */
static int body_make(const char *limits, char **ret)
{
    return asprintf(ret, "{\"limits\":%s}", limits) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : CLI_DONE;
}

static int route_limits_put(const struct cli_args *args, sluice_client *client, const char *limits)
{
    sluice_result *result = NULL;
    char *json = NULL;
    int r = body_make(limits, &json);
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
    } else {
        r = r ? r : limits_call(args, client, json, &result);
        r = r || args->is_quiet ? r : limits_print(args, result, NULL);
    }
    sluice_result_free(result);
    free(json);
    return r;
}

int cli_limits_set(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *now = NULL;
    char *limits = NULL;
    int r = limits_check("limits set", args);
    if (r == 0 && !limits_are_said(args)) {
        r = cli_usage("limits set", "it needs limits such as 100/minute, or --data");
    }
    r = r ? r : cli_open(args, &client);
    r = r || args->data ? r : limits_call(args, client, NULL, &now);
    r = r ? r : limits_make(args, now, &limits);
    r = r ? r : route_limits_put(args, client, limits);
    sluice_result_free(now);
    sluice_close(client);
    free(limits);
    return r;
}

int cli_limits_clear(const struct cli_args *args)
{
    sluice_client *client = NULL;
    int r = args->is_dry_run ? CLI_DONE : cli_confirm(args, "remove the limits of '%s'?", args->words[0]);
    r = r ? r : cli_open(args, &client);
    r = r ? r : route_limits_put(args, client, "[]");
    sluice_close(client);
    return r;
}
