/* SPDX-License-Identifier: Apache-2.0 */
/* Converts a YAML file to JSON, so that a file is read in one way whatever its form is. The reader is the daemon's own
 * (conf/tree.h), so a file means the same here as to `sluice serve`. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "conf/tree.h"
#include "declare.h"

static void text_put(FILE *out, struct sl_str s)
{
    cli_json_bytes(out, s.p, s.n);
}

/* YAML also has +5 and 007. A number that JSON does not have (.inf) becomes text, and the gateway refuses it by
 * name. */
static void number_put(FILE *out, struct sl_str s)
{
    char text[64], *end;
    snprintf(text, sizeof(text), "%.*s", SL_STR_ARG(s));
    if (cli_is_number(text)) {
        fputs(text, out);
        return;
    }
    long long whole = strtoll(text, &end, 10);
    if (s.n && !*end) {
        fprintf(out, "%lld", whole);
    } else {
        text_put(out, s);
    }
}

/* At most SL_CONF_DEPTH_MAX deep. */
static void val_put(FILE *out, const struct sl_val *val)
{
    switch (val->kind) {
    case SL_VAL_NULL:
        fputs("null", out);
        return;
    case SL_VAL_BOOL: /* yes, on, True, … */
        fputs(val->text.n && strchr("yYtT", val->text.p[0])                                          ? "true"
              : val->text.n == 2 && (val->text.p[0] | 0x20) == 'o' && (val->text.p[1] | 0x20) == 'n' ? "true"
                                                                                                     : "false",
              out);
        return;
    case SL_VAL_NUMBER:
        number_put(out, val->text);
        return;
    case SL_VAL_STRING:
        text_put(out, val->text);
        return;
    case SL_VAL_LIST:
    case SL_VAL_MAP:
        break;
    }
    bool is_map = val->kind == SL_VAL_MAP;
    putc(is_map ? '{' : '[', out);
    for (uint32_t i = 0; i < val->n; i++) {
        fputs(i ? "," : "", out);
        if (is_map) {
            text_put(out, val->items[i].key);
            putc(':', out);
        }
        val_put(out, val->items[i].val);
    }
    putc(is_map ? '}' : ']', out);
}

int declare_yaml_to_json(const char *name, const char *text, char **ret)
{
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_val *root = NULL;
    size_t len;
    sl_arena_init(&arena, NULL);
    sl_problems_init(&problems, &arena);
    int r = sl_conf_parse(name, sl_str_c(text), &arena, &problems, &root);
    for (uint32_t i = 0; i < problems.n; i++) {
        const struct sl_problem *p = &problems.v[i];
        cli_print(stderr, "sluice: %s:%u:%u: %.*s%s%.*s", name, p->pos.line, p->pos.col, SL_STR_ARG(p->path),
                  p->path.n ? ": " : "", SL_STR_ARG(p->text));
    }
    FILE *out = r < 0 || problems.n_errors ? NULL : open_memstream(ret, &len);
    r = r < 0 || problems.n_errors ? CLI_LOCAL : CLI_DONE;
    if (out) {
        val_put(out, root);
        r = fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
    } else if (r == CLI_DONE || !problems.n) {
        r = cli_fail(CLI_LOCAL, "%s: out of memory", name);
    }
    sl_arena_done(&arena);
    return r;
}
