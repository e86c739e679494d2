/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/noted.h"

#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/gate.h"
#include "gate/policy/made.h"
#include "gate/worker.h"
#include "llm/core/call.h"

void sl_noted_id(struct sl_xchg *x, struct sl_str id)
{
    struct sl_made *made = x->worker->gate->made;
    if (x->is_noted || x->call->follow || !made || !id.n) {
        return;
    }
    x->is_noted = true;
    struct sl_str target = x->record.target_name;
    struct sl_made_by by = { x->route->name, target.p ? target : SL_STR("") };
    sl_made_put(made, id, &by, x->caller.principal, x->env->wall_usec);
}
