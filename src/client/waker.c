/* SPDX-License-Identifier: Apache-2.0 */
/* Wakes a client from another thread, or from a signal handler. */
#include "client/priv.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

void slc_waker_wake(struct slc_waker *waker)
{
    int saved = errno;
    uint64_t one = 1;
    SL_IGNORE(write(waker->fd, &one, sizeof(one)) < 0); /* full: it is awake already */
    errno = saved;
}

void slc_waker_unref(struct slc_waker *waker)
{
    if (waker && atomic_fetch_sub(&waker->refs, 1) == 1) {
        close(waker->fd);
        struct sl_alloc alloc = waker->alloc;
        sl_alloc_free(&alloc, waker);
    }
}

struct slc_waker *slc_waker_new(const struct sl_alloc *alloc)
{
    struct slc_waker *waker = slc_zalloc(alloc, sizeof(*waker));
    if (!waker) {
        return NULL;
    }
    waker->alloc = *alloc;
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waker->fd < 0) {
        sl_alloc_free(alloc, waker);
        return NULL;
    }
    atomic_init(&waker->refs, 1);
    return waker;
}

void slc_waker_drain(struct slc_waker *waker)
{
    uint64_t n;
    SL_IGNORE(read(waker->fd, &n, sizeof(n)) < 0); /* nothing to read: it was not woken */
}
