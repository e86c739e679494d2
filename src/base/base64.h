/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 section 4, padded. Written by sl_buf_add_base64. */
#ifndef SL_BASE_BASE64_H
#define SL_BASE_BASE64_H

#include "base/str.h"

struct sl_arena;

/* Is it base64 of something? */
bool sl_base64_is_sound(struct sl_str s);
/* What a sound one holds, on the arena; p == NULL: no memory. */
struct sl_str sl_base64_decode(struct sl_str s, struct sl_arena *arena);

#endif
