/* SPDX-License-Identifier: Apache-2.0 */
/* What a key may do. A key in a group does it only to what is in the group. */
#ifndef SL_GATE_ROLE_H
#define SL_GATE_ROLE_H

#include "base/err.h"
#include "base/str.h"

enum sl_role {
    SL_ROLE_QUERY,    /* calls models, and reads its routes */
    SL_ROLE_VIEWER,   /* reads routes and metrics, calls no model */
    SL_ROLE_OPERATOR, /* the same, and changes routes, their limits and targets */
    SL_ROLE_ADMIN,    /* may do everything */
};

/* In the order of the roles; ends with NULL. */
extern const char *const sl_role_names[];
const char *sl_role_name(enum sl_role role);
SL_MUST int sl_role_parse(struct sl_str text, enum sl_role *ret);
/* Only a key of role query can have a list of routes: a key that reads or does more would not be bounded by it. Returns
 * what is wrong; NULL: nothing. */
const char *sl_role_routes_fault(enum sl_role role, bool has_routes);

#endif
