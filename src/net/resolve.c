/* SPDX-License-Identifier: Apache-2.0 */
/*   unknown ── asked ──> looking up ── answer ──> fresh ── 30 s ──> stale ── asked ──> looking up …
 *                             └─ failed, no old answer: everybody is told, the host is forgotten
 *                             └─ failed, old answer younger than 5 minutes: that one serves */
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"

/* An idle thread ends after this time. */
#define IDLE_SEC 10

SL_LIST_HEAD(wait_list);
SL_LIST_FUNCTIONS(wait_list, struct sl_resolve_wait, link);

struct sl_resolve_host {
    char name[SL_RESOLVE_HOST_MAX + 1]; /* lower case */
    struct sl_link by_use;              /* in `hosts`, least recently asked first */
    struct sl_link by_turn;             /* in `jobs`, until a thread takes it */
    struct wait_list waits;
    bool is_looking_up;  /* from the moment it is put into `jobs` until the answer */
    uint64_t got_usec;   /* when the answer in `addrs` came; 0: never */
    uint64_t retry_usec; /* after a failed refresh: no other one before this */
    struct sl_addrs addrs;
};

SL_LIST_HEAD(host_list);
SL_LIST_FUNCTIONS(host_list, struct sl_resolve_host, by_use);
SL_LIST_HEAD(job_list);
SL_LIST_FUNCTIONS(job_list, struct sl_resolve_host, by_turn);

/* Guards everything below, and the hosts. It is held for a few instructions, never during a look-up. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_came; /* on the monotonic clock: table_init */
static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static struct sl_map by_name;
static struct host_list hosts;
static struct job_list jobs;
static unsigned n_threads, n_idle;
static sl_getaddrinfo_fn look_up = getaddrinfo;
static void (*look_up_free)(struct addrinfo *list) = freeaddrinfo;
static uint64_t (*now_usec)(void) = sl_clock_usec;

static void table_init(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&work_came, &attr);
    pthread_condattr_destroy(&attr);
}

/* Sorts the addresses in the order in which they are tried. */
static void sort(const struct addrinfo *list, struct sl_addrs *ret)
{
    const struct addrinfo *next[2] = { list, list };
    static const int family[2] = { AF_INET6, AF_INET };
    ret->n = 0;
    int turn = 0;
    int misses = 0;
    while (misses < 2 && ret->n < SL_RESOLVE_ADDRS_MAX) {
        const struct addrinfo *ai = next[turn];
        while (ai && (ai->ai_family != family[turn] || ai->ai_addrlen > sizeof(union sl_sockaddr))) {
            ai = ai->ai_next;
        }
        if (ai) {
            union sl_sockaddr *addr = &ret->addrs[ret->n++];
            *addr = (union sl_sockaddr){ 0 };
            memcpy(addr, ai->ai_addr, ai->ai_addrlen);
            misses = 0;
        } else {
            misses++;
        }
        next[turn] = ai ? ai->ai_next : NULL;
        turn ^= 1;
    }
}

/* --- the threads --- */

static void on_posted(void *arg)
{
    struct sl_resolve_wait *wait = arg;
    wait->on_done(wait, wait->error);
}

/* The lock is held. */
static void host_finish(struct sl_resolve_host *host, int error, const struct sl_addrs *addrs)
{
    uint64_t now = now_usec();
    host->is_looking_up = false;
    if (!error) {
        host->addrs = *addrs;
        host->got_usec = now;
        host->retry_usec = 0;
    } else if (host->got_usec && now - host->got_usec < SL_RESOLVE_STALE_USEC) {
        host->retry_usec = now + SL_RESOLVE_RETRY_USEC;
        error = 0;
    } else {
        host->got_usec = 0;
    }
    struct sl_resolve_wait *wait;
    while ((wait = wait_list_take_first(&host->waits)) != NULL) {
        wait->host = NULL;
        wait->error = error;
        if (!error) {
            wait->addrs = host->addrs;
        }
        /* After this the wait may be freed. */
        sl_loop_post(wait->loop, &wait->post, on_posted, wait);
    }
    if (!host->got_usec) {
        host_list_remove(&hosts, host);
        sl_map_remove(&by_name, sl_str_c(host->name));
        free(host);
    }
}

/* The lock is held; it is released during the look-up. */
static void host_look_up(struct sl_resolve_host *host)
{
    sl_getaddrinfo_fn fn = look_up;
    void (*free_fn)(struct addrinfo * list) = look_up_free;
    char name[SL_RESOLVE_HOST_MAX + 1];
    memcpy(name, host->name, sizeof(name));
    pthread_mutex_unlock(&lock);

    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    struct sl_addrs addrs = { 0 };
    int error = fn(name, NULL, &hints, &list);
    if (!error) {
        sort(list, &addrs);
        free_fn(list);
        if (addrs.n == 0) {
            error = EAI_NONAME;
        }
    }

    pthread_mutex_lock(&lock);
    host_finish(host, error, &addrs);
}

static void *thread_main(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct sl_resolve_host *host = job_list_take_first(&jobs);
        if (host) {
            host_look_up(host);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SEC;
        n_idle++;
        int r = 0;
        while (!jobs.first && r == 0) {
            r = pthread_cond_timedwait(&work_came, &lock, &until);
        }
        n_idle--;
        if (!jobs.first) {
            break;
        }
    }
    n_threads--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* The lock is held. True: a thread will take the job, or one was started. */
static bool threads_wake(void)
{
    if (n_idle >= jobs.n) {
        pthread_cond_signal(&work_came);
        return true;
    }
    if (n_threads == SL_RESOLVE_THREADS) {
        return true; /* the first one is done */
    }
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return n_threads > 0;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Signals are handled by the main thread. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t thread;
    int r = pthread_create(&thread, &attr, thread_main, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (r == 0) {
        n_threads++;
    }
    return n_threads > 0;
}

/* --- asking --- */

/* The lock is held. Makes room: removes the host that was asked for longest ago. */
static bool table_evict(void)
{
    for (struct sl_resolve_host *host = host_list_first(&hosts); host; host = host_list_next(host)) {
        if (!host->is_looking_up) {
            host_list_remove(&hosts, host);
            sl_map_remove(&by_name, sl_str_c(host->name));
            free(host);
            return true;
        }
    }
    return false;
}

/* The lock is held. */
static int table_add(const char *name, size_t n, struct sl_resolve_host **ret)
{
    if (hosts.n >= SL_RESOLVE_HOSTS_MAX && !table_evict()) {
        return SL_E_LIMIT;
    }
    struct sl_resolve_host *host = calloc(1, sizeof(*host));
    if (!host) {
        return SL_E_NOMEM;
    }
    memcpy(host->name, name, n);
    int r = sl_map_put(&by_name, sl_str_c(host->name), host);
    if (r < 0) {
        free(host);
        return r;
    }
    host_list_add(&hosts, host);
    *ret = host;
    return 0;
}

/* The lock is held. */
static int host_ask(struct sl_resolve_host *host, struct sl_resolve_wait *wait)
{
    uint64_t now = now_usec();
    uint64_t age = now - host->got_usec;
    wait->has_stale = host->got_usec && age < SL_RESOLVE_STALE_USEC;
    if (wait->has_stale) {
        wait->addrs = host->addrs;
        if (age < SL_RESOLVE_FRESH_USEC || now < host->retry_usec) {
            return 1;
        }
    }
    if (!host->is_looking_up) {
        job_list_add(&jobs, host);
        if (!threads_wake()) {
            job_list_remove(&jobs, host);
            return wait->has_stale ? 1 : SL_E_NOMEM;
        }
        host->is_looking_up = true;
    }
    wait->host = host;
    wait_list_add(&host->waits, wait);
    return 0;
}

int sl_resolve_start(struct sl_resolve_wait *wait, struct sl_str host)
{
    char name[SL_RESOLVE_HOST_MAX + 1];
    if (host.n == 0 || host.n > SL_RESOLVE_HOST_MAX || memchr(host.p, 0, host.n)) {
        return SL_E_INVAL;
    }
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    wait->link = (struct sl_link){ 0 };
    wait->host = NULL;

    pthread_once(&table_once, table_init);
    pthread_mutex_lock(&lock);
    struct sl_resolve_host *entry = sl_map_find(&by_name, sl_str_make(name, host.n));
    int r = 0;
    if (entry) {
        host_list_remove(&hosts, entry);
        host_list_add(&hosts, entry);
    } else {
        r = table_add(name, host.n, &entry);
    }
    if (r == 0) {
        r = host_ask(entry, wait);
        if (r < 0 && !entry->got_usec) {
            host_list_remove(&hosts, entry);
            sl_map_remove(&by_name, sl_str_c(entry->name));
            free(entry);
        }
    }
    pthread_mutex_unlock(&lock);
    return r;
}

bool sl_resolve_cancel(struct sl_resolve_wait *wait)
{
    pthread_mutex_lock(&lock);
    bool was_waiting = wait->host != NULL;
    if (was_waiting) {
        wait_list_remove(&wait->host->waits, wait);
        wait->host = NULL;
    }
    pthread_mutex_unlock(&lock);
    return was_waiting;
}

/* --- for tests --- */

void sl_resolve_set_getaddrinfo(sl_getaddrinfo_fn fn, void (*free_fn)(struct addrinfo *list))
{
    pthread_mutex_lock(&lock);
    look_up = fn ? fn : getaddrinfo;
    look_up_free = fn ? free_fn : freeaddrinfo;
    pthread_mutex_unlock(&lock);
}

void sl_resolve_set_clock(uint64_t (*now)(void))
{
    pthread_mutex_lock(&lock);
    now_usec = now ? now : sl_clock_usec;
    pthread_mutex_unlock(&lock);
}

void sl_resolve_forget(void)
{
    pthread_mutex_lock(&lock);
    while (table_evict()) {
    }
    SL_ASSERT(hosts.n == 0);
    sl_map_done(&by_name);
    by_name = (struct sl_map){ 0 };
    pthread_mutex_unlock(&lock);
}
