/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a Redis or Valkey server. Commands are sent without waiting for replies; those of one turn of the
 * loop leave in one write. Replies come in order, each to its command's function. Belongs to one loop.
 *
 * Who owns it decides when to connect again; no command is sent twice. */
#ifndef SL_REDIS_H
#define SL_REDIS_H

#include "base/err.h"
#include "base/str.h"
#include "wire/resp.h"

struct sl_loop;
struct sl_redis;
struct sl_redis_wire;
struct sl_tls_ctx;

/* The reply: a list before its items. NULL: the connection was lost, and nobody knows whether the server has run the
 * command; it may not send others then. The texts are valid during the call. */
typedef void sl_redis_fn(void *arg, const struct sl_resp *reply, size_t n);

struct sl_redis_cbs {
    void (*on_up)(struct sl_redis *redis); /* commands can be sent now */
    /* It could not be made, or is lost; each command that was sent has heard of it before. `text` may be shown to the
     * operator. */
    void (*on_down)(struct sl_redis *redis, const char *text);
};

struct sl_redis_at {
    struct sl_str host; /* borrowed until the connection is made */
    uint16_t port;
    struct sl_tls_ctx *tls; /* borrowed as long; NULL: none */
};

struct sl_redis_sent {
    sl_redis_fn *fn;
    void *arg;
};

struct sl_redis {
    struct sl_loop *loop;
    const struct sl_redis_cbs *cbs;
    struct sl_redis_wire *wire; /* NULL: there is no connection */
    /* Commands that wait for their replies: a ring. */
    struct sl_redis_sent *sent;
    size_t first, n_sent, cap_sent;
    struct sl_resp *items; /* of the reply that is being read */
};

void sl_redis_init(struct sl_redis *redis, struct sl_loop *loop, const struct sl_redis_cbs *cbs);
/* Closes it and frees everything, but calls nobody. Not from inside one of its callbacks. */
void sl_redis_done(struct sl_redis *redis);

/* Connects; there is no connection. on_up or on_down follows, from the loop. SL_E_NOMEM. */
SL_MUST int sl_redis_connect(struct sl_redis *redis, const struct sl_redis_at *at, uint64_t deadline_usec);
/* Closes the connection: each command that was sent hears that it is lost. on_down is not called. */
void sl_redis_close(struct sl_redis *redis);
/* Sends one whole command; `fn` is called exactly once, but not from here. SL_E_IO: there is no connection; SL_E_LIMIT:
 * too many replies are due; SL_E_NOMEM. On failure `fn` is not called. */
SL_MUST int sl_redis_send(struct sl_redis *redis, struct sl_str command, sl_redis_fn *fn, void *arg);
/* What was sent in this turn has a secret: writes it now, and wipes it. */
void sl_redis_wipe(struct sl_redis *redis);

#endif
