/* SPDX-License-Identifier: Apache-2.0 */
/* sluice secret rotate, through the running gateway. */
#include "cli.h"

/* Nodes that share the store hold the old and the new key until they are started anew. */
static void pending_tell(const sluice_result *result)
{
    for (size_t i = 0; i < sluice_json_count(result, "pending"); i++) {
        char path[32];
        snprintf(path, sizeof(path), "pending[%zu]", i);
        cli_print(stderr, "node %s has not said yet that it uses the new key", sluice_json_get(result, path, NULL));
    }
}

int cli_secret_rotate(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    if (args->is_dry_run) {
        puts("would encrypt the credentials of all routes under a new secret key");
        return CLI_DONE;
    }
    int r = cli_open(args, &client);
    r = r ? r : cli_call(args, client, "POST", "/api/sluice/v1/secret/rotate", "{}", &result);
    if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0 && !args->is_quiet) {
        const char *n = sluice_json_get(result, "routes", NULL);
        cli_print(stderr, "the credentials of %s routes are encrypted under a new secret key", n ? n : "all");
        pending_tell(result);
    }
    sluice_result_free(result);
    sluice_close(client);
    return r;
}
