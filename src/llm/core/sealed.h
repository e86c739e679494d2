/* SPDX-License-Identifier: Apache-2.0 */
/* State that only who made it reads: signatures and encrypted thoughts, which a client is given and brings back. Found
 * in the bytes of a body or a stream, in whatever pieces they come, by the names that members of it have in all
 * languages. Each is told by its print, which is the same however a client writes it again. */
#ifndef SL_LLM_SEALED_H
#define SL_LLM_SEALED_H

#include "base/str.h"

#define SL_SEALED_TAIL 40

struct sl_sealed {
    /* Once for each, when its last byte was seen; never 0. */
    void (*on_print)(void *arg, uint64_t print);
    void *arg;
    bool is_inside;  /* of a value */
    bool has_closed; /* thoughts of Anthropic's that are closed: their `data` counts too */
    uint8_t n_skip;  /* bytes of an escape that are left */
    uint8_t n_tail;  /* bytes before that may be the beginning of a name */
    uint32_t n;      /* of the value so far */
    uint64_t print;  /* of them */
    char tail[SL_SEALED_TAIL];
};

void sl_sealed_init(struct sl_sealed *sealed, void (*on_print)(void *arg, uint64_t print), void *arg);
void sl_sealed_push(struct sl_sealed *sealed, struct sl_str bytes);

#endif
