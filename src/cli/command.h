/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `sluice`: one table of commands, each with a table of options. The parser, help, suggestions,
 * sluice(1) and the completions use only these tables.
 *
 * Two programs are built from it. `sluice` has the functions of the daemon's rows (serve, check, …). A row without a
 * function is a client command: for it `sluice` executes `sluice-client`, which has the functions of the other rows.
 * This header and the functions that it declares need neither the daemon nor libsluice. */
#ifndef SLUICE_CLI_COMMAND_H
#define SLUICE_CLI_COMMAND_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CLI_DONE = 0,
    CLI_LOCAL = 1,       /* a file, a validation */
    CLI_USAGE = 2,       /* the command line */
    CLI_FAILED = 3,      /* the server refused or failed */
    CLI_NOT_ALLOWED = 4, /* not authenticated or not permitted */
    CLI_NOT_FOUND = 5,
    CLI_LIMITED = 6,
    CLI_UNREACHABLE = 7,
    CLI_BROKEN = 8, /* a stream broke after output began */
    CLI_INTERRUPTED = 130
};

#define CLI_WORDS_MAX         17 /* a route and its limits */
#define CLI_LIST_MAX          64
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* An option that may be given any number of times. */
struct cli_list {
    const char *v[CLI_LIST_MAX];
    int n;
};

/* The parsed command line; texts point into argv. */
struct cli_args {
    char **argv;                      /* all of it, with the program's name */
    const char *words[CLI_WORDS_MAX]; /* the words behind the command's name that are no options */
    int n_words;
    /* of all client commands */
    const char *server, *key_file, *color, *ca, *cert, *cert_key;
    bool is_json, is_quiet, is_verbose, is_yes, is_dry_run, is_insecure;
    int64_t timeout_msec; /* 0: not given */
    /* of the daemon */
    const char *config, *listen, *workers, *data_dir, *host, *port;
    bool is_strict, is_offline, has_env_routes, has_no_env_routes;
    const char *to, *from;     /* databases */
    struct cli_list providers; /* of init */
    bool is_overwrite, has_keys;
    /* of single client commands */
    const char *data, *system, *temperature;
    int64_t max_tokens, retries; /* retries is one more than was said; 0: not given */
    bool is_stream;
    struct cli_list files, set;
    const char *name, *type, *provider, *model, *key;
    int64_t interval_msec;
    const char *sort, *filter; /* of top */
    bool is_prune, is_all;
    const char *principal, *group, *role, *routes, *expires_at;
    const char *zone; /* of limits */
    const char *by;   /* of usage */
    bool is_csv;
    const char *since, *until;                                           /* of usage and logs */
    const char *route, *status, *target, *error_type, *min_ms, *session; /* what logs filters by */
    int64_t limit;                                                       /* one more than was said */
    bool is_follow;
};

/* CLI_COUNT stores the number plus one, so that 0 is "not given". */
enum cli_type { CLI_TEXT, CLI_SWITCH, CLI_TIME, CLI_CHOICE, CLI_COUNT, CLI_DECIMAL, CLI_LIST };

struct cli_opt {
    const char *name; /* without "--"; NULL ends a table */
    char letter;      /* or 0 */
    enum cli_type type;
    size_t offset;     /* offset in struct cli_args */
    const char *value; /* its name in help; for CLI_CHOICE the words, with '|' between them */
    const char *help;
    int64_t max; /* for CLI_COUNT */
};

struct cli_command {
    const char *name; /* "routes list"; NULL ends the table */
    const char *also; /* its other names, with '|' between them; may be NULL */
    const char *words;
    int min_words, max_words;
    const char *summary;
    const char *example;
    const struct cli_opt *opts; /* may be NULL */
    bool is_local;              /* it asks no gateway, so it does not have the common client options */
    int (*run)(const struct cli_args *args);
};

/* --- commands.c --- */

extern const struct cli_command cli_commands[];
extern const struct cli_opt cli_common[];

/* --- args.c --- */

/* The meaning of a whole command line. `argv` is main's, with the program's name. */
struct cli_meaning {
    const struct cli_command *command; /* the command to run with `args`; NULL: only return `exit_code` */
    struct cli_args args;
    int exit_code;
};

/* Prints messages and help itself. */
void cli_parse(int argc, char **argv, struct cli_meaning *meaning);
/* "250ms", "30s", "5m", "1h": more than 0 and at most a day. */
bool cli_time_parse(const char *text, int64_t *ret_msec);
/* True: it is a number as JSON writes it. */
bool cli_is_number(const char *text);
/* True: `word` is one of the words in `choices`, which have '|' between them. */
bool cli_choice_has(const char *choices, const char *word);

/* --- help.c --- */

/* Prints one command's help, or that of all commands whose name begins with it; NULL: the list of all. Returns an exit
 * code. */
int cli_help(const char *name, FILE *out);
/* The command `version`, of both programs. */
int cli_version(const struct cli_args *args);

/* --- beside.c --- */

/* Makes the path of a file beside this program, such as "../share/sluice/x"; false: it is not known. */
bool cli_beside(const char *name, char out[PATH_MAX]);

/* --- suggest.c --- */

/* Keeps the candidate that is nearest to `word`; NULL when none is near. Call it for each candidate, with *distance =
 * -1 before the first. Two swapped letters count as one slip; words of up to five letters may have one slip, longer
 * ones two, long ones three. */
void cli_nearest(const char *word, const char *candidate, const char **nearest, int *distance);
/* The name here for what people type in other programs; `typed` has no dashes. NULL: nothing is known. `command` may be
 * NULL. */
const char *cli_instead(const char *command, const char *typed);

/* --- show.c: everything that reaches a person's terminal --- */

enum cli_show {
    CLI_SHOW_TEXT, /* newlines and tabs stay */
    CLI_SHOW_LINE, /* they become spaces: one message, one cell */
    CLI_SHOW_JSON, /* the text is JSON: characters that would be masked are escaped, where JSON allows it */
    CLI_SHOW_DATA, /* JSON for a program: U+007F to U+009F are escaped, every other byte stays */
};

/* A character that is cut between two pieces of one text. All zero at first. */
struct cli_cut {
    unsigned char bytes[4];
    int n;
};

/* The only way for text of others to a terminal. It masks everything that a terminal would obey: control characters
 * (C0, DEL, C1), characters that change the writing direction, and bytes that are no UTF-8. `cut` may be NULL: then the
 * text is whole. */
void cli_show(FILE *out, enum cli_show how, const char *text, size_t len, struct cli_cut *cut);
/* printf of a line for a person: its arguments are shown as cli_show does with CLI_SHOW_LINE. Adds the newline. */
void cli_print(FILE *out, const char *fmt, ...) CLI_PRINTF(2, 3);
/* Prints "sluice: …" on standard error; returns `code`. */
int cli_fail(int code, const char *fmt, ...) CLI_PRINTF(2, 3);
/* A usage error: returns CLI_USAGE. `command` may be NULL. */
int cli_usage(const char *command, const char *fmt, ...) CLI_PRINTF(2, 3);
/* A time for people: "900 ms", "42 s", "5 min 3 s", "2 h 10 min", "3 d 4 h". Returns `out`. */
const char *cli_duration(int64_t msec, char out[32]);
/* Flushes the output: CLI_LOCAL when it could not be written, else `code`. */
int cli_flush(int code);

#endif
