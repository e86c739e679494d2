/* SPDX-License-Identifier: Apache-2.0 */
/* Two streams at once, pulled, in a program's own poll loop. usage: pull ROUTE JSON JSON */
#include <sluice/client.h>
#include <sluice/poll.h>

#include <stdio.h>
#include <stdlib.h>

/* Prints what has arrived. Returns 1 while more may come. */
static int drain(sluice_call **call, int number)
{
    const sluice_event *event;
    sluice_error *err = NULL;
    int r;

    if (!*call) {
        return 0;
    }
    while ((r = sluice_next(*call, &event)) == SLUICE_EVENT) {
        const char *text = sluice_event_text(event, NULL);
        if (text) {
            printf("%d: %s\n", number, text);
        }
    }
    if (r == SLUICE_AGAIN) {
        return 1;
    }
    r = sluice_finish(*call, NULL, &err);
    *call = NULL;
    printf("%d ended: %s\n", number, r == 0 ? "ok" : sluice_error_text(err));
    sluice_error_free(err);
    return 0;
}

int main(int argc, char **argv)
{
    sluice_client *client = NULL;
    sluice_call *calls[2] = { NULL, NULL };
    sluice_error *err = NULL;
    struct pollfd *fds = NULL;
    size_t cap = 0;
    int r, i;

    if (argc != 4) {
        fprintf(stderr, "usage: pull ROUTE JSON JSON\n");
        return 2;
    }
    r = sluice_open(NULL, &client, &err);
    for (i = 0; i < 2 && r == 0; i++) {
        sluice_request *request = NULL;
        r = sluice_request_query(client, argv[1], argv[2 + i], SLUICE_NUL_TERMINATED, 1, &request, &err);
        if (r == 0) {
            r = sluice_start(client, request, &calls[i], &err);
        }
        sluice_request_free(request);
    }
    while (r == 0) {
        size_t n;
        int more = drain(&calls[0], 1);
        more |= drain(&calls[1], 2);
        if (!more) {
            break;
        }
        while ((n = sluice_poll_add(client, fds, cap)) > cap) {
            struct pollfd *larger = realloc(fds, n * sizeof(*fds));
            if (!larger) {
                n = cap; /* some descriptors are not watched: time-outs end their calls */
                break;
            }
            fds = larger;
            cap = n;
        }
        poll(fds, (nfds_t)n, sluice_poll_timeout(client, -1));
        r = sluice_poll_drive(client, fds, n, &err);
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_call_free(calls[0]);
    sluice_call_free(calls[1]);
    sluice_close(client);
    free(fds);
    return r == 0 ? 0 : 1;
}
