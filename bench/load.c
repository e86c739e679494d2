/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: one thread, a fixed number of keep-alive connections, each of which sends the same request again
 * as soon as it has the whole reply. Every reply is compared byte for byte with the one expected; the first wrong one
 * ends the run with status 1. Prints one line of JSON.
 *
 *   bench_load --target PORT,REQUEST,EXPECT … [--connections N] [--requests N] [--burst N] [--timeout SECONDS] [--hold]
 *
 * REQUEST is a file with the text as it goes over the wire, head and body; EXPECT one with the reply's body. Latency
 * runs from before the first write of a request to the last byte of its reply, ttfb to the first byte of its body.
 *
 * With several targets each has its own connections and gets --requests requests, in bursts by turns: a machine that is
 * slower for a while is so for all of them. The order of the turns is turned round each time. Results come in the
 * targets' order.
 *
 * With --hold each connection (to one target) sends one request and, from the first body byte on, only keeps the stream
 * open; when all are open the line `holding N` is printed, and the program ends when its standard input does. A stream
 * that ends earlier is an error. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply.h"
#include "util.h"

#define READ_BYTES      262144 /* one read takes a whole chat reply, and a good part of a long one */
#define MAX_CONNECTIONS 20000
#define MAX_REQUESTS    10000000
#define MAX_EVENTS      256
#define MAX_TARGETS     8
#define HOLD_RAMP       64 /* the most streams that are being opened at a time: fewer than any listen queue takes */

struct target {
    struct sockaddr_in peer;
    char *request, *expect;
    size_t request_len, expect_len;
    struct client *clients;
    size_t n_started, n_done, n_connects;
    size_t n_granted;         /* requests that may be started by the end of this burst */
    uint64_t *latency, *ttfb; /* nanoseconds, one for each request that is done */
    uint64_t nsec;            /* the time of all bursts */
};

struct client {
    struct target *target;
    int fd;
    size_t sent;
    uint64_t began;
    uint64_t first; /* when the first body byte came; 0 before that */
    bool wants_write;
    bool is_busy;
    struct reply reply;
};

struct load {
    struct target targets[MAX_TARGETS];
    size_t n_targets, n_clients, n_requests, burst;
    uint64_t timeout_nsec;
    bool hold;

    int epoll;
    size_t n_open; /* held streams */
    bool stopping; /* hold: standard input has ended */
    char buf[READ_BYTES];
};

/* A wrong reply: nothing that is measured after it would be valid. */
SL_NORETURN static void client_fail(const struct client *c, const char *why)
{
    const struct target *t = c->target;
    bench_die("bench_load: port %u, connection %zu, after %zu replies: %s\n%.*s", ntohs(t->peer.sin_port),
              (size_t)(c - t->clients), t->n_done, why, (int)SL_MIN(c->reply.head_len, (size_t)1500), c->reply.head);
}

static void watch(struct load *l, struct client *c, int op, bool wants_write)
{
    struct epoll_event ev = { .events = EPOLLIN | (wants_write ? (unsigned)EPOLLOUT : 0u), .data.ptr = c };
    if (epoll_ctl(l->epoll, op, c->fd, &ev) < 0) {
        client_fail(c, strerror(errno));
    }
    c->wants_write = wants_write;
}

static void client_write(struct load *l, struct client *c)
{
    while (c->sent < c->target->request_len) {
        ssize_t n = send(c->fd, c->target->request + c->sent, c->target->request_len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            client_fail(c, strerror(errno));
        }
        c->sent += (size_t)n;
    }
    bool wants_write = c->sent < c->target->request_len;
    if (wants_write != c->wants_write) {
        watch(l, c, EPOLL_CTL_MOD, wants_write);
    }
}

static void client_connect(struct load *l, struct client *c)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        client_fail(c, strerror(errno));
    }
    bench_no_delay(c->fd);
    if (connect(c->fd, (const struct sockaddr *)&c->target->peer, sizeof c->target->peer) < 0 && errno != EINPROGRESS) {
        client_fail(c, strerror(errno));
    }
    c->target->n_connects++;
    watch(l, c, EPOLL_CTL_ADD, true);
}

static void client_next(struct load *l, struct client *c)
{
    struct target *t = c->target;
    if (t->n_started == t->n_granted) {
        c->is_busy = false;
        return;
    }
    t->n_started++;
    c->is_busy = true;
    c->sent = 0;
    c->first = 0;
    reply_start(&c->reply, t->expect, t->expect_len);
    c->began = bench_now();
    if (c->fd < 0) {
        client_connect(l, c); /* writes when connected: a new connection's first request counts its handshake too */
        return;
    }
    client_write(l, c);
}

static void client_done(struct load *l, struct client *c)
{
    if (c->sent < c->target->request_len) {
        client_fail(c, "the reply came before the whole request was sent");
    }
    struct target *t = c->target;
    uint64_t now = bench_now();
    t->latency[t->n_done] = now - c->began;
    t->ttfb[t->n_done] = (c->first ? c->first : now) - c->began;
    t->n_done++;
    if (c->reply.closes) {
        close(c->fd);
        c->fd = -1;
    }
    client_next(l, c);
}

/* Opens the next stream when one more is open, so that at most HOLD_RAMP are being opened. */
static void client_opened(struct load *l, struct target *t)
{
    if (++l->n_open == l->n_clients) {
        printf("holding %zu\n", l->n_open);
        fflush(stdout);
    }
    if (t->n_started < l->n_clients) {
        client_next(l, &t->clients[t->n_started]);
    }
}

static void client_feed(struct load *l, struct client *c, size_t len)
{
    size_t used = reply_feed(&c->reply, l->buf, len);
    if (c->reply.state == REPLY_WRONG) {
        client_fail(c, c->reply.error);
    }
    if (!c->first && c->reply.body_len > 0) {
        c->first = bench_now();
        if (l->hold) {
            client_opened(l, c->target);
        }
    }
    if (used < len) {
        client_fail(c, "bytes follow the reply");
    }
    if (c->reply.state == REPLY_DONE) {
        if (l->hold) {
            client_fail(c, "the stream to hold ended");
        }
        client_done(l, c);
    }
}

static void client_read(struct load *l, struct client *c)
{
    ssize_t n = recv(c->fd, l->buf, sizeof l->buf, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n < 0) {
        client_fail(c, strerror(errno));
    }
    if (n > 0 && !c->is_busy) {
        client_fail(c, "bytes follow the last reply");
    }
    if (n > 0) {
        client_feed(l, c, (size_t)n);
        return;
    }
    if (!c->is_busy) { /* a server may close an idle connection */
        close(c->fd);
        c->fd = -1;
        return;
    }
    c->reply.closes = true;
    reply_end(&c->reply);
    if (c->reply.state == REPLY_WRONG || l->hold) {
        client_fail(c, c->reply.error ? c->reply.error : "the stream to hold ended");
    }
    client_done(l, c);
}

static void client_on_event(struct load *l, struct client *c, unsigned events)
{
    if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
        int err = 0;
        socklen_t len = sizeof err;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        client_fail(c, strerror(err));
    }
    if (events & EPOLLOUT && c->wants_write) {
        client_write(l, c);
    }
    if (events & EPOLLIN) {
        client_read(l, c);
    }
}

static void stdin_on_event(struct load *l)
{
    char byte;
    if (read(STDIN_FILENO, &byte, 1) <= 0) {
        l->stopping = true;
    }
}

/* One turn of the loop. When nothing comes for the whole time-out, the run has failed. */
static void load_turn(struct load *l, int timeout_msec)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(l->epoll, events, MAX_EVENTS, timeout_msec);
    if (n == 0) {
        bench_die("bench_load: nothing came for the whole --timeout");
    }
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (!c) {
            stdin_on_event(l);
        } else if (c->fd >= 0) {
            client_on_event(l, c, events[i].events);
        }
    }
}

static void target_burst(struct load *l, struct target *t)
{
    uint64_t began = bench_now();
    t->n_granted = SL_MIN(t->n_granted + l->burst, l->n_requests);
    for (size_t i = 0; i < l->n_clients; i++) {
        client_next(l, &t->clients[i]);
    }
    while (t->n_done < t->n_granted) {
        load_turn(l, (int)(l->timeout_nsec / 1000000));
    }
    t->nsec += bench_now() - began;
}

static void load_run(struct load *l)
{
    for (size_t turn = 0; l->targets[0].n_done < l->n_requests; turn++) {
        for (size_t i = 0; i < l->n_targets; i++) {
            target_burst(l, &l->targets[turn % 2 == 0 ? i : l->n_targets - 1 - i]);
        }
    }
}

/* Waits until standard input ends. */
static void load_hold(struct load *l)
{
    struct target *t = &l->targets[0];
    struct epoll_event ev = { .events = EPOLLIN };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0) {
        bench_die("bench_load: --hold needs a pipe as standard input: %s", strerror(errno));
    }
    t->n_granted = l->n_clients;
    for (size_t i = 0; i < SL_MIN(l->n_clients, (size_t)HOLD_RAMP); i++) {
        client_next(l, &t->clients[i]);
    }
    while (!l->stopping) {
        load_turn(l, l->n_open == l->n_clients ? -1 : (int)(l->timeout_nsec / 1000000));
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *name, uint64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    printf(",\"%s\":{\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"max\":%.2f}", name, (double)values[n / 2] / 1e3,
           (double)values[n * 9 / 10] / 1e3, (double)values[n * 99 / 100] / 1e3, (double)values[n - 1] / 1e3);
}

static void target_print(struct target *t)
{
    double seconds = (double)t->nsec / 1e9;
    printf("{\"requests\":%zu,\"errors\":0,\"connects\":%zu,\"seconds\":%.6f,\"per_second\":%.1f", t->n_done,
           t->n_connects, seconds, (double)t->n_done / seconds);
    print_spread("latency_us", t->latency, t->n_done);
    print_spread("ttfb_us", t->ttfb, t->n_done);
    printf("}");
}

/* PORT,REQUEST,EXPECT */
static void add_target(struct load *l, char *text)
{
    char *request = strchr(text, ',');
    char *expect = request ? strchr(request + 1, ',') : NULL;
    if (!expect || l->n_targets == MAX_TARGETS) {
        bench_die("bench_load: --target is PORT,REQUEST,EXPECT, at most %d times", MAX_TARGETS);
    }
    *request++ = '\0';
    *expect++ = '\0';
    struct target *t = &l->targets[l->n_targets++];
    t->peer.sin_family = AF_INET;
    t->peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    t->peer.sin_port = htons((uint16_t)bench_number("--target", text, UINT16_MAX));
    t->request = bench_read_file(request, &t->request_len);
    t->expect = bench_read_file(expect, &t->expect_len);
}

static void load_parse_args(struct load *l, int argc, char **argv)
{
    static const struct option options[] = {
        { "target", required_argument, NULL, 'g' },
        { "connections", required_argument, NULL, 'c' },
        { "requests", required_argument, NULL, 'n' },
        { "burst", required_argument, NULL, 'b' },
        { "timeout", required_argument, NULL, 't' },
        { "hold", no_argument, NULL, 'h' },
        { 0 },
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 'g':
            add_target(l, optarg);
            break;
        case 'c':
            l->n_clients = bench_number("--connections", optarg, MAX_CONNECTIONS);
            break;
        case 'n':
            l->n_requests = bench_number("--requests", optarg, MAX_REQUESTS);
            break;
        case 'b':
            l->burst = bench_number("--burst", optarg, MAX_REQUESTS);
            break;
        case 't':
            l->timeout_nsec = bench_number("--timeout", optarg, 3600) * 1000000000u;
            break;
        case 'h':
            l->hold = true;
            break;
        default:
            exit(2);
        }
    }
    if (!l->n_targets || !l->n_clients || !l->n_requests || !l->burst || !l->timeout_nsec) {
        bench_die("bench_load: a --target is needed, and no number may be 0");
    }
    if (l->hold && l->n_targets > 1) {
        bench_die("bench_load: --hold takes one --target");
    }
}

static void target_init(struct load *l, struct target *t)
{
    t->clients = calloc(l->n_clients, sizeof *t->clients);
    t->latency = calloc(l->n_requests, sizeof *t->latency);
    t->ttfb = calloc(l->n_requests, sizeof *t->ttfb);
    if (!t->clients || !t->latency || !t->ttfb) {
        bench_die("bench_load: out of memory");
    }
    for (size_t i = 0; i < l->n_clients; i++) {
        t->clients[i].target = t;
        t->clients[i].fd = -1;
    }
}

static void target_done(struct load *l, struct target *t)
{
    for (size_t i = 0; i < l->n_clients; i++) {
        if (t->clients[i].fd >= 0) {
            close(t->clients[i].fd);
        }
    }
    free(t->clients);
    free(t->latency);
    free(t->ttfb);
    free(t->request);
    free(t->expect);
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l) {
        bench_die("bench_load: out of memory");
    }
    l->n_clients = 1;
    l->n_requests = 1;
    l->burst = MAX_REQUESTS;
    l->timeout_nsec = 30000000000u;
    load_parse_args(l, argc, argv);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        bench_die("bench_load: %s", strerror(errno));
    }
    for (size_t i = 0; i < l->n_targets; i++) {
        target_init(l, &l->targets[i]);
    }

    if (l->hold) {
        load_hold(l);
    } else {
        load_run(l);
        for (size_t i = 0; i < l->n_targets; i++) {
            printf("%c", i ? ',' : '[');
            target_print(&l->targets[i]);
        }
        printf("]\n");
    }
    for (size_t i = 0; i < l->n_targets; i++) {
        target_done(l, &l->targets[i]);
    }
    close(l->epoll);
    free(l);
    return 0;
}
