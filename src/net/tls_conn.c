/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS connection between a stream and libuv. OpenSSL reads ciphertext where libuv has put it, in the loop's read
 * buffer. It writes ciphertext into a buffer of the loop, which is passed on before anything else happens (tls_bio.h).
 * So an idle connection holds an SSL object without buffers.
 *
 * In:
 *   libuv ── ciphertext ──> OpenSSL ── plaintext ──> the loop's `plain` buffer, or the owner's ── on_read
 *   When nobody reads, the rest of one read buffer is kept (`held`) and libuv is stopped.
 * Out:
 *   slices ──> OpenSSL ── ciphertext ──> `out` ──> libuv
 *   ROUND bytes at a time, and only while libuv's queue is empty; the slices beyond wait as they are (`writes`):
 *   a body of 10 MB that is borrowed costs no 10 MB of ciphertext. */
#include "net/tls_conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/slices.h"
#include "net/stream_priv.h"
#include "net/tls_bio.h"
#include "net/tls_priv.h"

#define RECORD_MAX 16384 /* of plaintext, RFC 8446 5.1 */
#define ROUND      65536
/* The most rounds in a turn, so that a peer that reads fast does not keep the loop from the others. */
#define ROUNDS_MAX 16
/* A server's flight with its certificate chain is far smaller. */
#define OUT_MAX  (1024 * 1024)
#define HOST_MAX 255

struct sl_tls_scratch {
    char plain[SL_READ_BUFFER];
    char gather[RECORD_MAX]; /* small slices that share one record */
    struct sl_buf out;       /* ciphertext; empty between calls */
};

struct source {
    struct sl_slices at;
    size_t left; /* bytes, over all slices */
};

struct tls_write {
    struct tls_write *next;
    struct source source;
    struct sl_str slices[];
};

struct sl_tls {
    SSL *ssl;
    struct sl_tls_ctx *ctx;
    struct sl_tls_io io; /* `io.in` is in the read buffer, or is `held` */
    char *held;          /* malloc'd, when `io.in` has to outlive a read */
    bool is_ready;       /* the handshake is done */
    bool is_failed;      /* the handshake failed, and was counted */
    bool is_held;        /* there may be plaintext to deliver, but nobody reads */
    bool is_fin;         /* close_notify and FIN are on their way */
    struct tls_write *writes, **writes_tail;
    size_t pending; /* plaintext bytes in `writes` */
    char text[256]; /* the error */
    char key[];     /* client: "host:port"; server: "" */
};

/* --- sending --- */

/* Sends what OpenSSL has written. */
static int tls_flush(struct sl_stream *stream)
{
    struct sl_buf *out = &stream->loop->tls->out;
    int r = 0;
    if (out->len && !stream->is_broken && !stream->is_closing && !stream->tls->is_fin) {
        bool may_wait = stream->tls->is_ready; /* bytes of a handshake go at once */
        r = may_wait ? sl_stream_send(stream, sl_buf_str(out)) : sl_stream_send_now(stream, sl_buf_str(out));
    }
    sl_buf_reset(out);
    return r;
}

/* Encrypts and sends up to ROUND bytes. */
static int tls_send_round(struct sl_stream *stream, struct source *source)
{
    struct sl_tls *tls = stream->tls;
    struct sl_tls_scratch *scratch = stream->loop->tls;
    while (source->left && scratch->out.len < ROUND) {
        struct sl_str piece = sl_slices_peek(&source->at, SL_MIN(source->left, (size_t)RECORD_MAX), scratch->gather);
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(tls->ssl, piece.p, piece.n, &n) != 1) {
            sl_tls_error_text(tls->text, sizeof(tls->text), "cannot send");
            sl_buf_reset(&scratch->out);
            sl_stream_break(stream, tls->text);
            return SL_E_IO;
        }
        source->left -= n;
        sl_slices_move(&source->at, n);
    }
    return tls_flush(stream);
}

static bool queue_is_empty(const struct sl_stream *stream)
{
    return uv_stream_get_write_queue_size(&stream->uv.stream) == 0;
}

static void tls_fin(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    if (tls->is_ready) {
        ERR_clear_error();
        SSL_shutdown(tls->ssl); /* 0: sent; the peer's own is still to come */
        ERR_clear_error();
        SL_IGNORE(tls_flush(stream)); /* a broken stream is reported later */
    }
    tls->is_fin = true;
    if (!stream->is_broken) {
        sl_stream_fin(stream);
    }
}

/* Sends waiting bytes, as far as the kernel takes them. */
static void tls_push(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    int rounds = ROUNDS_MAX;
    while (tls->writes && queue_is_empty(stream) && !stream->is_broken) {
        if (rounds-- == 0) {
            sl_stream_later(stream);
            return;
        }
        struct tls_write *write = tls->writes;
        size_t left = write->source.left;
        int r = tls_send_round(stream, &write->source);
        tls->pending -= left - write->source.left;
        stream->queued -= left - write->source.left;
        if (r < 0) {
            return;
        }
        if (write->source.left == 0) {
            tls->writes = write->next;
            if (!tls->writes) {
                tls->writes_tail = &tls->writes;
            }
            free(write);
        }
    }
    if (!tls->writes && stream->is_shut && !tls->is_fin && !stream->is_broken) {
        tls_fin(stream);
    }
}

/* Puts the rest of the source behind the waiting writes. */
static int tls_queue(struct sl_stream *stream, const struct source *source, bool is_ref)
{
    struct sl_tls *tls = stream->tls;
    size_t n_slices = is_ref ? (size_t)(source->at.end - source->at.slice) : 1;
    struct tls_write *write = malloc(sizeof(*write) + n_slices * sizeof(struct sl_str) + (is_ref ? 0 : source->left));
    if (!write) {
        sl_stream_break(stream, "out of memory");
        return SL_E_NOMEM;
    }
    *write = (struct tls_write){ .source = { { write->slices, write->slices + n_slices, 0 }, source->left } };
    if (is_ref) {
        memcpy(write->slices, source->at.slice, n_slices * sizeof(struct sl_str));
        write->source.at.offset = source->at.offset;
    } else {
        char *copy = (char *)(write->slices + 1);
        write->slices[0] = sl_str_make(copy, source->left);
        sl_slices_copy(&source->at, copy);
    }
    *tls->writes_tail = write;
    tls->writes_tail = &write->next;
    tls->pending += source->left;
    sl_stream_count(stream, source->left);
    return 0;
}

int sl_tls_write(struct sl_stream *stream, const struct sl_str *slices, size_t n, bool is_ref)
{
    struct sl_tls *tls = stream->tls;
    struct source source = { .at = { slices, slices + n, 0 } };
    for (size_t i = 0; i < n; i++) {
        source.left += slices[i].n;
    }
    if (tls->is_ready && !tls->writes) {
        for (int rounds = ROUNDS_MAX; rounds && source.left && queue_is_empty(stream); rounds--) {
            int r = tls_send_round(stream, &source);
            if (r < 0) {
                return r;
            }
        }
    }
    if (source.left == 0) {
        return 0;
    }
    int r = tls_queue(stream, &source, is_ref);
    if (r == 0 && tls->is_ready && queue_is_empty(stream)) {
        sl_stream_later(stream); /* the rounds are used up */
    }
    return r;
}

void sl_tls_shutdown(struct sl_stream *stream)
{
    if (!stream->tls->writes) {
        tls_fin(stream);
    }
}

void sl_tls_on_sent(struct sl_stream *stream)
{
    if (stream->tls->is_ready) {
        tls_push(stream);
    }
}

size_t sl_tls_pending(const struct sl_tls *tls)
{
    return tls->pending;
}

/* --- receiving --- */

/* True: no known authority has signed the certificate; mostly a company's own authority has. */
static bool is_issuer_unknown(long verified)
{
    return verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static void tls_fail_handshake(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    long verified = SSL_get_verify_result(tls->ssl);
    if (SSL_is_server(tls->ssl)) {
        sl_tls_failure_count(false);
        tls->is_failed = true;
    }
    if (tls->key[0] && verified != X509_V_OK) {
        snprintf(tls->text, sizeof(tls->text), "TLS: certificate of %s not accepted: %s%s", tls->key,
                 X509_verify_cert_error_string(verified),
                 is_issuer_unknown(verified) ? "; upstream.ca may name the file of its authority" : "");
        ERR_clear_error();
    } else {
        sl_tls_error_text(tls->text, sizeof(tls->text), "handshake failed");
    }
    if (tls->key[0]) {
        sl_tls_session_drop(tls->ctx, sl_str_c(tls->key));
    }
    sl_stream_fail(stream, tls->text);
}

/* True when the handshake is done. It may call back. */
static bool tls_handshake(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    ERR_clear_error();
    int r = SSL_do_handshake(tls->ssl);
    int error = r == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, r);
    SL_IGNORE(tls_flush(stream)); /* sends the alert of a failure; a broken stream is reported later */
    if (error == SSL_ERROR_WANT_READ) {
        return false;
    }
    if (error != SSL_ERROR_NONE) {
        tls_fail_handshake(stream);
        return false;
    }
    tls->is_ready = true;
    if (tls->writes) {
        tls_push(stream);
        sl_stream_check_drain(stream);
    }
    if (stream->cbs->on_secure && !stream->is_closing) {
        stream->cbs->on_secure(stream);
    }
    return !stream->is_closing;
}

/* Reads at most one buffer of plaintext; returns what ended it (SSL_ERROR_NONE: the buffer is full). It may call
 * back. */
static int tls_read_some(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    bool is_into = stream->into_len > 0;
    char *p = is_into ? stream->into : stream->loop->tls->plain;
    size_t room = is_into ? stream->into_len : SL_READ_BUFFER;
    size_t n = 0;
    int error = SSL_ERROR_NONE;
    while (n < room) {
        size_t got = 0;
        if (n && tls->io.in.n == 0 && !SSL_has_pending(tls->ssl)) {
            error = SSL_ERROR_WANT_READ; /* the same answer, but cheaper */
            break;
        }
        ERR_clear_error();
        if (SSL_read_ex(tls->ssl, p + n, room - n, &got) != 1) {
            error = SSL_get_error(tls->ssl, 0);
            break;
        }
        n += got;
    }
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) {
        sl_tls_error_text(tls->text, sizeof(tls->text), "cannot receive");
    }
    SL_IGNORE(tls_flush(stream)); /* a broken stream is reported later */
    if (n) {
        if (is_into) {
            stream->into += n;
            stream->into_len -= n;
        }
        stream->cbs->on_read(stream, sl_str_make(p, n));
    }
    return error;
}

/* Takes `in` as long as somebody reads. It may call back. */
static void tls_run(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    if (!tls->is_ready && !tls_handshake(stream)) {
        return;
    }
    while (!stream->is_closing && !stream->is_eof && !stream->is_told) {
        tls->is_held = !stream->is_reading;
        if (tls->is_held) {
            return;
        }
        switch (tls_read_some(stream)) {
        case SSL_ERROR_NONE:
            break;
        case SSL_ERROR_WANT_READ:
            return;
        case SSL_ERROR_ZERO_RETURN:
            if (!stream->is_closing && stream->is_reading) {
                sl_stream_deliver_eof(stream, false);
            }
            break; /* nobody reads: continues when somebody does */
        default:
            if (!stream->is_closing && stream->is_reading) {
                sl_stream_fail(stream, stream->is_broken ? stream->error : tls->text);
            }
            break;
        }
    }
}

/* After tls_run: the rest of `in` must outlive the read buffer. */
static void tls_keep(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    if (stream->is_closing) {
        return; /* everything is freed with on_closed */
    }
    if (tls->io.in.n == 0 || stream->is_eof || stream->is_told) {
        tls->io.in = SL_STR_NONE;
        free(tls->held);
        tls->held = NULL;
        /* For a session ticket OpenSSL takes a write buffer (16 KB), which it would keep until the next write. */
        SSL_free_buffers(tls->ssl);
    } else if (!tls->held) {
        tls->held = malloc(tls->io.in.n);
        if (!tls->held) {
            tls->io.in = SL_STR_NONE;
            sl_stream_fail(stream, "out of memory");
            return;
        }
        memcpy(tls->held, tls->io.in.p, tls->io.in.n);
        tls->io.in.p = tls->held;
    }
    sl_stream_update_flow(stream);
}

void sl_tls_on_bytes(struct sl_stream *stream, struct sl_str bytes)
{
    struct sl_tls *tls = stream->tls;
    SL_ASSERT(tls->io.in.n == 0);
    tls->io.in = bytes;
    tls_run(stream);
    tls_keep(stream);
}

void sl_tls_on_eof(struct sl_stream *stream)
{
    if (stream->tls->is_ready) {
        sl_stream_deliver_eof(stream, true);
    } else {
        sl_stream_fail(stream, stream->is_broken ? stream->error : "TLS: the peer hung up during the handshake");
    }
}

void sl_tls_on_later(struct sl_stream *stream)
{
    struct sl_tls *tls = stream->tls;
    if (!tls->is_ready) {
        return;
    }
    if (tls->writes && queue_is_empty(stream)) {
        tls_push(stream);
        sl_stream_check_drain(stream);
        if (stream->is_closing) {
            return;
        }
    }
    if (tls->is_held && stream->is_reading) {
        tls_run(stream);
        tls_keep(stream);
    }
}

bool sl_tls_is_ready(const struct sl_tls *tls)
{
    return tls->is_ready;
}

bool sl_tls_is_resumed(const struct sl_tls *tls)
{
    return SSL_session_reused(tls->ssl);
}

bool sl_tls_holds_input(const struct sl_tls *tls)
{
    return tls->is_held;
}

/* --- opening and closing --- */

void sl_tls_scratch_free(struct sl_tls_scratch *scratch)
{
    if (scratch) {
        sl_buf_done(&scratch->out);
        free(scratch);
    }
}

void sl_tls_free(struct sl_tls *tls)
{
    if (!tls) {
        return;
    }
    while (tls->writes) {
        struct tls_write *write = tls->writes;
        tls->writes = write->next;
        free(write);
    }
    if (tls->ssl && SSL_is_server(tls->ssl) && !tls->is_ready && !tls->is_failed) {
        sl_tls_failure_count(true);
    }
    SSL_free(tls->ssl);
    sl_tls_ctx_unref(tls->ctx);
    free(tls->held);
    free(tls);
}

/* `key` is for clients; NULL when out of memory. */
static struct sl_tls *tls_new(struct sl_loop *loop, struct sl_tls_ctx *ctx, const char *key)
{
    if (!loop->tls) {
        loop->tls = malloc(sizeof(*loop->tls));
        if (!loop->tls) {
            return NULL;
        }
        sl_buf_init(&loop->tls->out, OUT_MAX);
    }
    size_t n = strlen(key) + 1;
    struct sl_tls *tls = calloc(1, sizeof(*tls) + n);
    if (!tls) {
        return NULL;
    }
    memcpy(tls->key, key, n);
    tls->io.out = &loop->tls->out;
    tls->ctx = sl_tls_ctx_ref(ctx);
    tls->writes_tail = &tls->writes;
    ERR_clear_error();
    BIO *bio = sl_tls_bio_new(&tls->io);
    tls->ssl = SSL_new(sl_tls_ctx_ssl(ctx));
    if (!bio || !tls->ssl) {
        BIO_free(bio);
        sl_tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(tls->ssl, bio, bio);
    return tls;
}

int sl_stream_tls_server(struct sl_stream *stream, struct sl_tls_ctx *ctx)
{
    SL_ASSERT(stream->is_open && !stream->tls);
    stream->tls = tls_new(stream->loop, ctx, "");
    if (!stream->tls) {
        return SL_E_NOMEM;
    }
    SSL_set_accept_state(stream->tls->ssl);
    sl_stream_update_flow(stream);
    return 0;
}

void sl_stream_tls_feed(struct sl_stream *stream, struct sl_str bytes)
{
    sl_tls_on_bytes(stream, bytes);
}

/* Sets what the server must prove. */
static bool tls_expect(struct sl_tls *tls, const char *host)
{
    unsigned char ip[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host) == 1;
    }
    SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(tls->ssl, host) == 1 && SSL_set_tlsext_host_name(tls->ssl, host) == 1;
}

int sl_stream_tls_client(struct sl_stream *stream, struct sl_tls_ctx *ctx, struct sl_str host, struct sl_err *err)
{
    SL_ASSERT(stream->is_open && !stream->tls);
    if (host.n && host.p[host.n - 1] == '.') {
        host.n--; /* no certificate has the dot of the root */
    }
    if (host.n == 0 || host.n > HOST_MAX || memchr(host.p, 0, host.n)) {
        return sl_fail(err, SL_E_INVAL, "TLS: \"%.*s\" is no host name", SL_STR_ARG(host));
    }
    char name[HOST_MAX + 1];
    memcpy(name, host.p, host.n);
    name[host.n] = 0;
    struct sl_addr peer;
    sl_stream_peer(stream, &peer);
    char key[HOST_MAX + 8];
    snprintf(key, sizeof(key), "%s:%u", name, peer.port);

    struct sl_tls *tls = tls_new(stream->loop, ctx, key);
    if (!tls || !tls_expect(tls, name) || !SSL_set_ex_data(tls->ssl, sl_tls_key_index(), tls->key)) {
        sl_tls_free(tls);
        ERR_clear_error();
        return sl_fail(err, SL_E_NOMEM, "TLS: out of memory connecting to %s", name);
    }
    SSL_SESSION *session = sl_tls_session_get(ctx, sl_str_c(key));
    if (session) {
        SSL_set_session(tls->ssl, session); /* if it is not taken, the handshake is a full one */
        SSL_SESSION_free(session);
    }
    SSL_set_connect_state(tls->ssl);
    ERR_clear_error();
    stream->tls = tls;
    int r = SSL_do_handshake(tls->ssl);
    if (SSL_get_error(tls->ssl, r) != SSL_ERROR_WANT_READ) {
        char text[sizeof(tls->text)];
        sl_tls_error_text(text, sizeof(text), "cannot begin the handshake");
        sl_buf_reset(&stream->loop->tls->out);
        stream->tls = NULL;
        sl_tls_free(tls);
        return sl_fail(err, SL_E_IO, "%s", text);
    }
    SL_IGNORE(tls_flush(stream)); /* a broken stream is reported later */
    sl_stream_update_flow(stream);
    return 0;
}
