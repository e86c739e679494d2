/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that the provider mock makes from a text: always the same for the same text. */
#ifndef SL_LLM_MOCK_EMBED_H
#define SL_LLM_MOCK_EMBED_H

#include "llm/mock/parts.h"

/* Not for secrets. */
uint64_t sl_mock_hash(struct sl_str s, uint64_t seed);
/* Writes JSON: an array of numbers in [-1, 1], or the base64 of the same number of little-endian floats, with its
 * quotes. */
void sl_mock_embedding(struct sl_buf *out, struct sl_str text, uint32_t dimensions, bool is_base64);

#endif
