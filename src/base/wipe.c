/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own, because secret.c needs OpenSSL, while arenas wipe too and libsluice is linked without OpenSSL. */
#include "base/secret.h"

void sl_wipe(void *p, size_t n)
{
    if (p) {
        explicit_bzero(p, n);
    }
}
