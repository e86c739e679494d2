/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that share the store, as each last said itself. A gateway with a store of its own is the only one. */
#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"

static void node_write(const struct sl_gate *gate, struct sl_jw *w, const struct sl_store_node *node)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "name", node->name);
    sl_jw_member_bool(w, "is_self", sl_str_eq_c(node->name, gate->node_name));
    sl_jw_member_str(w, "version", node->version);
    sl_jw_member_u64(w, "change", node->change);
    sl_jw_member_str(w, "store", node->silent_usec < SL_STORE_NODE_LATE_USEC ? SL_STR("up") : SL_STR("down"));
    sl_jw_member_str(w, "counters", node->counters);
    sl_jw_member_bool(w, "draining", node->is_draining);
    sl_jw_member_bool(w, "live", node->silent_usec < SL_STORE_NODE_GONE_USEC);
    sl_api_time_write(w, "started_at", node->started_usec / SL_USEC_PER_SEC);
    sl_api_time_write(w, "seen_at", node->seen_usec / SL_USEC_PER_SEC);
    sl_jw_end(w);
}

static void nodes_reply(struct sl_xchg *x, const struct sl_store_node *nodes, uint32_t n)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "nodes");
    sl_jw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        node_write(x->worker->gate, w, &nodes[i]);
    }
    sl_jw_end(w);
    sl_jw_member_null(w, "next_page_token"); /* there is one page */
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void on_read(struct sl_xchg *x, struct sl_question *question)
{
    if (question->base.r < 0) {
        sl_question_fail(x, question->base.r, &question->base.err);
        return;
    }
    nodes_reply(x, question->nodes.nodes, question->nodes.n);
}

static void alone_reply(struct sl_xchg *x)
{
    const struct sl_gate *gate = x->worker->gate;
    const struct sl_store_node self = {
        .name = sl_str_c(gate->node_name),
        .version = SL_STR(SL_VERSION),
        .change = gate->store ? sl_store_change(gate->store) : 0,
        .counters = sl_str_c(sl_gate_counters_word(gate)),
        .is_draining = atomic_load_explicit(&gate->is_draining, memory_order_relaxed),
        .started_usec = gate->start_wall_usec,
        .seen_usec = sl_clock_wall_usec(),
        .silent_usec = sl_gate_is_store_down(gate) ? SL_STORE_NODE_LATE_USEC : 0,
    };
    nodes_reply(x, &self, 1);
}

static void handle_nodes(struct sl_xchg *x)
{
    const struct sl_gate *gate = x->worker->gate;
    if (!gate->store || !sl_store_is_shared(gate->store)) {
        alone_reply(x);
        return;
    }
    struct sl_question *question = sl_question_new_nodes(x);
    if (question) {
        sl_question_ask(question, on_read);
    }
}

const struct sl_path sl_nodes_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/nodes",
      .handle = handle_nodes,
      .access = SL_ACCESS_VIEWER,
      .told = SL_TOLD("List the nodes that share the store: how far each is, and how it reaches store and counters.",
                      .reply = "NodeList") },
    { 0 },
};
