/* SPDX-License-Identifier: Apache-2.0 */
/* A credential in memory. It has a type of its own so that no formatter takes it for text, and freeing wipes it. */
#ifndef SL_BASE_SECRET_H
#define SL_BASE_SECRET_H

#include "base/err.h"
#include "base/str.h"

struct sl_secret {
    char *p; /* on the heap, with a NUL behind it; NULL: none */
    size_t n;
};

SL_MUST int sl_secret_set(struct sl_secret *secret, struct sl_str text); /* copies; replaces an earlier value */
void sl_secret_done(struct sl_secret *secret);
/* The bytes; write them only into a request. */
struct sl_str sl_secret_reveal(const struct sl_secret *secret);
bool sl_secret_is_set(const struct sl_secret *secret);
/* Takes constant time for equal lengths. */
bool sl_secret_eq(const struct sl_secret *secret, struct sl_str text);
void sl_wipe(void *p, size_t n);

#endif
