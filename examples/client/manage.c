/* SPDX-License-Identifier: Apache-2.0 */
/* Creates a route, gives it a limit, shows both, deletes it. usage: manage NAME MODEL-JSON LIMITS-JSON */
#include <sluice/client.h>

#include <stdio.h>

static void show_route(const sluice_route *route)
{
    const sluice_limit *limit = sluice_route_limit(route);
    const char *model = sluice_route_model_name(route);
    printf("%s\t%s\t%s/%s\t%s", sluice_route_name(route), sluice_route_type(route), sluice_route_model_provider(route),
           model ? model : "-", sluice_route_url(route));
    if (limit) {
        printf("\t%lld per %s", (long long)sluice_limit_calls(limit), sluice_limit_renewal_period(limit));
    }
    putchar('\n');
}

static int on_route(void *arg, const sluice_route *route)
{
    (void)arg;
    show_route(route);
    return 0;
}

static int run(sluice_client *client, char **argv, sluice_error **err)
{
    sluice_result *result = NULL;
    size_t i;
    int r = sluice_create_route(client, argv[1], "llm/v1/chat", argv[2], SLUICE_NUL_TERMINATED, &result, err);
    if (r == 0) {
        show_route(sluice_result_route(result, 0));
        sluice_result_free(result);
        r = sluice_set_limits(client, argv[1], argv[3], SLUICE_NUL_TERMINATED, &result, err);
    }
    if (r == 0) {
        for (i = 0; i < sluice_result_limit_count(result); i++) {
            const sluice_limit *limit = sluice_result_limit(result, i);
            printf("%lld per %s\n", (long long)sluice_limit_calls(limit), sluice_limit_renewal_period(limit));
        }
        sluice_result_free(result);
        r = sluice_routes_each(client, on_route, NULL, err);
    }
    return r ? r : sluice_delete_route(client, argv[1], err);
}

int main(int argc, char **argv)
{
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    int r;

    if (argc != 4) {
        fprintf(stderr, "usage: manage NAME MODEL-JSON LIMITS-JSON\n");
        return 2;
    }
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        r = run(client, argv, &err);
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_close(client);
    return r == 0 ? 0 : 1;
}
