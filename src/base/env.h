/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that come in environment variables. The first read moves the value into memory that is neither swapped nor
 * dumped and wipes it where it stood, so that /proc/PID/environ does not show it; later reads (a reload, a retry) get
 * the kept copy. */
#ifndef SL_BASE_ENV_H
#define SL_BASE_ENV_H

/* The value, or NULL where the variable is not set. Lives until sl_env_secrets_done. Any thread. */
const char *sl_env_secret(const char *name);
/* Threads start now: variables are wiped from here on, but no longer taken out of the list, which others may read. */
void sl_env_secrets_freeze(void);
/* Wipes the copies: the process ends, no other thread runs. */
void sl_env_secrets_done(void);

#endif
