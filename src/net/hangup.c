/* SPDX-License-Identifier: Apache-2.0 */
#include "net/hangup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"

struct sl_hangup {
    uv_poll_t poll;
    int fd;
    void (*fn)(void *arg);
    void *arg;
};

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error is an end, too */
    (void)events;
    struct sl_hangup *hangup = SL_CONTAINER_OF(poll, struct sl_hangup, poll);
    uv_poll_stop(poll);
    hangup->fn(hangup->arg);
}

struct sl_hangup *sl_hangup_new(uv_loop_t *loop, int fd, void (*fn)(void *arg), void *arg)
{
    struct sl_hangup *hangup = malloc(sizeof(*hangup));
    if (!hangup) {
        return NULL;
    }
    *hangup = (struct sl_hangup){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .fn = fn, .arg = arg };
    if (hangup->fd < 0 || uv_poll_init(loop, &hangup->poll, hangup->fd) < 0) {
        if (hangup->fd >= 0) {
            close(hangup->fd);
        }
        free(hangup);
        return NULL;
    }
    SL_IGNORE(uv_poll_start(&hangup->poll, UV_DISCONNECT, on_uv_poll)); /* this cannot fail on an initialised handle */
    return hangup;
}

static void on_uv_closed(uv_handle_t *handle)
{
    free(SL_CONTAINER_OF((uv_poll_t *)handle, struct sl_hangup, poll));
}

void sl_hangup_free(struct sl_hangup *hangup)
{
    if (hangup) {
        uv_close((uv_handle_t *)&hangup->poll, on_uv_closed);
        close(hangup->fd); /* close it now, so that the peer sees an end when the stream's own descriptor is closed */
    }
}
