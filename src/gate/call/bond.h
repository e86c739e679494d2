/* SPDX-License-Identifier: Apache-2.0 */
/* What binds a call of a route with several targets to one of them: a conversation comes back to where it was. Some of
 * what it brings only that one reads; then no other is asked. */
#ifndef SL_GATE_BOND_H
#define SL_GATE_BOND_H

#include "base/str.h"
#include "llm/core/sealed.h"

struct sl_llm_error;
struct sl_xchg;

/* A session, a key for the prompt's cache, how the conversation begins. */
#define SL_BOND_KEYS 3

struct sl_bond {
    struct sl_xchg *x;
    uint32_t prefer;  /* asked first; SL_NO_TARGET: the balance decides */
    uint32_t only;    /* nobody else is asked; SL_NO_TARGET: anyone may be */
    bool is_away;     /* `only` is a target of another route */
    uint32_t detour;  /* which one: gate/call/detour.h */
    const char *what; /* that only it has, in words */
    bool is_lost;     /* the route has that target no more */
    bool has_turns;   /* the last key is how the conversation begins */
    bool sees;        /* what the client is given is looked through */
    uint32_t n_keys;
    uint64_t keys[SL_BOND_KEYS];
    uint64_t owner;          /* who asks */
    uint64_t scope;          /* who asks, and for which route: nobody meets another's conversations */
    struct sl_sealed sealed; /* in what the client is given */
    uint64_t n_sealed;       /* how many there were */
    uint64_t target;         /* whose that is: its print */
};

/* The call has its body, and nothing was asked yet. */
void sl_bond_make(struct sl_bond *bond, struct sl_xchg *x);
/* An attempt at that target begins. */
void sl_bond_ask(struct sl_bond *bond, uint32_t target);
/* Its answer comes. */
void sl_bond_tie(struct sl_bond *bond);
/* Bytes of it, as the client gets them. `is_plain`: they are the first, and nothing in them is for one target alone. */
void sl_bond_see(struct sl_bond *bond, struct sl_str bytes, bool is_plain);
/* The only target takes no call now, or failed: the error says that no other could be asked. */
void sl_bond_tell(const struct sl_bond *bond, struct sl_llm_error *io_error);
/* The route has it no more. */
void sl_bond_lost(const struct sl_bond *bond, struct sl_llm_error *ret);

#endif
