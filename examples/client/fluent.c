/* SPDX-License-Identifier: Apache-2.0 */
/* The seven calls in Python's shape, without a handle. usage: fluent URI
 * Creates the route "example-fluent" on the gateway, uses it and deletes it. */
#include <sluice/fluent.h>

#include <stdio.h>
#include <string.h>

static int report(const char *what, int r, sluice_error *err)
{
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, sluice_error_text(err));
        sluice_error_free(err);
        return 1;
    }
    return 0;
}

#define TRY(what, call)             \
    do {                            \
        sluice_error *err = NULL;   \
        int r = (call);             \
        if (report(what, r, err)) { \
            return 1;               \
        }                           \
    } while (0)

int main(int argc, char **argv)
{
    static const char model[] = "{\"name\": \"mock\", \"provider\": \"mock\"}";
    static const char data[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}";
    static const char limits[] = "[{\"calls\": 10, \"key\": null, \"renewal_period\": \"minute\"}]";
    sluice_result *result;
    char uri[256];
    size_t i;

    if (argc != 2) {
        fprintf(stderr, "usage: fluent URI\n");
        return 2;
    }
    TRY("set_uri", sluice_gateway_set_uri(argv[1], &err));
    TRY("get_uri", sluice_gateway_get_uri(uri, sizeof(uri), &err));
    printf("gateway %s\n", uri);

    TRY("create_route", sluice_gateway_create_route("example-fluent", "llm/v1/chat", model, strlen(model), NULL, &err));

    TRY("get_route", sluice_gateway_get_route("example-fluent", &result, &err));
    printf("route %s at %s\n", sluice_route_name(sluice_result_route(result, 0)),
           sluice_route_url(sluice_result_route(result, 0)));
    sluice_result_free(result);

    TRY("search_routes", sluice_gateway_search_routes(&result, &err));
    for (i = 0; i < sluice_result_route_count(result); i++) {
        const sluice_route *route = sluice_result_route(result, i);
        printf("found %s (%s, %s)\n", sluice_route_name(route), sluice_route_type(route),
               sluice_route_model_provider(route));
    }
    sluice_result_free(result);

    TRY("set_limits", sluice_gateway_set_limits("example-fluent", limits, strlen(limits), NULL, &err));
    TRY("get_limits", sluice_gateway_get_limits("example-fluent", &result, &err));
    for (i = 0; i < sluice_result_limit_count(result); i++) {
        const sluice_limit *limit = sluice_result_limit(result, i);
        printf("limit %lld per %s\n", (long long)sluice_limit_calls(limit), sluice_limit_renewal_period(limit));
    }
    sluice_result_free(result);

    TRY("query", sluice_gateway_query("example-fluent", data, strlen(data), &result, &err));
    printf("answer %s\n", sluice_result_text(result, NULL) ? sluice_result_text(result, NULL) : "(no text)");
    sluice_result_free(result);

    TRY("delete_route", sluice_gateway_delete_route("example-fluent", &err));
    printf("deleted\n");
    return 0;
}
