/* SPDX-License-Identifier: Apache-2.0 */
/* Masks credentials, because an upstream's error may quote the one that it was sent. Everything that is shown of an
 * error goes through here: its body, its event in a stream, its headers, and texts from them. A successful reply is not
 * changed. */
#ifndef SL_GATE_MASK_H
#define SL_GATE_MASK_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;

#define SL_SECRETS_MAX 16
#define SL_PAIRS_MAX   12

struct sl_secret_word {
    struct sl_str text;
    /* The bytes of the password in the decoded user:password of Basic; n_password 0: none. */
    uint32_t password_at, n_password;
};

/* Says where a request carries its credential. Lists end with a p of NULL, NULL is an empty list. */
struct sl_secrets {
    const struct sl_str *names; /* of headers */
    const struct sl_headers *headers;
    const struct sl_str *parameters; /* of the query */
    struct sl_str target;
    const struct sl_str *own_names; /* of headers that the route adds */
    /* The credentials, from sl_secrets_find. */
    struct sl_secret_word words[SL_SECRETS_MAX];
    uint32_t n_words;
    size_t shortest;    /* the length of the shortest form in bytes: a shorter text has none */
    uint8_t starts[32]; /* a bit for each byte with which a form begins */
    /* The first two bytes of each form, not escaped; n_pairs > SL_PAIRS_MAX: there are too many. */
    char pairs[SL_PAIRS_MAX][2];
    uint32_t n_pairs;
};

/* Finds the credentials, once for each request. They are slices of the request. When there are more than
 * SL_SECRETS_MAX, the rest is ignored. */
void sl_secrets_find(struct sl_secrets *secrets);

/* Adds one more; its owner must keep it. */
void sl_secrets_add(struct sl_secrets *secrets, struct sl_str text);

/* False: no part of the text is a credential. This is much quicker than a search; true says nothing. */
bool sl_secrets_may_be_in(const struct sl_secrets *secrets, struct sl_str text);

/* Replaces every occurrence of a credential in `bytes` by '*'. It also finds one whose characters are escaped as in
 * JSON (\u0073, \/) or URLs (%2F), even several times, one in base64 or inside a text in base64, and the password of
 * Basic. A short credential counts only when it stands alone, because it may be a word. The text may have been cut: at
 * its end, the first eight characters of a longer credential are enough. True: there was one. */
bool sl_mask_bytes(const struct sl_secrets *secrets, char *bytes, size_t n);
/* The same for a text that must not be changed: returns the text itself, or a copy on the arena. p == NULL: no
 * memory. */
struct sl_str sl_mask_text(const struct sl_secrets *secrets, struct sl_str text, struct sl_arena *arena);

#endif
