/* SPDX-License-Identifier: Apache-2.0 */
/* A route of apply's file as the gateway takes it. */
#ifndef SLUICE_CLI_APPLY_BODY_H
#define SLUICE_CLI_APPLY_BODY_H

#include "cli.h"

struct apply_body {
    char *json;      /* of PUT; the caller frees it */
    char *unset;     /* a reference that stands for nothing here; NULL: none. The caller frees it */
    bool has_secret; /* a literal is in it */
};

/* What is needed is there, and nothing that would be silently left out. `file` and `at` are where, for messages. 0, or
 * an exit code after a message. */
int apply_body_check(const char *file, const char *at, const sluice_result *route);
/* With the references of its configuration, and of its targets', resolved, or left out. */
int apply_body_make(const sluice_result *route, struct apply_body *ret);
/* Writes the value at `path`, without the space between its own. */
void apply_body_put(FILE *out, const sluice_result *route, const char *path);
/* Does the gateway have it as the body wants it? */
bool apply_body_is_same(const char *body, const sluice_result *there);

#endif
