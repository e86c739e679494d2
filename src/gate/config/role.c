/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/role.h"

const char *const sl_role_names[] = { [SL_ROLE_QUERY] = "query",
                                      [SL_ROLE_VIEWER] = "viewer",
                                      [SL_ROLE_OPERATOR] = "operator",
                                      [SL_ROLE_ADMIN] = "admin",
                                      NULL };

const char *sl_role_name(enum sl_role role)
{
    return sl_role_names[role];
}

int sl_role_parse(struct sl_str text, enum sl_role *ret)
{
    for (unsigned i = 0; sl_role_names[i]; i++) {
        if (sl_str_eq_c(text, sl_role_names[i])) {
            *ret = (enum sl_role)i;
            return 0;
        }
    }
    return SL_E_INVAL;
}

const char *sl_role_routes_fault(enum sl_role role, bool has_routes)
{
    return has_routes && role != SL_ROLE_QUERY
               ? "routes go with the role query only: a key of another role sees or changes all routes"
               : NULL;
}
