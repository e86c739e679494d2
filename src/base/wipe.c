/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from secret.c, which needs OpenSSL: arenas wipe, too, and libsluice has no use for it. */
#include "base/secret.h"

void sl_wipe(void *p, size_t n)
{
    if (p) {
        explicit_bzero(p, n);
    }
}
