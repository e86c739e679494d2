/* SPDX-License-Identifier: Apache-2.0 */
/*   start ── literal, or a fresh answer ──────────────┐
 *     └─ resolving ── answer, or patience with a ─────┴─> connecting: tries race ── the first that connects ──> done
 *          │          stale one is over                       │ all failed
 *          └─ failed ─────────────────────────────────────────┴── deadline ──> done
 *
 * A try is a raw socket under a uv_poll_t; its handle closes asynchronously, so tries live on their own and are cut off
 * from the dial first. The dial's own memory goes when it ends, except while an answer from the resolver is on its way
 * to it. */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/resolve.h"

/* The guard's error, beside those of the system. */
#define EGUARD (-1)

#define ADDR_TEXT_MAX (INET6_ADDRSTRLEN + 8)

struct
try {
    uv_poll_t poll;
    struct sl_dial *dial; /* NULL: cut off from the dial, closing */
    int fd;
    unsigned index; /* index of its address */
};

struct sl_dial {
    struct sl_loop *loop;
    struct sl_stream *stream;
    const struct sl_guard *guard;
    sl_dial_fn on_done;
    void *arg;
    uint16_t port;
    bool is_resolving; /* the resolver has a pointer to `wait` */
    bool is_gone;      /* ended; it is freed when the resolver's answer has come */
    struct sl_timer deadline;
    struct sl_timer step; /* for the next try, the end of patience, or a failure that was found at the start */
    const char *why;      /* the reason of that failure */
    struct try *tries[SL_RESOLVE_ADDRS_MAX];
    unsigned n_tries, n_running;
    unsigned rank;   /* how much `text` explains */
    bool is_guarded; /* `text` says that the guard refuses the address */
    bool is_spent;   /* `text` says that this process can open no more */
    char text[512];
    char host[SL_RESOLVE_HOST_MAX + 1];
    struct sl_resolve_wait wait; /* has the addresses, too */
};

/* --- tries --- */

static void on_uv_closed(uv_handle_t *handle)
{
    free(SL_CONTAINER_OF(handle, struct try, poll));
}

/* Cuts a try off from the dial; the descriptor stays open. */
static void try_end(struct try *try)
{
    try->dial->tries[try->index] = NULL;
    try->dial->n_running--;
    try->dial = NULL;
    uv_close((uv_handle_t *)&try->poll, on_uv_closed);
}

static void addr_text(const union sl_sockaddr *addr, uint16_t port, char out[ADDR_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (addr->any.sa_family == AF_INET6) {
        SL_IGNORE(!inet_ntop(AF_INET6, &addr->v6.sin6_addr, ip, sizeof(ip))); /* it always fits */
        snprintf(out, ADDR_TEXT_MAX, "[%s]:%u", ip, port);
    } else {
        SL_IGNORE(!inet_ntop(AF_INET, &addr->v4.sin_addr, ip, sizeof(ip))); /* it always fits */
        snprintf(out, ADDR_TEXT_MAX, "%s:%u", ip, port);
    }
}

/* Notes why an address failed, if that explains more than what is noted. A machine without IPv6 fails those addresses
 * at once, and that is not the reason why the others do not answer. */
static void dial_note(struct sl_dial *dial, unsigned index, int error)
{
    bool is_local = error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
    bool is_spent = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    unsigned rank = is_spent ? 3 : is_local ? 1 : 2;
    if (rank < dial->rank) {
        return;
    }
    dial->rank = rank;
    char addr[ADDR_TEXT_MAX];
    addr_text(&dial->wait.addrs.addrs[index], dial->port, addr);
    dial->is_guarded = error == EGUARD;
    dial->is_spent = is_spent;
    if (is_spent) {
        dial->loop->starved_usec = sl_loop_now(dial->loop);
        snprintf(dial->text, sizeof(dial->text), "the gateway cannot open a connection to an upstream: %s%s",
                 strerror(error), error == EMFILE ? ": raise the limit (ulimit -n, LimitNOFILE)" : "");
    } else if (dial->is_guarded) {
        snprintf(dial->text, sizeof(dial->text), "%s is no public address: it is refused unless upstream.allow has it",
                 addr);
    } else if (error == ECONNREFUSED) {
        snprintf(dial->text, sizeof(dial->text), "connection refused by %s", addr);
    } else {
        snprintf(dial->text, sizeof(dial->text), "cannot connect to %s: %s", addr, strerror(error));
    }
}

/* --- the end --- */

/* Releases everything; the memory too, unless the resolver's answer is on its way. */
static void dial_free(struct sl_dial *dial)
{
    for (unsigned i = 0; i < SL_ARRAY_LEN(dial->tries); i++) {
        struct try *try = dial->tries[i];
        if (try) {
            int fd = try->fd;
            try_end(try);
            close(fd);
        }
    }
    sl_timer_remove(dial->loop, &dial->deadline);
    sl_timer_remove(dial->loop, &dial->step);
    if (dial->is_resolving && !sl_resolve_cancel(&dial->wait)) {
        dial->is_gone = true;
        return;
    }
    free(dial);
}

static void dial_end(struct sl_dial *dial, enum sl_dial_result result)
{
    sl_dial_fn on_done = dial->on_done;
    void *arg = dial->arg;
    char text[sizeof(dial->text)];
    memcpy(text, dial->text, sizeof(text));
    dial_free(dial);
    on_done(arg, result, text);
}

static void on_deadline(struct sl_timer *timer)
{
    struct sl_dial *dial = SL_CONTAINER_OF(timer, struct sl_dial, deadline);
    if (dial->is_resolving) {
        snprintf(dial->text, sizeof(dial->text), "resolving %s takes too long", dial->host);
    } else {
        char why[sizeof(dial->text)];
        memcpy(why, dial->text, sizeof(why));
        snprintf(dial->text, sizeof(dial->text), "no connection to %s:%u in time%s%.200s", dial->host, dial->port,
                 dial->rank && !dial->is_guarded ? "; " : "", dial->is_guarded ? "" : why);
    }
    dial_end(dial, SL_DIAL_TIMEOUT);
}

static enum sl_dial_result dial_failed(const struct sl_dial *dial)
{
    return dial->is_spent ? SL_DIAL_SPENT : dial->is_guarded ? SL_DIAL_GUARDED : SL_DIAL_CONNECT_FAILED;
}

/* --- connecting --- */

static void on_uv_poll(uv_poll_t *poll, int status, int events);

/* Returns 0 or errno. */
static int try_start(struct sl_dial *dial, unsigned index)
{
    union sl_sockaddr addr = dial->wait.addrs.addrs[index];
    bool is_v6 = addr.any.sa_family == AF_INET6;
    struct sl_ip ip;
    if (dial->guard && (sl_ip_of(&addr.any, &ip) < 0 || !sl_guard_lets(dial->guard, &ip))) {
        return EGUARD;
    }
    if (is_v6) {
        addr.v6.sin6_port = htons(dial->port);
    } else {
        addr.v4.sin_port = htons(dial->port);
    }
    int fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    /* A socket that connects at once is writable at once. */
    if (connect(fd, &addr.any, is_v6 ? sizeof(addr.v6) : sizeof(addr.v4)) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return error;
    }
    struct try *try = calloc(1, sizeof(*try));
    if (!try) {
        close(fd);
        return ENOMEM;
    }
    int r = uv_poll_init(&dial->loop->uv, &try->poll, fd);
    if (r < 0) {
        free(try);
        close(fd);
        return -r;
    }
    try->dial = dial;
    try->fd = fd;
    try->index = index;
    dial->tries[index] = try;
    dial->n_running++;
    r = uv_poll_start(&try->poll, UV_WRITABLE, on_uv_poll);
    SL_ASSERT(r == 0);
    return 0;
}

/* Starts the next address, and those after it while they fail at once. True: all have failed. */
static bool dial_next(struct sl_dial *dial)
{
    while (dial->n_tries < dial->wait.addrs.n) {
        unsigned index = dial->n_tries++;
        int error = try_start(dial, index);
        if (error == 0) {
            if (dial->n_tries < dial->wait.addrs.n) {
                sl_timer_set(dial->loop, &dial->step, sl_loop_now(dial->loop) + SL_DIAL_STAGGER_USEC);
            }
            return false;
        }
        dial_note(dial, index, error);
    }
    return dial->n_running == 0;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct try *try = SL_CONTAINER_OF(poll, struct try, poll);
    struct sl_dial *dial = try->dial;
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(try->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        error = errno;
    } else if (error == 0 && status < 0) {
        error = -status;
    }
    unsigned index = try->index;
    int fd = try->fd;
    try_end(try);
    if (error == 0) {
        if (sl_stream_open_fd(dial->stream, fd, false) == 0) {
            dial_end(dial, SL_DIAL_OK);
            return;
        }
        error = ENOMEM;
    } else {
        close(fd);
    }
    dial_note(dial, index, error);
    sl_timer_clear(&dial->step);
    if (dial_next(dial)) {
        dial_end(dial, dial_failed(dial));
    }
}

/* --- resolving --- */

static void dial_fail_resolve(struct sl_dial *dial, const char *why)
{
    snprintf(dial->text, sizeof(dial->text), "cannot resolve %s: %s", dial->host, why);
    dial_end(dial, SL_DIAL_RESOLVE_FAILED);
}

static void on_resolved(struct sl_resolve_wait *wait, int error)
{
    struct sl_dial *dial = SL_CONTAINER_OF(wait, struct sl_dial, wait);
    if (dial->is_gone) {
        free(dial);
        return;
    }
    dial->is_resolving = false;
    sl_timer_clear(&dial->step);
    if (error) {
        dial_fail_resolve(dial, gai_strerror(error));
    } else if (dial_next(dial)) {
        dial_end(dial, dial_failed(dial));
    }
}

static void on_step(struct sl_timer *timer)
{
    struct sl_dial *dial = SL_CONTAINER_OF(timer, struct sl_dial, step);
    if (dial->is_resolving) {
        /* Patience is over: the old answer is used, unless the new one is on its way already. */
        if (!sl_resolve_cancel(&dial->wait)) {
            return;
        }
        dial->is_resolving = false;
    }
    if (dial->why) {
        dial_fail_resolve(dial, dial->why);
    } else if (dial_next(dial)) {
        dial_end(dial, dial_failed(dial));
    }
}

static bool addr_parse(const char *host, struct sl_addrs *ret)
{
    union sl_sockaddr addr = { 0 };
    if (inet_pton(AF_INET, host, &addr.v4.sin_addr) == 1) {
        addr.v4.sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, host, &addr.v6.sin6_addr) == 1) {
        addr.v6.sin6_family = AF_INET6;
    } else {
        return false;
    }
    ret->addrs[0] = addr;
    ret->n = 1;
    return true;
}

/* A callback that could come at once is delayed to the step timer. */
static void dial_begin(struct sl_dial *dial, struct sl_str host)
{
    uint64_t now = sl_loop_now(dial->loop);
    dial->wait.loop = dial->loop;
    dial->wait.on_done = on_resolved;
    int r = host.n < sizeof(dial->host) && !memchr(host.p, 0, host.n) && addr_parse(dial->host, &dial->wait.addrs)
                ? 1
                : sl_resolve_start(&dial->wait, host);
    if (r == 1) {
        if (dial_next(dial)) {
            sl_timer_set(dial->loop, &dial->step, now);
        }
    } else if (r == 0) {
        dial->is_resolving = true;
        if (dial->wait.has_stale) {
            sl_timer_set(dial->loop, &dial->step, now + SL_RESOLVE_PATIENCE_USEC);
        }
    } else {
        dial->why = r == SL_E_INVAL   ? "not a host name"
                    : r == SL_E_LIMIT ? "too many look-ups under way"
                                      : "out of memory";
        sl_timer_set(dial->loop, &dial->step, now);
    }
}

int sl_dial_start(struct sl_loop *loop, struct sl_str host, uint16_t port, uint64_t deadline_usec,
                  struct sl_stream *stream, sl_dial_fn on_done, void *arg, struct sl_dial **ret)
{
    return sl_dial_start_guarded(loop, host, port, NULL, deadline_usec, stream, on_done, arg, ret);
}

int sl_dial_start_guarded(struct sl_loop *loop, struct sl_str host, uint16_t port, const struct sl_guard *guard,
                          uint64_t deadline_usec, struct sl_stream *stream, sl_dial_fn on_done, void *arg,
                          struct sl_dial **ret)
{
    struct sl_dial *dial = calloc(1, sizeof(*dial));
    if (!dial) {
        return SL_E_NOMEM;
    }
    dial->loop = loop;
    dial->stream = stream;
    dial->guard = guard;
    dial->on_done = on_done;
    dial->arg = arg;
    dial->port = port;
    snprintf(dial->host, sizeof(dial->host), "%.*s", SL_STR_ARG(host));
    sl_timer_init(&dial->deadline, on_deadline);
    sl_timer_init(&dial->step, on_step);
    sl_timer_set(loop, &dial->deadline, deadline_usec ? deadline_usec : 1);
    dial_begin(dial, host);
    *ret = dial;
    return 0;
}

void sl_dial_cancel(struct sl_dial *dial)
{
    dial_free(dial);
}
