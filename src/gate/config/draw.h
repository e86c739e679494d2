/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the picture of a file: picture.h. */
#ifndef SL_GATE_DRAW_H
#define SL_GATE_DRAW_H

#include "base/err.h"

struct sl_conf_files;
struct sl_config_overrides;
struct sl_picture;
struct sl_settings;
struct sl_val;

/* `root`: the file's tree. The result is the caller's. SL_E_NOMEM. */
SL_MUST int sl_picture_new(const struct sl_val *root, const struct sl_settings *settings,
                           const struct sl_config_overrides *over, const struct sl_conf_files *files,
                           struct sl_picture **ret);

#endif
