/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream's error may quote the credential that it was sent. Whatever is told of an error goes through here: its
 * body, its event in a stream, its headers, and texts that were read from them. What an upstream answers with success
 * is its own and is left alone. */
#ifndef SL_GATE_MASK_H
#define SL_GATE_MASK_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;

#define SL_SECRETS_MAX 16
#define SL_PAIRS_MAX   12

struct sl_secret_word {
    struct sl_str text;
    /* Of Basic's user:password, which is base64, the bytes of the password once decoded; n_password 0: none. */
    uint32_t password_at, n_password;
};

/* Where a request carries its credential. Lists end with a p of NULL, NULL is an empty one. */
struct sl_secrets {
    const struct sl_str *names; /* of headers */
    const struct sl_headers *headers;
    const struct sl_str *parameters; /* of the query */
    struct sl_str target;
    const struct sl_str *own_names; /* of headers that the route adds */
    /* the credentials themselves: sl_secrets_find */
    struct sl_secret_word words[SL_SECRETS_MAX];
    uint32_t n_words;
    size_t shortest;    /* of all their spellings, in bytes: what is shorter holds none */
    uint8_t starts[32]; /* a bit for each byte that one of their spellings begins with */
    /* The first two bytes of each, where they are not escaped; n_pairs > SL_PAIRS_MAX: not known. */
    char pairs[SL_PAIRS_MAX][2];
    uint32_t n_pairs;
};

/* Looks the credentials up, once a request: what is told of its reply is held against them. More than SL_SECRETS_MAX
 * are not known. They are slices of the request. */
void sl_secrets_find(struct sl_secrets *secrets);

/* One more, which its owner keeps meanwhile. */
void sl_secrets_add(struct sl_secrets *secrets, struct sl_str text);

/* False: no part of the text spells a credential. Much quicker than to look for one; true says nothing. */
bool sl_secrets_may_be_in(const struct sl_secrets *secrets, struct sl_str text);

/* Every occurrence in `bytes` of a credential of the request becomes '*', also one whose letters are escaped as JSON
 * (\u0073, \/) or a URL (%2F) does it, however often, one in base64 or inside something in base64, and the password
 * of Basic. A short credential counts only where it stands alone, for it may be a word. A text may have been cut: at
 * its end the first eight characters of a longer one are enough. True: there was one. */
bool sl_mask_bytes(const struct sl_secrets *secrets, char *bytes, size_t n);
/* The same for a text that may not be changed: itself, or a copy on the arena. p == NULL: no memory. */
struct sl_str sl_mask_text(const struct sl_secrets *secrets, struct sl_str text, struct sl_arena *arena);

#endif
