/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the request log's files: checksums, rows, packed numbers, the filter of ids. */
#include "help.h"

#include "base/buf.h"
#include "log/block.h"
#include "log/crc.h"
#include "log/filter.h"
#include "log/pack.h"

/* RFC 3720, B.4, and that both ways give the same. */
static void checksums(void **state)
{
    (void)state;
    char zeros[32] = { 0 }, bytes[512];
    assert_int_equal(sl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(sl_crc32c(0, zeros, 32), 0x8a9136aa);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 37 + i / 7);
    }
    for (size_t n = 0; n < 300; n++) {
        uint32_t crc = sl_crc32c(0, bytes + n % 9, n);
        assert_int_equal(crc, sl_crc32c_plain(0, bytes + n % 9, n));
        assert_int_equal(crc, sl_crc32c(sl_crc32c(0, bytes + n % 9, n / 3), bytes + n % 9 + n / 3, n - n / 3));
    }
}

static void a_row_is_read_as_it_was_written(void **state)
{
    (void)state;
    char bytes[SL_RLOG_ROW_MAX];
    for (uint64_t i = 0; i < 200; i++) {
        struct made_row made;
        struct sl_rlog_row row;
        row_make(&made, i);
        size_t n = sl_rlog_row_write(&made.row, bytes);
        assert_int_equal(sl_rlog_row_read(sl_str_make(bytes, n), &row), 0);
        assert_true(rows_equal(&row, &made.row));
        for (size_t cut = 0; cut < n; cut++) { /* never beyond the bytes: sanitizers look */
            char *copy = malloc(cut + 1);
            memcpy(copy, bytes, cut);
            SL_IGNORE(sl_rlog_row_read(sl_str_make(copy, cut), &row) < 0);
            free(copy);
        }
    }
}

/* A version with other numbers and texts wrote it. */
static void unknown_tags_are_passed_over(void **state)
{
    (void)state;
    char bytes[15 + SL_RLOG_ROW_MAX];
    struct made_row made;
    struct sl_rlog_row row;
    row_make(&made, 1);
    memcpy(bytes, "\x7e........\xfe\x03\0abc", 15);
    size_t n = 15 + sl_rlog_row_write(&made.row, bytes + 15);
    assert_int_equal(sl_rlog_row_read(sl_str_make(bytes, n), &row), 0);
    assert_true(rows_equal(&row, &made.row));
}

static void a_row_that_is_too_long_loses_texts(void **state)
{
    (void)state;
    static char text[SL_RLOG_TEXT_MAX + 100], bytes[SL_RLOG_ROW_MAX];
    struct sl_rlog_row row, read;
    memset(text, 'x', sizeof(text));
    sl_rlog_row_clear(&row);
    for (size_t i = 0; i < SL_RLOG_TEXTS; i++) {
        row.texts[i] = sl_str_make(text, sizeof(text));
    }
    size_t n = sl_rlog_row_write(&row, bytes);
    assert_true(n <= SL_RLOG_ROW_MAX);
    assert_int_equal(sl_rlog_row_read(sl_str_make(bytes, n), &read), 0);
    assert_int_equal(read.texts[SL_RLOG_GROUP].n, SL_RLOG_TEXT_MAX);
    assert_int_equal(read.texts[SL_RLOG_MESSAGE].n, 0);
}

static void a_group_has_those_below_it(void **state)
{
    (void)state;
    static const struct {
        const char *group, *text;
        bool is_in;
    } cases[] = {
        { "acme", "acme", true },
        { "acme", "acme/search", true },
        { "acme", "acme/a/b", true },
        { "acme", "acmes", false },
        { "acme", "acm", false },
        { "acme", "", false },
        { "acme/search", "acme", false },
        { "", "", true },
        { "", "acme", false },
        { "", "/", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_rlog_is is = { SL_RLOG_GROUP, sl_str_c(cases[i].group) };
        assert_int_equal(sl_rlog_is_so(&is, sl_str_c(cases[i].text)), cases[i].is_in);
    }
}

static void ids(void **state)
{
    (void)state;
    char hex[SL_RLOG_ID_HEX];
    struct sl_rlog_id id = { 0x0006617993123456, 0x89abcdef, 0x01000002 }, read;
    sl_rlog_id_format(&id, hex);
    assert_memory_equal(hex, "000661799312345689abcdef01000002", 32);
    assert_true(sl_rlog_id_parse(sl_str_make(hex, 32), &read));
    assert_memory_equal(&id, &read, sizeof(id));
    static const char *const wrong[] = { "", "000661799312345689abcdef0100000", "000661799312345689abcdef010000022",
                                         "000661799312345689abcdefg1000002" };
    for (size_t i = 0; i < SL_ARRAY_LEN(wrong); i++) {
        assert_false(sl_rlog_id_parse(sl_str_c(wrong[i]), &read));
    }
}

static void pack_check(const int64_t *v, uint32_t n)
{
    struct sl_buf out = SL_BUF_INIT(1u << 24);
    struct sl_packed packed;
    int64_t chunk[SL_PACK_CHUNK];
    sl_pack_write(&out, v, n);
    assert_int_equal(sl_buf_status(&out), 0);
    assert_int_equal(sl_packed_open(sl_buf_str(&out), n, &packed), 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(sl_packed_get(&packed, i), v[i]);
    }
    uint32_t at = 0, got;
    for (uint32_t c = 0; (got = sl_packed_chunk(&packed, c, chunk)) != 0; c++) {
        assert_memory_equal(chunk, v + at, got * sizeof(int64_t));
        at += got;
    }
    assert_int_equal(at, n);
    for (size_t cut = 0; cut < out.len; cut += 1 + out.len / 100) { /* too short: said, or not read beyond */
        char *copy = malloc(cut + 1);
        memcpy(copy, out.p, cut);
        if (sl_packed_open(sl_str_make(copy, cut), n, &packed) == 0) {
            for (uint32_t i = 0; i < n; i++) {
                sl_packed_get(&packed, i);
            }
        }
        free(copy);
    }
    sl_buf_done(&out);
}

/* Every width of bits, at every place in a byte. */
static void packed_numbers(void **state)
{
    (void)state;
    static int64_t v[2 * SL_PACK_CHUNK + 3];
    for (unsigned width = 0; width <= 64; width++) {
        uint64_t h = width + 1, mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
        for (size_t i = 0; i < SL_ARRAY_LEN(v); i++) {
            h = h * 6364136223846793005ull + 1442695040888963407ull;
            v[i] = (int64_t)((h ^ h >> 31) & mask) - (width < 63);
        }
        pack_check(v, SL_ARRAY_LEN(v));
        pack_check(v, SL_PACK_CHUNK);
        pack_check(v, 1);
    }
    v[0] = INT64_MIN;
    v[1] = INT64_MAX;
    pack_check(v, 700);
}

static void the_filter_has_what_it_got(void **state)
{
    (void)state;
    enum { N = 5000 };
    size_t n_bytes = sl_filter_bytes(N), n_wrong = 0;
    char *bytes = calloc(1, n_bytes), text[32];
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof(text), "id-%d", i);
        sl_filter_add(bytes, n_bytes, 99, sl_str_c(text));
    }
    for (int i = 0; i < 2 * N; i++) {
        snprintf(text, sizeof(text), "id-%d", i);
        bool has = sl_filter_has(sl_str_make(bytes, n_bytes), 99, sl_str_c(text));
        assert_true(has || i >= N);
        n_wrong += has && i >= N;
    }
    assert_true(n_wrong < N / 50); /* one in a hundred is meant */
    free(bytes);
}

/* The processor's time for a block of rows with so many different sessions. Two texts of 16 bytes are the same to a
 * hash that multiplies eight bytes after the other, whatever it began with: of 14 of them there are 16,384 lists. */
static uint64_t time_of_sessions(bool are_alike)
{
    static char texts[SL_BLOCK_ROWS][14 * 16], bytes[SL_BLOCK_ROWS][14 * 16 + 128];
    static struct sl_str rows[SL_BLOCK_ROWS];
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++) {
        struct sl_rlog_row row;
        memset(texts[i], 'a', sizeof(texts[i]));
        for (int k = 0; k < 14; k++) {
            char *at = texts[i] + k * 16, flip = (char)(i >> k & 1 ? 0x80 : 0);
            at[7] ^= flip;
            at[15] ^= flip;
            at[11] ^= are_alike ? flip : 0;
        }
        sl_rlog_row_clear(&row);
        row.texts[SL_RLOG_SESSION] = sl_str_make(texts[i], sizeof(texts[i]));
        char whole[SL_RLOG_ROW_MAX];
        size_t n = sl_rlog_row_write(&row, whole);
        assert_in_range(n, sizeof(texts[i]), sizeof(bytes[i]));
        memcpy(bytes[i], whole, n);
        rows[i] = sl_str_make(bytes[i], n);
    }
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < 3; round++) {
        struct sl_buf out = SL_BUF_INIT(64u << 20);
        struct timespec start, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        sl_block_write(&out, 1, (uint32_t)round, rows, SL_BLOCK_ROWS);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        assert_int_equal(sl_buf_status(&out), 0);
        sl_buf_done(&out);
        uint64_t ns = (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000u + (uint64_t)(end.tv_nsec - start.tv_nsec);
        best = SL_MIN(best, ns);
    }
    return best;
}

/* A file that somebody changed may have rows that name one member many times: each counts once. */
static void a_word_that_stands_twice_in_a_row_counts_once(void **state)
{
    (void)state;
    static char many[16000];
    struct sl_str rows[2][8];
    struct sl_buf out[2] = { SL_BUF_INIT(1u << 20), SL_BUF_INIT(1u << 20) };
    const char word[] = { (char)(0x80 | SL_RLOG_ROUTE), 1, 0, 'r' };
    for (size_t at = 0; at < sizeof(many); at += sizeof(word)) {
        memcpy(many + at, word, sizeof(word));
    }
    for (int i = 0; i < 8; i++) { /* together more words than a block has rows */
        rows[0][i] = sl_str_make(word, sizeof(word));
        rows[1][i] = sl_str_make(many, sizeof(many));
    }
    for (int i = 0; i < 2; i++) {
        sl_block_write(&out[i], 1, 7, rows[i], 8);
        assert_int_equal(sl_buf_status(&out[i]), 0);
    }
    assert_true(sl_str_eq(sl_buf_str(&out[0]), sl_buf_str(&out[1])));
    sl_buf_done(&out[0]);
    sl_buf_done(&out[1]);
}

/* Callers choose their sessions. */
static void sessions_chosen_for_a_hash_cost_no_more(void **state)
{
    (void)state;
    uint64_t usual = time_of_sessions(false), chosen = time_of_sessions(true);
    print_message("# a block of sessions: %llu us, chosen ones %llu us\n", (unsigned long long)usual / 1000,
                  (unsigned long long)chosen / 1000);
    assert_true(chosen < 5 * usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums),
        cmocka_unit_test(a_row_is_read_as_it_was_written),
        cmocka_unit_test(unknown_tags_are_passed_over),
        cmocka_unit_test(a_row_that_is_too_long_loses_texts),
        cmocka_unit_test(a_group_has_those_below_it),
        cmocka_unit_test(ids),
        cmocka_unit_test(packed_numbers),
        cmocka_unit_test(the_filter_has_what_it_got),
        cmocka_unit_test(a_word_that_stands_twice_in_a_row_counts_once),
        cmocka_unit_test(sessions_chosen_for_a_hash_cost_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
