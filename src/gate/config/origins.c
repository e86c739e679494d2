/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/origins.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/opt.h"

#define ORIGIN_MAX 512

static const struct sl_str all = SL_STR_INIT("*");

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* True: the text has only letters, digits and characters of `others`. */
static bool is_made_of(struct sl_str text, const char *others)
{
    bool fits = text.n > 0;
    for (size_t i = 0; i < text.n && fits; i++) {
        fits = is_letter(text.p[i]) || is_digit(text.p[i]) || strchr(others, text.p[i]);
    }
    return fits;
}

/* Accepts "name", "192.0.2.1" and "[::1]". */
static bool is_host(struct sl_str host)
{
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        return is_made_of(sl_str_sub(host, 1, host.n - 1), ":.");
    }
    return is_made_of(host, "-._");
}

static bool is_own_port(struct sl_str scheme, uint64_t port)
{
    return (port == 80 && sl_str_eq_c(scheme, "http")) || (port == 443 && sl_str_eq_c(scheme, "https"));
}

/* Removes the default port of the scheme. False: it is no origin. */
static bool origin_form(struct sl_str *io_origin)
{
    struct sl_str origin = *io_origin;
    ptrdiff_t at = origin.n <= ORIGIN_MAX ? sl_str_find(origin, SL_STR("://"), 0) : -1;
    if (at <= 0 || !is_letter(origin.p[0])) {
        return false;
    }
    struct sl_str scheme = sl_str_sub(origin, 0, (size_t)at), host = sl_str_sub(origin, (size_t)at + 3, origin.n);
    size_t digits = 0;
    while (digits < host.n && is_digit(host.p[host.n - 1 - digits])) {
        digits++;
    }
    if (digits && host.n > digits && host.p[host.n - 1 - digits] == ':') {
        uint64_t port;
        if (sl_parse_u64(sl_str_sub(host, host.n - digits, host.n), 1, 65535, &port) < 0) {
            return false;
        }
        host.n -= digits + 1;
        io_origin->n -= is_own_port(scheme, port) ? digits + 1 : 0;
    }
    return is_made_of(scheme, "+-.") && is_host(host);
}

static struct sl_str lowered(struct sl_str text, struct sl_arena *arena)
{
    char *p = sl_arena_bytes(arena, text.n + 1);
    for (size_t i = 0; p && i < text.n; i++) {
        p[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + ('a' - 'A')) : text.p[i];
    }
    return p ? sl_str_make(p, text.n) : SL_STR_NONE;
}

static int fail(struct sl_bind *bind, const struct sl_val *val, uint32_t i, const char *why, struct sl_str origin)
{
    const struct sl_val *at = val->kind == SL_VAL_LIST && i < val->n ? val->items[i].val : val;
    sl_bind_problem(bind, SL_PROBLEM_ERROR, at->pos, NULL, "\"%.*s\" %s", SL_STR_ARG(sl_str_sub(origin, 0, 128)), why);
    return SL_E_INVAL;
}

int sl_origins_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_strs *origins = field;
    for (uint32_t i = 0; i < origins->n; i++) {
        struct sl_str said = origins->v[i], origin = lowered(said, bind->arena);
        if (!origin.p) {
            return fail(bind, val, i, "could not be read: out of memory", said);
        }
        if (sl_str_eq(origin, all)) {
            if (origins->n > 1) {
                return fail(bind, val, i, "has all origins: it stands alone", said);
            }
        } else if (sl_str_find_char(origin, '*', 0) >= 0) {
            return fail(bind, val, i, "is no origin: a * stands alone, for all of them; else name each", said);
        } else if (sl_str_eq_c(origin, "null")) {
            return fail(bind, val, i, "is the origin of every file and every sandboxed page: it names nobody", said);
        } else if (!origin_form(&origin)) {
            return fail(bind, val, i,
                        "is no origin: scheme and host, with the port where it has one, and nothing behind them, like "
                        "https://app.example or http://localhost:3000",
                        said);
        }
        origins->v[i] = origin;
    }
    return 0;
}

bool sl_origins_have_all(const struct sl_strs *origins)
{
    return origins->n == 1 && sl_str_eq(origins->v[0], all);
}

bool sl_origins_have(const struct sl_strs *origins, struct sl_str origin)
{
    if (sl_origins_have_all(origins)) {
        return true;
    }
    for (uint32_t i = 0; i < origins->n; i++) {
        if (sl_str_eq(origins->v[i], origin)) {
            return true;
        }
    }
    return false;
}
