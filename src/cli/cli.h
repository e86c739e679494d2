/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands of `sluice`: a program of its own in libexec/sluice, which `sluice` executes, so that the daemon
 * never maps libcurl. It uses libsluice's public headers and the table of commands. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <sluice/client.h>

#include "command.h"

/* --- session.c: before a call --- */

/* Makes a client from the options and the environment. 0, or an exit code after a message. The library itself repeats
 * calls at once after connection failures; cli_perform does the waits that a server asks for, and reports them. */
int cli_open(const struct cli_args *args, sluice_client **client);
/* The same for many calls at once: here the library does those waits. */
int cli_open_waiting(const struct cli_args *args, sluice_client **client);
/* The gateway's address as the user gave it. */
const char *cli_server(const struct cli_args *args);
/* True: others cannot read what is sent to the server: TLS, this machine, a socket file. */
bool cli_is_private(const struct cli_args *args);
/* From now on the first Ctrl-C cancels what the client does; the next one ends the program. */
void cli_interruptible(sluice_client *client);
/* True: there was a Ctrl-C since then. */
bool cli_is_interrupted(void);
/* Asks for "yes" on a terminal, unless there is --yes. 0, or an exit code. */
int cli_confirm(const struct cli_args *args, const char *fmt, ...) CLI_PRINTF(2, 3);
/* The text itself, or the content of the file for "@FILE", or standard input for "-" and "@-". The caller frees it. */
int cli_read(const char *arg, char **text);
/* The same for a file by its plain name. */
int cli_read_file(const char *path, char **text);

/* --- perform.c: calls --- */

/* Performs a request and takes it on every path (NULL: `err` says why it could not be made, and is taken too). At a
 * limit or an overload it waits, repeats, and says so. `route`: as for cli_report. `result` may be NULL. 0, or an exit
 * code after a message. */
int cli_perform(const struct cli_args *args, sluice_client *client, const char *route, sluice_request *request,
                sluice_error *err, sluice_result **result);
/* Makes one of the server's own calls and reports its error. `json` may be NULL, and so may `result` (free it, also
 * after a failure). 0, or an exit code. */
int cli_call(const struct cli_args *args, sluice_client *client, const char *method, const char *path, const char *json,
             sluice_result **result);
/* Says that an answer without a fault is not a gateway's; returns CLI_FAILED. */
int cli_no_gateway(const struct cli_args *args);
/* True: the server's list has no end, because `page`, the n-th one, leads to itself as `before` did, or there are too
 * many. `before` may be NULL. */
bool cli_is_endless(const sluice_result *before, const sluice_result *page, unsigned n_pages);
/* Gets one route. */
int cli_route_get(const struct cli_args *args, sluice_client *client, const char *name, sluice_result **result);
/* All pages of routes. `fn` returns 0 to go on; anything else ends the walk. */
int cli_routes_each(const struct cli_args *args, sluice_client *client, int (*fn)(void *arg, const sluice_route *route),
                    void *arg);

/* --- fault.c: whose fault it was --- */

/* Reports the error (and frees it) on standard error; returns the exit code. `route`: when it was not found, the
 * nearest name is suggested; may be NULL. */
int cli_report(const struct cli_args *args, sluice_client *client, const char *route, sluice_error *err);
/* The exit code for an error: by its type (x-sluice-error-type, or ""), SLUICE_E… code and HTTP status. */
int cli_exit_code(const char *type, int code, int status);
/* True: the address that could not be reached (in curl's words) is a proxy's and not the server's. */
bool cli_is_proxys(const char *server, const char *why);
/* Whose limit or overload is the reason to wait: "the gateway's limit is reached". NULL: waiting does not help. */
const char *cli_wait_reason(const char *error_type, int status);
/* The message in an error's body, for people: FastAPI's list of faults as sentences. The caller frees it; NULL: it has
 * none. */
char *cli_fault_text(const char *body);

/* --- out.c --- */

/* Rows of cells: aligned under a heading on a terminal, tab-separated otherwise. */
struct cli_table {
    const char *const *heading; /* n_columns */
    int n_columns, n_rows;
    char **cells;
    bool is_broken; /* out of memory */
};

void cli_table_add(struct cli_table *table, const char *cell); /* NULL: "-" on a terminal, empty otherwise */
void cli_table_free(struct cli_table *table);
/* Prints and frees the table. 0, or an exit code. */
int cli_table_end(const struct cli_args *args, struct cli_table *table);
/* How many columns a text takes on a terminal. */
int cli_width(const char *text);
/* Writes server text to standard output; unchanged when that is no terminal. */
void cli_put(const char *text, size_t len);
/* Writes JSON and a newline; the second one does so for a reply's body. */
void cli_put_json(const char *json, size_t len);
void cli_put_result(const sluice_result *result);
/* Writes text as a JSON string. */
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
int cli_routes_diff(const struct cli_args *args);
int cli_limits_get(const struct cli_args *args);
int cli_limits_set(const struct cli_args *args);
int cli_limits_clear(const struct cli_args *args);
int cli_keys_list(const struct cli_args *args);
int cli_keys_create(const struct cli_args *args);
int cli_keys_move(const struct cli_args *args);
int cli_keys_limits(const struct cli_args *args);
int cli_keys_revoke(const struct cli_args *args);
int cli_groups_list(const struct cli_args *args);
int cli_groups_get(const struct cli_args *args);
int cli_groups_create(const struct cli_args *args);
int cli_groups_limits(const struct cli_args *args);
int cli_groups_delete(const struct cli_args *args);
int cli_targets_list(const struct cli_args *args);
int cli_targets_reset(const struct cli_args *args);
int cli_nodes(const struct cli_args *args);
int cli_audit(const struct cli_args *args);
int cli_usage_show(const struct cli_args *args);
int cli_usage_reprice(const struct cli_args *args);
int cli_logs(const struct cli_args *args);
int cli_explain(const struct cli_args *args);
int cli_secret_rotate(const struct cli_args *args);
int cli_completion(const struct cli_args *args);
int cli_chat(const struct cli_args *args);
int cli_top(const struct cli_args *args);
int cli_man(const struct cli_args *args);

#endif
