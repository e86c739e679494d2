/* SPDX-License-Identifier: Apache-2.0 */
/* Times on the command line that are sent to the gateway. */
#ifndef SLUICE_CLI_SINCE_H
#define SLUICE_CLI_SINCE_H

/* Longer ones are never meant. */
#define SINCE_MAX 64

/* "7d" is that long ago; everything else is a time that the gateway reads. `text` NULL: `out` stays. 0, or an exit code
 * after a message, which names the command and its option. */
int since_read(const char *command, const char *option, const char *text, char out[SINCE_MAX]);

#endif
