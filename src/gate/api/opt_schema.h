/* SPDX-License-Identifier: Apache-2.0 */
/* Writes option tables as JSON Schema. No schema says which members go together, because the tables do not say it. */
#ifndef SL_GATE_OPT_SCHEMA_H
#define SL_GATE_OPT_SCHEMA_H

#include "base/opt.h"

struct sl_jw;

/* The pattern of a value that is a text with a form: a duration, a size, a share, a URL. */
const char *sl_opt_pattern(const struct sl_opt *row);

/* Writes what the value of a row may be, as members of its schema. */
typedef void sl_opt_value_fn(struct sl_jw *w, const struct sl_opt *row);
/* The schema of a map with these rows. */
void sl_opt_map_schema(struct sl_jw *w, const struct sl_opt *rows, sl_opt_value_fn *value);
/* Adds these rows to `properties`, which is open. */
void sl_opt_rows_schema(struct sl_jw *w, const struct sl_opt *rows, sl_opt_value_fn *value);
/* The schema of a map with these rows, as calls send it. */
void sl_opt_schema(struct sl_jw *w, const struct sl_opt *rows);
/* The schema of a route's model: a provider with its configuration, under `config` or, as in Databricks,
 * "openai_config". */
void sl_model_schema(struct sl_jw *w, bool is_own_key);

#endif
