/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/bond.h"

#include "base/map.h"
#include "gate/call/detour.h"
#include "gate/call/news.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/policy/affinity.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/turns.h"
#include "net/loop.h"
#include "wire/headers.h"

enum key_kind { KEY_SESSION = 1, KEY_CACHE, KEY_TURNS, KEY_HEADER, KEY_SEALED };

static uint64_t key_of(const struct sl_bond *bond, enum key_kind kind, uint64_t print)
{
    return sl_affinity_key(bond->owner, sl_hash_both(bond->scope + kind, print));
}

static void key_add(struct sl_bond *bond, enum key_kind kind, uint64_t print)
{
    bond->keys[bond->n_keys++] = key_of(bond, kind, print);
}

static uint64_t now_of(const struct sl_bond *bond)
{
    return sl_loop_recent(bond->x->desk->loop);
}

static struct sl_affinity *table_of(const struct sl_bond *bond)
{
    return bond->x->worker->gate->affinity;
}

static void place_put(const struct sl_bond *bond, uint64_t key)
{
    uint64_t ttl = bond->x->route->traffic->affinity.ttl_usec;
    if (sl_affinity_put(table_of(bond), key, bond->target, ttl, now_of(bond))) {
        sl_news_place(bond->x, key, bond->target, ttl);
    }
}

/* --- from the call --- */

/* The most prints of sealed state that are looked up: the newest ones. */
#define PRINTS_MAX 16

struct prints {
    uint64_t v[PRINTS_MAX];
    uint32_t n;
};

static void print_note(void *arg, uint64_t print)
{
    struct prints *prints = arg;
    prints->v[prints->n++ % PRINTS_MAX] = print;
}

/* Sets the only target that may be asked: one of the route, or of one of its `fallback.routes`. Finds it by `name` if
 * that is set, else by `print`. */
static void only_find(struct sl_bond *bond, uint64_t print, struct sl_str name)
{
    const struct sl_route *route = bond->x->route;
    bond->only = name.p ? sl_traffic_named(route->traffic, route->n_targets, name)
                        : sl_traffic_find(route->traffic, route->n_targets, print);
    if (bond->only == SL_NO_TARGET) {
        bond->only = sl_detours_find(bond->x, print, name, &bond->detour);
        bond->is_away = bond->only != SL_NO_TARGET;
    }
    bond->is_lost = bond->only == SL_NO_TARGET;
}

/* Looks for state in the body that only one target can read, and finds that target. */
static void sealed_find(struct sl_bond *bond)
{
    struct prints prints = { .n = 0 };
    struct sl_sealed sealed;
    sl_sealed_init(&sealed, print_note, &prints);
    sl_sealed_push(&sealed, bond->x->call->body);
    uint32_t n = SL_MIN(prints.n, (uint32_t)PRINTS_MAX);
    for (uint32_t i = 1; i <= n; i++) {
        uint64_t key = key_of(bond, KEY_SEALED, prints.v[(prints.n - i) % PRINTS_MAX]);
        uint64_t print = sl_affinity_find(table_of(bond), key, now_of(bond));
        if (print) {
            only_find(bond, print, SL_STR_NONE);
            bond->what = "signatures or encrypted reasoning in the body";
            return;
        }
    }
}

static void header_add(struct sl_bond *bond, enum key_kind kind, const char *name)
{
    struct sl_str value = sl_headers_get(&bond->x->req->msg.headers, name);
    if (value.n) {
        key_add(bond, kind, sl_hash(value));
    }
}

/* Makes the keys by which the conversation is known. False: this is its first turn, as far as one can see. */
static bool keys_make(struct sl_bond *bond)
{
    const struct sl_call *call = bond->x->call;
    const struct sl_affinity_conf *conf = &bond->x->route->traffic->affinity;
    if (conf->by == SL_AFFINITY_HEADER) {
        header_add(bond, KEY_HEADER, conf->header.p);
    } else if (bond->x->has_own) {
        header_add(bond, KEY_SESSION, "x-sluice-session");
    }
    if (call->type != SL_LLM_CHAT || !call->doc || call->follow ||
        !sl_json_is(sl_json_root(call->doc), SL_JSON_OBJECT)) {
        return false;
    }
    struct sl_turns turns;
    sl_turns_read(sl_json_root(call->doc), bond->x->desk->scratch, &turns);
    if (conf->by == SL_AFFINITY_AUTO && sl_json_is(turns.cache_key, SL_JSON_STRING)) {
        key_add(bond, KEY_CACHE, sl_hash(sl_json_raw(turns.cache_key)));
    }
    if (conf->by == SL_AFFINITY_AUTO && turns.print) {
        key_add(bond, KEY_TURNS, turns.print);
        bond->has_turns = true;
    }
    return turns.has_history;
}

/* Takes the first key that is known. At a first turn the beginning of the conversation is no key, because others begin
 * in the same way. */
static void prefer_find(struct sl_bond *bond, bool has_history)
{
    const struct sl_route *route = bond->x->route;
    for (uint32_t i = 0; i < bond->n_keys && bond->prefer == SL_NO_TARGET; i++) {
        bool is_turns = i + 1 == bond->n_keys && !has_history && bond->has_turns;
        uint64_t print = is_turns ? 0 : sl_affinity_find(table_of(bond), bond->keys[i], now_of(bond));
        bond->prefer = print ? sl_traffic_find(route->traffic, route->n_targets, print) : SL_NO_TARGET;
    }
}

/* The most sealed items that are remembered of one answer. Real answers have fewer; an endless one would push out those
 * of all others. */
#define SEALED_MAX 1024

static void on_sealed(void *arg, uint64_t print)
{
    struct sl_bond *bond = arg;
    if (bond->n_sealed++ >= SEALED_MAX) {
        return;
    }
    place_put(bond, key_of(bond, KEY_SEALED, print));
}

void sl_bond_make(struct sl_bond *bond, struct sl_xchg *x)
{
    const struct sl_route *route = x->route;
    uint64_t owner = sl_hash(x->caller.principal);
    bond->x = x;
    bond->owner = owner;
    bond->prefer = bond->only = SL_NO_TARGET;
    bond->scope = sl_hash_both(owner, sl_hash(route->name));
    if (x->made_at.p) {
        bond->only = 0;
        if (x->made_at.n) {
            only_find(bond, 0, x->made_at);
        }
        bond->what = "the response that this call is about";
        return;
    }
    if (route->traffic->affinity.by == SL_AFFINITY_OFF || x->shadow_of || !table_of(bond) || x->call->follow ||
        x->call->is_count) {
        return;
    }
    bool has_history = keys_make(bond);
    if (has_history) {
        sealed_find(bond);
    }
    prefer_find(bond, has_history);
    bond->sees = x->call->type == SL_LLM_CHAT;
}

/* --- attempts and answers --- */

void sl_bond_ask(struct sl_bond *bond, uint32_t target)
{
    bond->target = sl_detour_print(bond->x, target);
    bond->n_sealed = 0;
    sl_sealed_init(&bond->sealed, on_sealed, bond);
}

void sl_bond_tie(struct sl_bond *bond)
{
    for (uint32_t i = 0; i < bond->n_keys; i++) {
        place_put(bond, bond->keys[i]);
    }
}

void sl_bond_see(struct sl_bond *bond, struct sl_str bytes, bool is_plain)
{
    (is_plain ? sl_sealed_pass : sl_sealed_push)(&bond->sealed, bytes);
}

void sl_bond_tell(const struct sl_bond *bond, struct sl_llm_error *io_error)
{
    struct sl_xchg *x = bond->x;
    struct sl_str name = bond->is_away ? sl_detours_name(x, bond->detour, bond->only)
                                       : x->route->traffic->targets[bond->only].name;
    struct sl_str text = sl_arena_printf(x->arena, "%.*s (no other target was asked: only '%.*s' has %s)",
                                         SL_STR_ARG(io_error->message), SL_STR_ARG(name), bond->what);
    io_error->message = text.p ? text : io_error->message;
    io_error->upstream_body = SL_STR_NONE;
}

void sl_bond_lost(const struct sl_bond *bond, struct sl_llm_error *ret)
{
    struct sl_xchg *x = bond->x;
    *ret = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .message = sl_arena_printf(
            x->arena,
            "The target of the route '%.*s' that has %s is there no more, and no other one reads "
            "it: begin the conversation anew",
            SL_STR_ARG(x->route->name), bond->what),
    };
}
