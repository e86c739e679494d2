/* SPDX-License-Identifier: Apache-2.0 */
/* sluice completion: scripts written from the tables. */
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
    fputs("serve check mlflow db version help", stdout);
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

/* The daemon's own commands: their options are told in src/daemon/main.c. */
static const struct {
    const char *pattern, *words;
} daemons[] = {
    { "serve' '*", "--config --listen --workers --data" },
    { "check' '*", "--config --strict" },
    { "'mlflow start'", "--config-path --host --port --workers" },
    { "mlflow' '*", "start" },
    { "'db check'|'db backup'", "--data" },
    { "db' '*", "check backup" },
    { "version' '*", "--json" },
};

/* zsh runs it through bashcompinit. */
static void bash_print(void)
{
    puts("_sluice() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        words='", stdout);
    first_words_print();
    puts("'\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf("        '%s'%s) words='", c->name, strchr(c->name, ' ') ? "" : "' '*");
        opts_print(c->opts);
        opts_print(cli_common);
        if (strstr(c->words, "|")) {
            for (const char *p = c->words; strcmp(c->name, "completion") == 0 && *p;
                 p += strcspn(p, "|"), p += *p == '|') {
                printf(" %.*s", (int)strcspn(p, "|"), p);
            }
        }
        printf("'");
        if (strncmp(c->words, "ROUTE", 5) == 0) {
            printf("; [[ $cur != -* ]] && words=$(sluice routes list 2>/dev/null | cut -f1)");
        }
        puts(" ;;");
    }
    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        printf("        %s) words='%s' ;;\n", daemons[i].pattern, daemons[i].words);
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strchr(c->name, ' ') && is_first_of_group(c)) {
            char group[64];
            snprintf(group, sizeof(group), "%.*s", (int)strcspn(c->name, " "), c->name);
            printf("        %s' '*) words='", group);
            words_print(group);
            puts("' ;;");
        }
    }
    puts("        esac\n"
         "    fi\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -o default -F _sluice sluice");
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
        puts("autoload -U +X bashcompinit && bashcompinit");
        bash_print();
    } else if (strcmp(shell, "bash") == 0) {
        bash_print();
    } else {
        return cli_usage("completion", "the shell must be bash, zsh or fish, not '%s'", shell);
    }
    return CLI_DONE;
}
