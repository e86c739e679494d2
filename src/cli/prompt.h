/* SPDX-License-Identifier: Apache-2.0 */
/* What query and chat ask: texts and settings as a request's JSON. */
#ifndef SLUICE_CLI_PROMPT_H
#define SLUICE_CLI_PROMPT_H

#include "cli.h"

/* Whether the options that shape a request fit a route of this type: 0, or CLI_USAGE after a message. */
int prompt_check(const struct cli_args *args, const char *command, const char *route_type);
/* The members beside the messages that the options ask for: ,"temperature":0.5 */
void prompt_put_settings(FILE *out, const struct cli_args *args);
/* The request of a type for `text` and the system message (NULL: none). The caller frees it; NULL: out of memory. */
char *prompt_request(const struct cli_args *args, const char *route_type, const char *system, const char *text);
/* The parts with an empty line between, empty ones left out; NULL: out of memory. The caller frees it. */
char *prompt_join(const char *const *parts, size_t n);
/* Nothing but blanks. */
bool prompt_is_blank(const char *text);

#endif
