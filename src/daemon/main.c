/* SPDX-License-Identifier: Apache-2.0 */
/* The command `sluice`: it runs the daemon's commands itself. For the others it executes the client program, so that
 * the daemon never maps libcurl. */
#include "cli/command.h"
#include "daemon/commands.h"

int main(int argc, char **argv)
{
    static struct cli_meaning meaning;
    cli_parse(argc, argv, &meaning);
    if (!meaning.command) {
        return cli_flush(meaning.exit_code);
    }
    return meaning.command->run ? cli_flush(meaning.command->run(&meaning.args)) : sl_client_exec(argv);
}
