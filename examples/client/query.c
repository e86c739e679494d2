/* SPDX-License-Identifier: Apache-2.0 */
/* One question, one answer. usage: query ROUTE PROMPT
 * SLUICE_SERVER (or MLFLOW_GATEWAY_URI) names the gateway, SLUICE_KEY the key. */
#include <sluice/chat.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    sluice_chat *chat = sluice_chat_new();
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    sluice_usage usage;
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: query ROUTE PROMPT\n");
        sluice_chat_free(chat);
        return 2;
    }
    sluice_chat_add(chat, "user", argv[2]); /* if this fails, sluice_chat_query returns the error */
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        r = sluice_chat_query(client, argv[1], chat, &result, &err);
    }
    if (r == 0) {
        const char *text = sluice_result_text(result, NULL);
        puts(text ? text : sluice_result_json(result, NULL));
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
    sluice_chat_free(chat);
    return r == 0 ? 0 : 1;
}
