/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as in RFC 4648 section 4, with padding. sl_buf_add_base64 writes it. */
#ifndef SL_BASE_BASE64_H
#define SL_BASE_BASE64_H

#include "base/str.h"

struct sl_arena;

/* True: the text is valid base64. */
bool sl_base64_is_sound(struct sl_str s);
/* Decodes valid base64, on the arena; p == NULL: no memory. */
struct sl_str sl_base64_decode(struct sl_str s, struct sl_arena *arena);

/* The length of n bytes in base64url without padding (RFC 4648 section 5). */
#define SL_BASE64URL_LEN(n) (((n)*4 + 2) / 3)
/* Writes them so, and a NUL behind. */
void sl_base64url_format(const unsigned char *bytes, size_t n, char *out);

#endif
