/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the command line by the tables. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define TYPED_MAX 128

/* --- values --- */

bool cli_time_parse(const char *text, int64_t *ret_msec)
{
    static const struct {
        const char *unit;
        int64_t msec;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9) {
        return false;
    }
    long long n = strtoll(text, NULL, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].unit) == 0 && n > 0 && n <= 86400000 / units[i].msec) {
            *ret_msec = n * units[i].msec;
            return true;
        }
    }
    return false;
}

bool cli_is_number(const char *p)
{
    p += *p == '-';
    size_t n = strspn(p, "0123456789");
    if (n == 0 || (n > 1 && *p == '0')) {
        return false;
    }
    p += n;
    if (*p == '.') {
        n = strspn(++p, "0123456789");
        p += n;
        if (n == 0) {
            return false;
        }
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '+' || p[1] == '-');
        n = strspn(p, "0123456789");
        p += n;
        return n > 0 && !*p;
    }
    return !*p;
}

bool cli_choice_has(const char *choices, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        if (len && strncmp(p, word, len) == 0 && (p[len] == '|' || p[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* --- options --- */

static const struct cli_opt *opt_in(const struct cli_opt *table, const char *name, size_t len, bool is_letter)
{
    for (const struct cli_opt *o = table; o && o->name; o++) {
        if (is_letter ? o->letter == name[0] : strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
            return o;
        }
    }
    return NULL;
}

/* The option that `arg` ("--name", "--name=value", "-n") names, among the command's own and the common ones. `command`
 * NULL: only the common ones. */
static const struct cli_opt *opt_find(const struct cli_command *command, const char *arg)
{
    bool is_letter = arg[1] != '-';
    const char *name = arg + (is_letter ? 1 : 2);
    size_t len = strcspn(name, "=");
    if (is_letter && len != 1) {
        return NULL;
    }
    const struct cli_opt *own = command ? opt_in(command->opts, name, len, is_letter) : NULL;
    return own || (command && command->is_local) ? own : opt_in(cli_common, name, len, is_letter);
}

static int opt_unknown(const struct cli_command *command, const char *arg)
{
    char name[TYPED_MAX];
    const char *nearest = NULL, *typed = arg + strspn(arg, "-");
    int distance = -1;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(typed, "="), typed);
    const char *instead = cli_instead(command->name, name);
    if (instead) {
        return cli_usage(command->name, "there is no option '%s'; here it is %s", arg, instead);
    }
    for (int i = 0; i < (command->is_local ? 1 : 2); i++) {
        for (const struct cli_opt *o = i ? cli_common : command->opts; o && o->name; o++) {
            cli_nearest(name, o->name, &nearest, &distance);
        }
    }
    return nearest ? cli_usage(command->name, "there is no option '%s'; did you mean '--%s'?", arg, nearest)
                   : cli_usage(command->name, "there is no option '%s'", arg);
}

static int count_set(const struct cli_command *command, const struct cli_opt *o, const char *value, int64_t *at)
{
    size_t digits = strspn(value, "0123456789");
    long long n = digits && !value[digits] && digits < 18 ? strtoll(value, NULL, 10) : -1;
    if (n < 0 || n > o->max) {
        return cli_usage(command->name, "--%s must be a whole number from 0 to %lld, not '%s'", o->name,
                         (long long)o->max, value);
    }
    *at = n + 1;
    return 0;
}

static int opt_set(const struct cli_command *command, const struct cli_opt *o, const char *value, struct cli_args *args)
{
    void *at = (char *)args + o->offset;
    switch (o->type) {
    case CLI_SWITCH:
        *(bool *)at = true;
        return 0;
    case CLI_TEXT:
        *(const char **)at = value;
        return 0;
    case CLI_TIME:
        return cli_time_parse(value, at)
                   ? 0
                   : cli_usage(command->name, "--%s must be a time up to a day, such as 500ms, 30s or 5m, not '%s'",
                               o->name, value);
    case CLI_CHOICE:
        *(const char **)at = value;
        return cli_choice_has(o->value, value)
                   ? 0
                   : cli_usage(command->name, "--%s must be one of %s, not '%s'", o->name, o->value, value);
    case CLI_COUNT:
        return count_set(command, o, value, at);
    case CLI_DECIMAL:
        *(const char **)at = value;
        return cli_is_number(value)
                   ? 0
                   : cli_usage(command->name, "--%s must be a number such as 0.7, not '%s'", o->name, value);
    case CLI_LIST: {
        struct cli_list *list = at;
        if (list->n == CLI_LIST_MAX) {
            return cli_usage(command->name, "--%s may stand %d times at most", o->name, CLI_LIST_MAX);
        }
        list->v[list->n++] = value;
        return 0;
    }
    }
    return 0;
}

/* Parses one option at argv[*i] and its value. */
static int opt_parse(const struct cli_command *command, int argc, char **argv, int *i, struct cli_args *args)
{
    const char *arg = argv[*i], *equals = strchr(arg, '=');
    const struct cli_opt *o = opt_find(command, arg);
    if (!o) {
        return opt_unknown(command, arg);
    }
    if (o->type == CLI_SWITCH && equals) {
        return cli_usage(command->name, "--%s takes no value", o->name);
    }
    if (o->type == CLI_SWITCH || equals) {
        return opt_set(command, o, equals ? equals + 1 : NULL, args);
    }
    if (++*i >= argc) {
        return cli_usage(command->name, "--%s needs a value: %s", o->name, o->value);
    }
    return opt_set(command, o, argv[*i], args);
}

/* --- words --- */

static int word_too_many(const struct cli_command *command, const char *word)
{
    const struct cli_opt *o = opt_in(command->opts, "config", 6, false);
    if (o && command->max_words == 0) {
        return cli_usage(command->name, "'%s' is one word too many; did you mean 'sluice %s -c %s'?", word,
                         command->name, word);
    }
    o = opt_in(command->opts, "config-path", 11, false);
    if (o && command->max_words == 0) {
        return cli_usage(command->name, "'%s' is one word too many; did you mean 'sluice %s --config-path %s'?", word,
                         command->name, word);
    }
    bool is_prompt = strcmp(command->name, "query") == 0;
    return cli_usage(command->name, "'%s' is one word too many%s", word,
                     is_prompt ? "; a prompt of several words stands in quotes" : "");
}

static int args_parse(const struct cli_command *command, int argc, char **argv, bool *options_end,
                      struct cli_args *args)
{
    for (int i = 0; i < argc; i++) {
        if (!*options_end && strcmp(argv[i], "--") == 0) {
            *options_end = true;
        } else if (!*options_end && argv[i][0] == '-' && argv[i][1]) {
            int r = opt_parse(command, argc, argv, &i, args);
            if (r) {
                return r;
            }
        } else if (args->n_words == command->max_words) {
            return word_too_many(command, argv[i]);
        } else {
            args->words[args->n_words++] = argv[i];
        }
    }
    return 0;
}

/* --- commands --- */

/* How many words of argv the name takes, or 0. */
static int name_fits(const char *name, size_t name_len, int argc, char **argv)
{
    const char *end = name + name_len;
    int n = 0;
    while (name < end) {
        size_t len = strcspn(name, " |");
        if (n >= argc || strlen(argv[n]) != len || memcmp(argv[n], name, len) != 0) {
            return 0;
        }
        n++;
        name += len + (name[len] == ' ');
    }
    return n;
}

/* The command that argv begins with, by any of its names; *n: how many words that takes. The longer name counts: "usage
 * reprice" is not "usage". */
static const struct cli_command *command_find(int argc, char **argv, int *n)
{
    const struct cli_command *found = NULL;
    *n = 0;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        int fits = name_fits(c->name, strlen(c->name), argc, argv);
        found = fits > *n ? c : found;
        *n = fits > *n ? fits : *n;
    }
    if (found) {
        return found;
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        for (const char *p = c->also; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
            if ((*n = name_fits(p, strcspn(p, "|"), argc, argv))) {
                return c;
            }
        }
    }
    return NULL;
}

static const char *nearest_of(const char *first, const char *typed)
{
    const char *nearest = NULL;
    int distance = -1;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        cli_nearest(strchr(c->name, ' ') ? typed : first, c->name, &nearest, &distance);
    }
    return nearest;
}

static int command_unknown(int argc, char **argv)
{
    char typed[TYPED_MAX];
    bool has_second = argc > 1 && argv[1][0] != '-';
    snprintf(typed, sizeof(typed), "%s%s%s", argv[0], has_second ? " " : "", has_second ? argv[1] : "");
    const char *nearest = nearest_of(argv[0], typed);
    if (nearest) {
        return cli_usage(NULL, "'%s' is not a command; did you mean '%s'?", typed, nearest);
    }
    size_t len = strlen(argv[0]);
    bool is_group = false;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strncmp(c->name, argv[0], len) == 0 && c->name[len] == ' ') {
            if (!is_group) {
                cli_fail(CLI_USAGE, "%s must be followed by one of its commands:", argv[0]);
            }
            fprintf(stderr, "  sluice %s %s\n", c->name, c->words);
            is_group = true;
        }
    }
    return is_group ? CLI_USAGE : cli_usage(NULL, "'%s' is not a command", argv[0]);
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* "help limits set", "limits set --help": the command that help is wanted for. */
static int help_about(int argc, char **argv)
{
    char topic[TYPED_MAX] = "";
    size_t len = 0;
    for (int i = 0; i < argc && argv[i][0] != '-' && len < sizeof(topic); i++) {
        len += (size_t)snprintf(topic + len, sizeof(topic) - len, "%s%s", i ? " " : "", argv[i]);
    }
    return cli_help(*topic ? topic : NULL, stdout);
}

/* Options may stand before the command: returns how many words of argv they take. A command's own options are
 * recognised there too. */
static int leading_options(int argc, char **argv)
{
    int i = 0;
    while (i < argc && argv[i][0] == '-' && argv[i][1] && !is_help(argv[i])) {
        const struct cli_opt *o = opt_find(NULL, argv[i]);
        for (const struct cli_command *c = cli_commands; c->name && !o; c++) {
            o = opt_find(c, argv[i]);
        }
        i += o && o->type != CLI_SWITCH && !strchr(argv[i], '=') ? 2 : 1;
    }
    return i < argc ? i : argc;
}

static int parse(int argc, char **argv, struct cli_meaning *m)
{
    if (argc > 0 && (cli_choice_has("--version|-V", argv[0]) || (argc == 1 && strcmp(argv[0], "-v") == 0))) {
        static char version[] = "version";
        argv[0] = version;
    }
    int lead = leading_options(argc, argv), n = 0;
    if (lead == argc) {
        if (argc == 0) {
            cli_help(NULL, stderr);
            return CLI_USAGE;
        }
        const struct cli_opt *o = opt_find(NULL, argv[argc - 1]);
        return cli_usage(NULL, "%s '%s'", o ? "there must be a command behind" : "there is no command, and no option",
                         argv[argc - 1]);
    }
    if (is_help(argv[lead])) {
        return cli_help(NULL, stdout);
    }
    const struct cli_command *c = command_find(argc - lead, argv + lead, &n);
    if (c && strcmp(c->name, "help") == 0) {
        return help_about(argc - lead - n, argv + lead + n);
    }
    for (int i = lead + n; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            return c ? cli_help(c->name, stdout) : help_about(argc - lead, argv + lead);
        }
    }
    if (!c) {
        return command_unknown(argc - lead, argv + lead);
    }
    bool options_end = false;
    int r = args_parse(c, lead, argv, &options_end, &m->args);
    r = r ? r : args_parse(c, argc - lead - n, argv + lead + n, &options_end, &m->args);
    if (r == 0 && m->args.n_words < c->min_words) {
        r = cli_usage(c->name, "it needs %s", c->words);
    }
    m->command = r ? NULL : c;
    return r;
}

void cli_parse(int argc, char **argv, struct cli_meaning *m)
{
    memset(m, 0, sizeof(*m));
    m->args.argv = argv;
    m->exit_code = parse(argc > 0 ? argc - 1 : 0, argv + (argc > 0), m);
}
