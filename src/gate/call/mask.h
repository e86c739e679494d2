/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream's error may quote the credential that it was sent. Whatever is told of an error goes through here: its
 * body, its event in a stream, its headers, and texts that were read from them. What an upstream answers with success
 * is its own and is left alone. */
#ifndef SL_GATE_MASK_H
#define SL_GATE_MASK_H

#include "base/arena.h"
#include "base/str.h"

struct sl_headers;

#define SL_SECRETS_MAX 16

/* Where a request carries its credential. Lists end with a p of NULL, NULL is an empty one. */
struct sl_secrets {
    const struct sl_str *names; /* of headers */
    const struct sl_headers *headers;
    const struct sl_str *parameters; /* of the query */
    struct sl_str target;
    const struct sl_str *own_names; /* of headers that the route adds */
    /* the credentials themselves: sl_secrets_find */
    struct sl_str words[SL_SECRETS_MAX];
    uint32_t n_words;
};

/* Looks the credentials up, once a request: what is told of its reply is held against them. More than SL_SECRETS_MAX
 * are not known. They are slices of the request. */
void sl_secrets_find(struct sl_secrets *secrets);

/* Every occurrence in `bytes` of a credential of the request becomes '*', also one whose letters are escaped as JSON
 * does it (\u0073, \/). A short credential counts only where it stands alone, for it may be a word. True: there was
 * one. */
bool sl_mask_bytes(const struct sl_secrets *secrets, char *bytes, size_t n);
/* The same for a text that may not be changed: itself, or a copy on the arena. p == NULL: no memory. */
struct sl_str sl_mask_text(const struct sl_secrets *secrets, struct sl_str text, struct sl_arena *arena);

#endif
