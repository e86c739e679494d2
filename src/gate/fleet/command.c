/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/command.h"

#include <stdio.h>

#include "gate/fleet/state.h"

/* A key of the namespace. */
static void key_add(struct sl_fleet_link *link, struct sl_str name)
{
    sl_resp_word_of(&link->out, link->fleet->prefix, name);
}

void sl_fleet_command(struct sl_fleet_link *link, enum sl_fleet_script script, uint32_t n_counters, uint32_t n_args)
{
    sl_buf_reset(&link->out);
    sl_resp_begin(&link->out, 3 + 2 + (size_t)n_counters + n_args);
    sl_resp_word(&link->out, SL_STR("EVALSHA"));
    sl_resp_word(&link->out, sl_str_make(link->sha[script], SL_FLEET_SHA));
    sl_resp_word_u64(&link->out, 2 + (uint64_t)n_counters);
    key_add(link, SL_STR("epoch"));
    key_add(link, SL_STR("nodes"));
}

void sl_fleet_command_key(struct sl_fleet_link *link, const char *name)
{
    char whole[2 + SL_LIMIT_HOME_NAME] = "c:";
    memcpy(whole + 2, name, SL_LIMIT_HOME_NAME);
    key_add(link, sl_str_make(whole, sizeof(whole)));
}

void sl_fleet_command_news(struct sl_fleet_link *link)
{
    sl_fleet_command(link, SL_FLEET_NEWS, 1, 4);
    key_add(link, SL_STR("news"));
}

void sl_fleet_command_mine(struct sl_fleet_link *link)
{
    sl_resp_word(&link->out, sl_str_c(link->epoch));
    sl_resp_word(&link->out, sl_str_c(link->worker));
    sl_resp_word(&link->out, sl_str_c(link->connection));
}

int sl_fleet_command_send(struct sl_fleet_link *link, sl_redis_fn *fn, void *arg)
{
    int r = sl_buf_status(&link->out);
    return r < 0 ? SL_E_NOMEM : sl_redis_send(&link->redis, sl_buf_str(&link->out), fn, arg);
}

/* --- clocks and numbers --- */

void sl_fleet_clock(struct sl_fleet_link *link, int64_t server_usec, uint64_t now_wall_usec)
{
    link->offset_usec = server_usec - (int64_t)now_wall_usec;
}

static uint64_t local(const struct sl_fleet_link *link, int64_t usec)
{
    return usec >= SL_FLEET_NUMBER_MAX ? UINT64_MAX
           : usec > link->offset_usec  ? (uint64_t)(usec - link->offset_usec)
                                       : 0;
}

struct sl_limit_answer sl_fleet_answer(const struct sl_fleet_link *link, int64_t server_usec, const struct sl_resp *at)
{
    return (struct sl_limit_answer){
        .said_usec = server_usec > 0 ? (uint64_t)server_usec : 0,
        .start_usec = (uint64_t)at[0].number,
        .end_usec = at[1].number > 0 ? local(link, at[1].number) : 0,
        .used = at[2].number > 0 ? (uint64_t)at[2].number : 0,
        .reserved = at[3].number > 0 ? (uint64_t)at[3].number : 0,
        .own = UINT64_MAX,
        .is_unsure = true, /* it does not say */
    };
}

/* --- who lives --- */

size_t sl_fleet_worker_name(const struct sl_fleet *fleet, uint32_t number, char *out)
{
    return (size_t)snprintf(out, SL_FLEET_WORKER_MAX, "%s.%u", fleet->process, number);
}

void sl_fleet_peers_note(struct sl_fleet_link *link, const struct sl_resp *list, size_t n)
{
    size_t n_process = strlen(link->fleet->process);
    sl_buf_reset(&link->peer_text);
    link->n_peers = 0;
    link->n_nodes = 1;
    for (size_t i = 0; i < n && link->n_peers < SL_FLEET_PEERS_MAX; i++) {
        struct sl_str name = list[i].text;
        if (list[i].type != SL_RESP_BULK || name.n >= SL_FLEET_WORKER_MAX ||
            (name.n > n_process && sl_str_eq(sl_str_sub(name, 0, n_process), sl_str_c(link->fleet->process)))) {
            continue;
        }
        sl_buf_add_str(&link->peer_text, name);
        link->peers[link->n_peers++] = sl_str_make(NULL, name.n);
    }
    const char *p = link->peer_text.p;
    for (uint32_t i = 0; i < link->n_peers && sl_buf_status(&link->peer_text) == 0; i++) {
        link->peers[i].p = p;
        p += link->peers[i].n;
    }
    if (sl_buf_status(&link->peer_text) < 0) {
        link->n_peers = 0;
    }
    for (uint32_t i = 0; i < link->n_peers; i++) {
        /* How many processes: the part before the point, each counted once. */
        struct sl_str rest = link->peers[i], process;
        SL_IGNORE(!sl_str_next(&rest, '.', &process));
        bool is_new = true;
        for (uint32_t k = 0; is_new && k < i; k++) {
            is_new = !sl_str_has_prefix(link->peers[k], process);
        }
        link->n_nodes += is_new;
    }
}

struct sl_limit_home_at sl_fleet_at(struct sl_fleet_link *link, uint64_t now_wall_usec)
{
    return (struct sl_limit_home_at){ .worker = link->number,
                                      .n_nodes = link->n_nodes,
                                      .now_usec = now_wall_usec,
                                      .offset_usec = link->offset_usec,
                                      .loop_usec = sl_loop_recent(link->loop),
                                      .leases = link->state == SL_LINK_UP ? &link->leases : NULL };
}
