/* SPDX-License-Identifier: Apache-2.0 */
/* --set KEY=VALUE: a provider's configuration from the command line. */
#ifndef SLUICE_CLI_CONFIG_SET_H
#define SLUICE_CLI_CONFIG_SET_H

#include "cli.h"

/* Writes ,"config":{…} from --set; nothing if there is none. In `--dry-run` a secret is written as ***. 0, or an exit
 * code after a message. */
int config_set_put(const struct cli_args *args, FILE *out);
/* True: some of it is a secret. */
bool config_set_has_secret(const struct cli_args *args);
/* True: by its name the member may be a secret. */
bool config_set_is_secret_name(const char *member);

#endif
