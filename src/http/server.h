/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 server side over streams: connections, requests, replies. One server object for each worker loop.
 *
 *   IDLE ─first byte─> HEAD ─on_head─> BODY ─on_body─> REPLY ─end─> IDLE             (keep-alive)
 *                        └───refused─────┴─────────────> REPLY ─end─> LINGER ─> CLOSED (what the client still sends is
 *                                                                                       read and dropped)
 *
 * The client side is read during the whole exchange. Bytes behind the request are kept for the next one, up to
 * limits.head. An end of file while a reply is due means that the client is gone: a client that only shuts down its
 * sending side cannot be told from one that closed, so clients must not do that before the reply's end. An end of file
 * inside a head or body is answered with 400. While a client takes no replies, its further requests are not read.
 *
 * A request must not be used after its reply is complete or cut, or its client is gone. Its memory is freed at the end
 * of the loop's turn, so that the callbacks on the stack can still return. */
#ifndef SL_HTTP_SERVER_H
#define SL_HTTP_SERVER_H

#include "base/list.h"
#include "http/hreq.h"
#include "net/stream.h"
#include "base/buf.h"

struct sl_hconn;
struct sl_hserver;

enum sl_hconn_state { SL_HC_IDLE, SL_HC_HEAD, SL_HC_BODY, SL_HC_REPLY, SL_HC_LINGER, SL_HC_CLOSED, SL_HC_COUNT };

struct sl_hserver_cbs {
    /* The head is complete and well-formed. Reply (a refusal), or call sl_hreq_read_body, or keep the request for later
     * (pause). */
    void (*on_head)(struct sl_hserver *server, struct sl_hreq *req);
    /* For a connection that is_over_limit. True: this request, which has no body, is answered all the same; the
     * connection closes after the reply. NULL: no request is. */
    bool (*may_exceed)(struct sl_hserver *server, struct sl_hreq *req);
    /* The whole body is there (also when it is empty): reply now or later. */
    void (*on_body)(struct sl_hserver *server, struct sl_hreq *req);
    /* Bytes of a body that comes in pieces; they live during the call. The callee may end the request. */
    void (*on_piece)(struct sl_hserver *server, struct sl_hreq *req, struct sl_str bytes);
    /* A request that cannot be served: malformed, too large, timed out. The callee replies, and the connection closes
     * after that. `req` has the parts that could be read. */
    void (*on_refused)(struct sl_hserver *server, struct sl_hreq *req, int status, const char *text);
    /* The client went away before the reply's end. The request must not be used after this returns. */
    void (*on_gone)(struct sl_hserver *server, struct sl_hreq *req);
    /* The bytes that wait to be sent fell to the low mark. */
    void (*on_drain)(struct sl_hserver *server, struct sl_hreq *req);
    /* The memory budget for bodies: takes `n` more bytes; false: refuse with 503. A negative n gives back (always
     * true). May be NULL. */
    bool (*on_memory)(struct sl_hserver *server, ptrdiff_t n);
    /* Replies that wait for slow clients, when there is more than SL_STREAM_HIGH for one: `n` more bytes, or fewer when
     * negative. These bytes exist already, so they are only counted. May be NULL. */
    void (*on_waiting)(struct sl_hserver *server, ptrdiff_t n);
};

struct sl_hserver_conf {
    size_t max_head;
    uint64_t head_usec, body_idle_usec, write_idle_usec, keep_alive_usec;
};

SL_LIST_HEAD(sl_hconn_list);

/* Reply heads and chunk framing of one turn are written here; it is flushed before another connection uses it. */
#define SL_HREPLY_SCRATCH 16384
#define SL_HREPLY_SLICES  64

struct sl_tls_ctx;

struct sl_hserver {
    struct sl_loop *loop;
    const struct sl_hserver_cbs *cbs;
    struct sl_hserver_conf conf; /* may change at any time: the next request uses it */
    struct sl_hconn_list conns;
    bool is_draining;                                  /* replies say close, idle connections end */
    void (*on_empty)(struct sl_hserver *server);       /* the last connection was closed while draining; may be NULL */
    void (*on_conn_closed)(struct sl_hserver *server); /* after each connection; may be NULL */
    void *user;
    /* private: finished requests, freed at the end of the turn; the gathered bytes of the connection that replies in
     * this turn */
    uv_prepare_t reaper;
    struct sl_hreq *dead;
    unsigned n_ahead; /* pipelined requests taken in this turn, not counting the first of each connection */
    struct sl_hconn *gather_owner;
    struct sl_str gather[SL_HREPLY_SLICES];
    size_t n_gather;
    char scratch[SL_HREPLY_SCRATCH];
    size_t scratch_len;
    char date[30];
    uint64_t date_sec;
    uint64_t rejected_usec; /* when a rejection was last logged */
};

struct sl_hconn {
    struct sl_stream stream;
    struct sl_hserver *server;
    struct sl_link link;
    struct sl_addr peer;
    struct sl_timer timer;
    enum sl_hconn_state state;
    struct sl_hreq *req; /* NULL when idle */
    struct sl_head_check check;
    struct sl_buf in;       /* an incomplete head, bytes behind the request, or a PROXY protocol header */
    struct sl_tls_ctx *tls; /* held; NULL: plain */
    uint64_t first_byte_usec;
    /* Bytes given to the stream; how many of them had been sent when the write-idle timer was set. */
    uint64_t n_written, sent_seen;
    size_t n_waiting;           /* the number last reported to on_waiting */
    uint64_t linger_until_usec; /* LINGER ends then, whatever comes */
    bool is_fresh;              /* no request yet */
    bool was_spared;            /* the state's time was over, but bytes waited to be read */
    bool is_processing;         /* inside conn_process: a reply's end must not recurse */
    bool is_eof;
    bool is_paused;     /* too much is pipelined: reading stopped */
    bool is_dry_due;    /* the timer is for sl_hconn_ahead_dry */
    bool is_held;       /* idle, but `in` has requests that wait until the client takes its replies */
    bool has_unread;    /* LINGER: the client may still be sending */
    bool is_over_limit; /* its first request is refused unless may_exceed allows it; set before sl_hserver_opened */
    bool is_proxied;    /* a PROXY protocol header comes first */
    bool is_tls_due;    /* the first byte will show whether the client speaks TLS */
    bool lacks_tls;     /* the client speaks plain HTTP on a port with TLS: its first request is refused */
};

SL_LIST_FUNCTIONS(sl_hconn_list, struct sl_hconn, link);

/* The text for a connection that is_over_limit. */
extern const char sl_hconn_over_limit_text[];

void sl_hserver_init(struct sl_hserver *server, struct sl_loop *loop, const struct sl_hserver_cbs *cbs,
                     const struct sl_hserver_conf *conf);
/* Call this when all connections are closed. Closes the server's handles on the loop; run the loop until that is done,
 * then call sl_hserver_done. */
void sl_hserver_stop(struct sl_hserver *server);
void sl_hserver_done(struct sl_hserver *server);
/* A new connection object whose stream can be given to a listener or to sl_stream_open_fd. Then call sl_hserver_opened,
 * or sl_hserver_drop when that failed. NULL: no memory. */
struct sl_hconn *sl_hserver_new_conn(struct sl_hserver *server);
/* The address of the peer of an opened stream; sl_hserver_opened sets it too. */
const struct sl_addr *sl_hconn_peer(struct sl_hconn *conn);

/* Starts reading. `tls` may be NULL. `has_proxy_protocol`: a PROXY protocol header comes first and has the client's
 * address; without one the connection is closed. The first request of a connection that `is_over_limit` gets 503. */
void sl_hserver_opened(struct sl_hconn *conn, struct sl_tls_ctx *tls, bool has_proxy_protocol);
/* Closes instead, and logs whom it rejected and why, at most once a minute. */
void sl_hserver_reject(struct sl_hconn *conn, const char *why);
void sl_hserver_drop(struct sl_hconn *conn);
/* Idle connections close, the others close after their reply. A connection that has not sent anything yet (it may come
 * straight from the accept queue) has two seconds to begin. */
void sl_hserver_drain(struct sl_hserver *server);
/* Closes every connection at once. */
void sl_hserver_abort(struct sl_hserver *server);

#endif
