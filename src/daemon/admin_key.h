/* SPDX-License-Identifier: Apache-2.0 */
/* The first admin key: the file's, else SLUICE_ADMIN_KEY, else one that is made at the first start. */
#ifndef SL_DAEMON_ADMIN_KEY_H
#define SL_DAEMON_ADMIN_KEY_H

#include "gate/config/key.h"
#include "gate/config/settings.h"

/* For a file with `auth` and without an admin key: the key of the environment, else <data>/admin.key, which is made
 * (0600) if it does not exist; the log has only its path. `data` NULL: no data directory. *ret is NULL when no key is
 * needed; the caller owns it. SL_E_INVAL with a text when nobody could ever get in. */
SL_MUST int sl_admin_key_open(const struct sl_settings *settings, const char *data, struct sl_key **ret,
                              struct sl_err *err);

#endif
