/* SPDX-License-Identifier: Apache-2.0 */
/* Binds a call to a target, for routes with several targets: a conversation goes back to the target where it was. If
 * the call has state that only one target can read, no other target is asked. */
#ifndef SL_GATE_BOND_H
#define SL_GATE_BOND_H

#include "base/str.h"
#include "llm/core/sealed.h"

struct sl_llm_error;
struct sl_xchg;

/* For a session, a key for the prompt's cache, and the beginning of the conversation. */
#define SL_BOND_KEYS 3

struct sl_bond {
    struct sl_xchg *x;
    uint32_t prefer;  /* asked first; SL_NO_TARGET: the balance decides */
    uint32_t only;    /* only this target may be asked; SL_NO_TARGET: any */
    bool is_away;     /* `only` is a target of another route */
    uint32_t detour;  /* its index: gate/call/detour.h */
    const char *what; /* describes the state that only this target has */
    bool is_lost;     /* the route does not have that target any more */
    bool has_turns;   /* the last key is the beginning of the conversation */
    bool sees;        /* looks for sealed state in what the client gets */
    uint32_t n_keys;
    uint64_t keys[SL_BOND_KEYS];
    uint64_t owner;          /* hash of the principal */
    uint64_t scope;          /* hash of principal and route: so the conversations of different callers stay apart */
    struct sl_sealed sealed; /* finds sealed state in what the client gets */
    uint64_t n_sealed;       /* how many items it found */
    uint64_t target;         /* the print of the target that is asked */
};

/* Call this when the body is complete, before the first attempt. `*bond` must be all zero. */
void sl_bond_make(struct sl_bond *bond, struct sl_xchg *x);
/* An attempt at that target begins. */
void sl_bond_ask(struct sl_bond *bond, uint32_t target);
/* Its answer comes. */
void sl_bond_tie(struct sl_bond *bond);
/* Reads bytes of the answer, as the client gets them. `is_plain`: they are the first ones, and nothing is sealed in
 * them. */
void sl_bond_see(struct sl_bond *bond, struct sl_str bytes, bool is_plain);
/* Adds to the error of the only target that no other target could be asked. */
void sl_bond_tell(const struct sl_bond *bond, struct sl_llm_error *io_error);
/* Makes the error for a target that the route does not have any more. */
void sl_bond_lost(const struct sl_bond *bond, struct sl_llm_error *ret);

#endif
