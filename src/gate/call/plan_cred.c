/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/plan_cred.h"

#include "base/arena.h"
#include "gate/call/cred_table.h"
#include "gate/call/credential.h"
#include "gate/call/state.h"
#include "llm/core/call.h"

/* The most fetches that one call waits for: the first, one after a refusal, and those that failed meanwhile. */
#define WAITS_MAX 4

static void on_answer(void *arg)
{
    struct sl_plan_cred *own = arg;
    own->wait = NULL;
    own->on_answer(own->user);
}

int sl_plan_cred_get(struct sl_plan_cred *own, struct sl_xchg *x, const struct sl_cred_source *source,
                     struct sl_llm_error *ret_error)
{
    struct sl_cred_want want = {
        .worker = x->worker,
        .source = source,
        .route = x->at.route,
        .settings = x->settings,
        .arena = x->arena,
        .on_answer = on_answer,
        .arg = own,
    };
    struct sl_cred_failure failure = { SL_ERR_PROVIDER_TIMEOUT_CONNECT, "no credential came in time" };
    int r = sl_credential_get(&want, &own->cred, &own->wait, &failure);
    if (r == SL_E_AGAIN && ++own->n_waits <= WAITS_MAX) {
        return r;
    }
    if (r == 0) {
        x->env->credential = &own->cred;
        return 0;
    }
    sl_plan_cred_cancel(own);
    *ret_error = (struct sl_llm_error){
        .type = failure.type,
        .message = SL_STR("the gateway could not fetch its credential for the upstream: the endpoint that gives it "
                          "cannot be reached, or fails"),
    };
    x->record.error_text = sl_arena_dup(x->arena, sl_str_c(failure.text));
    return SL_E_IO;
}

bool sl_plan_cred_is_stale(const struct sl_plan_cred *own, const struct sl_cred_source *source, int status,
                           const struct sl_headers *headers)
{
    if (!source || own->was_refused) {
        return false;
    }
    return source->ops->is_refused ? source->ops->is_refused(status, headers) : status == 401;
}

void sl_plan_cred_refuse(struct sl_plan_cred *own, const struct sl_cred_source *source)
{
    own->was_refused = true;
    sl_credential_refused(source, &own->cred);
}

void sl_plan_cred_cancel(struct sl_plan_cred *own)
{
    sl_credential_cancel(own->wait);
    own->wait = NULL;
}

void sl_plan_cred_forget(struct sl_plan_cred *own, struct sl_xchg *x)
{
    own->was_refused = false;
    own->n_waits = 0;
    x->env->credential = NULL;
}
