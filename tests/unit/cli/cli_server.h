/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway of prepared answers for commands, on a socket file: it keeps the requests, and answers 404 to those that
 * were not prepared. */
#ifndef SLUICE_CLI_SERVER_H
#define SLUICE_CLI_SERVER_H

struct cli_answer {
    const char *ask;  /* "GET /path", or "GET /pa*" for all paths that begin like that; NULL ends a list */
    const char *head; /* status and headers after "HTTP/1.1 ", lines end with "\r\n"; NULL: 200 and JSON */
    const char *body;
};

/* Starts it once; SLUICE_SERVER names it from then on. The working directory is a new one. */
void cli_server_start(void);
/* Sets its answers, and forgets earlier requests. */
void cli_server_prepare(const struct cli_answer *answers);
/* "POST /path BODY
 * " of all requests since then. */
const char *cli_server_asked(void);
void cli_server_stop(void);

#endif
