/* SPDX-License-Identifier: Apache-2.0 */
/* The file's `models:` section: rows for models that the tables of data/models do not have, or have with other
 * values. */
#ifndef SL_GATE_MODELS_H
#define SL_GATE_MODELS_H

#include "base/opt.h"

/* The rows of one entry. */
extern const struct sl_opt sl_own_model_opts[];
/* The check of an option row whose field is a pointer to a struct sl_own_models. */
int sl_models_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);

#endif
