/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/group_path.h"

#include "gate/config/entry.h"

const char *sl_group_path_fault(struct sl_str path)
{
    static const char form[] =
        "must be names with a / between them, like acme/search, of letters, digits, '_', '-' and '.'";
    struct sl_str rest = path, name;
    uint32_t depth = 0;
    if (!path.n) {
        return form;
    }
    if (path.n > SL_GROUP_PATH_MAX) {
        return "must have at most 255 bytes";
    }
    while (sl_str_next(&rest, '/', &name)) {
        if (!sl_route_is_name(name) || sl_str_eq_c(name, ".") || sl_str_eq_c(name, "..")) {
            return form;
        }
        depth++;
    }
    return depth > SL_GROUP_DEPTH_MAX ? "must have at most 8 levels" : NULL;
}

struct sl_str sl_group_above(struct sl_str path)
{
    size_t n = path.n;
    while (n > 0 && path.p[n - 1] != '/') {
        n--;
    }
    return sl_str_sub(path, 0, n ? n - 1 : 0);
}

struct sl_str sl_group_top(struct sl_str path)
{
    struct sl_str rest = path, name = path;
    SL_IGNORE(!sl_str_next(&rest, '/', &name)); /* an empty path is its own */
    return name;
}

bool sl_group_is_in(struct sl_str path, struct sl_str top)
{
    return sl_str_has_prefix(path, top) && (path.n == top.n || path.p[top.n] == '/');
}
