/* SPDX-License-Identifier: Apache-2.0 */
/* The process's table of host names. Look-ups run on threads of their own, at most SL_RESOLVE_THREADS, which start when
 * needed and end when idle: so neither libuv's pool nor the end of the process waits for a look-up that hangs. There is
 * one look-up for each host at a time; everybody who asks meanwhile waits for the same one. */
#ifndef SL_NET_RESOLVE_H
#define SL_NET_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/list.h"
#include "net/dial.h"

#define SL_RESOLVE_THREADS   16
#define SL_RESOLVE_HOSTS_MAX 4096
/* RFC 1035 allows 253 characters. */
#define SL_RESOLVE_HOST_MAX 255
/* When there is a stale answer, nobody waits longer than this for a refresh. */
#define SL_RESOLVE_PATIENCE_USEC 500000ULL
/* After a failed refresh the stale answer is used for this time before the next try. */
#define SL_RESOLVE_RETRY_USEC 5000000ULL

union sl_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* In dialling order: the families interleaved, IPv6 first; the ports are 0. */
struct sl_addrs {
    size_t n;
    union sl_sockaddr addrs[SL_RESOLVE_ADDRS_MAX];
};

struct sl_resolve_host;

/* One that waits for an answer. It belongs to its loop's thread; the table's lock guards `link`, `host` and
 * `is_posted`. */
struct sl_resolve_wait {
    struct sl_loop *loop;
    /* Called on the loop's thread. `error`: 0 or an EAI_ code. The memory belongs to the owner again. */
    void (*on_done)(struct sl_resolve_wait *wait, int error);
    struct sl_addrs addrs; /* the answer */
    bool has_stale;        /* `addrs` is an old answer, to be used if the new one takes too long */
    int error;
    struct sl_link link;
    struct sl_resolve_host *host;
    struct sl_post post;
};

/* 1: the answer is in `wait->addrs`, and on_done is not called. 0: on_done will be called. SL_E_INVAL: no host name;
 * SL_E_LIMIT: the table is full of unfinished look-ups; SL_E_NOMEM. */
SL_MUST int sl_resolve_start(struct sl_resolve_wait *wait, struct sl_str host);
/* True: the memory belongs to the owner again. False: on_done is on its way, and will still be called. */
SL_MUST bool sl_resolve_cancel(struct sl_resolve_wait *wait);

/* For tests: a clock in place of the monotonic one (NULL restores it), and an empty table (no look-up may be
 * running). */
void sl_resolve_set_clock(uint64_t (*now)(void));
void sl_resolve_forget(void);

#endif
