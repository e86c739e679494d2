/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's commands, for the table in cli/commands.c. Each returns an exit code. */
#ifndef SL_DAEMON_COMMANDS_H
#define SL_DAEMON_COMMANDS_H

struct cli_args;

int sl_command_serve(const struct cli_args *args);
int sl_command_check(const struct cli_args *args);
int sl_command_mlflow(const struct cli_args *args);
int sl_command_db_check(const struct cli_args *args);
int sl_command_db_backup(const struct cli_args *args);
int sl_command_version(const struct cli_args *args);
/* On the directory itself, or by the daemon that has it: then it is the client's command. */
int sl_command_secret_rotate(const struct cli_args *args);

/* Executes the client program with the whole command line. Returns only when that program is missing. */
int sl_client_exec(char **argv);

#endif
