/* SPDX-License-Identifier: Apache-2.0 */
/* Writes sluice(1) from the tables when the tree is built. */
#include <string.h>

#include "cli.h"

/* Text for roff: hyphens that can be copied, and no line that begins with a control character. */
static void roff_put(const char *text)
{
    if (*text == '.' || *text == '\'') {
        fputs("\\&", stdout);
    }
    for (; *text; text++) {
        if (strncmp(text, "\xe2\x80\xa6", 3) == 0) {
            fputs("...", stdout); /* for the ellipsis of the tables, because roff reads bytes */
            text += 2;
        } else if (*text == '-' || *text == '\\') {
            printf("\\%c", *text == '-' ? '-' : 'e');
        } else {
            putchar(*text);
        }
    }
}

static void opts_put(const struct cli_opt *opts)
{
    for (const struct cli_opt *o = opts; o && o->name; o++) {
        fputs(".TP\n.B ", stdout);
        if (o->letter) {
            printf("\\-%c, ", o->letter);
        }
        fputs("\\-\\-", stdout);
        roff_put(o->name);
        if (o->value) {
            fputs(" \\fI", stdout);
            roff_put(o->value);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        roff_put(o->help);
        putchar('\n');
    }
}

static void also_put(const struct cli_command *c)
{
    for (const char *p = c->also; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        printf(p == c->also ? "Also \\fBsluice %.*s\\fR" : ", \\fBsluice %.*s\\fR", (int)strcspn(p, "|"), p);
    }
    fputs(c->also ? ".\n" : "", stdout);
}

int cli_man(const struct cli_args *args)
{
    (void)args;
    printf(".\\\" Written from src/cli/commands.c.\n.TH SLUICE 1 \"\" \"Sluice %s\" \"User Commands\"\n",
           sluice_version());
    puts(".SH NAME\nsluice \\- AI gateway, and commands for a running one\n.SH SYNOPSIS\n.nf");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf("\\fBsluice %s\\fR \\fI", c->name);
        roff_put(c->words);
        puts(c->opts || !c->is_local ? "\\fR [\\fIOPTION\\fR...]" : "\\fR");
    }
    puts(".fi\n.SH DESCRIPTION\n.B sluice serve\nruns the gateway; check, mlflow and db work on its files. "
         "Every command that is not theirs asks a running gateway, over the network, through\n.BR libsluice (3).\n"
         ".SH COMMANDS");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf(".SS sluice %s ", c->name);
        roff_put(c->words);
        putchar('\n');
        roff_put(c->summary);
        puts(".");
        also_put(c);
        opts_put(c->opts);
        fputs(".PP\nExample:\n.B ", stdout);
        roff_put(c->example);
        putchar('\n');
    }
    puts(".SH OPTIONS OF EVERY COMMAND FOR A RUNNING GATEWAY\nThey may stand before the command, too.");
    opts_put(cli_common);
    puts(".SH OUTPUT\nData goes to standard output, everything else to standard error. A list is a table on a terminal "
         "and "
         "tab\\-separated lines without one; with\n.B \\-\\-json\nit is the server's own JSON.\n"
         ".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\na local fault: a file, a validation\n.TP\n.B 2\na wrong command "
         "line\n"
         ".TP\n.B 3\nthe server refused or failed\n.TP\n.B 4\nnot authenticated or not permitted\n.TP\n.B 5\nnot "
         "found\n.TP\n"
         ".B 6\nrate limited\n.TP\n.B 7\nthe server cannot be reached\n.TP\n.B 8\na stream broke after output "
         "began\n.TP\n"
         ".B 130\ninterrupted\n.SH ENVIRONMENT\n.TP\n.B SLUICE_SERVER\\fR, else \\fBMLFLOW_GATEWAY_URI\n"
         "the gateway; else http://127.0.0.1:5000\n.TP\n.B SLUICE_KEY\nthe API key\n.TP\n.B SLUICE_CA\n"
         "trusted certificates, as \\-\\-ca\n.TP\n.B SLUICE_CONFIG\\fR, else "
         "\\fBMLFLOW_GATEWAY_CONFIG\nthe file of serve and check\n.TP\n.B SLUICE_DATA\nthe data directory\n.TP\n.B "
         "NO_COLOR\nno colour\n"
         ".SH SEE ALSO\n.BR sluice.yaml (5),\n.BR libsluice (3)");
    return CLI_DONE;
}
