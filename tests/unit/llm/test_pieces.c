/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of replies that upstreams write in several ways, and errors that are only texts. */
#include "help.h"

#include "llm/core/errbody.h"
#include "llm/core/gather.h"
#include "llm/core/pieces.h"
#include "llm/openai/openai.h"

static void test_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *input, *want;
    } rows[] = {
        { "null", "{}" },
        { "{}", "{}" },
        { "{ \"a\" : [ 1 , \"b c\" ] }", "{\"a\":[1,\"b c\"]}" },
        { "\"\"", "{}" },
        { "\"{\\\"a\\\": 1}\"", "{\"a\": 1}" },
        { "\"Oslo\"", "{\"input\":\"Oslo\"}" },
        { "\"[1]\"", "{\"input\":\"[1]\"}" },
        { "\"null\"", "{\"input\":\"null\"}" },
        { "[ 1, 2 ]", "{\"input\":[1,2]}" },
        { "5", "{\"input\":5}" },
        { "false", "{\"input\":false}" },
        { "\"{\"", "{\"input\":\"{\"}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        assert_int_equal(sl_json_parse(&h.doc, sl_str_c(rows[i].input)), 0);
        struct sl_str got = sl_arguments_text(sl_json_root(&h.doc), &h.arena);
        if (!sl_str_eq_c(got, rows[i].want)) {
            fail_msg("%s: %.*s, want %s", rows[i].input, SL_STR_ARG(got), rows[i].want);
        }
        help_done(&h);
    }
    struct help h;
    help_init(&h);
    assert_true(sl_str_eq_c(sl_arguments_text(SL_JSON_ABSENT, &h.arena), "{}"));
    struct sl_str one = sl_call_id_make(SL_STR("msg_1"), 0, 1, &h.arena),
                  two = sl_call_id_make(SL_STR("msg_1"), 0, 2, &h.arena);
    assert_true(sl_str_eq(one, sl_call_id_make(SL_STR("msg_1"), 0, 1, &h.arena)) && !sl_str_eq(one, two));
    help_done(&h);
}

/* Pieces in a row, '|' between them, and their common result. */
static void test_halves(void **state)
{
    (void)state;
    static const struct {
        const char *pieces, *want;
    } rows[] = {
        { "a|b", "ab" },
        { "\\ud83d|\\ude00", "\xf0\x9f\x98\x80" },
        { "x\\ud83d|\\ude00y", "x\xf0\x9f\x98\x80y" },
        { "\\ud83d||\\ude00", "\xf0\x9f\x98\x80" },
        { "\\ud83d|\\ud83d|\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
        { "\\ud83d|a", "\xef\xbf\xbd"
                       "a" },
        { "a\\ud83d", "a\xef\xbf\xbd" },
        { "\\ude00|a", "\xef\xbf\xbd"
                       "a" },
        { "\\\\ud83d|\\ude00", "\\ud83d\xef\xbf\xbd" },
        { "\\\\\\ud83d|\\ude00", "\\\xf0\x9f\x98\x80" },
        { "\\uD83D|\\uDE00\\n", "\xf0\x9f\x98\x80\n" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        struct sl_half half = { 0 };
        struct sl_buf out = SL_BUF_INIT(4096);
        struct sl_str rest = sl_str_c(rows[i].pieces), part;
        while (sl_str_next(&rest, '|', &part)) {
            struct sl_str text, raw = sl_arena_printf(&h.arena, "\"%.*s\"", SL_STR_ARG(part));
            assert_int_equal(sl_json_parse(&h.doc, raw), 0);
            assert_int_equal(sl_half_text(&half, sl_json_root(&h.doc), &h.arena, &text), 0);
            sl_buf_add_str(&out, text);
        }
        sl_buf_add_str(&out, sl_half_end(&half));
        if (!sl_str_eq_c(sl_buf_str(&out), rows[i].want)) {
            fail_msg("%s: %.*s", rows[i].pieces, SL_STR_ARG(sl_buf_str(&out)));
        }
        sl_buf_done(&out);
        help_done(&h);
    }
}

static void test_error_words(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *type, *message;
        enum sl_error_type want;
    } rows[] = {
        { 400, "invalid_request_error", "Your credit balance is too low to access the API", SL_ERR_PROVIDER_BILLING },
        { 400, "invalid_request_error", "CREDIT BALANCE exhausted", SL_ERR_PROVIDER_BILLING },
        { 403, NULL, "insufficient balance", SL_ERR_PROVIDER_BILLING },
        { 400, NULL, "Please enable billing on project 7", SL_ERR_PROVIDER_BILLING },
        { 429, "insufficient_quota", "You exceeded your current quota", SL_ERR_PROVIDER_BILLING },
        { 429, "rate_limit_error", "You exceeded your current quota, please check your plan and billing details",
          SL_ERR_PROVIDER_RATE_LIMITED },
        { 402, NULL, "x", SL_ERR_PROVIDER_BILLING },
        { 401, NULL, "credit balance", SL_ERR_PROVIDER_AUTH_FAILED },
        { 500, NULL, "credit balance", SL_ERR_PROVIDER_SERVER_ERROR },
        { 400, "invalid_request_error", "tools.0: the description of billing is too long", SL_ERR_PROVIDER_REJECTED },
        { 0, "overloaded_error", "x", SL_ERR_PROVIDER_OVERLOADED },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_errbody said = { .type = sl_str_c(rows[i].type), .message = sl_str_c(rows[i].message) };
        if (sl_errbody_type(rows[i].status, &said) != rows[i].want) {
            fail_msg("%d %s: %d", rows[i].status, rows[i].message, sl_errbody_type(rows[i].status, &said));
        }
    }
    static const struct {
        const char *type;
        int status;
    } words[] = { { "invalid_request_error", 400 },
                  { "authentication_error", 401 },
                  { "billing_error", 402 },
                  { "permission_error", 403 },
                  { "not_found_error", 404 },
                  { "request_too_large", 413 },
                  { "rate_limit_error", 429 },
                  { "api_error", 500 },
                  { "timeout_error", 504 },
                  { "overloaded_error", 529 },
                  { "of_tomorrow", 0 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        assert_int_equal(sl_error_status_of(sl_str_c(words[i].type), SL_STR_NONE), words[i].status);
    }
}

/* Chunks of OpenAI-like servers, and the calls and the text in them. */
static void test_openai_streams(void **state)
{
    (void)state;
#define CHUNK(delta)   "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}]}"
#define PIECE(members) CHUNK("\"tool_calls\":[{\"index\":0,\"type\":\"function\"," members "}]")
    static const struct {
        const char *chunks[4];
        const char *want; /* each call as "id name arguments;", then the text */
    } rows[] = {
        { { PIECE("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}"),
            PIECE("\"function\":{\"arguments\":\":1}\"}"),
            PIECE("\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}") },
          "a f {\"a\":1};b g {};" },
        { { PIECE("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}"),
            PIECE("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") },
          "a f {};" },
        { { PIECE("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{ \"a\" : 1 }}") }, "a f {\"a\":1};" },
        { { PIECE("\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") }, "call_" },
        { { CHUNK("\"content\":\"a\\ud83d\""), CHUNK("\"content\":\"\\ude00b\""), CHUNK("\"content\":\"\\ud83d\"") },
          "a\xf0\x9f\x98\x80"
          "b\xef\xbf\xbd" },
        { { CHUNK("\"reasoning_content\":\"\\ud83d\""), CHUNK("\"content\":\"x\"") }, "\xef\xbf\xbdx" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        struct sl_openai_stream st = { 0 };
        struct sl_gather gather;
        sl_gather_init(&gather, &h.arena, 1 << 20);
        struct sl_delta_sink sink = { sl_gather_push, &gather, &h.arena, &h.doc, &h.env };
        struct sl_call call = { .manners = sl_dialect_openai.manners };
        struct sl_err err = { 0 };
        static const char end[] = "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}";
        for (size_t k = 0; k < 5; k++) {
            const char *data = k < 4 ? rows[i].chunks[k] : end;
            struct sl_frame frame = { .data = sl_str_c(data ? data : end) };
            assert_int_equal(sl_openai_on_frame(&st, &call, &frame, &sink, &err), 0);
        }
        struct sl_reply reply;
        assert_int_equal(sl_gather_reply(&gather, &reply), 0);
        struct sl_buf out = SL_BUF_INIT(4096);
        for (uint32_t k = 0; k < reply.choices[0].n_blocks; k++) {
            const struct sl_block *b = &reply.choices[0].blocks[k];
            if (b->kind == SL_BLOCK_TOOL_CALL) {
                sl_buf_printf(&out, "%.*s %.*s %.*s;", SL_STR_ARG(b->tool_id), SL_STR_ARG(b->tool_name),
                              SL_STR_ARG(b->arguments));
            } else {
                sl_buf_add_str(&out, b->text);
            }
        }
        if (!sl_str_has_prefix(sl_buf_str(&out), sl_str_c(rows[i].want)) ||
            (strcmp(rows[i].want, "call_") != 0 && out.len != strlen(rows[i].want))) {
            fail_msg("row %zu: %.*s, want %s", i, SL_STR_ARG(sl_buf_str(&out)), rows[i].want);
        }
        sl_buf_done(&out);
        sl_gather_done(&gather);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_error_words),
        cmocka_unit_test(test_openai_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
