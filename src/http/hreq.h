/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client and how to reply to it: the part of the server (server.h) that a request's owner needs.
 *
 * A request must not be used after its reply is complete or cut, or its client is gone. Its memory is freed at the end
 * of the loop's turn, so that the callbacks on the stack can still return. */
#ifndef SL_HTTP_HREQ_H
#define SL_HTTP_HREQ_H

#include "http/coding.h"
#include "http/msg.h"

struct sl_hconn;
struct sl_hserver;

/* One request and its reply. It lives from its head's last byte until the reply's end; then everything on its arena is
 * freed. */
struct sl_hreq {
    struct sl_hconn *conn; /* NULL: it is a copy, and nobody waits for its reply */
    struct sl_hserver *server;
    struct sl_arena arena;
    struct sl_msg msg;   /* method, target, headers */
    struct sl_str body;  /* the whole body, may contain NULs; valid from on_body on */
    uint64_t start_usec; /* when the first byte of the head came */
    uint64_t head_usec;  /* when the head was complete */
    uint64_t body_usec;  /* when the body was complete; for a body in pieces its owner may set an earlier time */
    uint64_t bytes_in, bytes_out; /* on the wire, heads and framing included */
    bool is_head;                 /* HEAD: replies have no body */
    bool is_secret; /* the owner sets this before sl_hreq_read_body: the body may have credentials, so everything that
                       the request left in memory is wiped at its end */
    int status;     /* of the reply, set when its head was given */
    bool is_pieced; /* the body comes in pieces */
    void *user;     /* owned by the gate */
    /* private */
    struct sl_hreq *next_dead;
    struct sl_hreq *of; /* for a copy: the request whose memory it shares */
    bool is_shared;     /* a copy of it exists, so its memory stays after its end */
    bool is_over;       /* and it has ended */
    size_t max_body;
    struct sl_codings codings; /* of the body, decoded before on_body */
    char *body_mem;            /* the heap part of the body, or NULL */
    size_t body_cap;
    size_t body_len;
    bool wants_body, has_body;
    bool is_body_held;  /* for a body in pieces: the client is held back */
    bool must_close;    /* close after this reply */
    bool is_dry;        /* bytes that the client sends behind the request are dropped */
    uint64_t n_dropped; /* how many of those */
    bool is_chunked_out, is_replying, is_ended;
};

/* Reads the body, at most `max` bytes (beyond that: on_refused with 413), and decodes it, again to at most `max` bytes
 * (an unknown coding: 415; a damaged body: 400). Call it once, inside or after on_head. Sends 100 Continue where the
 * client expects it. */
void sl_hreq_read_body(struct sl_hreq *req, size_t max);

/* The same for a body in pieces: on_piece for each piece, on_body after the last (req->body stays empty). No piece is
 * kept here. A compressed body is refused with 415. A reply may begin before the body's end: then the rest of the body
 * still comes as long as that reply lasts, and the connection closes behind it. */
void sl_hreq_stream_body(struct sl_hreq *req, uint64_t max);
/* Holds the client back, and lets it go on. Bytes that were already read still come. server.timeouts.body_idle is
 * paused meanwhile; on_gone is still called. */
void sl_hreq_hold_body(struct sl_hreq *req);
void sl_hreq_resume_body(struct sl_hreq *req);

/* --- replying --- */

/* Gives the head. `headers` has no Content-Length, Transfer-Encoding, Connection or Date: these are added here.
 * `length` -1: not known (chunked, or until close for HTTP/1.0). Nothing is sent before the first data, a flush, or the
 * end. Headers may be freed after the call. */
SL_MUST int sl_hreq_reply(struct sl_hreq *req, int status, const struct sl_headers *headers, int64_t length);
/* Gives body bytes; they must live until the flush at the end of this turn (sl_hreq_flush, or the reply's end).
 * SL_E_IO: the client cannot take more. */
SL_MUST int sl_hreq_data(struct sl_hreq *req, struct sl_str bytes);
/* Sends the gathered bytes in one writev. */
void sl_hreq_flush(struct sl_hreq *req);
/* The reply is complete: sends the last bytes. After this, no bytes that were given are needed any more. */
void sl_hreq_complete(struct sl_hreq *req);
/* As sl_hreq_complete, if that was not called yet; then the request must not be used any more. The next one may begin
 * inside this call. */
void sl_hreq_end(struct sl_hreq *req);
/* Ends the connection without the last chunk or the missing bytes, so that nobody takes the reply for complete. The
 * request must not be used any more. */
void sl_hreq_cut(struct sl_hreq *req);
/* Bytes that wait for a slow client: hold the source back when there are more than SL_STREAM_HIGH. */
size_t sl_hreq_queued(const struct sl_hreq *req);

/* --- without a client --- */

/* Copies a request, for another answer to it; its whole body must be there, and it must have no copy yet. Both share
 * head and body: the arena of `of` stays until both have ended, in any order. A copy is replied to like any request;
 * the reply's bytes are counted (bytes_out) and dropped, and no callback of the server is called for it. Its owner must
 * end it before the server stops. NULL: no memory. */
struct sl_hreq *sl_hreq_copy(struct sl_hreq *of);
/* How many bytes of the request's own memory are kept for it. */
size_t sl_hreq_shared(const struct sl_hreq *copy);

#endif
