/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include "gate/fleet/fleet.h"
#include "store/store.h"

/* Each report takes a thread of the process's pool for seconds, each look one for moments, again and again; a tail only
 * memory and a connection; changes wait one behind the other; a test of a provider has some connections for seconds. */
void sl_gate_init(struct sl_gate *gate)
{
    sl_seats_init(&gate->reports, 2, 1);
    sl_seats_init(&gate->looks, 16, 4);
    sl_seats_init(&gate->tails, 128, 32);
    sl_seats_init(&gate->changes, 256, 32);
    sl_seats_init(&gate->probes, 4, 1);
    sl_seats_init(&gate->loads, 1, 1);
}

bool sl_gate_is_unread(const struct sl_gate *gate)
{
    return gate->store && !sl_store_was_read(gate->store);
}

bool sl_gate_is_unsure(const struct sl_gate *gate)
{
    return sl_gate_is_unread(gate) || (gate->store && sl_store_is_shared(gate->store) && !sl_store_is_up(gate->store));
}

bool sl_gate_is_store_down(const struct sl_gate *gate)
{
    return gate->store && !sl_store_is_up(gate->store);
}

bool sl_gate_is_counters_down(const struct sl_gate *gate)
{
    return gate->fleet && !sl_fleet_is_up(gate->fleet);
}

const char *sl_gate_counters_word(const struct sl_gate *gate)
{
    return !gate->fleet ? "local" : sl_fleet_is_up(gate->fleet) ? "up" : "down";
}
