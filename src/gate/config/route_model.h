/* SPDX-License-Identifier: Apache-2.0 */
/* `model:` of a route or of one of its targets: provider, name and the provider's configuration. */
#ifndef SL_GATE_ROUTE_MODEL_H
#define SL_GATE_ROUTE_MODEL_H

#include "base/opt.h"
#include "llm/core/types.h"

struct sl_own_models;
struct sl_provider;
struct sl_target;

/* Binds a map; the result is on the bind's arena. *target must be zero. SL_E_INVAL after every problem was reported; if
 * target->provider is set then, call sl_route_model_done all the same. */
SL_MUST int sl_route_model_bind(struct sl_bind *bind, const struct sl_val *model, const struct sl_own_models *models,
                                struct sl_target *target);
/* Checks whether the provider and the route's type fit together. `pos`: the place for the warning about a retired
 * provider. */
SL_MUST int sl_route_model_fit(struct sl_bind *bind, struct sl_pos pos, const struct sl_val *model,
                               enum sl_llm_type type, const struct sl_target *target);
void sl_route_model_done(struct sl_target *target); /* wipes the secrets */

/* The provider's section of `model:`: `config`, or `{provider}_config` as Databricks spells it. NULL: none. */
const struct sl_val *sl_route_provider_config(const struct sl_val *model, const struct sl_provider *provider);

#endif
