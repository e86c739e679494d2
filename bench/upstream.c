/* SPDX-License-Identifier: Apache-2.0 */
/* The mock upstream: one thread, HTTP/1.1 with keep-alive, the paths of OpenAI's API, Anthropic's, Gemini's,
 * Bedrock's and Cohere's. It reads no more of a request than it must, and answers with texts made at start, so that a
 * benchmark spends its time elsewhere.
 *
 *   bench_upstream [--port P] [--chunks N] [--delay-us D] [--hold] [--cert FILE --key FILE]
 *
 * `listening PORT` is printed when it is ready (port 0, the default: one of the system's choice); it ends when its
 * standard input does. A body of any length is taken, its bytes behind the first KEEP_BYTES unread but for the last. A
 * chat request with `"stream":true` is answered with an event stream: N chunks, each its own write, D µs apart, then
 * `[DONE]`. With --hold a stream stays silent after its first chunk until the client goes. With a certificate it speaks
 * TLS.
 *
 *   HEAD ──> BODY ──> (answer) ──> HEAD        a whole reply
 *                        └──> STREAM ──> HEAD  its chunks, by the pacing queue
 *                        └──> HELD             until the client closes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answers.h"
#include "util.h"

#define KEEP_BYTES 16384  /* the head and the part of the body in which it looks for `"stream"` */
#define READ_BYTES 262144 /* the rest of a long body is read in pieces of this size */
#define MAX_EVENTS 256
#define BACKLOG    4096

enum state { S_HEAD, S_BODY, S_STREAM, S_HELD };

struct conn {
    int fd;
    SSL *ssl;
    enum state state;
    size_t kept;        /* bytes in `in` */
    size_t head_len;    /* the head's part of them */
    uint64_t body_left; /* bytes of the body still to come */
    char last;          /* the last byte of the body so far */
    const struct stream_text *stream;
    size_t next_piece;
    uint64_t due; /* when the next piece is due, ns */
    TAILQ_ENTRY(conn) pace;
    TAILQ_ENTRY(conn) all;
    char in[KEEP_BYTES];
};

TAILQ_HEAD(conn_list, conn);

struct upstream {
    int epoll, listener;
    SSL_CTX *tls;
    uint64_t delay_nsec;
    bool hold, is_over;
    struct answers answers;
    struct conn_list all;
    struct conn_list pacing; /* in the order of `due`, because the delay is the same for all */
    char buf[READ_BYTES];
};

struct settings {
    uint16_t port;
    size_t n_chunks;
    uint64_t delay_nsec;
    bool hold;
    const char *cert, *key;
};

static void conn_close(struct upstream *u, struct conn *c)
{
    if (c->state == S_STREAM) {
        TAILQ_REMOVE(&u->pacing, c, pace);
    }
    TAILQ_REMOVE(&u->all, c, all);
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* Writes everything, or false: the texts are small, and a peer that lets them pile up to the socket's limit has
 * failed. */
static bool conn_write(struct conn *c, const struct text *t)
{
    if (c->ssl) {
        ERR_clear_error();
        return SSL_write(c->ssl, t->data, (int)t->len) == (int)t->len;
    }
    return send(c->fd, t->data, t->len, MSG_NOSIGNAL) == (ssize_t)t->len;
}

/* Bytes read; 0: nothing now; -1: the connection is over. */
static ssize_t conn_read(struct conn *c, char *to, size_t room)
{
    if (!c->ssl) {
        ssize_t n = recv(c->fd, to, room, 0);
        return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
    }
    ERR_clear_error();
    int n = SSL_read(c->ssl, to, (int)room);
    if (n > 0) {
        return n;
    }
    int why = SSL_get_error(c->ssl, n);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool body_has(const struct conn *c, const char *text)
{
    return memmem(c->in + c->head_len, c->kept - c->head_len, text, strlen(text)) != NULL;
}

static bool body_has_true(const struct conn *c, const char *tight, const char *spaced)
{
    return body_has(c, tight) || body_has(c, spaced);
}

/* Writes one piece; false when the connection has failed. */
static bool stream_step(struct upstream *u, struct conn *c)
{
    if (!conn_write(c, &c->stream->pieces[c->next_piece])) {
        return false;
    }
    c->next_piece++;
    if (u->hold) {
        c->state = S_HELD;
    } else if (c->next_piece == c->stream->n) {
        c->state = S_HEAD;
    } else {
        c->state = S_STREAM;
        c->due = bench_now() + u->delay_nsec;
        TAILQ_INSERT_TAIL(&u->pacing, c, pace);
    }
    return true;
}

static bool path_ends(const struct conn *c, const char *path)
{
    const char *target = memchr(c->in, ' ', c->head_len);
    const char *end = target ? memchr(target + 1, ' ', (size_t)(c->in + c->head_len - target - 1)) : NULL;
    size_t len = strlen(path);
    return end && (size_t)(end - target) > len && memcmp(end - len, path, len) == 0;
}

/* NULL: the path is not of the other APIs. */
static struct other_answer *other_asked(struct upstream *u, const struct conn *c)
{
    for (size_t i = 0; i < OTHER_COUNT; i++) {
        struct other_answer *other = &u->answers.others[i];
        if (path_ends(c, other->path) || path_ends(c, other->stream_path)) {
            return other;
        }
    }
    return NULL;
}

/* NULL: the request wants a whole answer, or there is no stream. */
static const struct stream_text *stream_asked(struct upstream *u, const struct conn *c)
{
    const struct other_answer *other = other_asked(u, c);
    if (other && other->path != other->stream_path) {
        return path_ends(c, other->stream_path) ? &other->stream : NULL;
    }
    if (!other && !path_ends(c, "/chat/completions")) {
        return NULL;
    }
    if (!body_has_true(c, "\"stream\":true", "\"stream\": true")) {
        return NULL;
    }
    bool usage = body_has_true(c, "\"include_usage\":true", "\"include_usage\": true");
    return other ? &other->stream : usage ? &u->answers.with_usage : &u->answers.plain;
}

/* The request is complete: false when the connection has failed. */
static bool conn_answer(struct upstream *u, struct conn *c)
{
    const struct text *t = &u->answers.not_found;
    c->state = S_HEAD;
    if (path_ends(c, "/v1/traces")) { /* as a collector of spans: it takes them, whatever its answer says */
        t = &u->answers.chat;
    } else if (path_ends(c, "/audio/transcriptions")) { /* a form: from its first boundary to behind its last */
        bool is_form = c->kept > c->head_len && c->in[c->head_len] == '-' && c->last == '\n';
        t = is_form ? &u->answers.transcription : &u->answers.bad_request;
    } else if (c->kept == c->head_len || c->in[c->head_len] != '{' || c->last != '}') {
        t = &u->answers.bad_request;
    } else if ((c->stream = stream_asked(u, c))) {
        c->next_piece = 0;
        c->kept = 0;
        return stream_step(u, c);
    } else if (path_ends(c, "/chat/completions")) {
        t = &u->answers.chat;
    } else if (other_asked(u, c)) {
        t = answers_whole(other_asked(u, c));
    } else if (path_ends(c, "/completions")) {
        t = &u->answers.completion;
    } else if (path_ends(c, "/embeddings")) {
        t = &u->answers.embedding;
    }
    c->kept = 0;
    return conn_write(c, t);
}

/* True: the head is complete, and its body has a length or is missing. False for everything else. */
static bool conn_read_head(struct conn *c)
{
    size_t len = 0;
    const char *length = bench_header(c->in, c->head_len, "content-length:", &len);
    c->body_left = 0;
    c->last = 0;
    if (bench_header(c->in, c->head_len, "transfer-encoding:", &(size_t){ 0 }) || len > 12) {
        return false;
    }
    for (size_t i = 0; length && i < len; i++) {
        if (length[i] < '0' || length[i] > '9') {
            return false;
        }
        c->body_left = c->body_left * 10 + (uint64_t)(length[i] - '0');
    }
    return true;
}

/* Counts body bytes. False: more came than the request had, which is a fault because none of the gateways pipelines. */
static bool conn_take_body(struct conn *c, const char *data, size_t len)
{
    if (len > c->body_left) {
        return false;
    }
    if (len > 0) {
        c->last = data[len - 1];
        c->body_left -= len;
    }
    return true;
}

/* Bytes have been read to the end of `in`. */
static bool conn_on_head_bytes(struct conn *c, size_t n)
{
    size_t from = c->kept > 3 ? c->kept - 3 : 0;
    c->kept += n;
    const char *end = memmem(c->in + from, c->kept - from, "\r\n\r\n", 4);
    if (!end) {
        return c->kept < sizeof c->in;
    }
    c->head_len = (size_t)(end + 4 - c->in);
    c->state = S_BODY;
    return conn_read_head(c) && conn_take_body(c, c->in + c->head_len, c->kept - c->head_len);
}

/* Does one read: into the kept part while it has room, else the bytes are dropped. False: the connection is over. */
static bool conn_step(struct upstream *u, struct conn *c, bool *ret_more)
{
    bool keep = c->state != S_BODY || c->kept < sizeof c->in;
    char *to = keep ? c->in + c->kept : u->buf;
    ssize_t n = conn_read(c, to, keep ? sizeof c->in - c->kept : sizeof u->buf);
    *ret_more = n > 0;
    if (n <= 0) {
        return n == 0;
    }
    bool ok = false;
    if (c->state == S_HEAD) {
        ok = conn_on_head_bytes(c, (size_t)n);
    } else if (c->state == S_BODY) {
        ok = conn_take_body(c, to, (size_t)n);
        c->kept += keep ? (size_t)n : 0;
    }
    if (ok && c->state == S_BODY && c->body_left == 0) {
        return conn_answer(u, c);
    }
    return ok;
}

static void conn_on_event(struct upstream *u, struct conn *c)
{
    bool more = true;
    while (more) {
        if (!conn_step(u, c, &more)) {
            conn_close(u, c);
            return;
        }
        if (!c->ssl && (c->state != S_BODY || c->kept < sizeof c->in)) {
            return; /* the poll is level-triggered: it reports what is left, and mostly nothing is */
        }
    }
}

static void listener_on_event(struct upstream *u)
{
    for (;;) {
        int fd = accept4(u->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        bench_no_delay(fd);
        struct conn *c = malloc(sizeof *c);
        if (!c) {
            bench_die("bench_upstream: out of memory");
        }
        memset(c, 0, offsetof(struct conn, in));
        c->fd = fd;
        TAILQ_INSERT_TAIL(&u->all, c, all);
        if (u->tls) {
            c->ssl = SSL_new(u->tls);
            if (!c->ssl || !SSL_set_fd(c->ssl, fd)) {
                bench_die("bench_upstream: out of memory");
            }
            SSL_set_accept_state(c->ssl);
        }
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
        if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
            bench_die("bench_upstream: %s", strerror(errno));
        }
    }
}

/* Writes the pieces that are due; returns the time until the next one, or a minute. */
static struct timespec pacing_run(struct upstream *u)
{
    uint64_t wait = 60000000000u;
    struct conn *c;
    while ((c = TAILQ_FIRST(&u->pacing)) != NULL) {
        uint64_t now = bench_now();
        if (c->due > now) {
            wait = c->due - now;
            break;
        }
        TAILQ_REMOVE(&u->pacing, c, pace);
        c->state = S_HEAD; /* out of the queue, so that a close does not remove it again */
        if (!stream_step(u, c)) {
            conn_close(u, c);
        }
    }
    return (struct timespec){ .tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u) };
}

static void upstream_run(struct upstream *u)
{
    struct epoll_event events[MAX_EVENTS];
    while (!u->is_over) {
        struct timespec wait = pacing_run(u);
        int n = epoll_pwait2(u->epoll, events, MAX_EVENTS, &wait, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == u) {
                listener_on_event(u);
            } else if (!events[i].data.ptr) {
                char byte;
                u->is_over = read(STDIN_FILENO, &byte, 1) <= 0;
            } else {
                conn_on_event(u, events[i].data.ptr);
            }
        }
    }
}

static void upstream_listen(struct upstream *u, uint16_t port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    int one = 1;
    u->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->listener < 0 || setsockopt(u->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(u->listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(u->listener, BACKLOG) < 0 ||
        getsockname(u->listener, (struct sockaddr *)&addr, &len) < 0) {
        bench_die("bench_upstream: port %u: %s", port, strerror(errno));
    }
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = u };
    struct epoll_event ev_stdin = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->listener, &ev) < 0 ||
        epoll_ctl(u->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev_stdin) < 0) {
        bench_die("bench_upstream: standard input must be a pipe or a terminal: %s", strerror(errno));
    }
    printf("listening %u\n", ntohs(addr.sin_port));
    fflush(stdout);
}

static void upstream_load_tls(struct upstream *u, const char *cert, const char *key)
{
    u->tls = SSL_CTX_new(TLS_server_method());
    if (!u->tls || SSL_CTX_use_certificate_chain_file(u->tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(u->tls, key, SSL_FILETYPE_PEM) != 1) {
        bench_die("bench_upstream: cannot use %s and %s", cert, key);
    }
    SSL_CTX_set_mode(u->tls, SSL_MODE_RELEASE_BUFFERS);
}

static struct settings parse_args(int argc, char **argv)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "chunks", required_argument, NULL, 'n' },
        { "delay-us", required_argument, NULL, 'd' },
        { "hold", no_argument, NULL, 'h' },
        { "cert", required_argument, NULL, 'c' },
        { "key", required_argument, NULL, 'k' },
        { 0 },
    };
    struct settings s = { .n_chunks = 20 };
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 'p':
            s.port = (uint16_t)bench_number("--port", optarg, UINT16_MAX);
            break;
        case 'n':
            s.n_chunks = bench_number("--chunks", optarg, CHUNKS_MAX);
            break;
        case 'd':
            s.delay_nsec = bench_number("--delay-us", optarg, 60000000) * 1000;
            break;
        case 'h':
            s.hold = true;
            break;
        case 'c':
            s.cert = optarg;
            break;
        case 'k':
            s.key = optarg;
            break;
        default:
            exit(2);
        }
    }
    if (s.n_chunks < 2 || !s.cert != !s.key) {
        bench_die("bench_upstream: --chunks is 2 or more, and --cert and --key go together");
    }
    return s;
}

int main(int argc, char **argv)
{
    struct settings settings = parse_args(argc, argv);
    struct upstream *u = calloc(1, sizeof *u);
    if (!u) {
        bench_die("bench_upstream: out of memory");
    }
    u->delay_nsec = settings.delay_nsec;
    u->hold = settings.hold;
    bench_sharp_timers();
    TAILQ_INIT(&u->pacing);
    TAILQ_INIT(&u->all);
    answers_init(&u->answers, settings.n_chunks);
    u->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (u->epoll < 0) {
        bench_die("bench_upstream: %s", strerror(errno));
    }
    if (settings.cert) {
        upstream_load_tls(u, settings.cert, settings.key);
    }
    upstream_listen(u, settings.port);
    upstream_run(u);
    while (!TAILQ_EMPTY(&u->all)) {
        conn_close(u, TAILQ_FIRST(&u->all));
    }
    answers_done(&u->answers);
    SSL_CTX_free(u->tls);
    close(u->listener);
    close(u->epoll);
    free(u);
    return 0;
}
