/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables as JSON Schema. What a table cannot say (which members go with which) no schema here says. */
#ifndef SL_GATE_OPT_SCHEMA_H
#define SL_GATE_OPT_SCHEMA_H

#include "base/opt.h"

struct sl_jw;

/* What a map that is bound by these rows looks like. */
void sl_opt_schema(struct sl_jw *w, const struct sl_opt *rows);
/* A model of a route: a provider with its configuration, under `config` or, as Databricks has it, "openai_config". */
void sl_model_schema(struct sl_jw *w, bool is_own_key);

#endif
