/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands of `sluice`. */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* Executes the daemon's program, which is not on every machine that has the commands: where the package installs it,
 * and where the build and `meson install` leave it. */
static int daemon_exec(char **argv, const char *command)
{
    static const char *const places[] = { "../../sbin/sluice", "../../bin/sluice", "../daemon/sluice" };
    char path[PATH_MAX], self[PATH_MAX], other[PATH_MAX];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && cli_beside(places[i], path); i++) {
        /* bin/sluice may be a link to this program. */
        if (realpath(path, other) && realpath("/proc/self/exe", self) && strcmp(self, other) != 0) {
            execv(path, argv);
        }
    }
    return cli_fail(CLI_LOCAL, "'%s' needs the daemon, which is not installed on this machine (package sluice)",
                    command);
}

int main(int argc, char **argv)
{
    static struct cli_meaning meaning;
    /* Everything here is UTF-8, even if the environment does not say so. */
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
    cli_parse(argc, argv, &meaning);
    if (!meaning.command) {
        return cli_flush(meaning.exit_code);
    }
    return meaning.command->run ? cli_flush(meaning.command->run(&meaning.args))
                                : daemon_exec(argv, meaning.command->name);
}
