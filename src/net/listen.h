/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: every worker has its own on the same address (SO_REUSEPORT). */
#ifndef SL_NET_LISTEN_H
#define SL_NET_LISTEN_H

#include "base/str.h"
#include "net/stream.h"

struct sl_listener {
    uv_poll_t poll;
    struct sl_loop *loop;
    int fd;
    bool is_unix;
    bool is_inherited; /* the owner sets this: others may listen on the same socket, now or later */
    bool is_paused, is_closing;
    uint64_t told_usec; /* when it was last logged that nothing can be accepted; 0: never */
    struct sl_timer retry;
    /* A connection waits. The owner returns a stream for it, or NULL (over the limit): then the listener drops it,
     * after `on_refuse` had the chance to write a few bytes to the raw descriptor. */
    struct sl_stream *(*on_connection)(struct sl_listener *listener); /* an initialised stream, or NULL: refuse */
    void (*on_accepted)(struct sl_listener *listener, struct sl_stream *stream,
                        int r); /* r < 0: the stream did not open; free it */
    void (*on_refuse)(struct sl_listener *listener, int fd);
    void (*on_closed)(struct sl_listener *listener);
};

/* Takes `fd`. The owner sets the callbacks before. At EMFILE, ENFILE, ENOMEM, ENOBUFS accepting pauses (100 ms, or
 * until sl_listener_kick), while running exchanges go on. At most 64 connections are accepted in a turn. */
SL_MUST int sl_listener_start(struct sl_listener *listener, struct sl_loop *loop, int fd, bool is_unix);
/* A descriptor became free: a paused listener tries again. */
void sl_listener_kick(struct sl_listener *listener);
/* First accepts what waits in the queue (closing would reset those clients), then closes. Handshakes that have begun
 * get 50 ms to reach the queue. New ones are not answered: their clients ask again and are refused. */
void sl_listener_close(struct sl_listener *listener);

/* Raises RLIMIT_NOFILE to its hard limit; returns the limit in force. */
uint64_t sl_raise_nofile(void);

#endif
