/* SPDX-License-Identifier: Apache-2.0 */
/* The bootstrap admin key: the file's, else SLUICE_ADMIN_KEY, else one made at the first start. */
#ifndef SL_DAEMON_ADMIN_KEY_H
#define SL_DAEMON_ADMIN_KEY_H

#include "gate/config/key.h"
#include "gate/config/settings.h"

/* With `auth` configured and no admin key in the file: the environment's, else <data>/admin.key, which is made (0600)
 * when it is not there; only its path is logged. `data` NULL: no data directory. *ret is NULL when none is needed; the
 * caller owns it. SL_E_INVAL with a text when nobody could ever get in. */
SL_MUST int sl_admin_key_open(const struct sl_settings *settings, const char *data, struct sl_key **ret,
                              struct sl_err *err);

#endif
