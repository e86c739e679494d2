/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/http: upstream connections and their pool. A connection is leased (a call owns it) or idle (the pool
 * owns it), never both. */
#ifndef SL_HTTP_UPCONN_H
#define SL_HTTP_UPCONN_H

#include "base/buf.h"
#include "http/client.h"
#include "http/msg.h"
#include "net/stream.h"

SL_LIST_HEAD(sl_idle_list);

struct sl_uporigin {
    struct sl_str key;  /* kind, port and host: see sl_uporigin_get */
    struct sl_str host; /* the host to dial or to CONNECT to */
    uint16_t port;
    bool is_https;
    struct sl_way *way;       /* a reference is held; NULL: the client's */
    struct sl_idle_list idle; /* the last used is at the end */
    uint32_t refs;            /* connections and calls that point here */
};

enum sl_upconn_state { SL_UC_DIAL, SL_UC_PROXY, SL_UC_LEASED, SL_UC_IDLE, SL_UC_CLOSED };

struct sl_upconn {
    struct sl_stream stream;
    struct sl_hclient *client;
    struct sl_link link;      /* client->conns */
    struct sl_link idle_link; /* origin->idle */
    struct sl_uporigin *origin;
    struct sl_hcall *call; /* when leased */
    struct sl_dial *dial;
    struct sl_timer timer; /* idle time */
    enum sl_upconn_state state;
    struct sl_msg msg;
    struct sl_buf in; /* an incomplete head */
    bool is_proxied;  /* it is connected to the proxy */
    bool has_served;
    bool is_head_done;
};

SL_LIST_FUNCTIONS(sl_upconn_list, struct sl_upconn, link);
SL_LIST_FUNCTIONS(sl_idle_list, struct sl_upconn, idle_link);

/* The record of an origin, made if needed; takes a reference. Connections that were dialled under a guard are never
 * shared with others, nor are connections of different ways. NULL: no memory. */
struct sl_uporigin *sl_uporigin_get(struct sl_hclient *client, const struct sl_uri *base, bool is_guarded,
                                    struct sl_way *way);
void sl_uporigin_unref(struct sl_hclient *client, struct sl_uporigin *origin);

/* An idle connection, which is now leased, or NULL. */
struct sl_upconn *sl_upconn_take(struct sl_hclient *client, struct sl_uporigin *origin);
/* A new connection that dials. sl_hcall_on_connected or sl_hcall_on_connect_failed of its call follows, from the loop.
 * NULL: no memory. */
struct sl_upconn *sl_upconn_dial(struct sl_hclient *client, struct sl_uporigin *origin, struct sl_hcall *call,
                                 uint64_t deadline_usec);
/* Takes the connection on every path: parks it, or closes it. */
void sl_upconn_put(struct sl_upconn *conn);
void sl_upconn_close(struct sl_upconn *conn);
/* The same for a call that is given up: bytes of its request that the kernel still holds are not sent any more. */
void sl_upconn_abort(struct sl_upconn *conn);

/* client.c implements these, pool.c calls them. */
void sl_hcall_on_connected(struct sl_hcall *call);
void sl_hcall_on_secure(struct sl_hcall *call);
void sl_hcall_on_connect_failed(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text);
void sl_hcall_on_read(struct sl_hcall *call, struct sl_str bytes);
void sl_hcall_on_eof(struct sl_hcall *call, bool is_truncated);
void sl_hcall_on_broken(struct sl_hcall *call, const char *text);
void sl_hcall_on_drain(struct sl_hcall *call);

#endif
