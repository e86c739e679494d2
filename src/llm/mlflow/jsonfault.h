/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_MLFLOW_JSONFAULT_H
#define SL_LLM_MLFLOW_JSONFAULT_H

#include "base/arena.h"

/* Larger texts may only have JSON's numbers, because otherwise they would have to be copied. */
#define SL_MF_CONSTANTS_MAX 1048576
/* What Python's decoder says of a text that is not JSON, and at which character. NULL: nothing, because it takes NaN
 * and Infinity as numbers. */
const char *sl_mf_json_fault(struct sl_str text, size_t *ret_char);

#endif
