/* SPDX-License-Identifier: Apache-2.0 */
/* A list of slices that goes out in pieces of every size, empty ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/slices.h"

static const char all[] = "abcdefgh";

static const struct sl_str slices[] = {
    SL_STR_INIT(""),  SL_STR_INIT("abc"),  SL_STR_INIT(""), SL_STR_INIT(""),
    SL_STR_INIT("d"), SL_STR_INIT("efgh"), SL_STR_INIT(""),
};

static void pieces_make_the_whole(void **state)
{
    (void)state;
    const size_t n = sizeof(all) - 1;
    for (size_t piece = 1; piece <= n; piece++) {
        struct sl_slices at = { slices, slices + SL_ARRAY_LEN(slices), 0 };
        for (size_t done = 0; done < n;) {
            char room[16], rest[16];
            size_t take = SL_MIN(piece, n - done);
            struct sl_str got = sl_slices_peek(&at, take, room);
            sl_slices_copy(&at, rest);
            assert_int_equal(got.n, take);
            assert_memory_equal(got.p, all + done, take);
            assert_memory_equal(rest, all + done, n - done);
            sl_slices_move(&at, take);
            done += take;
        }
        assert_ptr_equal(at.slice, at.end);
    }
}

static void what_one_slice_has_is_not_copied(void **state)
{
    (void)state;
    struct sl_slices at = { slices + 1, slices + SL_ARRAY_LEN(slices), 1 };
    char room[16];
    assert_ptr_equal(sl_slices_peek(&at, 2, room).p, slices[1].p + 1);
    assert_ptr_equal(sl_slices_peek(&at, 3, room).p, room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(what_one_slice_has_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
