/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_header.h"

#include "base/arena.h"
#include "base/opt.h"
#include "wire/headers.h"

#define VALUE_MAX 8192
/* A literal of this length counts as a secret, as every reference does: it is masked in what an upstream says. */
#define SECRET_MIN 16

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

/* True: only the gateway writes this header, because it says how the body is sent. */
static bool is_ours(struct sl_str name)
{
    static const char *const names[] = {
        "host", "content-length", "content-type", "content-encoding", "expect", "accept-encoding", NULL
    };
    for (const char *const *at = names; *at; at++) {
        if (sl_str_case_eq(name, sl_str_c(*at))) {
            return true;
        }
    }
    return sl_header_is_hop_by_hop(name);
}

static bool is_reference(const struct sl_val *val)
{
    return val->kind == SL_VAL_MAP || (val->text.n && val->text.p[0] == '$');
}

int sl_route_header_bind(struct sl_bind *bind, const struct sl_val_item *item, struct sl_route_header *ret)
{
    struct sl_err err = { 0 };
    if (!sl_header_is_name(item->key)) {
        return FAIL(bind, item->val, "\"%.*s\" is no header's name", SL_STR_ARG(sl_opt_key_shown(item->key)));
    }
    if (is_ours(item->key)) {
        return FAIL(bind, item->val, "\"%.*s\" is written by the gateway itself", SL_STR_ARG(item->key));
    }
    ret->name = sl_arena_dup(bind->arena, item->key);
    if (!ret->name.p) {
        return FAIL(bind, item->val, "out of memory");
    }
    if (item->val->kind != SL_VAL_STRING && item->val->kind != SL_VAL_MAP && item->val->kind != SL_VAL_NUMBER) {
        return FAIL(bind, item->val, "must be a text, or a secret by reference ($NAME, { file: PATH })");
    }
    struct sl_val text = *item->val;
    text.kind = text.kind == SL_VAL_NUMBER ? SL_VAL_STRING : text.kind;
    if (bind->resolve(bind->resolve_arg, &text, &ret->value, &err) < 0) {
        return FAIL(bind, item->val, "%s", err.text);
    }
    struct sl_str value = sl_secret_reveal(&ret->value);
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f) {
            return FAIL(bind, item->val, "has a control character");
        }
    }
    ret->is_secret = is_reference(item->val) || value.n >= SECRET_MIN;
    return value.n <= VALUE_MAX ? 0 : FAIL(bind, item->val, "is longer than %d bytes", VALUE_MAX);
}
