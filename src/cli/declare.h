/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as a file: what export writes and apply reads, and the gateway's own list of them (/api/sluice/v1/routes). */
#ifndef SLUICE_CLI_DECLARE_H
#define SLUICE_CLI_DECLARE_H

#include "cli.h"

#define OWN_ROUTES  "/api/sluice/v1/routes"
#define OWN_TARGETS "/api/sluice/v1/targets"

/* Calls `fn` with each item of the list `member` on all pages at `path` (a result of its JSON, borrowed); stops when
 * that is not 0 and returns it. */
int declare_each(const struct cli_args *args, sluice_client *client, const char *path, const char *member,
                 int (*fn)(void *arg, const sluice_result *item), void *arg);
/* The path of the page behind `before`; NULL: of the first one. The caller frees it; NULL: out of memory. */
char *declare_page(const char *path, const sluice_result *before);
/* Gets one whole route. 0, or an exit code after a message. */
int declare_get(const struct cli_args *args, sluice_client *client, const char *name, sluice_result **route);
/* "PATH/NAME" with the name encoded; the caller frees it. NULL: out of memory. */
char *declare_path(const char *path, const char *name);
/* The path, `before` ("?by=") and the value, encoded; the caller frees it. NULL: out of memory. */
char *declare_query(const char *path, const char *before, const char *value);
/* ROUTE_MEMBER in capitals: the name of the variable for a secret. */
void declare_variable(const char *route, const char *member, char *out, size_t size);
/* Makes room for one more item behind the n that `v` has. Returns the array, which may have moved; NULL: out of memory,
 * and `v` stays as it is. */
void *declare_room(void *v, size_t n, size_t *io_cap, size_t item_size);
/* Writes JSON without white space between its values, as the gateway does. */
void declare_put_compact(FILE *out, const char *json, size_t len);

/* --- yaml.c --- */

/* The caller frees *ret. 0, or an exit code after messages with file:line:column. */
int declare_yaml_to_json(const char *name, const char *text, char **ret);

#endif
