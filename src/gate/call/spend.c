/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/spend.h"

#include "gate/call/measure.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/policy/retry_budget.h"
#include "gate/worker.h"
#include "net/loop.h"

bool sl_spend(struct sl_xchg *x)
{
    const struct sl_upstream_settings *settings = &x->settings->upstream;
    const struct sl_retry_budget_rule rule = { settings->retry_share, settings->retry_least };
    bool is_taken = sl_retry_budget_take(x->worker->gate->retry_budget, &rule, sl_loop_now(x->desk->loop));
    if (!is_taken) {
        sl_measure_refused(x);
    }
    return is_taken;
}

void sl_unspend(struct sl_xchg *x)
{
    sl_retry_budget_give(x->worker->gate->retry_budget);
}
