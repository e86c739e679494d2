/* SPDX-License-Identifier: Apache-2.0 */
/* A client on a libuv loop, as inline functions (the program links libuv itself):
 *
 *   sluice_uv *uv = sluice_uv_attach(client, loop);      the client is driven by uv_run from now on
 *   sluice_start_stream(client, request, &callbacks, arg, &call, &err);
 *   …
 *   sluice_uv_detach(uv);                                before sluice_close; the loop frees uv
 *
 * The loop stays alive while the client is attached. The loop, the client and these calls belong to one thread. */
#ifndef SLUICE_UV_H
#define SLUICE_UV_H

#include <stdlib.h>
#include <uv.h>

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_uv_fd {
    uv_poll_t poll;
    struct sluice_uv *uv;
    struct sluice_uv_fd *next;
    int fd;
} sluice_uv_fd;

typedef struct sluice_uv {
    uv_timer_t timer;
    uv_prepare_t prepare; /* sets the timer before the loop sleeps */
    sluice_client *client;
    sluice_uv_fd *fds;
    int status; /* the first SLUICE_E… or UV_E… code of a callback, which can return none; the program may read it */
    int n_closing;
} sluice_uv;

static inline void sluice_uv_fd_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static inline void sluice_uv_on_poll(uv_poll_t *poll, int status, int events)
{
    sluice_uv_fd *entry = (sluice_uv_fd *)poll->data;
    sluice_uv *uv = entry->uv;
    int got = status < 0 ? SLUICE_FAULT
                         : (events & UV_READABLE ? SLUICE_READ : 0) | (events & UV_WRITABLE ? SLUICE_WRITE : 0);
    int r = sluice_drive(uv->client, entry->fd, got, NULL);
    if (r < 0 && uv->status == 0) {
        uv->status = r;
    }
}

static inline void sluice_uv_on_timer(uv_timer_t *timer)
{
    sluice_uv *uv = (sluice_uv *)timer->data;
    int r = sluice_drive(uv->client, -1, 0, NULL);
    if (r < 0 && uv->status == 0) {
        uv->status = r;
    }
}

static inline void sluice_uv_on_prepare(uv_prepare_t *prepare)
{
    sluice_uv *uv = (sluice_uv *)prepare->data;
    int64_t msec = sluice_timeout_msec(uv->client);
    if (msec < 0) {
        uv_timer_stop(&uv->timer);
    } else {
        uv_update_time(prepare->loop);
        uv_timer_start(&uv->timer, sluice_uv_on_timer, (uint64_t)msec, 0);
    }
}

static inline void sluice_uv_on_fd(void *arg, int fd, int events)
{
    sluice_uv *uv = (sluice_uv *)arg;
    sluice_uv_fd **at = &uv->fds;
    sluice_uv_fd *entry;
    int r;
    while (*at && (*at)->fd != fd) {
        at = &(*at)->next;
    }
    entry = *at;
    if (events == 0) {
        if (entry) {
            *at = entry->next;
            uv_poll_stop(&entry->poll);
            uv_close((uv_handle_t *)&entry->poll, sluice_uv_fd_closed);
        }
        return;
    }
    if (!entry) {
        entry = (sluice_uv_fd *)calloc(1, sizeof(*entry));
        r = entry ? uv_poll_init(uv->prepare.loop, &entry->poll, fd) : UV_ENOMEM;
        if (r < 0) {
            free(entry);
            uv->status = uv->status ? uv->status : r;
            return;
        }
        entry->poll.data = entry;
        entry->uv = uv;
        entry->fd = fd;
        *at = entry;
    }
    r = uv_poll_start(&entry->poll,
                      (events & SLUICE_READ ? UV_READABLE : 0) | (events & SLUICE_WRITE ? UV_WRITABLE : 0),
                      sluice_uv_on_poll);
    if (r < 0 && uv->status == 0) {
        uv->status = r;
    }
}

/* Puts the client on the loop: uv_run drives it from now on. NULL when out of memory. */
static inline sluice_uv *sluice_uv_attach(sluice_client *client, uv_loop_t *loop)
{
    sluice_uv *uv = (sluice_uv *)calloc(1, sizeof(*uv));
    if (uv) {
        uv->client = client;
        uv_timer_init(loop, &uv->timer);
        uv_prepare_init(loop, &uv->prepare);
        uv->timer.data = uv;
        uv->prepare.data = uv;
        uv_prepare_start(&uv->prepare, sluice_uv_on_prepare);
        sluice_watch(client, sluice_uv_on_fd, NULL, uv);
    }
    return uv;
}

static inline void sluice_uv_closed(uv_handle_t *handle)
{
    sluice_uv *uv = (sluice_uv *)handle->data;
    if (--uv->n_closing == 0) {
        free(uv);
    }
}

/* Takes the client off the loop: nobody drives it any more. `uv` may be NULL; it is freed in the loop's next turn. */
static inline void sluice_uv_detach(sluice_uv *uv)
{
    if (!uv) {
        return;
    }
    sluice_watch(uv->client, NULL, NULL, NULL);
    while (uv->fds) {
        sluice_uv_on_fd(uv, uv->fds->fd, 0);
    }
    uv->n_closing = 2;
    uv_close((uv_handle_t *)&uv->timer, sluice_uv_closed);
    uv_close((uv_handle_t *)&uv->prepare, sluice_uv_closed);
}

#ifdef __cplusplus
}
#endif

#endif
