/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client, and how it is replied to: what its owner needs of the server (server.h).
 *
 * A request whose reply is complete, cut or gone is not to be used any more; its memory goes at the end of the loop's
 * turn, so that the callbacks through which that happened can unwind. */
#ifndef SL_HTTP_HREQ_H
#define SL_HTTP_HREQ_H

#include "http/coding.h"
#include "http/msg.h"

struct sl_hconn;

/* One request and its reply. Lives from its head's last byte until the reply's end; everything on its arena goes then.
 */
struct sl_hreq {
    struct sl_hconn *conn;
    struct sl_arena arena;
    struct sl_msg msg;            /* method, target, headers */
    struct sl_str body;           /* whole, NUL-free or not; valid from on_body on */
    uint64_t start_usec;          /* first byte of the head */
    uint64_t head_usec;           /* head complete */
    uint64_t body_usec;           /* body complete; of one in pieces: or before that, as the owner sets it */
    uint64_t bytes_in, bytes_out; /* on the wire, heads and framing included */
    bool is_head;                 /* HEAD: replies carry no body */
    bool is_secret;               /* the owner's to set before sl_hreq_read_body: the body may hold credentials, and
                                   * everything that the request left in memory is wiped at its end */
    int status;                   /* of the reply, once its head was given */
    bool is_pieced;               /* the body came, or comes, in pieces */
    void *user;                   /* the gate's */
    /* private */
    struct sl_hreq *next_dead;
    size_t max_body;
    struct sl_codings codings; /* of the body, undone before on_body */
    char *body_mem;            /* heap part of the body, or NULL */
    size_t body_cap;
    size_t body_len;
    bool wants_body, has_body;
    bool is_body_held;  /* of one in pieces: the client is held back */
    bool must_close;    /* after this reply */
    bool is_dry;        /* what the client sends behind it is dropped */
    uint64_t n_dropped; /* of that */
    bool is_chunked_out, is_replying, is_ended;
};

/* Only inside or after on_head, once: read the body, at most `max` bytes (beyond: on_refused 413), and undo its
 * Content-Encoding, to `max` bytes again (one that is not understood: 415; a damaged body: 400). Sends 100 Continue
 * where expected. */
void sl_hreq_read_body(struct sl_hreq *req, size_t max);

/* The same, but the body comes in pieces: on_piece for each, on_body behind the last (req->body stays empty). Nothing
 * of it is kept here. A compressed one is refused with 415. A reply may begin before the body's end: what the client
 * still sends goes on coming as long as that reply lasts, and the connection closes behind it. */
void sl_hreq_stream_body(struct sl_hreq *req, uint64_t max);
/* Holds the client back / lets it go on. What one read brought still comes. server.timeouts.body_idle stands still
 * meanwhile; that the client goes away is told. */
void sl_hreq_hold_body(struct sl_hreq *req);
void sl_hreq_resume_body(struct sl_hreq *req);

/* --- replying --- */

/* The head. `headers` without Content-Length, Transfer-Encoding, Connection, Date: those are added here. `length` -1:
 * not known (chunked, or until close for HTTP/1.0). Nothing is sent before the first data, a flush, or the end. Headers
 * may be gone after the call. */
SL_MUST int sl_hreq_reply(struct sl_hreq *req, int status, const struct sl_headers *headers, int64_t length);
/* Body bytes; they must live until the flush at the end of this turn: sl_hreq_flush, or the reply's end. Returns
 * SL_E_IO when the client cannot take more. */
SL_MUST int sl_hreq_data(struct sl_hreq *req, struct sl_str bytes);
/* Sends what was gathered, in one writev. */
void sl_hreq_flush(struct sl_hreq *req);
/* Complete: the last bytes are sent, nothing that was given is needed any more. */
void sl_hreq_complete(struct sl_hreq *req);
/* The same where that was not called yet; then the request is gone: see above. The next one may begin inside this call.
 */
void sl_hreq_end(struct sl_hreq *req);
/* Broken: the connection ends without the last chunk or the missing bytes, so that nobody takes the reply for a whole
 * one. The request is gone. */
void sl_hreq_cut(struct sl_hreq *req);
/* Bytes that wait for a slow client: hold the source back above SL_STREAM_HIGH. */
size_t sl_hreq_queued(const struct sl_hreq *req);

#endif
