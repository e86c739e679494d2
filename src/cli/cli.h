/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands of `sluice`: a program of its own in libexec/sluice, which `sluice` executes, so that the daemon
 * never maps libcurl. It uses libsluice's public headers and the table of commands. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <sluice/client.h>

#include "command.h"

/* --- session.c: before a call --- */

/* A client as the options and the environment say. 0, or an exit code after a message. What failed on the way is sent
 * again by the library, at once; a wait that the server asks for is cli_perform's, which tells of it. */
int cli_open(const struct cli_args *args, sluice_client **client);
/* The same for many calls at once: those waits are the library's. */
int cli_open_waiting(const struct cli_args *args, sluice_client **client);
/* The gateway as the user named it. */
const char *cli_server(const struct cli_args *args);
/* Is what is sent to the server out of others' sight: TLS, this machine, a socket file? */
bool cli_is_private(const struct cli_args *args);
/* From now on Ctrl-C cancels what the client does, once; the next one ends the program. */
void cli_interruptible(sluice_client *client);
/* Was there a Ctrl-C since? */
bool cli_is_interrupted(void);
/* "yes" on a terminal, or --yes. 0, or an exit code. */
int cli_confirm(const struct cli_args *args, const char *fmt, ...) CLI_PRINTF(2, 3);
/* The text itself, or what stands in the file of "@FILE", or on standard input for "-" and "@-". The caller frees it.
 */
int cli_read(const char *arg, char **text);
/* The same of a file by its bare name. */
int cli_read_file(const char *path, char **text);

/* --- perform.c: calls --- */

/* A request made and done: takes it on every path (NULL: `err` says why it could not be made, and is taken too). Waits
 * and repeats at a limit or an overload, and says so. `route`: as for cli_report. `result` may be NULL. 0, or an exit
 * code after a message. */
int cli_perform(const struct cli_args *args, sluice_client *client, const char *route, sluice_request *request,
                sluice_error *err, sluice_result **result);
/* One call of the server's own, done and its error told. `json` may be NULL; so may `result` (free it, also after a
 * failure). 0, or an exit code. */
int cli_call(const struct cli_args *args, sluice_client *client, const char *method, const char *path, const char *json,
             sluice_result **result);
/* One route. */
int cli_route_get(const struct cli_args *args, sluice_client *client, const char *name, sluice_result **result);
/* All pages of routes. `fn` returns 0 to go on; anything else ends the walk. */
int cli_routes_each(const struct cli_args *args, sluice_client *client, int (*fn)(void *arg, const sluice_route *route),
                    void *arg);

/* --- fault.c: whose fault it was --- */

/* Tells the error (freed here) on standard error; returns the exit code. `route`: whose nearest name is suggested when
 * it was not found; may be NULL. */
int cli_report(const struct cli_args *args, sluice_client *client, const char *route, sluice_error *err);
/* The exit code of an error: its type (x-sluice-error-type, or ""), SLUICE_E… code and HTTP status. */
int cli_exit_code(const char *type, int code, int status);
/* Is that address, which could not be connected to (curl's words), a proxy's and not the server's? */
bool cli_is_proxys(const char *server, const char *why);
/* Whose limit or overload it is that makes us wait: "the gateway's limit is reached". NULL: waiting is
 * no help. */
const char *cli_wait_reason(const char *error_type, int status);
/* The message of an error's body for a person: FastAPI's list of what is wrong as sentences. The caller frees it; NULL:
 * there is none in it. */
char *cli_fault_text(const char *body);

/* --- out.c --- */

/* Rows of cells: aligned under a heading on a terminal, tab-separated without one. */
struct cli_table {
    const char *const *heading; /* n_columns */
    int n_columns, n_rows;
    char **cells;
    bool is_broken; /* out of memory */
};

void cli_table_add(struct cli_table *table, const char *cell); /* NULL: "-" on a terminal, empty without */
void cli_table_free(struct cli_table *table);
/* Prints and frees. 0, or an exit code. */
int cli_table_end(const struct cli_args *args, struct cli_table *table);
/* Columns that a text takes on a terminal. */
int cli_width(const char *text);
/* Server text on standard output; as it is when that is no terminal. */
void cli_put(const char *text, size_t len);
/* JSON and a line end; the same of a reply's body. */
void cli_put_json(const char *json, size_t len);
void cli_put_result(const sluice_result *result);
/* Text as a JSON string. */
void cli_json_string(FILE *out, const char *text);
void cli_json_bytes(FILE *out, const char *p, size_t n);
bool cli_has_color(const struct cli_args *args);

/* --- the commands --- */

int cli_query(const struct cli_args *args);
int cli_routes_list(const struct cli_args *args);
int cli_routes_get(const struct cli_args *args);
int cli_routes_create(const struct cli_args *args);
int cli_routes_delete(const struct cli_args *args);
int cli_routes_export(const struct cli_args *args);
int cli_routes_apply(const struct cli_args *args);
int cli_limits_get(const struct cli_args *args);
int cli_limits_set(const struct cli_args *args);
int cli_limits_clear(const struct cli_args *args);
int cli_keys_list(const struct cli_args *args);
int cli_keys_create(const struct cli_args *args);
int cli_keys_revoke(const struct cli_args *args);
int cli_targets_list(const struct cli_args *args);
int cli_targets_reset(const struct cli_args *args);
int cli_audit(const struct cli_args *args);
int cli_secret_rotate(const struct cli_args *args);
int cli_completion(const struct cli_args *args);
int cli_chat(const struct cli_args *args);
int cli_status(const struct cli_args *args);
int cli_man(const struct cli_args *args);

#endif
