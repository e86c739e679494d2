/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/prices.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/word.h"
#include "conf/files.h"
#include "conf/tree.h"
#include "gate/config/body_val.h"
#include "json/json.h"
#include "llm/price/table.h"

/* The entry of the public table that explains the others. */
#define SAMPLE "sample_spec"

int sl_prices_models_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    if (val->kind != SL_VAL_MAP) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL,
                        "%s must be a map from models to their prices, like { PROVIDER/MODEL: { input_cost_per_token: "
                        "1e-06, output_cost_per_token: 4e-06 } }",
                        row->key);
        return SL_E_INVAL;
    }
    *(const struct sl_val **)field = val;
    return 0;
}

/* --- entries --- */

struct loading {
    struct sl_bind *bind;
    struct sl_prices *prices;
    const char *file; /* for messages; lives as long as the problems */
    struct sl_str text;
    size_t at; /* a byte of the text, and its place */
    struct sl_pos pos;
};

/* The place of a byte of the file, which is not before the last one that was asked for: a file whose entries are all
 * wrong is walked once. */
static struct sl_pos pos_of(struct loading *ld, size_t offset)
{
    if (!ld->pos.line) {
        ld->pos = (struct sl_pos){ ld->file, 1, 1 };
    }
    for (; ld->at < offset && ld->at < ld->text.n; ld->at++) {
        ld->pos.col++;
        if (ld->text.p[ld->at] == '\n') {
            ld->pos.line++;
            ld->pos.col = 1;
        }
    }
    return ld->pos;
}

static struct sl_str name_shown(struct sl_str name)
{
    return sl_str_sub(name, 0, sl_utf8_fit(name, 64));
}

/* The value's own place is not known: it is in the operator's file, behind this byte. */
static void entry_add_at(struct loading *ld, struct sl_str name, const struct sl_val *fields, size_t offset)
{
    struct sl_err err = { 0 };
    const struct sl_val *at;
    if (sl_prices_add(ld->prices, name, fields, SL_PRICES_SET, &at, &err) < 0) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, pos_of(ld, offset), NULL, "%.*s: %s", SL_STR_ARG(name_shown(name)),
                        err.text);
    }
}

static void entry_add(struct loading *ld, struct sl_str name, const struct sl_val *fields, enum sl_prices_how how)
{
    struct sl_err err = { 0 };
    const struct sl_val *at = fields;
    if (sl_prices_add(ld->prices, name, fields, how, &at, &err) < 0) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, at->pos, NULL, "%.*s: %s", SL_STR_ARG(name_shown(name)), err.text);
    }
}

/* --- the operator's file --- */

static void json_entry_add(struct loading *ld, const struct sl_json_iter *it, struct sl_json *doc)
{
    struct sl_str name, raw = sl_json_raw(it->val);
    struct sl_val *fields;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    int r = sl_json_text(it->key, &arena, &name);
    if (r == 0 && !sl_str_eq_c(name, SAMPLE)) {
        r = sl_json_parse(doc, raw);
        r = r < 0 ? r : sl_body_val(sl_json_root(doc), &arena, &fields);
        if (r == 0) {
            entry_add_at(ld, name, fields, (size_t)(raw.p - ld->text.p));
        }
    }
    if (r < 0) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, pos_of(ld, (size_t)(raw.p - ld->text.p)), NULL,
                        r == SL_E_NOMEM ? "out of memory" : "an entry is too large to be one");
    }
    sl_arena_done(&arena);
}

static void json_load(struct loading *ld)
{
    const struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX,
                                           .tokens = SL_JSON_TOKENS_MAX,
                                           .record_depth = 1 };
    struct sl_json doc, one;
    sl_json_init(&doc, &limits);
    sl_json_init(&one, NULL);
    int r = sl_json_parse(&doc, ld->text);
    if (r < 0) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, pos_of(ld, doc.fault_offset), NULL,
                        "is no price table in JSON: %s; is the file complete?", sl_json_fault_text(doc.fault));
    } else if (!sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT)) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, pos_of(ld, 0), NULL,
                        "a price table is one JSON object, from names of models to their prices");
    } else {
        for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); sl_json_next(&it);) {
            json_entry_add(ld, &it, &one);
        }
    }
    sl_json_done(&one);
    sl_json_done(&doc);
}

static void file_load(struct loading *ld, struct sl_conf_files *files, const struct sl_val *said, struct sl_str path)
{
    struct sl_err err = { 0 };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    ld->file = path.p;
    int r = sl_conf_read_file(path.p, &arena, &ld->text, &err);
    uint64_t print = r < 0 ? SL_CONF_PRINT_NONE : sl_conf_print(ld->text);
    if (sl_conf_files_note(files, path, print) < 0) {
        r = sl_fail_nomem(&err);
    }
    if (r < 0) {
        sl_bind_problem(ld->bind, SL_PROBLEM_ERROR, said->pos, NULL, "%s: %s", path.p, err.text);
    } else {
        json_load(ld);
    }
    sl_arena_done(&arena);
}

/* --- all --- */

static void models_load(struct loading *ld, const struct sl_val *models)
{
    for (uint32_t i = 0; i < models->n; i++) {
        entry_add(ld, models->items[i].key, models->items[i].val, SL_PRICES_OVER);
    }
}

static void shipped_load(struct loading *ld)
{
    struct sl_arena arena;
    struct sl_val *root;
    sl_arena_init(&arena, NULL);
    if (sl_conf_parse("data/prices.yaml", sl_str_c(sl_prices_shipped), &arena, ld->bind->problems, &root) == 0) {
        for (uint32_t i = 0; i < root->n; i++) {
            entry_add(ld, root->items[i].key, root->items[i].val, SL_PRICES_SHIP);
        }
    }
    sl_arena_done(&arena);
}

void sl_prices_load(struct sl_bind *bind, struct sl_conf_files *files, const struct sl_val *root,
                    const struct sl_prices_said *said, struct sl_prices **ret)
{
    const struct sl_val *file = sl_val_find(sl_val_find(root, "prices"), "file");
    struct sl_str path = sl_arena_dup(bind->problems->arena,
                                      said->file.p ? said->file : SL_STR("")); /* the problems keep it */
    struct loading ld = { .bind = bind, .prices = sl_prices_new() };
    *ret = ld.prices;
    if (!ld.prices || !path.p) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, root->pos, "prices", "out of memory");
        return;
    }
    shipped_load(&ld);
    snprintf(bind->path, sizeof(bind->path), "prices.file");
    if (said->file.p && file) {
        file_load(&ld, files, file, path);
    }
    snprintf(bind->path, sizeof(bind->path), "prices.models");
    if (said->models) {
        models_load(&ld, said->models);
    }
    bind->path[0] = '\0';
}
