/* SPDX-License-Identifier: Apache-2.0 */
/* The members of an API key, as a body says them and as every view of a key shows them (replies, lists, the audit). */
#ifndef SL_GATE_KEY_BODY_H
#define SL_GATE_KEY_BODY_H

#include "gate/config/key.h"

struct sl_jw;
struct sl_xchg;

struct sl_key_body {
    struct sl_str name, principal, group;
    enum sl_role role;
    bool has_routes;
    struct sl_strs routes;
    uint64_t expires_sec;
    bool is_file_group;             /* `group` is one of the file */
    const struct sl_limits *limits; /* of the key itself; NULL: none */
    struct sl_str stored_limits;    /* of a request: the same for the store */
};

/* Reads the request's body and checks that this caller may make such a key. False: the exchange was failed. */
bool sl_key_body_or_refuse(struct sl_xchg *x, struct sl_key_body *ret);
struct sl_key_body sl_key_body_of(const struct sl_key *key);
/* Writes them into an open object. */
void sl_key_body_write(struct sl_jw *w, const struct sl_key_body *body);
/* Writes the list of routes, or null. */
void sl_key_routes_write(struct sl_jw *w, bool has_routes, const struct sl_strs *routes);
/* JSON for the audit, on the arena. p == NULL: no memory. */
struct sl_str sl_key_body_text(const struct sl_key_body *body, struct sl_arena *arena);
/* 404: no such group, or this caller must not know of it. */
void sl_key_group_missing(struct sl_xchg *x, struct sl_str path);

#endif
