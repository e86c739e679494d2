/* SPDX-License-Identifier: Apache-2.0 */
/* /health (is it alive), /ready (does it take traffic), and paths that answer 404 at once. */
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/gate.h"
#include "gate/worker.h"

static void handle_health(struct sl_xchg *x)
{
    sl_xchg_reply(x, 200, SL_STR("application/json"), SL_STR("{\"status\":\"OK\"}"));
}

static void handle_ready(struct sl_xchg *x)
{
    if (atomic_load_explicit(&x->worker->gate->is_draining, memory_order_relaxed)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_DRAINING, "The gateway is shutting down.");
        return;
    }
    if (sl_gate_is_unread(x->worker->gate)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "The gateway's store could not be read yet.");
        return;
    }
    static const struct sl_str texts[2][2] = {
        { SL_STR("{\"status\":\"OK\"}"), SL_STR("{\"status\":\"OK\",\"counters\":\"down\"}") },
        { SL_STR("{\"status\":\"OK\",\"store\":\"down\"}"),
          SL_STR("{\"status\":\"OK\",\"store\":\"down\",\"counters\":\"down\"}") },
    };
    const struct sl_gate *gate = x->worker->gate;
    sl_xchg_reply(x, 200, SL_STR("application/json"),
                  texts[sl_gate_is_store_down(gate)][sl_gate_is_counters_down(gate)]);
}

/* Answers 404 to everyone, without a look at keys: an SDK probes this path before every call. */
static void handle_not_here(struct sl_xchg *x)
{
    sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "Not Found");
}

const struct sl_path sl_health_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/health",
      .is_watch = true,
      .handle = handle_health,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("200 while the process lives.", .reply = "Health") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/ready",
      .is_watch = true,
      .handle = handle_ready,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("200 while it takes traffic; 503 while it is draining, or has never been able to read its store.",
                      .reply = "Health") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/.well-known/databricks-config",
      .handle = handle_not_here,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("Always 404, at once and for everyone: Databricks' SDK asks here before each call.",
                      .statuses = "404") },
    { 0 },
};
