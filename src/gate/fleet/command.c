/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/command.h"

#include <stdio.h>

#include "gate/fleet/state.h"

static struct sl_str key_make(const struct sl_fleet_link *link, const char *name, size_t n, char out[128])
{
    int len = snprintf(out, 128, "sluice:{%.*s}:%.*s", SL_STR_ARG(link->fleet->conf.ns), (int)n, name);
    return sl_str_make(out, (size_t)len);
}

void sl_fleet_command(struct sl_fleet_link *link, enum sl_fleet_script script, uint32_t n_counters, uint32_t n_args)
{
    char key[128];
    sl_buf_reset(&link->out);
    sl_resp_begin(&link->out, 3 + 2 + (size_t)n_counters + n_args);
    sl_resp_word(&link->out, SL_STR("EVALSHA"));
    sl_resp_word(&link->out, sl_str_make(link->sha[script], SL_FLEET_SHA));
    sl_resp_word_u64(&link->out, 2 + (uint64_t)n_counters);
    sl_resp_word(&link->out, key_make(link, "epoch", 5, key));
    sl_resp_word(&link->out, key_make(link, "nodes", 5, key));
}

void sl_fleet_command_key(struct sl_fleet_link *link, const char *name)
{
    char key[128];
    char whole[2 + SL_LIMIT_HOME_NAME] = "c:";
    memcpy(whole + 2, name, SL_LIMIT_HOME_NAME);
    sl_resp_word(&link->out, key_make(link, whole, sizeof(whole), key));
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

struct sl_limit_answer sl_fleet_answer(const struct sl_fleet_link *link, const struct sl_resp *at)
{
    return (struct sl_limit_answer){
        .start_usec = (uint64_t)at[0].number,
        .end_usec = at[1].number > 0 ? local(link, at[1].number) : 0,
        .used = at[2].number > 0 ? (uint64_t)at[2].number : 0,
        .reserved = at[3].number > 0 ? (uint64_t)at[3].number : 0,
        .own = UINT64_MAX,
    };
}

struct sl_limit_home_at sl_fleet_at(const struct sl_fleet_link *link, uint64_t now_wall_usec)
{
    return (struct sl_limit_home_at){ link->number, link->n_nodes, now_wall_usec, link->offset_usec };
}
