/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_ECHO_H
#define SL_LLM_MLFLOW_ECHO_H

#include "base/buf.h"
#include "json/json.h"

struct sl_arena;

/* Appends a value as Python's json (without spaces, raw UTF-8) or its repr writes it. */
void sl_mf_echo(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena);
void sl_mf_repr(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena);

#endif
