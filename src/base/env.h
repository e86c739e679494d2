/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in environment variables. The first read moves the value into memory that is neither swapped nor dumped, and
 * wipes its old place, so that /proc/PID/environ does not show it. Later reads (a reload, a retry) get that copy. */
#ifndef SL_BASE_ENV_H
#define SL_BASE_ENV_H

/* The value, or NULL if the variable is not set. It lives until sl_env_secrets_done. Any thread. */
const char *sl_env_secret(const char *name);
/* Call this before threads start: from here on variables are wiped, but stay in the list, because other threads may
 * read the list. */
void sl_env_secrets_freeze(void);
/* Wipes the copies. Call this when the process ends and no other thread runs. */
void sl_env_secrets_done(void);

#endif
