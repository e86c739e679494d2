/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, by the tables. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* --- suggestions --- */

#define WORD_MAX 64
#define NEAR     3

/* Levenshtein's distance; long words are far from everything. */
static int distance_of(const char *a, const char *b)
{
    int row[WORD_MAX + 1];
    int n = (int)strlen(b);
    if (n > WORD_MAX || strlen(a) > WORD_MAX) {
        return WORD_MAX;
    }
    for (int j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[n];
}

void cli_nearest(const char *word, const char *candidate, const char **nearest, int *distance)
{
    int d = distance_of(word, candidate);
    if (d <= NEAR && d < (int)strlen(candidate) && (*distance < 0 || d < *distance)) {
        *nearest = candidate;
        *distance = d;
    }
}

/* --- help --- */

static void opts_print(const struct cli_opt *opts)
{
    for (const struct cli_opt *o = opts; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "  ", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-30s %s\n", left, o->help);
    }
}

int cli_help(const char *name)
{
    int n = 0;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        size_t len = name ? strlen(name) : 0;
        if (name && (strncmp(c->name, name, len) != 0 || (c->name[len] && c->name[len] != ' '))) {
            continue;
        }
        n++;
        if (!name || c->name[len]) {
            printf("  sluice %s %-*s %s\n", c->name, 28 - (int)strlen(c->name), c->words, c->summary);
            continue;
        }
        printf("usage: sluice %s %s%s[OPTION…]\n\n%s\n\n", c->name, c->words, *c->words ? " " : "", c->summary);
        opts_print(c->opts);
        opts_print(cli_common);
        printf("\nexample: %s\n", c->example);
        return CLI_DONE;
    }
    return n ? CLI_DONE : cli_usage(NULL, "there is no help about '%s'", name ? name : "");
}

/* --- options --- */

static const struct cli_opt *opt_in(const struct cli_opt *table, const char *name, size_t len)
{
    for (const struct cli_opt *o = table; o && o->name; o++) {
        bool is_letter = len == 1 && o->letter == name[0];
        if (is_letter || (strlen(o->name) == len && memcmp(o->name, name, len) == 0)) {
            return o;
        }
    }
    return NULL;
}

static int opt_unknown(const struct cli_command *command, const char *arg)
{
    const char *nearest = NULL;
    int distance = -1;
    const struct cli_opt *const tables[] = { command->opts, cli_common };
    for (int i = 0; i < 2; i++) {
        for (const struct cli_opt *o = tables[i]; o && o->name; o++) {
            cli_nearest(arg + strspn(arg, "-"), o->name, &nearest, &distance);
        }
    }
    return nearest ? cli_usage(command->name, "there is no option '%s'; did you mean '--%s'?", arg, nearest)
                   : cli_usage(command->name, "there is no option '%s'", arg);
}

static bool time_parse(const char *text, int64_t *ret_msec)
{
    static const struct {
        const char *unit;
        int64_t msec;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    char *end;
    long long n = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (end != text && strcmp(end, units[i].unit) == 0 && n > 0 && n <= 86400000 / units[i].msec) {
            *ret_msec = n * units[i].msec;
            return true;
        }
    }
    return false;
}

static bool choice_has(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        if (len && strncmp(p, value, len) == 0 && (p[len] == '|' || p[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static int opt_set(const struct cli_command *command, const struct cli_opt *o, const char *value, struct cli_args *args)
{
    char *at = (char *)args + o->offset;
    switch (o->type) {
    case CLI_SWITCH:
        *(bool *)(void *)at = true;
        return 0;
    case CLI_TEXT:
        *(const char **)(void *)at = value;
        return 0;
    case CLI_TIME:
        return time_parse(value, (int64_t *)(void *)at)
                   ? 0
                   : cli_usage(command->name, "--%s must be a time up to a day, such as 500ms, 30s or 5m, not '%s'",
                               o->name, value);
    case CLI_CHOICE:
        *(const char **)(void *)at = value;
        return choice_has(o->value, value)
                   ? 0
                   : cli_usage(command->name, "--%s must be one of %s, not '%s'", o->name, o->value, value);
    }
    return 0;
}

/* One option at argv[*i] and its value. */
static int opt_parse(const struct cli_command *command, int argc, char **argv, int *i, struct cli_args *args)
{
    const char *arg = argv[*i];
    const char *name = arg + (arg[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const struct cli_opt *o = arg[1] == '-' && len == 1 ? NULL : opt_in(command->opts, name, len);
    o = o || (arg[1] == '-' && len == 1) ? o : opt_in(cli_common, name, len);
    if (!o || (arg[1] != '-' && len != 1)) {
        return opt_unknown(command, arg);
    }
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (o->type == CLI_SWITCH && value) {
        return cli_usage(command->name, "--%s takes no value", o->name);
    }
    if (o->type != CLI_SWITCH && !value) {
        if (++*i >= argc) {
            return cli_usage(command->name, "--%s needs a value: %s", o->name, o->value);
        }
        value = argv[*i];
    }
    return opt_set(command, o, value, args);
}

static int args_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
            int r = opt_parse(command, argc, argv, &i, args);
            if (r) {
                return r;
            }
        } else if (args->n_words == command->max_words) {
            return cli_usage(command->name, "'%s' is one word too many", argv[i]);
        } else {
            args->words[args->n_words++] = argv[i];
        }
    }
    return args->n_words < command->min_words ? cli_usage(command->name, "it needs %s", command->words) : 0;
}

/* --- commands --- */

/* Words of argv that the command's name takes, or 0. */
static int name_fits(const char *name, int argc, char **argv)
{
    int n = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (n >= argc || strlen(argv[n]) != len || memcmp(argv[n], name, len) != 0) {
            return 0;
        }
        n++;
        name += len + (name[len] == ' ');
    }
    return n;
}

/* The daemon's own, for suggestions. */
static const char *const others[] = { "serve", "check", "mlflow", "db check", "db backup", "version", "help" };

static int command_unknown(int argc, char **argv)
{
    const char *nearest = NULL;
    int distance = -1;
    char typed[2 * WORD_MAX];
    snprintf(typed, sizeof(typed), "%s%s%s", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        cli_nearest(strchr(c->name, ' ') ? typed : argv[0], c->name, &nearest, &distance);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cli_nearest(strchr(others[i], ' ') ? typed : argv[0], others[i], &nearest, &distance);
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        size_t len = strcspn(c->name, " ");
        if (!nearest && c->name[len] && strlen(argv[0]) == len && memcmp(c->name, argv[0], len) == 0) {
            fprintf(stderr, "sluice: %s must be followed by one of its commands:\n", argv[0]);
            fflush(stderr);
            for (const struct cli_command *g = cli_commands; g->name; g++) {
                if (strncmp(g->name, c->name, len + 1) == 0) {
                    fprintf(stderr, "  sluice %s %s\n", g->name, g->words);
                }
            }
            return CLI_USAGE;
        }
    }
    return nearest ? cli_usage(NULL, "'%s' is not a command; did you mean '%s'?", typed, nearest)
                   : cli_usage(NULL, "'%s' is not a command", argv[0]);
}

int cli_dispatch(int argc, char **argv)
{
    if (argc < 1) {
        cli_help(NULL);
        return CLI_USAGE;
    }
    if (strcmp(argv[0], "man-page") == 0) {
        return cli_flush(cli_man());
    }
    if (strcmp(argv[0], "help") == 0) {
        char topic[2 * WORD_MAX] = "";
        for (int i = 1; i < argc && i < 3; i++) {
            strncat(topic, i > 1 ? " " : "", sizeof(topic) - strlen(topic) - 1);
            strncat(topic, argv[i], sizeof(topic) - strlen(topic) - 1);
        }
        return cli_flush(cli_help(*topic ? topic : NULL));
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        int n = name_fits(c->name, argc, argv);
        if (n == 0) {
            continue;
        }
        for (int i = n; i < argc && strcmp(argv[i], "--") != 0; i++) {
            if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
                return cli_flush(cli_help(c->name));
            }
        }
        struct cli_args args = { 0 };
        int r = args_parse(c, argc - n, argv + n, &args);
        return cli_flush(r ? r : c->run(&args));
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return cli_flush(cli_help(argv[0]));
    }
    return command_unknown(argc, argv);
}

int main(int argc, char **argv)
{
    return cli_dispatch(argc - 1, argv + 1);
}
