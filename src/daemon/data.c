/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/data.h"

#include "base/log.h"
#include "daemon/node.h"
#include "gate/config/definition.h"
#include "gate/config/events.h"
#include "gate/config/key_used.h"
#include "gate/config/publisher.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/config/counted.h"
#include "gate/policy/counters.h"
#include "gate/policy/made_store.h"
#include "gate/watch/ledger.h"
#include "store/dir.h"
#include "store/store.h"

static int store_fill(struct sl_gate *gate, struct sl_err *err)
{
    int r = sl_store_load(gate->store, err);
    if (r == 0) {
        r = gate->fleet ? 0 : sl_counters_load(gate->counters, gate->store, err);
        r = r < 0 ? r : sl_made_load(gate->made, gate->store, err);
    }
    if (r < 0 && r != SL_E_KEY) {
        sl_log(SL_LOG_ERROR, "store", "not everything could be read: %s", err->text);
        r = 0;
    }
    return r;
}

static int on_tick(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct sl_gate *gate = arg;
    struct sl_snapshot *snapshot = NULL;
    sl_publisher_refresh(gate->publisher, &snapshot);
    gate->counters->is_alive = sl_is_counted;
    gate->counters->alive_arg = snapshot;
    int r = gate->fleet ? 0 : sl_counters_tick(gate->counters, store, was_lost, err); /* the fleet keeps them */
    r = r < 0 ? r : sl_made_tick(gate->made, store, was_lost, err);
    r = r < 0 ? r : sl_ledger_tick(gate->ledger, store, was_lost, err);
    r = r < 0 ? r : sl_keys_used_write(snapshot->keys, store, was_lost || atomic_load(&gate->is_ending), err);
    sl_snapshot_unref(snapshot);
    return r;
}

static void on_wait(void *arg)
{
    sl_ledger_hold(((struct sl_gate *)arg)->ledger);
}

static void on_node(void *arg, struct sl_store_node *ret)
{
    const struct sl_gate *gate = arg;
    ret->version = SL_STR(SL_VERSION);
    ret->counters = sl_str_c(sl_gate_counters_word(gate));
    ret->is_draining = atomic_load_explicit(&gate->is_draining, memory_order_relaxed);
}

/* Where the data directory is; *ret p == NULL: there is none, and the operator knows why. */
static int dir_find(const char *given, bool is_shared, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    const char *less = is_shared ? "no request log is kept, and this node has another name after each start"
                                 : "routes and limits cannot be changed by calls";
    bool is_asked;
    int r = sl_dir_resolve(given, arena, ret, &is_asked, err);
    if (r == SL_E_NOTFOUND) {
        sl_log(SL_LOG_WARNING, "store", "no data directory: %s; %s", err->text, less);
        *ret = SL_STR_NONE;
        return 0;
    }
    struct sl_err cause = { 0 };
    if (r == 0 && ret->p && !is_asked && sl_dir_make(ret->p, &cause) < 0) {
        sl_log(SL_LOG_WARNING, "store",
               "running without a data directory (%s): %s; --data DIR names another place, --data none says that this "
               "is meant",
               cause.text, less);
        *ret = SL_STR_NONE;
    }
    return r;
}

/* A store that nobody shares needs no id in its directory. */
static int node_name(const struct sl_settings *settings, bool is_shared, const char *dir, struct sl_arena *arena,
                     struct sl_str *ret, struct sl_err *err)
{
    if (!sl_str_eq_c(settings->node, "auto")) {
        *ret = sl_arena_dup(arena, settings->node);
        return ret->p ? 0 : sl_fail_nomem(err);
    }
    return is_shared ? sl_node_name(dir, arena, ret, err) : sl_node_host(arena, ret, err);
}

int sl_data_open(struct sl_gate *gate, const struct sl_settings *settings, const char *given, struct sl_arena *arena,
                 const char **ret_dir, struct sl_err *err)
{
    struct sl_str dir = SL_STR_NONE, node = SL_STR_NONE;
    bool is_ok = true, is_shared = sl_secret_is_set(&settings->store.postgres);
    *ret_dir = NULL;
    int r = sl_node_check(settings, err);
    r = r < 0 ? r : dir_find(given, is_shared, arena, &dir, err);
    r = r < 0 ? r : node_name(settings, is_shared, dir.p, arena, &node, err);
    gate->node_name = node.p;
    if (r < 0 || (!dir.p && !is_shared)) {
        return r;
    }
    *gate->counters = (struct sl_counters){ .limiter = gate->limiter };
    const struct sl_store_conf conf = {
        .kind = is_shared ? "postgres" : NULL,
        .dir = dir.p,
        .url = settings->store.postgres.p,
        .notify_url = settings->store.notify_url.p,
        .max_stale_usec = settings->store.max_stale_usec,
        .node = gate->node_name,
        .cbs = { .on_events = sl_events_apply,
                 .describe = sl_definition_describe,
                 .on_load_begin = sl_events_load_begin,
                 .on_load = sl_events_load,
                 .on_load_end = sl_events_load_end,
                 .events_arg = gate->events,
                 .on_tick = on_tick,
                 .on_wait = on_wait,
                 .on_node = on_node,
                 .tick_arg = gate },
    };
    r = sl_store_open(&conf, &gate->store, &is_ok, err);
    if (r < 0) {
        return r;
    }
    *ret_dir = dir.p;
    if (is_shared && dir.p) {
        sl_ledger_keep(gate->ledger, dir.p, gate->node_name);
    }
    if (!is_ok) {
        sl_log(SL_LOG_ERROR, "store",
               "%s. Serving goes on with what can be read; calls that change routes, limits or keys are answered with "
               "503 until it works; /ready is 503 while nothing of it could be read",
               err->text);
    }
    r = store_fill(gate, err);
    return r < 0 ? r : sl_store_start(gate->store, err);
}
