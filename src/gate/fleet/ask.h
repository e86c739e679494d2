/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet. What calls ask of the shared counters, and what they tell them at their end.
 *
 * An ask is in the link's list as long as its call waits: it was sent, or waits until the link is up again. An ask that
 * has no reply after counters.deadline makes the link slow. Its call is decided without the server then, or after
 * counters.wait; the ask goes on alone, and what the server has counted for it is given back when its reply comes. */
#ifndef SL_GATE_FLEET_ASK_H
#define SL_GATE_FLEET_ASK_H

struct sl_counter_home;
struct sl_fleet_link;
struct sl_timer;

void sl_fleet_home_init(struct sl_counter_home *home);
/* The link is up: sends what waits. */
void sl_fleet_asks_send(struct sl_fleet_link *link);
/* The link's `expiry`. */
void sl_fleet_asks_on_timer(struct sl_timer *timer);
/* The link's `lease_look`. */
void sl_fleet_leases_on_timer(struct sl_timer *timer);
/* The link ends: gives back what leases have left. */
void sl_fleet_leases_end(struct sl_fleet_link *link);

#endif
