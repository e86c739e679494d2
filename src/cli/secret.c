/* SPDX-License-Identifier: Apache-2.0 */
/* sluice secret rotate, through the running gateway. */
#include "cli.h"

int cli_secret_rotate(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_request *request = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    if (args->is_dry_run) {
        puts("would encrypt the credentials of all routes under a new secret key");
        return CLI_DONE;
    }
    int r = cli_open(args, &client);
    if (r == 0) {
        int code = sluice_request_http(client, "POST", "/api/sluice/v1/secret/rotate", "{}", SLUICE_NUL_TERMINATED,
                                       &request, &err);
        code = code ? code : sluice_perform(client, request, &result, &err);
        if (code < 0) {
            r = cli_report(args, client, NULL, err);
        } else if (args->is_json) {
            size_t len;
            const char *body = sluice_result_json(result, &len);
            cli_put_json(body, len);
        } else if (!args->is_quiet) {
            const char *n = sluice_json_get(result, "routes", NULL);
            fprintf(stderr, "the credentials of %s routes are encrypted under a new secret key\n", n ? n : "all");
        }
    }
    sluice_result_free(result);
    sluice_request_free(request);
    sluice_close(client);
    return r;
}
