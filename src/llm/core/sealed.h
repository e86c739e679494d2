/* SPDX-License-Identifier: Apache-2.0 */
/* Finds state that only its maker can read: signatures and encrypted thoughts, which a client gets and sends back. They
 * are found in the bytes of a body or a stream, in pieces of any size, by the names of their members in all languages.
 * Each is reported by its print, a hash that stays the same however a client writes the value again. */
#ifndef SL_LLM_SEALED_H
#define SL_LLM_SEALED_H

#include "base/str.h"

struct sl_json_scan_ends;

#define SL_SEALED_TAIL 40

struct sl_sealed {
    /* Called once for each, when its last byte was seen; never with 0. */
    void (*on_print)(void *arg, uint64_t print);
    void *arg;
    bool is_inside;  /* inside a value */
    bool has_closed; /* there is encrypted thinking of Anthropic's, so members `data` count too */
    uint8_t n_skip;  /* bytes left of an escape */
    uint8_t n_tail;  /* bytes of the piece before that may begin a name */
    uint32_t n;      /* length of the value so far */
    uint64_t print;  /* hash of the value so far */
    char tail[SL_SEALED_TAIL];
};

void sl_sealed_init(struct sl_sealed *sealed, void (*on_print)(void *arg, uint64_t print), void *arg);
void sl_sealed_push(struct sl_sealed *sealed, struct sl_str bytes);

/* For callers that scan the bytes anyway: if no name and no text in the bytes has these endings, nothing is sealed in
 * them. */
extern const struct sl_json_scan_ends sl_sealed_ends;
/* Call this instead of push for the first bytes, if nothing is sealed in them. */
void sl_sealed_pass(struct sl_sealed *sealed, struct sl_str bytes);

#endif
