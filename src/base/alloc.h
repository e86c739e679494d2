/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator, for code that must not choose one itself (libsluice). NULL in its place: the C library's. */
#ifndef SL_BASE_ALLOC_H
#define SL_BASE_ALLOC_H

#include <stdlib.h>

#include "base/attr.h"

struct sl_alloc {
    /* Like realloc; n == 0 frees and returns NULL. */
    void *(*fn)(void *arg, void *p, size_t n);
    void *arg;
};

SL_INLINE void *sl_alloc_resize(const struct sl_alloc *alloc, void *p, size_t n)
{
    return alloc && alloc->fn ? alloc->fn(alloc->arg, p, n) : realloc(p, n);
}

SL_INLINE void sl_alloc_free(const struct sl_alloc *alloc, void *p)
{
    if (!alloc || !alloc->fn) {
        free(p);
    } else if (p) {
        alloc->fn(alloc->arg, p, 0);
    }
}

#endif
