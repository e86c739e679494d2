/* SPDX-License-Identifier: Apache-2.0 */
/* Finds state that only its maker can read in bodies and streams of all languages, cut at any place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/scan.h"
#include "llm/core/sealed.h"

#define SIG "EqQBCgIYAhIMabc+/=XYZ0123456789"

struct found {
    uint64_t v[8];
    size_t n;
};

static void on_print(void *arg, uint64_t print)
{
    struct found *found = arg;
    assert_true(print != 0 && found->n < SL_ARRAY_LEN(found->v));
    found->v[found->n++] = print;
}

/* With a scan first, bytes without sealed state are skipped. */
static void push_scanned(struct sl_sealed *sealed, struct sl_json_scan *scan, struct sl_str part)
{
    sl_json_scan_push(scan, part);
    sl_sealed_pass(sealed, SL_STR_NONE); /* as a reply whose head came alone */
    (scan->has_end ? sl_sealed_push : sl_sealed_pass)(sealed, part);
    sl_sealed_pass(sealed, SL_STR_NONE);
}

/* Pushes it in two pieces; `cut` 0: in one. `scan`: scans the first one before. */
static struct found look_with(const char *text, size_t cut, struct sl_json_scan *scan)
{
    struct found found = { .n = 0 };
    struct sl_sealed sealed;
    struct sl_str s = sl_str_c(text);
    sl_sealed_init(&sealed, on_print, &found);
    /* In buffers of their own, so that a sanitizer sees a read past them. */
    for (int i = 0; i < 2; i++) {
        struct sl_str part = i ? sl_str_sub(s, cut, s.n) : sl_str_sub(s, 0, cut);
        char *room = malloc(part.n + 1);
        assert_non_null(room);
        memcpy(room, part.n ? part.p : "", part.n);
        if (scan && i == 0) {
            push_scanned(&sealed, scan, sl_str_make(room, part.n));
        } else {
            sl_sealed_push(&sealed, sl_str_make(room, part.n));
        }
        free(room);
    }
    return found;
}

static struct found look(const char *text, size_t cut)
{
    return look_with(text, cut, NULL);
}

static const struct {
    const char *text;
    size_t n;
} cases[] = {
    { "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"" SIG "\"}]}", 1 },
    { "{ \"signature\" : \n \"" SIG "\" }", 1 },
    { "data: {\"delta\":{\"type\":\"signature_delta\",\"signature\":\"" SIG "\"}}\n\n", 1 },
    { "{\"parts\":[{\"text\":\"a\",\"thoughtSignature\":\"" SIG "\"}]}", 1 },
    { "{\"extra_content\":{\"google\":{\"thought_signature\":\"" SIG "\"}}}", 1 },
    { "{\"type\":\"reasoning\",\"encrypted_content\":\"" SIG "\"}", 1 },
    { "{\"reasoningContent\":{\"redactedContent\":\"" SIG "\"}}", 1 },
    { "{\"signature\":\"" SIG "\",\"signature\":\"" SIG "\",\"encrypted_content\":\"" SIG "\"}", 3 },
    /* none */
    { "", 0 },
    { "{\"signature\":\"\"}", 0 },
    { "{\"signature\":\"+/==\"}", 0 },
    { "{\"signature\":null,\"encrypted_content\":{}}", 0 },
    { "{\"signature\":{\"type\":\"string\"},\"x\":\"" SIG "\"}", 0 },
    { "{\"text\":\"signature: " SIG "\"}", 0 },
    { "{\"text\":\"a \\\"signature\\\":\\\"" SIG "\\\"\"}", 0 },
    { "{\"content\":\"a: b\",\"nature\":\"" SIG "\",\"type\":\"text\",\"thinking\":\"" SIG "\"}", 0 },
    { "{\"enum\":[\"signature\",\"" SIG "\"]}", 0 },
    { "{\"designature\":\"" SIG "\",\"unencrypted\":\"" SIG "\",\"nature\":\"" SIG "\"}", 0 },
};

static void each_is_found_wherever_the_pieces_end(void **state)
{
    (void)state;
    struct found whole = look(cases[0].text, 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
            struct found found = look(cases[i].text, cut);
            if (found.n != cases[i].n) {
                fail_msg("case %zu cut at %zu: %zu found", i, cut, found.n);
            }
            for (size_t k = 0; k < found.n; k++) {
                assert_int_equal(found.v[k], whole.v[0]); /* all of them are the same text */
            }
        }
    }
}

static struct sl_json_scan scan_of(const char *text, size_t piece)
{
    struct sl_json_scan scan;
    sl_json_scan_init(&scan, NULL, 0);
    scan.ends = &sl_sealed_ends;
    for (size_t at = 0; at < strlen(text); at += piece) {
        struct sl_str part = sl_str_sub(sl_str_c(text), at, at + piece);
        char *room = malloc(part.n);
        assert_non_null(room);
        memcpy(room, part.p, part.n);
        sl_json_scan_push(&scan, sl_str_make(room, part.n));
        free(room);
    }
    return scan;
}

static void a_scan_says_where_none_is(void **state)
{
    (void)state;
    static const char plain[] = "{\"id\":\"t\",\"object\":\"list\",\"choices\":[{\"message\":{\"role\":\"assistant\","
                                "\"content\":\"a \\\"signature\\\" of it\",\"refusal\":null},\"e\":[\"e\",\"\"]}]}";
    assert_false(scan_of(plain, sizeof(plain)).has_end);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= strlen(cases[i].text); piece++) {
            assert_true(!cases[i].n || scan_of(cases[i].text, piece).has_end);
        }
        for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
            struct sl_json_scan scan = scan_of("", 1);
            assert_int_equal(look_with(cases[i].text, cut, &scan).n, cases[i].n);
        }
    }
    assert_true(scan_of("{\"a\":{\"type\":\"redacted_thinking\"}}", 99).has_end);
}

static void closed_thoughts_are_found_in_either_order(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"type\":\"redacted_thinking\",\"data\":\"" SIG "\"}",
        "{\"data\": \"" SIG "\", \"type\": \"redacted_thinking\"}",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct found found = look(texts[i], 0);
        assert_int_equal(found.n, 1);
        assert_int_equal(found.v[0], look(cases[0].text, 0).v[0]);
    }
    for (size_t cut = 0; cut <= strlen("{\"type\":\"redacted_thinking\","); cut++) {
        assert_int_equal(look(texts[0], cut).n, 1);
    }
    assert_int_equal(look("{\"type\":\"image\",\"data\":\"" SIG "\"}", 0).n, 0);
}

static void a_print_is_the_same_in_any_spelling(void **state)
{
    (void)state;
    uint64_t print = look("{\"signature\":\"abcdefgh/ijklmnop+q==\"}", 0).v[0];
    assert_int_equal(look("{\"signature\":\"abcdefgh\\/ijklmnop\\u002bq\\u003d=\"}", 0).v[0], print);
    assert_true(look("{\"signature\":\"abcdefgh/ijklmnop+r==\"}", 0).v[0] != print);
    const char *spelt = "{\"signature\":\"abcdefgh\\/ijklmnop\\u002bq\\u003d=\"}";
    for (size_t cut = 0; cut < strlen(spelt); cut++) {
        struct found found = look(spelt, cut);
        assert_int_equal(found.n, 1);
        assert_int_equal(found.v[0], print);
    }
}

/* A name at any place, after texts that are like it. */
static void names_are_found_among_their_letters(void **state)
{
    (void)state;
    static const char *const names[] = { "signature", "thoughtSignature", "encrypted_content", "redactedContent" };
    char text[400];
    srand(1);
    for (int i = 0; i < 20000; i++) {
        size_t n = 0, before = (size_t)(rand() % 120);
        for (; n < before; n++) {
            text[n] = "signatureencrypted_content\" ,{}"[rand() % 31];
        }
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\"%s\":\"" SIG "\"", names[i % 4]);
        text[n] = '\0';
        struct found found = look(text, (size_t)rand() % n);
        assert_true(found.n >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_wherever_the_pieces_end),
        cmocka_unit_test(a_scan_says_where_none_is),
        cmocka_unit_test(closed_thoughts_are_found_in_either_order),
        cmocka_unit_test(a_print_is_the_same_in_any_spelling),
        cmocka_unit_test(names_are_found_among_their_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
