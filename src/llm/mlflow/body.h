/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking a whole body. */
#ifndef SL_LLM_MLFLOW_BODY_H
#define SL_LLM_MLFLOW_BODY_H

#include "llm/mlflow/schema.h"

/* Reads and checks a body as MLflow's server would: content type, BOM, Python's JSON, then the schema. `io_body`
 * becomes the text that was parsed. `edits` (may be NULL) gets the changes for the upstream. SL_E_INVAL with *ret_error
 * filled, or SL_E_NOMEM. */
SL_MUST int sl_mf_read_body(const struct sl_mf_model *model, struct sl_str *io_body, struct sl_str content_type,
                            struct sl_json *doc, struct sl_arena *arena, struct sl_json_edits *edits,
                            struct sl_llm_error *ret_error);

/* What is wrong with a text that is no JSON: Python's message, and at which character. NULL: it is no UTF-8. */
struct sl_mf_no_json {
    const char *text;
    size_t at;
};
/* Parses the body as Python's json does, also with a byte order mark and NaN. SL_E_INVAL with *ret_fault filled, or
 * SL_E_NOMEM. */
SL_MUST int sl_mf_parse(struct sl_json *doc, struct sl_str *io_body, struct sl_arena *arena,
                        struct sl_mf_no_json *ret_fault);

struct sl_mf_faults {
    struct sl_str list; /* pydantic's list as JSON; on the arena */
    uint32_t n;
};
/* Checks the parsed body against a model. SL_E_INVAL with *ret_faults filled; 0: the coercions are in *edits (NULL: the
 * caller does not want them). */
SL_MUST int sl_mf_check_schema(const struct sl_mf_model *model, struct sl_json *doc, struct sl_arena *arena,
                               struct sl_json_edits *edits, struct sl_mf_faults *ret_faults);

#endif
