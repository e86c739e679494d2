/* SPDX-License-Identifier: Apache-2.0 */
/* Prints help from the tables. */
#include <string.h>

#include "command.h"

static void opts_print(FILE *out, const struct cli_opt *opts)
{
    for (const struct cli_opt *o = opts; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "  ", o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "  %-30s %s%s\n", left, o->help, o->type == CLI_LIST ? " (any number of times)" : "");
    }
}

static void others_print(FILE *out, const struct cli_command *c)
{
    for (const char *p = c->also; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        fprintf(out, "%s sluice %.*s", p == c->also ? "also:" : ",", (int)strcspn(p, "|"), p);
    }
    fputs(c->also ? "\n\n" : "", out);
}

static void one_print(FILE *out, const struct cli_command *c)
{
    fprintf(out, "usage: sluice %s %s%s%s\n\n%s\n\n", c->name, c->words, *c->words ? " " : "",
            c->opts || !c->is_local ? "[OPTION…]" : "", c->summary);
    others_print(out, c);
    opts_print(out, c->opts);
    if (!c->is_local) {
        opts_print(out, cli_common);
    }
    fprintf(out, "\nexample: %s\n", c->example);
}

static void all_print(FILE *out)
{
    fputs("usage: sluice [OPTION…] COMMAND [OPTION…]\n\n", out);
    for (int is_client = 0; is_client < 2; is_client++) {
        fputs(is_client ? "\ncommands for a running gateway:\n" : "the gateway itself:\n", out);
        for (const struct cli_command *c = cli_commands; c->name; c++) {
            if (c->is_local != is_client) {
                fprintf(out, "  sluice %s %-*s %.*s\n", c->name, 34 - (int)strlen(c->name), c->words,
                        (int)strcspn(c->summary, "\n"), c->summary);
            }
        }
    }
    fputs("\noptions of every command for a running gateway, before the command or behind it:\n", out);
    opts_print(out, cli_common);
    fputs("\nenvironment: SLUICE_CONFIG (else MLFLOW_GATEWAY_CONFIG) names the file, SLUICE_DATA the data directory;\n"
          "             SLUICE_SERVER (else MLFLOW_GATEWAY_URI) the gateway that is asked, SLUICE_KEY its key,\n"
          "             SLUICE_CA whom it is believed from\n",
          out);
    fputs("\n"
          "sluice help COMMAND says more and shows an example; man sluice has all of it\n",
          out);
}

int cli_help(const char *name, FILE *out)
{
    if (!name) {
        all_print(out);
        return CLI_DONE;
    }
    size_t len = strlen(name);
    int n = 0;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0 || (c->also && cli_choice_has(c->also, name))) {
            one_print(out, c);
            return CLI_DONE;
        }
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strncmp(c->name, name, len) == 0 && c->name[len] == ' ') {
            fprintf(out, "  sluice %s %-*s %.*s\n", c->name, 28 - (int)strlen(c->name), c->words,
                    (int)strcspn(c->summary, "\n"), c->summary);
            n++;
        }
    }
    return n ? CLI_DONE : cli_usage(NULL, "there is no help about '%s'", name);
}

int cli_version(const struct cli_args *args)
{
    if (args->is_json) {
        printf("{\"name\":\"sluice\",\"version\":\"%s\"}\n", SL_VERSION);
    } else {
        printf("sluice %s\n", SL_VERSION);
    }
    return CLI_DONE;
}
