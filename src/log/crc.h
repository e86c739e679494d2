/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), with the processor's own instruction where it has one. */
#ifndef SL_LOG_CRC_H
#define SL_LOG_CRC_H

#include <stddef.h>
#include <stdint.h>

/* `seed` is 0, or the result for the bytes before. */
uint32_t sl_crc32c(uint32_t seed, const void *p, size_t n);
/* The same without that instruction, for its test. */
uint32_t sl_crc32c_plain(uint32_t seed, const void *p, size_t n);

#endif
