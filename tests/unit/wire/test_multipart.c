/* SPDX-License-Identifier: Apache-2.0 */
/* Each form whole and in pieces of every size: the same parts, values and result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/multipart.h"

#define B       "--b\r\n"
#define E       "\r\n--b--\r\n"
#define H(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define F(name) "Content-Disposition: form-data; name=\"" name "\"; filename=\"f\"\r\nContent-Type: audio/mpeg\r\n\r\n"

struct row {
    struct sl_str bytes;
    const char *told; /* the events, and the fault */
};

#define ROW(lit, told_)         \
    {                           \
        SL_STR_INIT(lit), told_ \
    }

static const struct row rows[] = {
    ROW(B H("model") "whisper" E, "model=whisper;"),
    ROW("\r\n" B H("model") "whisper\r\n--b--", "model=whisper;"),
    ROW(B H("model") E, "model=;"),
    ROW(B H("model") "a"
                     "\r\n" B H("stream") "true" E,
        "model=a;stream=true;"),
    ROW(B F("file") "\0\xff\r\n\r\n--c\r\n--\r\n-\r"
                    "\r\n" B H("model") "a" E,
        "file:17;model=a;"),
    ROW(B F("file") "\r\r\n\r\n-\r\n--"
                    "\r\n" B H("m") "\r\n--\r\n\r\n--" E,
        "file:10;m=\r\n--\r\n\r\n--;"),
    ROW("--b \t\r\n" H("m") "a\r\n--b--  \r\n\r\n", "m=a;"),
    ROW(B "content-DISPOSITION:form-data;name=m\r\n\r\na" E, "m=a;"),
    ROW(B "Content-Disposition: form-data; filename=\"a\\\"\\\\o\"; name=\"m\"\r\n\r\na" E, "m:1;"),
    ROW(B "Content-Disposition: form-data; filename=\"a;name=z\"; name=\"m\"\r\n\r\na" E, "m:1;"),
    ROW(B "Content-Disposition: form-data; name=\"m\"; filename*=UTF-8''%e2%82%ac\r\n\r\na" E, "m:1;"),
    ROW(B "Content-Disposition: form-data; name=\"\xc3\xa4\"\r\nX-Other: y\r\n\r\na" E, "\xc3\xa4=a;"),
    /* faults */
    ROW("", "!it ends before its first part"),
    ROW("--b", "!it ends before its first part"),
    ROW("--b--", ""),
    ROW(B H("model") "whisper", "model!it ends before its closing boundary"),
    ROW(B H("model") "whisper\r\n--b-", "model=whisper;!it ends before its closing boundary"),
    ROW(B "Content-Disposition: form-data; na", "!it ends before its closing boundary"),
    ROW("--c\r\n" H("m"), "!it does not begin with the boundary that its Content-Type names"),
    ROW("garbage" B H("m"), "!it does not begin with the boundary that its Content-Type names"),
    ROW("{\"model\":1}", "!it does not begin with the boundary that its Content-Type names"),
    ROW("--b\n" H("m"), "!other bytes than a line end stand behind a boundary"),
    ROW("--b\rx", "!a line ends in CR without LF behind a boundary"),
    ROW(B H("m") "a\r\n--bc\r\n", "m=a;!other bytes than a line end stand behind a boundary"),
    ROW(B H("m") "a\r\n--b-x", "m=a;!other bytes than a line end stand behind a boundary"),
    ROW(B H("m") "a" E "x", "m=a;!bytes stand behind its closing boundary"),
    ROW(B H("m") "a" E B, "m=a;!bytes stand behind its closing boundary"),
    ROW(B "\r\na" E, "!a part has no Content-Disposition (form-data; name=\"…\")"),
    ROW(B "Content-Type: a/b\r\n\r\na" E, "!a part has no Content-Disposition (form-data; name=\"…\")"),
    ROW(B "Content-Disposition: form-data\r\n\r\na" E, "!a part has no name in its Content-Disposition"),
    ROW(B "Content-Disposition: form-data; filename=a\r\n\r\na" E, "!a part has no name in its Content-Disposition"),
    ROW(B "Content-Disposition: attachment; name=a\r\n\r\na" E, "!the Content-Disposition of a part is not form-data"),
    ROW(B "Content-Disposition: form-data; name=a; name=model\r\n\r\na" E, "!a part has two names"),
    ROW(B "Content-Disposition: form-data; name*=UTF-8''model\r\n\r\na" E,
        "!a part has its name in the form `name*`, which forms do not have"),
    ROW(B "Content-Disposition: form-data; name=m; NAME*0=mo; name*1=del\r\n\r\na" E,
        "!a part has its name in the form `name*`, which forms do not have"),
    ROW(B "Content-Disposition: form-data; name=\"m\\odel\"\r\n\r\na" E,
        "!the Content-Disposition of a part has a backslash, which only the name of a file may have"),
    ROW(B "Content-Disposition: form-data; z=\"\\\";name=model;x=\"; name=\"m\"\r\n\r\na" E,
        "!the Content-Disposition of a part has a backslash, which only the name of a file may have"),
    ROW(B "Content-Disposition: form-data; name=\"a\r\n\r\na" E, "!the Content-Disposition of a part cannot be read"),
    ROW(B "Content-Disposition: form-data; name=\"a\"b\r\n\r\na" E,
        "!the Content-Disposition of a part cannot be read"),
    ROW(B "Content-Disposition: form-data; name\r\n\r\na" E, "!the Content-Disposition of a part cannot be read"),
    ROW(B "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\na" E,
        "!a part has two Content-Dispositions"),
    ROW(B "Content-Disposition: form-data;\r\n name=a\r\n\r\na" E, "!the head of a part is malformed"),
    ROW(B "Content-Disposition: form-data; name=a\n\n", "!the head of a part is malformed"),
};

/* The events of a form that comes in pieces of `piece` bytes. */
static void tell(struct sl_str bytes, size_t piece, struct sl_buf *out)
{
    static struct sl_multipart form;
    int r = 0;
    sl_multipart_init(&form, SL_STR("b"));
    for (size_t at = 0; r >= 0 && at < bytes.n; at += piece) {
        struct sl_str rest = sl_str_sub(bytes, at, at + piece);
        while (r >= 0 && rest.n) {
            size_t used = 0;
            r = sl_multipart_push(&form, rest, &used);
            assert_true(r < 0 || (used > 0 && used <= rest.n));
            rest = sl_str_sub(rest, used, rest.n);
            if (r == SL_MULTIPART_PART) {
                sl_buf_add_str(out, form.name);
            } else if (r == SL_MULTIPART_TAKEN && form.value.p) {
                assert_true(sl_str_eq(form.value, sl_str_sub(bytes, form.start, form.end)));
                sl_buf_printf(out, "=%.*s;", SL_STR_ARG(form.value));
            } else if (r == SL_MULTIPART_TAKEN) {
                sl_buf_printf(out, ":%u;", (unsigned)(form.end - form.start));
            }
        }
    }
    if (r >= 0) {
        r = sl_multipart_finish(&form);
        assert_true(r < 0 || form.at == bytes.n);
    }
    if (r < 0) {
        sl_buf_printf(out, "!%s", form.fault);
    }
    sl_buf_add_char(out, '\0');
}

static void test_rows_in_pieces_of_every_size(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece <= rows[i].bytes.n + 1; piece++) {
            sl_buf_reset(&out);
            tell(rows[i].bytes, piece, &out);
            struct sl_str want = sl_str_c(rows[i].told), got = sl_str_sub(sl_buf_str(&out), 0, out.len - 1);
            if (!sl_str_eq(got, want)) {
                fail_msg("row %zu in pieces of %zu: %s", i, piece, out.p);
            }
        }
    }
    sl_buf_done(&out);
}

/* A content of bytes that look like boundaries: it comes out unchanged, in pieces of any size. */
static void test_contents_that_look_like_boundaries(void **state)
{
    (void)state;
    struct sl_buf form = SL_BUF_INIT(1 << 16), out = SL_BUF_INIT(1 << 16), whole = SL_BUF_INIT(1 << 16);
    for (unsigned seed = 0; seed < 3000; seed++) {
        static const char letters[] = "\r\n--bc";
        unsigned v = seed * 2654435761u + 12345;
        char content[40];
        size_t n = seed % sizeof(content);
        for (size_t i = 0; i < n; i++) {
            v = v * 1103515245u + 12345;
            content[i] = letters[(v >> 16) % (sizeof(letters) - 1)];
        }
        struct sl_str text = sl_str_make(content, n);
        sl_buf_reset(&form);
        sl_buf_add_c(&form, B H("m"));
        sl_buf_add_str(&form, text);
        if (sl_str_find(text, SL_STR("\r\n--b"), 0) >= 0) {
            continue;
        }
        sl_buf_add_c(&form, E);
        sl_buf_reset(&whole);
        tell(sl_buf_str(&form), form.len, &whole);
        assert_true(sl_str_eq(sl_str_sub(sl_buf_str(&whole), 2, 2 + n), text));
        for (size_t piece = 1; piece < 9; piece++) {
            sl_buf_reset(&out);
            tell(sl_buf_str(&form), piece, &out);
            assert_true(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&out)));
        }
    }
    sl_buf_done(&form);
    sl_buf_done(&out);
    sl_buf_done(&whole);
}

static void test_bounds(void **state)
{
    (void)state;
    struct sl_buf form = SL_BUF_INIT(1 << 20), out = SL_BUF_INIT(1 << 20);
    static const struct {
        unsigned parts, value, head;
        const char *fault;
    } bounds[] = {
        { 1000, 1, 0, NULL },
        { 1001, 1, 0, "it has more than 1,000 parts" },
        { 1, 256, 0, NULL },
        { 1, 257, 0, NULL },
        { 1, 1, 4000, NULL },
        { 1, 1, 4096, "the head of a part is larger than 4,096 bytes, or has more than 16 fields" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(bounds); i++) {
        sl_buf_reset(&form);
        sl_buf_reset(&out);
        for (unsigned n = 0; n < bounds[i].parts; n++) {
            sl_buf_add_c(&form, n ? "\r\n--b\r\nx:" : "--b\r\nx:");
            for (unsigned k = 0; k < bounds[i].head; k++) {
                sl_buf_add_char(&form, 'h');
            }
            sl_buf_add_c(&form, "\r\n" H("m"));
            for (unsigned k = 0; k < bounds[i].value; k++) {
                sl_buf_add_char(&form, 'v');
            }
        }
        sl_buf_add_c(&form, E);
        tell(sl_buf_str(&form), 1000, &out);
        assert_int_equal(sl_buf_status(&form), 0);
        const char *fault = strchr(out.p, '!');
        if (bounds[i].fault) {
            assert_string_equal(fault + 1, bounds[i].fault);
        } else {
            assert_null(fault);
            assert_true(bounds[i].value <= SL_MULTIPART_VALUE_MAX ? out.p[1] == '=' : strcmp(out.p, "m:257;") == 0);
        }
    }
    sl_buf_done(&form);
    sl_buf_done(&out);
}

static void test_boundary_of_a_content_type(void **state)
{
    (void)state;
#define TEN "0123456789"
    static const struct {
        const char *type, *boundary, *fault;
    } types[] = {
        { "multipart/form-data; boundary=abc", "abc", NULL },
        { "Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"a b-c\" ; x=1", "a b-c", NULL },
        { "multipart/form-data; boundary=" TEN TEN TEN TEN TEN TEN TEN, TEN TEN TEN TEN TEN TEN TEN, NULL },
        { "multipart/form-data; boundary=" TEN TEN TEN TEN TEN TEN TEN "1", NULL, "longer than the 70" },
        { "multipart/form-data", NULL, "names no boundary" },
        { "multipart/form-data; boundary=", NULL, "names no boundary" },
        { "multipart/form-data; boundary=\"\"", NULL, "names no boundary" },
        { "multipart/form-data; boundary", NULL, "cannot be read" },
        { "multipart/form-data; boundary=\"a", NULL, "cannot be read" },
        { "multipart/form-data; boundary=\"a\\b\"", NULL, "has a backslash" },
        { "multipart/form-data; x=\"\\\";boundary=b;y=\"; boundary=a", NULL, "has a backslash" },
        { "multipart/form-data; boundary=a; boundary=b", NULL, "two boundaries" },
        { "multipart/form-data; boundary=\"a \"", NULL, "may not have" },
        { "multipart/form-data; boundary=a\xc3\xa4", NULL, "may not have" },
        { "multipart/mixed; boundary=a", NULL, "not multipart/form-data" },
        { "application/json", NULL, "not multipart/form-data" },
        { "", NULL, "not multipart/form-data" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        char out[SL_MULTIPART_BOUNDARY_MAX];
        size_t n = 0;
        const char *fault = NULL;
        int r = sl_multipart_boundary(sl_str_c(types[i].type), out, &n, &fault);
        assert_int_equal(r, types[i].fault ? SL_E_INVAL : 0);
        if (types[i].fault) {
            assert_non_null(strstr(fault, types[i].fault));
        } else {
            assert_true(sl_str_eq_c(sl_str_make(out, n), types[i].boundary));
        }
    }
    assert_true(sl_multipart_is(SL_STR("MULTIPART/form-data ; x")));
    assert_false(sl_multipart_is(SL_STR("multipart/form-datax; boundary=a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_pieces_of_every_size),
        cmocka_unit_test(test_contents_that_look_like_boundaries),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_boundary_of_a_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
