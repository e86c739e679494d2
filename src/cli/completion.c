/* SPDX-License-Identifier: Apache-2.0 */
/* sluice completion: scripts made from the tables. */
#include <ctype.h>
#include <string.h>

#include "cli.h"

/* The second words of a group, or the options of a command, as shell words. */
static void words_print(const char *group)
{
    size_t len = strlen(group);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strncmp(c->name, group, len) == 0 && c->name[len] == ' ') {
            printf(" %s", c->name + len + 1);
        }
    }
}

static bool is_first_of_group(const struct cli_command *c)
{
    size_t len = strcspn(c->name, " ");
    for (const struct cli_command *d = cli_commands; d != c; d++) {
        if (strncmp(d->name, c->name, len) == 0 && (d->name[len] == ' ' || !d->name[len])) {
            return false;
        }
    }
    return true;
}

static void first_words_print(void)
{
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (is_first_of_group(c)) {
            printf(" %.*s", (int)strcspn(c->name, " "), c->name);
        }
    }
}

static void opts_print(const struct cli_opt *opts)
{
    for (const struct cli_opt *o = opts; o && o->name; o++) {
        printf(" --%s", o->name);
    }
}

static void options_print(const struct cli_command *c)
{
    opts_print(c->opts);
    if (!c->is_local) {
        opts_print(cli_common);
    }
}

static void words_split(const char *choices)
{
    for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|') {
        printf(" %.*s", (int)strcspn(p, "|"), p);
    }
}

/* What may stand at the cursor, as text for bash and zsh: a case over the first two words that fills `list`. */
static void cases_print(const char *first, const char *second)
{
    printf("        case \"%s %s\" in\n", first, second);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf("        '%s'%s) list='", c->name, strchr(c->name, ' ') ? "" : "' '*");
        options_print(c);
        words_print(c->name); /* "usage" is a command, and so is "usage reprice" */
        if (strchr(c->words, '|') && islower((unsigned char)c->words[0])) {
            words_split(c->words); /* a choice: bash|zsh|fish */
        } else if (strcmp(c->name, "help") == 0) {
            first_words_print();
        }
        printf("'");
        if (strncmp(c->words, "ROUTE", 5) == 0) {
            printf("; [[ $cur != -* ]] && list=$(sluice routes list 2>/dev/null | cut -f1)");
        }
        puts(" ;;");
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strchr(c->name, ' ') && is_first_of_group(c)) {
            char group[64];
            snprintf(group, sizeof(group), "%.*s", (int)strcspn(c->name, " "), c->name);
            printf("        %s' '*) list='", group);
            words_print(group);
            puts("' ;;");
        }
    }
    puts("        esac\n"
         "    fi");
}

static void bash_print(void)
{
    puts("_sluice() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} list\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        list='", stdout);
    first_words_print();
    puts("'\n    else");
    cases_print("${COMP_WORDS[1]}", "${COMP_WORDS[2]}");
    puts("    COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
         "}\n"
         "complete -o default -F _sluice sluice");
}

/* A file _sluice in the function path, or sourced by hand. */
static void zsh_print(void)
{
    puts("#compdef sluice\n"
         "_sluice() {\n"
         "    local cur=$PREFIX list\n"
         "    if (( CURRENT == 2 )); then");
    fputs("        list='", stdout);
    first_words_print();
    puts("'\n    else");
    cases_print("${words[2]}", "${words[3]}");
    puts("    compadd -- ${=list} || _files\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _sluice ]; then _sluice \"$@\"; else compdef _sluice sluice; fi");
}

static void fish_print(void)
{
    fputs("complete -c sluice -f -n __fish_use_subcommand -a '", stdout);
    first_words_print();
    puts("'");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        char first[64];
        snprintf(first, sizeof(first), "%.*s", (int)strcspn(c->name, " "), c->name);
        if (strchr(c->name, ' ')) {
            printf("complete -c sluice -f -n '__fish_seen_subcommand_from %s' -a %s\n", first,
                   strchr(c->name, ' ') + 1);
        }
        for (const struct cli_opt *o = c->opts; o && o->name; o++) {
            printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -l %s%s\n", first, o->name,
                   o->type == CLI_SWITCH ? "" : " -r");
        }
    }
    for (const struct cli_opt *o = cli_common; o->name; o++) {
        printf("complete -c sluice -l %s%s\n", o->name, o->type == CLI_SWITCH ? "" : " -r");
    }
}

int cli_completion(const struct cli_args *args)
{
    const char *shell = args->words[0];
    if (strcmp(shell, "fish") == 0) {
        fish_print();
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_print();
    } else if (strcmp(shell, "bash") == 0) {
        bash_print();
    } else {
        return cli_usage("completion", "the shell must be bash, zsh or fish, not '%s'", shell);
    }
    return CLI_DONE;
}
