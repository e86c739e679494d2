/* SPDX-License-Identifier: Apache-2.0 */
/* One question, one answer. usage: query ROUTE PROMPT
 * SLUICE_SERVER (or MLFLOW_GATEWAY_URI) names the gateway, SLUICE_KEY the key. */
#include <sluice/client.h>

#include <stdio.h>
#include <stdlib.h>

/* A prompt as JSON: quotes, backslashes and control characters escaped. */
static char *chat_json(const char *prompt)
{
    size_t n = 0, i;
    char *json;
    for (i = 0; prompt[i]; i++) {
        n += (unsigned char)prompt[i] < 0x20 ? 6 : prompt[i] == '"' || prompt[i] == '\\' ? 2 : 1;
    }
    json = malloc(n + 64);
    if (json) {
        char *p = json + sprintf(json, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
        for (i = 0; prompt[i]; i++) {
            unsigned char c = (unsigned char)prompt[i];
            p += sprintf(p, c < 0x20 ? "\\u%04x" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
        sprintf(p, "\"}]}");
    }
    return json;
}

int main(int argc, char **argv)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    sluice_usage usage;
    char *json;
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: query ROUTE PROMPT\n");
        return 2;
    }
    json = chat_json(argv[2]);
    r = json ? sluice_open(NULL, &client, &err) : SLUICE_ENOMEM;
    if (r == 0) {
        r = sluice_query(client, argv[1], json, SLUICE_NUL_TERMINATED, &result, &err);
    }
    if (r == 0) {
        const char *content = sluice_json_get(result, "choices[0].message.content", NULL);
        puts(content ? content : sluice_result_json(result, NULL));
        if (sluice_result_usage(result, &usage)) {
            fprintf(stderr, "%lld tokens\n", (long long)usage.total_tokens);
        }
    } else {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
        if (sluice_error_retry_after_msec(err) >= 0) {
            fprintf(stderr, "try again in %lld ms\n", (long long)sluice_error_retry_after_msec(err));
        }
    }

    sluice_error_free(err);
    sluice_result_free(result);
    sluice_close(client);
    free(json);
    return r == 0 ? 0 : 1;
}
