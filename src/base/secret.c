/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>

int sl_secret_set(struct sl_secret *secret, struct sl_str text)
{
    char *p = malloc(text.n + 1);
    if (!p) {
        return SL_E_NOMEM;
    }
    if (text.n) {
        memcpy(p, text.p, text.n);
    }
    p[text.n] = '\0';
    sl_secret_done(secret);
    secret->p = p;
    secret->n = text.n;
    return 0;
}

void sl_secret_done(struct sl_secret *secret)
{
    if (secret) {
        sl_wipe(secret->p, secret->n);
        free(secret->p);
        *secret = (struct sl_secret){ 0 };
    }
}

struct sl_str sl_secret_reveal(const struct sl_secret *secret)
{
    return sl_str_make(secret->p ? secret->p : "", secret->n);
}

bool sl_secret_is_set(const struct sl_secret *secret)
{
    return secret->p != NULL;
}

bool sl_secret_eq(const struct sl_secret *secret, struct sl_str text)
{
    return secret->p && secret->n == text.n && CRYPTO_memcmp(secret->p, text.p, text.n) == 0;
}
