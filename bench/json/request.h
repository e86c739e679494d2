/* SPDX-License-Identifier: Apache-2.0 */
/* The text that both readers read, and the functions of simdjson. */
#ifndef SL_BENCH_JSON_REQUEST_H
#define SL_BENCH_JSON_REQUEST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A chat request of about 3 KB as clients send them: a system prompt, a conversation with line breaks, quotes and text
 * in several scripts, a tool, sampling members. The buffer has `cap` bytes; returns the length, 0 when it does not fit.
 */
size_t bench_json_request(char *out, size_t cap);

/* simdjson's DOM parser, used again for every parse. The text needs `bench_simd_padding` readable bytes after its
 * end. */
struct bench_simd;
struct bench_simd *bench_simd_new(void);
void bench_simd_free(struct bench_simd *simd);
size_t bench_simd_padding(void);
/* Parses `n` times; false: not valid. */
int bench_simd_parse(struct bench_simd *simd, const char *text, size_t len, unsigned n);
const char *bench_simd_name(void);

#ifdef __cplusplus
}
#endif

#endif
