/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and requests are read back field by field; answers of collectors are read, and sound ones only. The wire tests
 * decode them with OpenTelemetry's own definitions (tests/wire/manage/test_tracing.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/otlp.h"

/* The numbers of a message's fields, in order. */
static void numbers_of(struct sl_str message, char out[256])
{
    struct sl_pb_field field;
    size_t at = 0;
    int r;
    out[0] = '\0';
    while ((r = sl_pb_next(&message, &field)) == 0) {
        at += (size_t)snprintf(out + at, 256 - at, "%s%u", at ? " " : "", field.number);
        assert_true(at < 256);
    }
    assert_int_equal(r, SL_E_NOTFOUND);
}

/* The field of that number that comes `skip` later than the first; fails without it. */
static struct sl_pb_field find(struct sl_str message, uint32_t number, int skip)
{
    struct sl_pb_field field;
    while (sl_pb_next(&message, &field) == 0) {
        if (field.number == number && skip-- == 0) {
            return field;
        }
    }
    fail_msg("field %u is missing", number);
    return field;
}

static void assert_text(struct sl_str got, const char *text)
{
    if (!sl_str_eq_c(got, text)) {
        fail_msg("%.*s, not %s", SL_STR_ARG(got), text);
    }
}

static struct sl_str attribute_text(struct sl_str span, int skip, const char *key)
{
    struct sl_str pair = find(span, 9, skip).bytes;
    assert_text(find(pair, 1, 0).bytes, key);
    return find(find(pair, 2, 0).bytes, 1, 0).bytes;
}

static const struct sl_span usual = {
    .trace = { 0x0102030405060708, 0x090a0b0c0d0e0f10 },
    .id = 0x1112131415161718,
    .parent = 0x2122232425262728,
    .is_remote = true,
    .state = SL_STR_INIT("vendor=1"),
    .name = SL_STR_INIT("POST /v1/chat/completions"),
    .kind = SL_SPAN_SERVER,
    .start_usec = 1800000000000001,
    .end_usec = 1800000000500002,
};

/* Without the head of its field, whose length must be right. */
static struct sl_str body_of(struct sl_str whole)
{
    struct sl_pb_field field;
    assert_int_equal(sl_pb_next(&whole, &field), 0);
    assert_int_equal(field.number, 2);
    assert_int_equal(whole.n, 0);
    return field.bytes;
}

static void a_span_has_its_fields(void **state)
{
    (void)state;
    struct sl_span_out out;
    char numbers[256];
    sl_span_begin(&out, &usual);
    sl_span_text(&out, SL_STR("a"), SL_STR("text"));
    sl_span_text(&out, SL_STR("empty"), SL_STR(""));
    sl_span_number(&out, SL_STR("b"), 300);
    sl_span_number(&out, SL_STR("c"), -1);
    sl_span_true(&out, SL_STR("d"));
    struct sl_str span = body_of(sl_span_end(&out));
    numbers_of(span, numbers);
    assert_string_equal(numbers, "1 2 3 4 5 6 7 8 16 9 9 9 9");
    assert_memory_equal(find(span, 1, 0).bytes.p, "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10", 16);
    assert_memory_equal(find(span, 2, 0).bytes.p, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
    assert_memory_equal(find(span, 4, 0).bytes.p, "\x21\x22\x23\x24\x25\x26\x27\x28", 8);
    assert_true(find(span, 7, 0).value == 1800000000000001000 && find(span, 8, 0).value == 1800000000500002000);
    assert_int_equal(find(span, 16, 0).value, 0x301);
    assert_text(attribute_text(span, 0, "a"), "text");
    assert_int_equal(find(find(find(span, 9, 1).bytes, 2, 0).bytes, 3, 0).value, 300);
    assert_true(find(find(find(span, 9, 2).bytes, 2, 0).bytes, 3, 0).value == UINT64_MAX);
    assert_int_equal(find(find(find(span, 9, 3).bytes, 2, 0).bytes, 2, 0).value, 1);
}

static void a_failed_span_says_why(void **state)
{
    (void)state;
    struct sl_span_out out;
    struct sl_span span = usual;
    span.is_error = true;
    span.message = SL_STR("status 503");
    span.parent = 0;
    sl_span_begin(&out, &span);
    struct sl_str body = body_of(sl_span_end(&out)), status = find(body, 15, 0).bytes;
    assert_text(find(status, 2, 0).bytes, "status 503");
    assert_int_equal(find(status, 3, 0).value, 2);
}

/* Long texts are cut at a character, wrong bytes become '?', and what has no room is counted. */
static void texts_are_bounded(void **state)
{
    (void)state;
    struct sl_span_out out;
    size_t n = 3u << 20;
    char *long_text = malloc(n);
    memset(long_text, 'x', n);
    memcpy(long_text + SL_OTLP_TEXT_MAX - 1, "\xc3\xa9", 2);
    struct sl_span span = usual;
    span.name = span.state = span.message = sl_str_make(long_text, n);
    span.is_error = true;
    sl_span_begin(&out, &span);
    for (int i = 0; i < 40; i++) {
        sl_span_text(&out, SL_STR("key"), sl_str_make(long_text, n));
    }
    sl_span_text(&out, SL_STR("wrong"),
                 SL_STR("a\xff\xfe"
                        "b\xc3"));
    struct sl_str body = body_of(sl_span_end(&out));
    assert_int_equal(find(body, 5, 0).bytes.n, SL_OTLP_TEXT_MAX - 1);
    assert_int_equal(attribute_text(body, 0, "key").n, SL_OTLP_TEXT_MAX - 1);
    uint64_t left_out = find(body, 10, 0).value;
    assert_true(left_out > 20 && left_out < 40);
    assert_text(attribute_text(body, 40 - (int)left_out, "wrong"), "a??b?");
    assert_true(body.n <= SL_OTLP_SPAN_MAX);
    free(long_text);
}

static void a_request_has_its_spans(void **state)
{
    (void)state;
    struct sl_span_out out;
    struct sl_buf resource = SL_BUF_INIT(4096), request = SL_BUF_INIT(65536);
    sl_otlp_resource_add(&resource, SL_STR("service.name"), SL_STR("sluice"));
    sl_span_begin(&out, &usual);
    struct sl_str span = sl_span_end(&out);
    sl_otlp_begin(&request, sl_buf_str(&resource), span.n * 300);
    for (int i = 0; i < 300; i++) {
        sl_buf_add_str(&request, span);
    }
    struct sl_str whole = sl_buf_str(&request);
    struct sl_pb_field field;
    assert_int_equal(sl_pb_next(&whole, &field), 0);
    assert_int_equal(whole.n, 0);
    struct sl_str pair = find(find(field.bytes, 1, 0).bytes, 1, 0).bytes;
    assert_text(find(pair, 1, 0).bytes, "service.name");
    assert_text(find(find(pair, 2, 0).bytes, 1, 0).bytes, "sluice");
    struct sl_str scope_spans = find(field.bytes, 2, 0).bytes;
    assert_text(find(find(scope_spans, 1, 0).bytes, 1, 0).bytes, "sluice");
    assert_text(find(find(scope_spans, 2, 299).bytes, 5, 0).bytes, "POST /v1/chat/completions");
    sl_buf_done(&resource);
    sl_buf_done(&request);
}

static const struct {
    const char *bytes;
    size_t n;
    int r;
    uint64_t n_rejected;
    const char *message;
} answers[] = {
    { "", 0, 0, 0, "" },
    { "\x0a\x00", 2, 0, 0, "" },
    { "\x0a\x02\x08\x05", 4, 0, 5, "" },
    { "\x0a\x08\x08\xac\x02\x12\x03"
      "bad",
      10, 0, 300, "bad" },
    { "\x12\x03"
      "new\x0a\x02\x08\x01",
      9, 0, 1, "" },                                                          /* a field that we do not know */
    { "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, 0, 0, "" }, /* -1 */
    { "\x0a\x05\x08\x05", 4, SL_E_INVAL, 0, NULL },                           /* shorter than it says */
    { "\x0a\x02\x0b\x05", 4, SL_E_INVAL, 0, NULL },                           /* a group */
    { "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 13, SL_E_INVAL, 0, NULL }, /* 65 bits */
    { "\x02\x00", 2, SL_E_INVAL, 0, NULL },                                              /* field 0 */
    { "<html>", 6, SL_E_INVAL, 0, NULL },
    { "{\"partialSuccess\":{}}", 21, SL_E_INVAL, 0, NULL },
};

static void answers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(answers); i++) {
        struct sl_otlp_answer answer;
        int r = sl_otlp_answer_read(sl_str_make(answers[i].bytes, answers[i].n), &answer);
        if (r != answers[i].r) {
            fail_msg("answer %zu: %d", i, r);
        }
        if (r == 0) {
            assert_int_equal(answer.n_rejected, answers[i].n_rejected);
            assert_text(answer.message, answers[i].message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_has_its_fields), cmocka_unit_test(a_failed_span_says_why),
        cmocka_unit_test(texts_are_bounded),     cmocka_unit_test(a_request_has_its_spans),
        cmocka_unit_test(answers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
