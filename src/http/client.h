/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 client side. A *call* is one request to an origin and its reply; only this layer knows connections and their
 * pool. One client object for each worker loop.
 *
 *   call: CONNECT ─leased or dialled─> SEND ─request written─> HEAD ─status ≥ 200─> BODY ─> done (on_end)
 *            └────────────┴───────────────┴─────────────────────┴────> failed (on_error) or cancelled (no callback)
 *
 * A call that only connects is done (on_end) after CONNECT.
 *
 * A reused connection that dies within 1 s of the request's last byte, before any reply byte, is retried once on a
 * fresh one. */
#ifndef SL_HTTP_CLIENT_H
#define SL_HTTP_CLIENT_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "http/reply_coding.h"
#include "http/way.h"
#include "net/loop.h"
#include "wire/headers.h"

struct sl_hcall;
struct sl_hclient;
struct sl_msg;
struct sl_upconn;
struct sl_uporigin;

enum sl_hcall_fault {
    SL_HF_CONNECT, /* resolving, connecting, the proxy or TLS failed: nothing was sent */
    SL_HF_GUARDED, /* the guard refuses the address: nothing was sent; the text is for the operator only */
    SL_HF_TIMEOUT_CONNECT,
    SL_HF_TIMEOUT_FIRST_BYTE,
    SL_HF_TIMEOUT_IDLE,
    SL_HF_TIMEOUT_TOTAL,
    SL_HF_CLOSED,       /* closed or reset before a reply */
    SL_HF_BAD_RESPONSE, /* not HTTP, ambiguous length, head too large, undecodable */
    SL_HF_CODING,       /* a Content-Encoding that was not asked for: another try would get the same */
    SL_HF_BROKEN,       /* the reply's body ended before its end */
    SL_HF_MEMORY,       /* no memory or no descriptor is left in this process */
};

struct sl_hcall_cbs {
    /* Status and headers. content-encoding is removed, and content-length too when the body is decoded. `length` -1:
     * not known. */
    void (*on_head)(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length);
    /* Body bytes, valid until on_turn returns. */
    void (*on_data)(struct sl_hcall *call, struct sl_str bytes);
    /* The reply is complete. The call is done; its connection is back in the pool. */
    void (*on_end)(struct sl_hcall *call);
    /* Failed. The call is done. */
    void (*on_error)(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text);
    /* All bytes of one read were passed to on_data: send what was gathered. Not called when the call is done. */
    void (*on_turn)(struct sl_hcall *call);
    /* For a call that is fed: it can take more of its body. Never called from inside sl_hcall_feed. */
    void (*on_hungry)(struct sl_hcall *call);
};

struct sl_hcall_timeouts {
    uint64_t connect_usec, first_byte_usec, idle_usec, total_usec; /* total counts from the start of the call */
};

/* What to send. Everything must live until the call is done. */
struct sl_hcall_req {
    const char *method;
    struct sl_str target;
    struct sl_headers headers;    /* without Host, Content-Length, Connection */
    const struct sl_guard *guard; /* which addresses may be dialled; NULL: any */
    struct sl_way *way;           /* how to connect; NULL: as the client does */
    const struct sl_str *slices;  /* the body */
    size_t n_slices;
    size_t body_len;
    bool is_fed; /* the body comes by sl_hcall_feed instead of `slices`. Such a body cannot be sent again from here, so
                    the call always gets a new connection */
    uint64_t fed_len; /* the length of a fed body; SL_HCALL_LENGTH_UNKNOWN: it is sent in chunks */
    bool is_connect;  /* The call only connects: it sends nothing. on_end comes when a new connection stands, with TLS
                         where the origin has it, and the connection is closed. */
};

/* Embedded in the caller's memory (an exchange's arena). */
struct sl_hcall {
    const struct sl_hcall_cbs *cbs;
    void *user;
    uint64_t start_usec, connected_usec, sent_usec, head_usec; /* when each phase ended; 0: not reached */
    uint64_t bytes_in, bytes_out;
    bool is_reused; /* the connection had served calls before */
    /* private */
    struct sl_hclient *client;
    struct sl_arena *arena;
    struct sl_hcall_req req;
    struct sl_hcall_timeouts timeouts;
    struct sl_uporigin *origin;
    struct sl_upconn *conn;
    struct sl_timer timer;
    struct sl_str *wire; /* head and body slices */
    size_t n_wire;
    uint64_t deadline_usec; /* of the current phase, never later than the total */
    uint64_t total_deadline_usec;
    struct sl_msg *msg;
    struct sl_reply_coding coding;
    struct sl_timer later; /* goes on with what its decoder holds, after a pause */
    uint64_t dial_usec;    /* when connecting began */
    size_t unsent_seen;    /* unsent bytes of the request when the timer last ran */
    uint32_t n_interim;    /* 1xx replies */
    bool is_active, is_paused, was_retried, has_reply_bytes, is_sent;
    bool is_end_due; /* the body is complete, but for what the decoder holds */
    bool has_rest;   /* bytes came behind the reply */
    bool is_fed_up;  /* the last piece of the body was fed */
};

#define SL_HCALL_LENGTH_UNKNOWN UINT64_MAX

/* The most interim (1xx) replies before the final one; more are a fault. */
#define SL_HCALL_INTERIM_MAX 16

struct sl_hclient_conf {
    size_t max_head; /* of a reply */
    uint32_t idle_per_origin;
    uint64_t idle_usec;
    uint64_t tcp_keepalive_usec; /* 0: none */
    struct sl_proxy proxy;       /* its texts must live as long as the client uses them */
    struct sl_tls_ctx *tls;      /* borrowed */
};

SL_LIST_HEAD(sl_upconn_list);

struct sl_hclient {
    struct sl_loop *loop;
    struct sl_hclient_conf conf;
    struct sl_map origins;
    struct sl_upconn_list conns; /* all connections, idle ones too */
    uint64_t n_idle;
    atomic_uint shown_conns, shown_idle; /* the same two numbers, for other threads */
    bool is_closing;
    void (*on_empty)(struct sl_hclient *client); /* after close: the last connection is gone; may be NULL */
    void *user;
};

void sl_hclient_init(struct sl_hclient *client, struct sl_loop *loop, const struct sl_hclient_conf *conf);
/* New connections use this configuration. When TLS or the proxy has changed, idle connections of the old one are
 * closed. */
void sl_hclient_configure(struct sl_hclient *client, const struct sl_hclient_conf *conf);
/* Closes the idle connections; running calls must have been cancelled before. on_empty follows, also when there was no
 * connection. */
void sl_hclient_close(struct sl_hclient *client);
void sl_hclient_done(struct sl_hclient *client);

/* Starts a call to the origin of `base` (scheme, host, port; borrowed). The reply's headers are on `arena`. Callbacks
 * come later, from the loop. SL_E_NOMEM. */
SL_MUST int sl_hcall_start(struct sl_hcall *call, struct sl_hclient *client, const struct sl_uri *base,
                           const struct sl_hcall_req *req, const struct sl_hcall_timeouts *timeouts,
                           struct sl_arena *arena, const struct sl_hcall_cbs *cbs, void *user);
/* Aborts the call and closes the connection at once. No callback follows. Does nothing when the call is done. */
void sl_hcall_cancel(struct sl_hcall *call);
/* Adds bytes to the body; the upstream's stream takes ownership. `is_last`: no more follow. Does nothing when the call
 * is done or not connected yet. A broken connection is reported later, from the loop. */
void sl_hcall_feed(struct sl_hcall *call, const struct sl_str *bytes, bool is_last);
/* True: the call is connected and less than SL_STREAM_HIGH waits to be sent, so it may be fed. Else on_hungry
 * follows. */
bool sl_hcall_is_hungry(const struct sl_hcall *call);
/* Pauses reading from the upstream, and resumes it. The idle time-out is paused meanwhile. */
void sl_hcall_pause(struct sl_hcall *call);
void sl_hcall_resume(struct sl_hcall *call);

#endif
