/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation: each line is a turn, and answers are printed as they come. Each call sends the whole conversation so
 * far. usage: chat ROUTE [IMAGE-URL] */
#include <sluice/chat.h>

#include <stdio.h>
#include <string.h>

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    (void)arg;
    (void)call;
    fwrite(text, 1, len, stdout);
    return fflush(stdout) == 0 ? 0 : SLUICE_CANCEL;
}

/* One turn. After a failure its message is removed, so that the conversation can go on. */
static int turn(sluice_client *client, const char *route, sluice_chat *chat)
{
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    int r;

    callbacks.on_text = on_text;
    r = sluice_chat_query_stream(client, route, chat, &callbacks, NULL, &result, &err);
    putchar('\n');
    if (r == 0) {
        sluice_chat_add_answer(chat, result);
        if (sluice_result_finish_reason(result) && strcmp(sluice_result_finish_reason(result), "length") == 0) {
            fprintf(stderr, "(cut at its longest)\n");
        }
    } else {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
        sluice_chat_clear_error(chat);
        sluice_chat_pop(chat);
    }
    sluice_error_free(err);
    sluice_result_free(result);
    return r;
}

int main(int argc, char **argv)
{
    sluice_chat *chat = sluice_chat_new();
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    char line[4096];
    int r;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: chat ROUTE [IMAGE-URL]\n");
        sluice_chat_free(chat);
        return 2;
    }
    r = sluice_open(NULL, &client, &err);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_chat_add(chat, "system", "Answer briefly.");
    while (client && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (sluice_chat_add(chat, "user", line) < 0) { /* not UTF-8 */
            fprintf(stderr, "%s\n", sluice_error_text(sluice_chat_error(chat)));
            sluice_chat_clear_error(chat);
            continue;
        }
        if (argc == 3 && sluice_chat_count(chat) == 2) {
            sluice_chat_add_image(chat, argv[2], NULL);
        }
        r = turn(client, argv[1], chat);
    }
    sluice_error_free(err);
    sluice_close(client);
    sluice_chat_free(chat);
    return r == 0 ? 0 : 1;
}
