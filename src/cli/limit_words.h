/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as people type them: 100/minute, tokens=2000000/day, money=100/month, concurrent=50, session.calls=200. */
#ifndef SLUICE_CLI_LIMIT_WORDS_H
#define SLUICE_CLI_LIMIT_WORDS_H

#include "cli.h"

/* True: the command line has limits, or --data with a list of them. */
bool limits_are_said(const struct cli_args *args);
/* Checks what stands behind the first word. 0, or CLI_USAGE after a message. */
int limits_check(const char *command, const struct cli_args *args);
/* Makes the new list, after limits_check: that of --data; or the limits of the command line, behind those of `owner`
 * (a reply with `limits`) whose kinds they do not name. The caller frees *ret. 0, or an exit code. */
int limits_make(const struct cli_args *args, const sluice_result *owner, char **ret);
/* Sends a whole group or key with its limits, and prints what holds then; or, with --dry-run, only prints it. */
int limits_put(const struct cli_args *args, sluice_client *client, const char *path, const char *json,
               sluice_result **result);
/* Prints the `counts` of a reply as a table, or with --json the member `json_member` (NULL: the whole reply). */
int limits_print(const struct cli_args *args, const sluice_result *owner, const char *json_member);

#endif
