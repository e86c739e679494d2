/* SPDX-License-Identifier: Apache-2.0 */
/* Asks one upstream whether it answers, and whether it takes the credential: by its list of models where the provider
 * has one, else by connecting. That costs nothing. */
#ifndef SL_GATE_PROBE_H
#define SL_GATE_PROBE_H

#include "http/client.h"

struct sl_route;
struct sl_settings;

/* At most this much of a list is read. */
#define SL_PROBE_LIST_MAX (8u << 20)

struct sl_probed {
    const struct sl_route *route;
    uint32_t target;
    bool is_asked;    /* for its list of models; else it was only connected to */
    bool is_answered; /* connected, and answered if it was asked */
    int status;       /* of the answer; 0: none */
    bool is_page;     /* of HTML, which no list of models is */
    uint64_t usec;    /* how long it took */
    bool has_clock;
    int64_t ahead_sec; /* by how much its clock is ahead of ours */
    char why[256];     /* why it did not answer */
};

struct sl_probe {
    struct sl_hcall call;
    struct sl_hcall_req req;
    struct sl_timer over; /* ends a call whose list is too long, which its own callbacks may not do */
    struct sl_loop *loop;
    struct sl_probed told;
    size_t n_read;
    void (*on_end)(struct sl_probe *probe); /* `told` is complete */
    void *user;
};

/* True: the target has an upstream to ask. */
bool sl_probe_can(const struct sl_route *route, uint32_t target);
/* Makes the request, with the route's credential and headers. A route that was made over the API reaches no more
 * addresses than its calls may: the guard is in the settings, which must live until the end. So must `arena`, which is
 * to be wiped then. SL_E_NOMEM. */
SL_MUST int sl_probe_init(struct sl_probe *probe, const struct sl_route *route, uint32_t target,
                          const struct sl_settings *settings, struct sl_arena *arena);
/* What two probes have in common when they ask one upstream with one credential; on the arena, and as secret as that.
 * SL_STR_NONE: no memory. */
struct sl_str sl_probe_identity(const struct sl_probe *probe, struct sl_arena *arena);
/* on_end comes from the loop, once. SL_E_NOMEM: it does not come. */
SL_MUST int sl_probe_start(struct sl_probe *probe, struct sl_loop *loop, struct sl_hclient *client,
                           const struct sl_hcall_timeouts *timeouts, struct sl_arena *arena);
/* For one that was started: on_end does not come any more. */
void sl_probe_cancel(struct sl_probe *probe);

enum sl_probe_state { SL_PROBE_WELL, SL_PROBE_WARNING, SL_PROBE_ERROR };

struct sl_probe_words {
    enum sl_probe_state state;
    char text[400];   /* goes on behind the upstream's name */
    char advice[256]; /* "": there is nothing to do */
};
void sl_probe_tell(const struct sl_probed *told, struct sl_probe_words *ret);

#endif
