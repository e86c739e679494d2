/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway of prepared answers for commands, on a socket file: what was asked is kept, what was not prepared is 404.
 */
#ifndef SLUICE_CLI_SERVER_H
#define SLUICE_CLI_SERVER_H

struct cli_answer {
    const char *ask;  /* "GET /path", or "GET /pa*" for all that begin so; NULL ends a list */
    const char *head; /* status and headers behind "HTTP/1.1 ", lines ended with "\r\n"; NULL: 200 and JSON */
    const char *body;
};

/* Starts it once; SLUICE_SERVER names it from then on. The working directory is a new one. */
void cli_server_start(void);
/* From now on these are its answers, and nothing was asked yet. */
void cli_server_prepare(const struct cli_answer *answers);
/* "POST /path BODY\n" of all that was asked since. */
const char *cli_server_asked(void);
void cli_server_stop(void);

#endif
