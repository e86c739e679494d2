/* SPDX-License-Identifier: Apache-2.0 */
/* Prints an answer as it comes. usage: stream ROUTE JSON */
#include <sluice/client.h>

#include <stdio.h>

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    (void)arg;
    (void)call;
    fwrite(text, 1, len, stdout);
    /* When nobody reads the output any more, cancel: the gateway then aborts its call to the provider. */
    return fflush(stdout) == 0 ? 0 : SLUICE_CANCEL;
}

static int on_usage(void *arg, sluice_call *call, const sluice_usage *usage)
{
    (void)arg;
    (void)call;
    fprintf(stderr, "%lld tokens\n", (long long)usage->total_tokens);
    return 0;
}

int main(int argc, char **argv)
{
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: stream ROUTE JSON\n");
        return 2;
    }
    callbacks.on_text = on_text;
    callbacks.on_usage = on_usage;
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        r = sluice_query_stream(client, argv[1], argv[2], SLUICE_NUL_TERMINATED, &callbacks, NULL, NULL, &err);
        putchar('\n');
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_close(client);
    return r == 0 ? 0 : 1;
}
