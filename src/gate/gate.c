/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include "store/store.h"

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
