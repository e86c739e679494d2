/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of replies: a JSON string that is cut in two at any place gives the same result as the whole, and arguments
 * are always the text of an object. The first byte chooses the place. */
#include "llm/core/pieces.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sl_str piece(struct llm_fuzz *f, struct sl_half *half, struct sl_str inside)
{
    struct sl_str text = SL_STR_NONE, raw = sl_arena_printf(&f->arena, "\"%.*s\"", SL_STR_ARG(inside));
    SL_ASSERT(raw.p);
    if (sl_json_parse(&f->scratch, raw) < 0) {
        return SL_STR_NONE; /* cut within an escape or a character: no upstream does that */
    }
    SL_ASSERT(sl_half_text(half, sl_json_root(&f->scratch), &f->arena, &text) == 0);
    return sl_arena_dup(&f->arena, text);
}

static void halves_check(struct llm_fuzz *f, struct sl_str raw, size_t at)
{
    struct sl_half half = { 0 }, none = { 0 };
    struct sl_str inside = sl_str_sub(raw, 1, raw.n - 1);
    at = at % (inside.n + 1);
    struct sl_str first = piece(f, &half, sl_str_sub(inside, 0, at));
    struct sl_str second = first.p ? piece(f, &half, sl_str_sub(inside, at, inside.n)) : SL_STR_NONE;
    if (!first.p || !second.p) {
        return;
    }
    struct sl_str whole = piece(f, &none, inside), end = sl_half_end(&half), whole_end = sl_half_end(&none);
    struct sl_buf a = SL_BUF_INIT(1 << 20), b = SL_BUF_INIT(1 << 20);
    sl_buf_add_str(&a, first);
    sl_buf_add_str(&a, second);
    sl_buf_add_str(&a, end);
    sl_buf_add_str(&b, whole);
    sl_buf_add_str(&b, whole_end);
    SL_ASSERT(sl_str_eq(sl_buf_str(&a), sl_buf_str(&b)));
    sl_buf_done(&a);
    sl_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llm_fuzz f;
    if (size < 2 || size > 2048) {
        return 0;
    }
    llm_fuzz_init(&f);
    struct sl_str text = sl_skip_bom(sl_str_make((const char *)data + 1, size - 1));
    if (sl_json_parse(&f.doc, text) == 0) {
        struct sl_json_val root = sl_json_root(&f.doc);
        struct sl_str arguments = sl_arguments_text(root, &f.arena);
        SL_ASSERT(arguments.p && sl_json_parse(&f.scratch, arguments) == 0 &&
                  sl_json_is(sl_json_root(&f.scratch), SL_JSON_OBJECT));
        if (sl_json_is(root, SL_JSON_STRING)) {
            halves_check(&f, sl_json_raw(root), data[0]);
        }
    }
    llm_fuzz_done(&f);
    return 0;
}
