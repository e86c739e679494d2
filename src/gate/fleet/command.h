/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet: how commands are written, and what numbers of replies mean. */
#ifndef SL_GATE_FLEET_COMMAND_H
#define SL_GATE_FLEET_COMMAND_H

#include "gate/fleet/script.h"
#include "redis/redis.h"

/* The largest whole number of the scripts; as the end of a window: it has none. */
#define SL_FLEET_NUMBER_MAX ((int64_t)9007199254740991)

struct sl_fleet;
struct sl_fleet_link;
struct sl_limit_answer;
struct sl_limit_home_at;

/* Begins a command that runs a script with the keys of epoch and nodes and with `n_counters` more, and so many
 * arguments. The keys of the counters follow, then the arguments. */
void sl_fleet_command(struct sl_fleet_link *link, enum sl_fleet_script script, uint32_t n_counters, uint32_t n_args);
void sl_fleet_command_key(struct sl_fleet_link *link, const char *name);
/* Begins the one of SL_FLEET_NEWS; its four arguments follow. */
void sl_fleet_command_news(struct sl_fleet_link *link);
/* The three first arguments of most scripts. */
void sl_fleet_command_mine(struct sl_fleet_link *link);
/* Sends what was written. */
SL_MUST int sl_fleet_command_send(struct sl_fleet_link *link, sl_redis_fn *fn, void *arg);

/* The name of a worker of this process, with a NUL behind it; returns its length. */
size_t sl_fleet_worker_name(const struct sl_fleet *fleet, uint32_t number, char *out);
/* Notes the workers of a list: those of other processes are peers. */
void sl_fleet_peers_note(struct sl_fleet_link *link, const struct sl_resp *list, size_t n);

struct sl_limit_home_at sl_fleet_at(struct sl_fleet_link *link, uint64_t now_wall_usec);
/* The server's clock and this machine's. */
void sl_fleet_clock(struct sl_fleet_link *link, int64_t server_usec, uint64_t now_wall_usec);
/* How a counter stood at that time of the server: four numbers of a reply. */
struct sl_limit_answer sl_fleet_answer(const struct sl_fleet_link *link, int64_t server_usec, const struct sl_resp *at);

#endif
