/* SPDX-License-Identifier: Apache-2.0 */
/* What cli_perform does between two tries, for calls that are no single sluice_perform (streams). */
#ifndef SLUICE_CLI_PERFORM_H
#define SLUICE_CLI_PERFORM_H

#include "cli.h"

struct perform {
    int n;            /* tries made again */
    int64_t deadline; /* of --timeout, waits included */
    bool is_interrupted;
};

void perform_begin(const struct cli_args *args, struct perform *p);
/* After `err`: waits as the server asks, says so, and true; false when the error is the outcome (or a Ctrl-C ended the
 * wait). */
bool perform_again(const struct cli_args *args, struct perform *p, const sluice_error *err);
/* What --timeout leaves, at least a millisecond. */
int64_t perform_rest_msec(const struct perform *p);
/* A query as a stream. Each event goes to `fn`, which returns 0 to go on. While none has come, it waits and repeats as
 * cli_perform does. A SLUICE_E… code: SLUICE_ECANCELLED also after a Ctrl-C in a wait, without an error. */
int perform_stream(const struct cli_args *args, sluice_client *client, const char *json,
                   int (*fn)(void *arg, const sluice_event *event), void *arg, sluice_result **result,
                   sluice_error **err);

#endif
