/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own lists as tables: keys, groups, targets, the audit. */
#ifndef SLUICE_CLI_LISTING_H
#define SLUICE_CLI_LISTING_H

#include "cli.h"

struct listing {
    struct cli_table table;
    const char *const *paths; /* of the columns in an item */
    FILE *json;               /* NULL: the table */
    int n, max;               /* max 0: all */
};

/* Prints all pages of the list `member` at `path`, as a table or with --json as one list. 0, or an exit code. */
int listing_print(const struct cli_args *args, const char *path, const char *member, struct listing *l);

#endif
