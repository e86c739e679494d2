/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader accepts must be well-formed: links nest, slices are inside, every value is itself a document; a
 * shallow parse decides the same. Edits of an accepted text must give an accepted text. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "json/edit.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void values_check(const struct sl_json *doc, struct sl_json *other)
{
    for (uint32_t i = 0; i < doc->n_toks; i++) {
        struct sl_json_val v = { doc, i };
        const struct sl_json_tok *tok = sl_json_tok(v);
        SL_ASSERT(tok->next > i && tok->next <= doc->n_toks);
        struct sl_str raw = sl_json_raw(v);
        SL_ASSERT(raw.p >= doc->text.p && raw.p + raw.n <= doc->text.p + doc->text.n);
        if (i < 64) {
            SL_ASSERT(sl_json_parse(other, raw) == 0);
        }
        char path[128];
        sl_json_path(v, path, sizeof(path));
        uint32_t n = 0;
        for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it); n++) {
            SL_ASSERT(it.val.i > i && sl_json_tok(it.val)->next <= tok->next);
        }
        SL_ASSERT(n == sl_json_count(v));
    }
}

static void edits_check(struct sl_json *doc, struct sl_json *other, struct sl_arena *arena)
{
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return;
    }
    for (unsigned mode = 0; mode < 4; mode++) {
        struct sl_json_edits edits;
        sl_json_edits_init(&edits, arena);
        if (mode & 1) {
            sl_json_edit_remove(&edits, root, "a");
            sl_json_edit_remove(&edits, root, "model");
        }
        if (mode & 2) {
            sl_json_edit_set(&edits, root, "model", SL_STR("\"m\""));
            sl_json_edit_set(&edits, root, "b", SL_STR("[1]"));
        }
        struct sl_buf out = SL_BUF_INIT(1 << 20);
        sl_json_edits_write(&edits, doc->text, &out);
        SL_ASSERT(sl_json_parse(other, sl_buf_str(&out)) == 0);
        struct sl_json_val again = sl_json_root(other);
        SL_ASSERT(!(mode & 1) || !sl_json_is_present(sl_json_get(again, "a")));
        SL_ASSERT(!(mode & 2) || sl_json_str_eq(sl_json_get(again, "model"), SL_STR("m")));
        sl_buf_done(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str text = sl_str_make((const char *)data, size);
    struct sl_json doc, other, shallow;
    struct sl_json_limits limits = { SL_JSON_DEPTH_MAX, SL_JSON_TOKENS_MAX, 1 + (size & 3) };
    sl_json_init(&doc, NULL);
    sl_json_init(&other, NULL);
    sl_json_init(&shallow, &limits);
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    int r = sl_json_parse(&doc, text);
    int r2 = sl_json_parse(&shallow, text);
    struct sl_json some;
    sl_json_init(&some, NULL);
    int r3 = sl_json_parse_short(&some, text, 1 + (size >> 2 & 1), 1 + (uint32_t)(size & 31));
    SL_ASSERT(r == r2 && r == r3);
    SL_ASSERT(doc.fault == some.fault && doc.fault_offset == some.fault_offset);
    SL_ASSERT(doc.fault == shallow.fault && doc.fault_offset == shallow.fault_offset);
    SL_ASSERT(doc.fault_offset <= size);
    if (r == 0) {
        SL_ASSERT(sl_str_is_utf8(text));
        values_check(&doc, &other);
        values_check(&shallow, &other);
        values_check(&some, &other);
        edits_check(&doc, &other, &arena);
        struct sl_str decoded;
        if (sl_json_text(sl_json_root(&doc), &arena, &decoded) == 0) {
            SL_ASSERT(sl_json_str_eq(sl_json_root(&doc), decoded) && sl_str_is_utf8(decoded));
        }
    }
    sl_arena_done(&arena);
    sl_json_done(&doc);
    sl_json_done(&other);
    sl_json_done(&shallow);
    sl_json_done(&some);
    return 0;
}
