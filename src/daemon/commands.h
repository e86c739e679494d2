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
int sl_command_db_copy(const struct cli_args *args);
int sl_command_db_migrate(const struct cli_args *args);
int sl_command_doctor(const struct cli_args *args);
int sl_command_health(const struct cli_args *args);
int sl_command_init(const struct cli_args *args);
int sl_command_schema(const struct cli_args *args);
/* Works on the directory itself. When a daemon has the directory, the client's command asks that daemon. */
int sl_command_secret_rotate(const struct cli_args *args);

/* Executes the client program with the whole command line. Returns only when that program is missing. */
int sl_client_exec(char **argv);

#endif
