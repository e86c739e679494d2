/* SPDX-License-Identifier: Apache-2.0 */
/* The targets that get no calls now, for sluice top. */
#ifndef SLUICE_CLI_RESTS_H
#define SLUICE_CLI_RESTS_H

#include "cli.h"

struct rest {
    char *route, *target;
    char state[16];   /* of its breaker */
    bool is_down;     /* its health checks say so */
    int64_t waits_ms; /* -1: not said */
};

struct rests {
    struct rest *v;
    size_t n, cap;
    bool is_known; /* false: the server is too old, or this caller may not read its targets */
};

/* Reads all pages. Returns a SLUICE_E… code only when the user cancelled the call. After any other failure the targets
 * are not known. */
int rests_take(sluice_client *client, struct rests *rests);
void rests_done(struct rests *rests);
/* The target and its state in words: "chat/eu: open, for 9 s". */
void rest_text(const struct rest *rest, char *out, size_t size);
/* Writes a list, or null. */
void rests_json(FILE *out, const struct rests *rests);

#endif
