/* SPDX-License-Identifier: Apache-2.0 */
/* What cli_perform does between two tries, for calls that are not one sluice_perform (streams). */
#ifndef SLUICE_CLI_PERFORM_H
#define SLUICE_CLI_PERFORM_H

#include "cli.h"

struct perform {
    int n;            /* how many repeats were made */
    int64_t deadline; /* from --timeout, waits included */
    bool is_interrupted;
};

void perform_begin(const struct cli_args *args, struct perform *p);
/* After `err`: waits as the server asks, says so, and returns true; false when the error is final (or a Ctrl-C ended
 * the wait). */
bool perform_again(const struct cli_args *args, struct perform *p, const sluice_error *err);
/* The time that --timeout leaves, at least a millisecond. */
int64_t perform_rest_msec(const struct perform *p);
/* Makes a query as a stream. `fn` gets each event and returns 0 to go on. Before the first event it waits and repeats
 * as cli_perform does. Returns a SLUICE_E… code: also SLUICE_ECANCELLED, without an error, after a Ctrl-C in a wait. */
int perform_stream(const struct cli_args *args, sluice_client *client, const char *json,
                   int (*fn)(void *arg, const sluice_event *event), void *arg, sluice_result **result,
                   sluice_error **err);

/* The same for a request whose reply is events, which it borrows. *io_begun: an event came. `result` may be NULL. */
int perform_events(const struct cli_args *args, sluice_client *client, sluice_request *request,
                   int (*fn)(void *arg, const sluice_event *event), void *arg, bool *io_begun, sluice_result **result,
                   sluice_error **err);

#endif
