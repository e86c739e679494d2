/* SPDX-License-Identifier: Apache-2.0 */
/* The client: libcurl's multi socket interface, which threads may enter, and a turn of the loop: descriptors, timers,
 * then the program's callbacks. libcurl's own callbacks only store. */
#include "client/priv.h"
#include "sluice/poll.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many descriptors a call may need: two addresses tried at once, a proxy, the resolver's wake-up. */
#define WATCHES_PER_CALL 4
#define WATCHES_MIN      8
/* How many idle connections libcurl keeps. */
#define KEPT_CONNECTIONS 64L

/* curl_global_init is not thread-safe in every libcurl that we link with. It is never undone, because the program may
 * use libcurl, too. */
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static bool init_is_done; /* guarded by init_lock */

/* A child has no thread that would release the lock. */
static void init_lock_take(void)
{
    pthread_mutex_lock(&init_lock);
}

static void init_lock_give(void)
{
    pthread_mutex_unlock(&init_lock);
}

static void fork_prepare(void)
{
    SL_IGNORE(
        pthread_atfork(init_lock_take, init_lock_give, init_lock_give)); /* out of memory: as if there were none */
}

static int curl_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fork_prepare);
    pthread_mutex_lock(&init_lock);
    init_is_done = init_is_done || curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    bool is_ready = init_is_done;
    pthread_mutex_unlock(&init_lock);
    return is_ready ? 0 : SLUICE_ENOMEM;
}

const char *sluice_version(void)
{
    return SL_VERSION;
}

int sluice_version_number(void)
{
    return SLUICE_VERSION_NUMBER;
}

uint64_t slc_now(const struct sluice_client *client)
{
    if (client->opts->now_usec) {
        return client->opts->now_usec(client->opts->clock_arg);
    }
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* --- threads and callbacks --- */

int slc_need(const void *arg, const char *name, sluice_error **err)
{
    static const struct sl_alloc libc = { NULL, NULL };
    return arg ? 0 : slc_fail(&libc, err, SLUICE_EUSAGE, "the %s is NULL", name);
}

int slc_enter(struct sluice_client *client, bool may_be_callback, sluice_error **err)
{
    int r = slc_need(client, "client", err);
    if (r < 0) {
        return r;
    }
    if (client->pid != getpid()) {
        return slc_fail(&client->alloc, err, SLUICE_EUSAGE, "this client belongs to process %d: a child opens its own",
                        (int)client->pid);
    }
    int expected = 0;
    uintptr_t self = (uintptr_t)pthread_self();
    if (!atomic_compare_exchange_strong(&client->is_busy, &expected, 1)) {
        if (atomic_load(&client->owner) != self) {
            return slc_fail(&client->alloc, err, SLUICE_EUSAGE, "another thread is using this client");
        }
        if (!may_be_callback) {
            return slc_fail(&client->alloc, err, SLUICE_EUSAGE, "a callback must not drive or wait");
        }
    }
    atomic_store(&client->owner, self);
    client->depth++;
    return 0;
}

void slc_leave(struct sluice_client *client)
{
    if (--client->depth == 0) {
        atomic_store(&client->owner, 0);
        atomic_store(&client->is_busy, 0);
    }
}

/* --- events of libcurl --- */

int slc_watches_reserve(struct sluice_client *client)
{
    size_t need = (client->calls.n + 1) * WATCHES_PER_CALL + WATCHES_MIN;
    if (need <= client->cap_watches) {
        return 0;
    }
    size_t cap = SL_MAX(need, client->cap_watches * 2);
    struct slc_watch *watches = sl_alloc_resize(&client->alloc, client->watches, cap * sizeof(*watches));
    if (!watches) {
        return SL_E_NOMEM;
    }
    client->watches = watches;
    struct pollfd *polls = sl_alloc_resize(&client->alloc, client->polls, (cap + 1) * sizeof(*polls));
    if (!polls) {
        return SL_E_NOMEM;
    }
    client->polls = polls;
    client->cap_watches = cap;
    return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct sluice_client *client = arg;
    (void)socket_arg;
    char *private = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct sluice_call *call = (struct sluice_call *)(void *)private;
    if (call && what != CURL_POLL_REMOVE) { /* NULL: libcurl's own handle, for unused connections */
        call->fd = fd;
    } else if (call && call->fd == fd) {
        call->fd = CURL_SOCKET_BAD;
    }
    int events = what == CURL_POLL_REMOVE
                     ? 0
                     : (what & CURL_POLL_IN ? SLUICE_READ : 0) | (what & CURL_POLL_OUT ? SLUICE_WRITE : 0);
    size_t i = 0;
    while (i < client->n_watches && client->watches[i].fd != fd) {
        i++;
    }
    if (events == 0) {
        if (i < client->n_watches) {
            client->watches[i] = client->watches[--client->n_watches];
        }
    } else if (i < client->cap_watches) {
        client->watches[i] = (struct slc_watch){ fd, events };
        client->n_watches = SL_MAX(client->n_watches, i + 1);
    } else {
        return -1;
    }
    if (client->on_fd) {
        client->on_fd(client->watch_arg, fd, events);
    }
    return 0;
}

static int on_curl_timer(CURLM *multi, long msec, void *arg)
{
    struct sluice_client *client = arg;
    (void)multi;
    client->curl_due = msec < 0 ? SLC_NEVER : slc_now(client) + (uint64_t)msec * SLC_USEC_PER_MSEC;
    if (client->on_timeout) {
        client->on_timeout(client->watch_arg);
    }
    return 0;
}

/* --- opening --- */

int slc_multi_ready(struct sluice_client *client)
{
    if (client->multi) {
        return 0;
    }
    CURLM *multi = curl_multi_init();
    if (multi && !curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) &&
        !curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) &&
        !curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) &&
        !curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) &&
        !curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) &&
        !curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)client->opts->max_connections)) {
        client->multi = multi;
        return 0;
    }
    curl_multi_cleanup(multi);
    return SL_E_NOMEM;
}

/* A multi that ran out of memory cannot be trusted (libcurl 7.88 leaves a destroyed table in its socket hash and
 * divides by its size at the next use): its calls end, and the next call gets a new one. */
static void multi_drop(struct sluice_client *client)
{
    for (struct sluice_call *call = slc_calls_first(&client->calls); call; call = slc_calls_next(call)) {
        slc_call_fail_memory(call);
    }
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    client->n_watches = 0;
    client->curl_due = SLC_NEVER;
}

static void client_delete(struct sluice_client *client)
{
    struct sluice_call *call;
    while ((call = slc_calls_first(&client->calls))) {
        slc_call_abort(call, false);
        slc_call_unlink(call);
    }
    if (client->multi) {
        curl_multi_cleanup(client->multi);
    }
    if (client->on_fd) {
        client->on_fd(client->watch_arg, client->waker->fd, 0);
    }
    sluice_opts_free(client->opts);
    if (client->authorization) {
        slc_wipe(client->authorization, strlen(client->authorization));
    }
    slc_waker_unref(client->waker);
    void *const parts[] = { client->base, client->authorization, client->watches, client->polls };
    struct sl_alloc alloc = client->alloc;
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        sl_alloc_free(&alloc, parts[i]);
    }
    sl_alloc_free(&alloc, client);
}

static int client_make(const struct sluice_opts *opts, sluice_client **ret, sluice_error **err)
{
    int r = slc_url_check(opts, err);
    if (r < 0) {
        return r;
    }
    struct sluice_client *client = curl_ready() < 0 ? NULL : slc_zalloc(&opts->alloc, sizeof(*client));
    if (!client) {
        return slc_fail(&opts->alloc, err, SLUICE_ENOMEM, "out of memory");
    }
    client->alloc = opts->alloc;
    client->pid = getpid();
    client->curl_due = SLC_NEVER;
    size_t n = strlen(opts->url);
    client->base = slc_dup(&client->alloc, opts->url, n - (opts->url[n - 1] == '/'));
    client->opts = client->base ? slc_opts_copy(opts) : NULL;
    client->waker = client->opts ? slc_waker_new(&client->alloc) : NULL;
    if (!client->waker || slc_authorization_make(client) < 0 || slc_watches_reserve(client) < 0 ||
        slc_multi_ready(client) < 0) {
        client_delete(client);
        return slc_fail(&opts->alloc, err, SLUICE_ENOMEM, "out of memory or descriptors");
    }
    *ret = client;
    return 0;
}

int sluice_open(const sluice_opts *opts, sluice_client **client, sluice_error **err)
{
    int r = slc_need(client, "client", err);
    if (r < 0) {
        return r;
    }
    if (opts) {
        return client_make(opts, client, err);
    }
    sluice_opts *from_env = sluice_opts_new();
    if (!from_env) {
        return slc_fail(&(struct sl_alloc){ NULL, NULL }, err, SLUICE_ENOMEM, "out of memory");
    }
    r = sluice_opts_from_env(from_env, err);
    r = r ? r : client_make(from_env, client, err);
    sluice_opts_free(from_env);
    return r;
}

void sluice_close(sluice_client *client)
{
    /* A child must not write a close_notify into the parent's TLS connections. */
    if (!client || client->pid != getpid()) {
        return;
    }
    /* Tells another thread that is inside to end its calls, until it has left. This is rare, so checking once a
     * millisecond costs less than a lock in every call would. */
    while (slc_enter(client, false, NULL) < 0) {
        if (atomic_load(&client->owner) == (uintptr_t)pthread_self()) {
            return; /* in a callback: the code above it still uses the client */
        }
        sluice_cancel_all(client);
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    client_delete(client);
}

void sluice_cancel_all(sluice_client *client)
{
    if (client) {
        atomic_fetch_add(&client->waker->cancelled, 1);
        slc_waker_wake(client->waker);
    }
}

/* --- the turn --- */

static uint64_t client_due(const struct sluice_client *client)
{
    uint64_t due = client->curl_due;
    for (const struct sluice_call *call = slc_calls_first(&client->calls); call; call = slc_calls_next(call)) {
        due = SL_MIN(due, slc_call_due(call));
    }
    return due;
}

static bool is_paused(const struct sluice_call *call)
{
    return call->is_pausing && atomic_load(&call->resumes) == call->resumes_before && !slc_call_is_cancelled(call);
}

/* Delivers one event. False when the call must not be used any more. */
static bool event_deliver(struct sluice_client *client, struct sluice_call *call, const struct sluice_event *event)
{
    const sluice_callbacks *cb = &call->callbacks;
    int said[3] = { 0, 0, 0 };
    call->resumes_before = atomic_load(&call->resumes);
    call->is_pausing = false;
    for (int i = 0; i < 3; i++) {
        if (i == 0 && cb->on_event) {
            said[i] = cb->on_event(call->arg, call, event);
        } else if (i == 1 && cb->on_text && event->text) {
            said[i] = cb->on_text(call->arg, call, event->text, event->text_len);
        } else if (i == 2 && cb->on_usage && event->has_usage) {
            sluice_usage usage;
            SL_IGNORE(slc_usage_give(&event->usage, &usage)); /* it always has one */
            said[i] = cb->on_usage(call->arg, call, &usage);
        }
        if (client->current != call) {
            return false;
        }
        if (said[i] == SLUICE_PAUSE) {
            call->is_pausing = true;
        } else if (said[i]) {
            atomic_store(&call->is_cancelled, 1);
        }
        if (atomic_load(&call->is_cancelled)) {
            slc_call_abort(call, true);
            break;
        }
    }
    return true;
}

static void call_deliver(struct sluice_client *client, struct sluice_call *call)
{
    client->current = call;
    client->in_callback = true;
    bool is_alive = true;
    while (is_alive && !is_paused(call)) {
        struct sluice_event *event = slc_call_pop(call);
        if (!event) {
            break;
        }
        is_alive = event_deliver(client, call, event);
        slc_event_free(event, &client->alloc);
    }
    if (is_alive && slc_call_is_over(call) && !is_paused(call)) {
        slc_call_unlink(call);
        if (call->callbacks.on_end) {
            call->callbacks.on_end(call->arg, call, call->code);
        }
    }
    client->in_callback = false;
    client->current = NULL;
}

/* Visits every call once; a callback may start and free calls, and then the walk begins again. */
static void client_dispatch(struct sluice_client *client)
{
    unsigned visit = ++client->visit;
    struct sluice_call *call = slc_calls_first(&client->calls);
    while (call) {
        bool has_something = call->events.head || call->state == SLC_DONE;
        if (!call->is_pushed || call->visit == visit || !has_something) {
            call = slc_calls_next(call);
            continue;
        }
        call->visit = visit;
        unsigned before = client->n_changes;
        call_deliver(client, call);
        call = before == client->n_changes ? slc_calls_next(call) : slc_calls_first(&client->calls);
    }
}

static CURLMcode curl_turn(struct sluice_client *client, int fd, int events)
{
    int running;
    CURLMcode r = CURLM_OK;
    if (fd >= 0 && fd != client->waker->fd) {
        int mask = (events & SLUICE_READ ? CURL_CSELECT_IN : 0) | (events & SLUICE_WRITE ? CURL_CSELECT_OUT : 0) |
                   (events & SLUICE_FAULT ? CURL_CSELECT_ERR : 0);
        r = curl_multi_socket_action(client->multi, fd, mask, &running);
    } else {
        slc_waker_drain(client->waker);
    }
    if (r == CURLM_OK && client->curl_due <= slc_now(client)) {
        client->curl_due = SLC_NEVER;
        r = curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    return r;
}

/* Acts on what libcurl did: transfers that ended, times that passed, callbacks. */
static void client_settle(struct sluice_client *client, CURLMcode r)
{
    int left;
    for (CURLMsg *msg; client->multi && (msg = curl_multi_info_read(client->multi, &left));) {
        if (msg->msg == CURLMSG_DONE) {
            char *call = NULL;
            CURLcode result = msg->data.result; /* it is freed with the handle */
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
            slc_call_on_done((struct sluice_call *)(void *)call, result);
        }
    }
    if (r != CURLM_OK && r != CURLM_BAD_SOCKET) {
        multi_drop(client);
    }
    uint64_t now = slc_now(client);
    for (struct sluice_call *call = slc_calls_first(&client->calls); call; call = slc_calls_next(call)) {
        slc_call_on_time(call, now);
    }
    client_dispatch(client);
}

static void client_turn(struct sluice_client *client, int fd, int events)
{
    client_settle(client, client->multi ? curl_turn(client, fd, events) : CURLM_OK);
}

/* Milliseconds for poll, rounded up. */
static int64_t due_msec(const struct sluice_client *client)
{
    uint64_t due = client_due(client), now = slc_now(client);
    if (due == SLC_NEVER) {
        return -1;
    }
    return due <= now ? 0 : (int64_t)((due - now + SLC_USEC_PER_MSEC - 1) / SLC_USEC_PER_MSEC);
}

/* The descriptors for poll: the waker, then libcurl's. */
static struct pollfd poll_entry(const struct sluice_client *client, size_t i)
{
    if (i == 0) {
        return (struct pollfd){ client->waker->fd, POLLIN, 0 };
    }
    const struct slc_watch *w = &client->watches[i - 1];
    short want = (short)((w->events & SLUICE_READ ? POLLIN : 0) | (w->events & SLUICE_WRITE ? POLLOUT : 0));
    return (struct pollfd){ w->fd, want, 0 };
}

static void client_wait(struct sluice_client *client, int64_t msec)
{
    int64_t due = due_msec(client);
    int64_t wait = due < 0 ? msec : msec < 0 ? due : SL_MIN(due, msec);
    nfds_t n = client->n_watches + 1;
    for (size_t i = 0; i < n; i++) {
        client->polls[i] = poll_entry(client, i);
    }
    int n_ready = poll(client->polls, n, wait > INT32_MAX ? INT32_MAX : (int)wait);
    if (n_ready <= 0) {
        client_turn(client, -1, 0); /* time passed, or a signal came */
        return;
    }
    /* All descriptors before the timers, so that one call's bytes do not come too late for its time-out. */
    CURLMcode r = CURLM_OK;
    for (nfds_t i = 0; i < n && client->multi && (r == CURLM_OK || r == CURLM_BAD_SOCKET); i++) {
        short got = client->polls[i].revents;
        int events = (got & (POLLIN | POLLHUP) ? SLUICE_READ : 0) | (got & POLLOUT ? SLUICE_WRITE : 0) |
                     (got & (POLLERR | POLLNVAL) ? SLUICE_FAULT : 0);
        if (events) {
            r = curl_turn(client, client->polls[i].fd, events);
        }
    }
    client_settle(client, r);
}

void slc_run(struct sluice_client *client, struct sluice_call *call)
{
    /* A pushed call is unlinked when its end was delivered. */
    while (call->client && (call->is_pushed || call->state != SLC_DONE)) {
        client_wait(client, -1);
    }
}

/* --- public --- */

size_t sluice_fds(sluice_client *client, sluice_fd *fds, size_t cap)
{
    if (slc_enter(client, true, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; fds && i <= client->n_watches && i < cap; i++) {
        fds[i] = i ? (sluice_fd){ client->watches[i - 1].fd, client->watches[i - 1].events }
                   : (sluice_fd){ client->waker->fd, SLUICE_READ };
    }
    size_t n = client->n_watches + 1;
    slc_leave(client);
    return n;
}

size_t sluice_poll_fds(sluice_client *client, struct pollfd *fds, size_t cap)
{
    if (slc_enter(client, true, NULL) < 0) {
        return 0;
    }
    size_t n = client->n_watches + 1;
    for (size_t i = 0; fds && i < n && i < cap; i++) {
        fds[i] = poll_entry(client, i);
    }
    slc_leave(client);
    return n;
}

int64_t sluice_timeout_msec(sluice_client *client)
{
    if (slc_enter(client, true, NULL) < 0) {
        return -1;
    }
    int64_t msec = due_msec(client);
    slc_leave(client);
    return msec;
}

int sluice_drive(sluice_client *client, int fd, int events, sluice_error **err)
{
    int r = slc_enter(client, false, err);
    if (r == 0) {
        client_turn(client, fd, events);
        slc_leave(client);
    }
    return r;
}

int sluice_wait(sluice_client *client, int64_t msec, sluice_error **err)
{
    int r = slc_enter(client, false, err);
    if (r == 0) {
        client_wait(client, msec);
        slc_leave(client);
    }
    return r;
}

void sluice_watch(sluice_client *client, void (*on_fd)(void *arg, int fd, int events), void (*on_timeout)(void *arg),
                  void *arg)
{
    if (slc_enter(client, true, NULL) < 0) {
        return;
    }
    client->on_fd = on_fd;
    client->on_timeout = on_timeout;
    client->watch_arg = arg;
    if (on_fd) {
        on_fd(arg, client->waker->fd, SLUICE_READ);
        for (size_t i = 0; i < client->n_watches; i++) {
            on_fd(arg, client->watches[i].fd, client->watches[i].events);
        }
    }
    slc_leave(client);
}
