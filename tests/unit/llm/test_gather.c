/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"
#include "llm/core/gather.h"

static struct sl_block blocks_a[] = {
    { .kind = SL_BLOCK_THINKING, .text = SL_STR_INIT("hm"), .signature = SL_STR_INIT("sig") },
    { .kind = SL_BLOCK_TEXT, .text = SL_STR_INIT("hello"), .annotations = SL_STR_INIT("[{},{\"a\":1}]") },
    { .kind = SL_BLOCK_TOOL_CALL,
      .tool_id = SL_STR_INIT("t1"),
      .tool_name = SL_STR_INIT("f"),
      .arguments = SL_STR_INIT("{\"a\":1}") },
    { .kind = SL_BLOCK_TOOL_CALL, .tool_id = SL_STR_INIT("t2"), .tool_name = SL_STR_INIT("g") },
};
static struct sl_block blocks_b[] = { { .kind = SL_BLOCK_REFUSAL, .text = SL_STR_INIT("no") } };
static struct sl_choice choices[] = {
    { 0, blocks_a, 4, SL_FINISH_TOOL_CALLS, SL_STR_INIT("tool_calls") },
    { 1, blocks_b, 1, SL_FINISH_STOP, SL_STR_INIT("stop") },
};
static const struct sl_reply whole = {
    .id = SL_STR_INIT("r1"),
    .model = SL_STR_INIT("m"),
    .created = 7,
    .choices = choices,
    .n_choices = 2,
    .usage = { 3, 4, 7, -1, -1, -1 },
};

static void same(struct sl_str a, struct sl_str b)
{
    assert_true(sl_str_eq(a, b));
}

static void a_reply_as_deltas_is_gathered_to_itself(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_gather g;
    sl_gather_init(&g, &h.arena, 1000);
    struct sl_delta_sink sink = { sl_gather_push, &g, &h.arena, &h.scratch, &h.env };
    assert_int_equal(sl_reply_push(&whole, &sink), 0);
    struct sl_reply got;
    assert_int_equal(sl_gather_reply(&g, &got), 0);
    same(got.id, whole.id);
    same(got.model, whole.model);
    assert_int_equal(got.created, 7);
    assert_memory_equal(&got.usage, &whole.usage, sizeof(got.usage));
    assert_int_equal(got.n_choices, 2);
    for (uint32_t c = 0; c < 2; c++) {
        assert_int_equal(got.choices[c].index, c);
        assert_int_equal(got.choices[c].finish, choices[c].finish);
        same(got.choices[c].finish_text, choices[c].finish_text);
        assert_int_equal(got.choices[c].n_blocks, choices[c].n_blocks);
        for (uint32_t i = 0; i < choices[c].n_blocks; i++) {
            const struct sl_block *a = &got.choices[c].blocks[i], *b = &choices[c].blocks[i];
            assert_int_equal(a->kind, b->kind);
            same(a->text, b->text);
            same(a->arguments, b->arguments);
            same(a->tool_id, b->tool_id);
            same(a->tool_name, b->tool_name);
            same(a->signature, b->signature);
            same(a->annotations, b->annotations);
        }
    }
    sl_gather_done(&g);
    help_done(&h);
}

static void interleaved_blocks_grow_each_for_itself(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_gather g;
    sl_gather_init(&g, &h.arena, 1000);
    for (uint32_t i = 0; i < 20; i++) {
        struct sl_delta d = { .kind = SL_DELTA_BLOCK_START, .choice = i % 2, .block = i, .block_kind = SL_BLOCK_TEXT };
        assert_int_equal(sl_gather_push(&g, &d), 0);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            char c = (char)('a' + i);
            struct sl_delta d = { .kind = SL_DELTA_BLOCK, .choice = i % 2, .block = i, .text = sl_str_make(&c, 1) };
            assert_int_equal(sl_gather_push(&g, &d), 0);
        }
    }
    struct sl_delta stray = { .kind = SL_DELTA_BLOCK, .choice = 9, .block = 9, .text = SL_STR("x") };
    assert_int_equal(sl_gather_push(&g, &stray), 0);
    struct sl_reply got;
    assert_int_equal(sl_gather_reply(&g, &got), 0);
    assert_int_equal(got.n_choices, 2);
    same(got.choices[0].blocks[0].text, SL_STR("aaa"));
    same(got.choices[1].blocks[9].text, SL_STR("ttt"));
    sl_gather_done(&g);
    help_done(&h);
}

static void annotations_that_come_one_by_one_are_one_list(void **state)
{
    (void)state;
    static const char *const pieces[] = { "[1]", "[]", "[2,3]" };
    struct help h;
    help_init(&h);
    struct sl_gather g;
    sl_gather_init(&g, &h.arena, 12);
    struct sl_delta start = { .kind = SL_DELTA_BLOCK_START, .block_kind = SL_BLOCK_TEXT };
    assert_int_equal(sl_gather_push(&g, &start), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
        struct sl_delta d = { .kind = SL_DELTA_BLOCK, .annotations = sl_str_c(pieces[i]) };
        assert_int_equal(sl_gather_push(&g, &d), 0);
    }
    struct sl_delta more = { .kind = SL_DELTA_BLOCK, .annotations = SL_STR("[4,5]") };
    assert_int_equal(sl_gather_push(&g, &more), SL_E_LIMIT);
    struct sl_reply got;
    assert_int_equal(sl_gather_reply(&g, &got), 0);
    same(got.choices[0].blocks[0].annotations, SL_STR("[1,2,3]"));
    sl_gather_done(&g);
    help_done(&h);
}

static void more_than_is_allowed_is_refused(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_gather g;
    sl_gather_init(&g, &h.arena, 8);
    struct sl_delta start = { .kind = SL_DELTA_BLOCK_START, .block_kind = SL_BLOCK_TEXT };
    struct sl_delta piece = { .kind = SL_DELTA_BLOCK, .text = SL_STR("1234") };
    assert_int_equal(sl_gather_push(&g, &start), 0);
    assert_int_equal(sl_gather_push(&g, &piece), 0);
    assert_int_equal(sl_gather_push(&g, &piece), 0);
    assert_int_equal(sl_gather_push(&g, &piece), SL_E_LIMIT);
    struct sl_delta named = { .kind = SL_DELTA_BLOCK_START, .block = 1, .tool_id = SL_STR("x") };
    assert_int_equal(sl_gather_push(&g, &named), SL_E_LIMIT);
    sl_gather_done(&g);
    help_done(&h);
}

static void an_error_is_kept_beyond_its_frame(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_gather g;
    sl_gather_init(&g, &h.arena, 100);
    char text[] = "gone";
    struct sl_llm_error said = { .type = SL_ERR_PROVIDER_OVERLOADED,
                                 .upstream_status = 529,
                                 .message = sl_str_c(text) };
    assert_int_equal(sl_gather_push(&g, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &said }), 0);
    memset(text, 'x', 4);
    assert_true(g.has_error);
    assert_int_equal(g.error.upstream_status, 529);
    same(g.error.message, SL_STR("gone"));
    sl_gather_done(&g);
    help_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_as_deltas_is_gathered_to_itself),
        cmocka_unit_test(interleaved_blocks_grow_each_for_itself),
        cmocka_unit_test(annotations_that_come_one_by_one_are_one_list),
        cmocka_unit_test(more_than_is_allowed_is_refused),
        cmocka_unit_test(an_error_is_kept_beyond_its_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
