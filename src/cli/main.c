/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands of `sluice`. */
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "cli.h"

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
                                : cli_fail(CLI_USAGE, "'%s' is run by sluice itself", meaning.command->name);
}
