/* SPDX-License-Identifier: Apache-2.0 */
/* `server` of the file: the client's side. */
#ifndef SL_GATE_SERVER_CONF_H
#define SL_GATE_SERVER_CONF_H

#include "base/opt.h"

/* They fill a struct sl_server_settings (server_settings.h). */
extern const struct sl_opt sl_server_rows[];

#endif
