/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all paths. */
#ifndef SL_GATE_TABLE_H
#define SL_GATE_TABLE_H

#include "gate/call/path.h"

extern const struct sl_path_table sl_api_paths;

#endif
