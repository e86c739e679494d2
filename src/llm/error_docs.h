/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_ERROR_DOCS_H
#define SL_LLM_ERROR_DOCS_H

#include "base/buf.h"
#include "llm/core/error.h"

/* What to do about the error, in one sentence or two. NULL only for SL_ERR_NONE. */
const char *sl_error_advice(enum sl_error_type type);
/* Writes docs/errors.md. */
void sl_error_docs_write(struct sl_buf *out);

#endif
