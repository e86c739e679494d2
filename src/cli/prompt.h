/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a request's JSON from texts and settings, for query and chat. */
#ifndef SLUICE_CLI_PROMPT_H
#define SLUICE_CLI_PROMPT_H

#include "cli.h"

/* Checks that the options that shape a request fit a route of this type: 0, or CLI_USAGE after a message. */
int prompt_check(const struct cli_args *args, const char *command, const char *route_type);
/* Writes the members that the options ask for, beside the messages: ,"temperature":0.5 */
void prompt_put_settings(FILE *out, const struct cli_args *args);
/* The request of a type for `text` and the system message (NULL: none). The caller frees it; NULL: out of memory. */
char *prompt_request(const struct cli_args *args, const char *route_type, const char *system, const char *text);
/* Joins the parts that are not empty, with an empty line between them; NULL: out of memory. The caller frees it. */
char *prompt_join(const char *const *parts, size_t n);
/* True: it is empty or only blanks. */
bool prompt_is_blank(const char *text);

#endif
