/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the body that the gateway takes from a route of apply's file. */
#ifndef SLUICE_CLI_APPLY_BODY_H
#define SLUICE_CLI_APPLY_BODY_H

#include "cli.h"

struct apply_body {
    char *json;      /* for PUT; the caller frees it */
    char *unset;     /* a reference that leads to nothing here; NULL: none. The caller frees it */
    bool has_secret; /* the body has a literal secret */
};

/* Checks that everything needed is there, and nothing that would be silently ignored. `file` and `at` are the place for
 * messages. 0, or an exit code after a message. */
int apply_body_check(const char *file, const char *at, const sluice_result *route);
/* Makes the body with the references of the configuration, and those of the targets, resolved or left out. */
int apply_body_make(const sluice_result *route, struct apply_body *ret);
/* Writes the value at `path` without the white space in it. */
void apply_body_put(FILE *out, const sluice_result *route, const char *path);
/* True: the gateway has the route as the body wants it. */
bool apply_body_is_same(const char *body, const sluice_result *there);
/* Writes a line for each field that differs: "model.name: gpt-4.1 -> gpt-5". A member of a provider's configuration
 * that the gateway does not show may be a secret: its value is not written. */
void apply_body_differ(FILE *out, const char *body, const sluice_result *there);
/* Writes "PATH: OLD -> NEW" for one value of two documents. */
void apply_body_change(FILE *out, const char *path, const sluice_result *want, const sluice_result *there);

#endif
