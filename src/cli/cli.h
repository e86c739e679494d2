/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands of `sluice`: a program of its own in libexec/sluice, which `sluice` executes, so that the daemon
 * never maps libcurl. It uses libsluice's public headers and nothing else of this tree.
 *
 * One table of commands, each with a table of options, is all that the parser, --help and the completions know. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sluice/client.h>

enum {
    CLI_DONE = 0,
    CLI_LOCAL = 1,       /* a file, a validation */
    CLI_USAGE = 2,       /* the command line */
    CLI_FAILED = 3,      /* the server refused or failed */
    CLI_NOT_ALLOWED = 4, /* not authenticated or not permitted */
    CLI_NOT_FOUND = 5,
    CLI_LIMITED = 6,
    CLI_UNREACHABLE = 7,
    CLI_BROKEN = 8, /* a stream, after output began */
    CLI_INTERRUPTED = 130
};

#define CLI_WORDS_MAX         4
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What the command line said; text is argv's. */
struct cli_args {
    const char *words[CLI_WORDS_MAX]; /* what is no option, behind the command's name */
    int n_words;
    const char *server, *key_file, *color;
    bool is_json, is_quiet, is_verbose, is_yes, is_dry_run;
    int64_t timeout_msec; /* 0: not given */
    /* of single commands */
    const char *data;
    bool is_stream;
    const char *name, *type, *provider, *model;
    int64_t interval_msec;
    bool is_prune, is_all;
    const char *principal, *role, *routes, *expires_at;
};

enum cli_type { CLI_TEXT, CLI_SWITCH, CLI_TIME, CLI_CHOICE };

struct cli_opt {
    const char *name; /* without its "--"; NULL ends a table */
    char letter;      /* or 0 */
    enum cli_type type;
    size_t offset;     /* in struct cli_args */
    const char *value; /* what help calls it; for CLI_CHOICE the words, with '|' between */
    const char *help;
};

struct cli_command {
    const char *name; /* "routes list"; NULL ends the table */
    const char *words;
    int min_words, max_words;
    const char *summary;
    const char *example;
    const struct cli_opt *opts; /* beside the common ones; may be NULL */
    int (*run)(const struct cli_args *args);
};

extern const struct cli_command cli_commands[];
extern const struct cli_opt cli_common[];

/* --- args.c --- */

/* Runs the command that `argv` (behind the program's name) asks for. */
int cli_dispatch(int argc, char **argv);
/* One command's help on standard output, or the list of all when `name` is NULL. */
int cli_help(const char *name);
/* The candidate nearest to `word`, or NULL when none is near. Give them one by one, with *distance = -1 before. */
void cli_nearest(const char *word, const char *candidate, const char **nearest, int *distance);

/* --- session.c --- */

/* A client as the options and the environment say. 0, or an exit code after a message. */
int cli_open(const struct cli_args *args, sluice_client **client);
/* Is what is sent to the server out of others' sight: TLS, this machine, a socket file? */
bool cli_is_private(const struct cli_args *args);
/* From now on Ctrl-C cancels what the client does, once; the next one ends the program. */
void cli_interruptible(sluice_client *client);
/* Tells the error (freed here) on standard error; returns the exit code. `route`: whose nearest name is suggested when
 * it was not found; may be NULL. */
int cli_report(const struct cli_args *args, sluice_client *client, const char *route, sluice_error *err);
/* One call of the server's own, done and its error told. `json` may be NULL; so may `result` (free it, also after a
 * failure). 0, or an exit code. */
int cli_call(const struct cli_args *args, sluice_client *client, const char *method, const char *path, const char *json,
             sluice_result **result);
/* "sluice: …" on standard error; returns `code`. */
int cli_fail(int code, const char *fmt, ...) CLI_PRINTF(2, 3);
/* A usage error: CLI_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) CLI_PRINTF(2, 3);
/* "yes" on a terminal, or --yes. 0, or an exit code. */
int cli_confirm(const struct cli_args *args, const char *fmt, ...) CLI_PRINTF(2, 3);
/* The text itself, or what stands in the file of "@FILE", or on standard input for "-" and "@-". The caller frees it.
 */
int cli_read(const char *arg, char **text);

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
/* Server text, with control characters made harmless where a terminal would obey them. */
void cli_put(const char *text, size_t len);
/* The same for a message: a copy that lives until the fourth call after it, at most 4095 bytes. */
const char *cli_safe(const char *text);
/* JSON and a line end; the same of a reply's body. */
void cli_put_json(const char *json, size_t len);
void cli_put_result(const sluice_result *result);
/* Text as a JSON string. */
void cli_json_string(FILE *out, const char *text);
/* Ends the output: CLI_LOCAL when it could not be written. */
int cli_flush(int code);
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
int cli_audit(const struct cli_args *args);
int cli_secret_rotate(const struct cli_args *args);
int cli_completion(const struct cli_args *args);
int cli_chat(const struct cli_args *args);
int cli_status(const struct cli_args *args);
/* sluice(1), for the build. */
int cli_man(void);

#endif
