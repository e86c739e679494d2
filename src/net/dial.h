/* SPDX-License-Identifier: Apache-2.0 */
/* Name resolution and dialling. The resolver is one table for the process (with its own lock): one look-up for each
 * host at a time; answers are fresh for 30 s, and stale ones are used for up to 5 minutes while a refresh fails or is
 * slow. Look-ups run on up to 16 threads of their own, so that a resolver that never answers delays no other host.
 * Dialling tries each address, with the families interleaved and IPv6 first, 250 ms apart or as soon as one fails (RFC
 * 8305), and takes the first that connects. */
#ifndef SL_NET_DIAL_H
#define SL_NET_DIAL_H

#include "net/cidr.h"
#include "net/stream.h"

#define SL_RESOLVE_FRESH_USEC 30000000ULL
#define SL_RESOLVE_STALE_USEC 300000000ULL
#define SL_DIAL_STAGGER_USEC  250000ULL
#define SL_RESOLVE_ADDRS_MAX  16

/* For tests: replaces getaddrinfo and freeaddrinfo (called on the resolver's threads). NULL restores them. */
struct addrinfo;
typedef int (*sl_getaddrinfo_fn)(const char *node, const char *service, const struct addrinfo *hints,
                                 struct addrinfo **ret);
void sl_resolve_set_getaddrinfo(sl_getaddrinfo_fn fn, void (*free_fn)(struct addrinfo *list));

struct sl_dial;

enum sl_dial_result {
    SL_DIAL_OK,
    SL_DIAL_RESOLVE_FAILED,
    SL_DIAL_CONNECT_FAILED,
    SL_DIAL_GUARDED, /* the guard refuses the address; `text` names it, and the caller must not see it */
    SL_DIAL_SPENT,   /* this process has no descriptor or no memory left: the peer is not at fault */
    SL_DIAL_TIMEOUT,
};

/* The end of a dial: `stream` (the caller's) is open when OK; else `text` says what failed ("connection refused by
 * 192.0.2.1:443", "cannot resolve api.example: …"). Never called from inside sl_dial_start. The dial is freed before
 * this is called. */
typedef void (*sl_dial_fn)(void *arg, enum sl_dial_result result, const char *text);

/* `host`: a name, an IPv4 or IPv6 literal (no brackets); copied. The whole dial, resolving included, ends at
 * `deadline_usec` (monotonic) with SL_DIAL_TIMEOUT. `stream` is initialised and not open. `guard` (may be NULL; must
 * live as long as the dial) checks each address when it is connected to, after resolving, so that no name and no
 * spelling of an address avoids it. Fails only for lack of memory. */
SL_MUST int sl_dial_start_guarded(struct sl_loop *loop, struct sl_str host, uint16_t port, const struct sl_guard *guard,
                                  uint64_t deadline_usec, struct sl_stream *stream, sl_dial_fn on_done, void *arg,
                                  struct sl_dial **ret);
/* The same without a guard. */
SL_MUST int sl_dial_start(struct sl_loop *loop, struct sl_str host, uint16_t port, uint64_t deadline_usec,
                          struct sl_stream *stream, sl_dial_fn on_done, void *arg, struct sl_dial **ret);
/* No callback comes after this. */
void sl_dial_cancel(struct sl_dial *dial);

#endif
