/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of ids (a Bloom filter): ten bits a text and six looks, so that one text in a hundred is found that is not
 * there. */
#ifndef SL_LOG_FILTER_H
#define SL_LOG_FILTER_H

#include "base/str.h"

/* How many bytes the filter of n texts has. */
size_t sl_filter_bytes(uint32_t n);
/* `bytes` are zero at first. `salt` keeps callers from choosing ids that fill the filter. */
void sl_filter_add(char *bytes, size_t n_bytes, uint32_t salt, struct sl_str text);
bool sl_filter_has(struct sl_str bytes, uint32_t salt, struct sl_str text);

#endif
