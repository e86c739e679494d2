/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

static const struct {
    const char *body;
    bool is_stream, wants_usage, has_stream_options;
    const char *model;
} right_cases[] = {
    { "{\"model\":\"m\"}", false, false, false, "m" },
    { "{\"stream\":true,\"model\":\"m\\u00e9\"}", true, false, false, "mé" },
    { "{\"model\":\"m\",\"stream\":null,\"stream_options\":null}", false, false, false, "m" },
    { "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", true, true, true, "m" },
    { "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":false}}", true, false, true, "m" },
    { "{\"model\":\"m\",\"stream_options\":[7]}", false, false, true, "m" },
    { "{\"model\":\"m\",\"messages\":{\"model\":1},\"x\":1,\"x\":2}", false, false, false, "m" },
};

static void what_an_upstream_might_accept_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(right_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, right_cases[i].body);
        check_str(call.model, right_cases[i].model);
        assert_int_equal(call.is_stream, right_cases[i].is_stream);
        assert_int_equal(call.wants_usage, right_cases[i].wants_usage);
        assert_int_equal(call.has_stream_options, right_cases[i].has_stream_options);
        assert_int_equal(call.edits.n, 0);
        assert_int_equal(h.doc.limits.record_depth, 0); /* unchanged */
        help_done(&h);
    }
}

#define ERROR(status, message, param)                                                                     \
    status " {\"error\":{\"message\":\"" message "\",\"type\":\"invalid_request_error\",\"param\":" param \
           ",\"code\":null}}"

static const struct {
    const char *body, *want;
} wrong_cases[] = {
    { "", ERROR("400", "The request has no body; a JSON object is expected.", "null") },
    { "[]", ERROR("400", "The body of the request must be a JSON object.", "null") },
    { "null", ERROR("400", "The body of the request must be a JSON object.", "null") },
    { "{\"a\":1 \"b\"}",
      ERROR("400", "The body of the request is not valid JSON: expected ',' or a closing bracket at offset 7.",
            "null") },
    { "\xef\xbb\xbf{}",
      ERROR("400", "The body of the request is not valid JSON: expected a value at offset 0.", "null") },
    { "{}", ERROR("400", "You must provide a 'model': the name of a route of this gateway.", "\"model\"") },
    { "{\"model\":null}",
      ERROR("400", "You must provide a 'model': the name of a route of this gateway.", "\"model\"") },
    { "{\"model\":\"\"}",
      ERROR("400", "You must provide a 'model': the name of a route of this gateway.", "\"model\"") },
    { "{\"model\":5}", ERROR("400", "Invalid type for 'model': a string is expected.", "\"model\"") },
    { "{\"model\":\"m\",\"stream\":\"true\"}",
      ERROR("400", "Invalid type for 'stream': a boolean is expected.", "\"stream\"") },
    { "{\"model\":\"m\",\"mod\\u0065l\":\"n\"}",
      ERROR("400", "The member 'model' is given more than once.", "\"model\"") },
    { "{\"model\":\"m\",\"stream\":true,\"stream\":true}",
      ERROR("400", "The member 'stream' is given more than once.", "\"stream\"") },
    { "{\"model\":\"m\",\"stream_options\":{},\"stream_options\":{}}",
      ERROR("400", "The member 'stream_options' is given more than once.", "\"stream_options\"") },
};

static void bodies_that_nobody_understands_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(wrong_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_str got = help_refused(&h, &sl_dialect_openai, SL_LLM_CHAT, sl_str_c(wrong_cases[i].body),
                                         "application/json");
        /* The reader's own messages may change; but there must be one, and the place where it stopped. */
        if (sl_str_find(got, SL_STR("not valid JSON"), 0) >= 0) {
            struct sl_str want = sl_str_c(wrong_cases[i].want);
            ptrdiff_t at = sl_str_find(want, SL_STR(" at offset"), 0);
            assert_true(at > 0 && sl_str_find(got, sl_str_sub(want, (size_t)at, want.n), 0) > 0);
        } else {
            check_str(got, wrong_cases[i].want);
        }
        help_done(&h);
    }
}

static void embeddings_have_no_stream(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_EMBEDDINGS,
                                    "{\"model\":\"m\",\"input\":[1,2],\"stream\":true}");
    assert_false(call.is_stream);
    help_done(&h);
}

static const struct {
    struct sl_llm_error error;
    int status;
    const char *type, *code, *message;
} error_cases[] = {
    { { .type = SL_ERR_CALLER_UNAUTHENTICATED }, 401, "invalid_request_error", "\"invalid_api_key\"", NULL },
    { { .type = SL_ERR_CALLER_FORBIDDEN }, 403, "permission_error", "null", NULL },
    { { .type = SL_ERR_CALLER_NOT_FOUND, .code = SL_STR_INIT("model_not_found") },
      404,
      "invalid_request_error",
      "\"model_not_found\"",
      NULL },
    { { .type = SL_ERR_CALLER_UNSUPPORTED }, 400, "invalid_request_error", "null", NULL },
    { { .type = SL_ERR_CALLER_UNSUPPORTED, .status = 501 }, 501, "invalid_request_error", "null", NULL },
    { { .type = SL_ERR_POLICY_RATE_LIMITED }, 429, "requests", "\"rate_limit_exceeded\"", NULL },
    { { .type = SL_ERR_SLUICE_DRAINING }, 503, "server_error", "\"overloaded\"", NULL },
    { { .type = SL_ERR_PROVIDER_CONNECT_FAILED }, 502, "server_error", "null", NULL },
    { { .type = SL_ERR_PROVIDER_TIMEOUT_TOTAL }, 504, "timeout", "\"timeout\"", NULL },
    { { .type = SL_ERR_PROVIDER_AUTH_FAILED,
        .status = 502,
        .upstream_status = 401,
        .message = SL_STR_INIT("key sk-1 is wrong") },
      502,
      "server_error",
      "null",
      "credential" },
    { { .type = SL_ERR_PROVIDER_RATE_LIMITED,
        .status = 502,
        .upstream_status = 429,
        .message = SL_STR_INIT("slow\n\"down\"") },
      429,
      "rate_limit_error",
      "\"rate_limit_exceeded\"",
      "slow\\n\\\"down\\\"" },
    { { .type = SL_ERR_PROVIDER_REJECTED, .upstream_status = 400, .code = SL_STR_INIT("INVALID_ARGUMENT") },
      400,
      "invalid_request_error",
      "\"INVALID_ARGUMENT\"",
      NULL },
    { { .type = SL_ERR_PROVIDER_BILLING, .upstream_status = 402 },
      502,
      "insufficient_quota",
      "\"insufficient_quota\"",
      NULL },
    { { .type = SL_ERR_PROVIDER_OVERLOADED, .upstream_status = 529 }, 503, "server_error", "\"overloaded\"", NULL },
    { { .type = SL_ERR_PROVIDER_BAD_RESPONSE, .upstream_status = 302 }, 502, "server_error", "null", NULL },
};

static void errors_have_openais_statuses_and_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(error_cases); i++) {
        struct sl_llm_error error = error_cases[i].error;
        struct sl_buf out = SL_BUF_INIT(65536);
        sl_dialect_openai.language->write_error(&error, &out);
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_buf_str(&out)), 0);
        struct sl_json_val e = sl_json_get(sl_json_root(&doc), "error");
        assert_int_equal(sl_json_count(e), 4);
        if (error.status != error_cases[i].status ||
            !sl_json_str_eq(sl_json_get(e, "type"), sl_str_c(error_cases[i].type))) {
            fail_msg("case %zu: %d %.*s", i, error.status, SL_STR_ARG(sl_buf_str(&out)));
        }
        check_str(sl_json_raw(sl_json_get(e, "code")), error_cases[i].code);
        assert_true(sl_json_is(sl_json_get(e, "param"), SL_JSON_NULL));
        struct sl_str message = sl_json_raw(sl_json_get(e, "message"));
        assert_true(message.n > 2);
        if (error_cases[i].message) {
            assert_true(sl_str_find(message, sl_str_c(error_cases[i].message), 0) > 0);
        }
        assert_true(sl_str_find(message, SL_STR("sk-1"), 0) < 0);
        sl_json_done(&doc);
        sl_buf_done(&out);
    }
}

static void a_broken_stream_ends_with_its_error(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_llm_error error = { .type = SL_ERR_PROVIDER_STREAM_BROKEN, .message = SL_STR("gone") };
    sl_dialect_openai.language->write_stream_error(NULL, &error, &out);
    check_str(
        sl_buf_str(&out),
        "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\ndata: "
        "[DONE]\n\n");
    sl_buf_done(&out);
}

/* --- replies --- */

static struct sl_str reply_write(struct help *h, const struct sl_dialect *dialect, enum sl_llm_type type,
                                 const struct sl_reply *reply)
{
    struct sl_call call = { .type = type, .model = SL_STR("route") };
    struct sl_buf out = SL_BUF_INIT(65536);
    assert_int_equal(dialect->language->write_reply(&call, reply, &h->env, &out), 0);
    struct sl_str text = sl_arena_dup(&h->arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

static void canonical_replies_are_openais(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_block blocks[] = {
        { .kind = SL_BLOCK_THINKING, .text = SL_STR("hm") },
        { .kind = SL_BLOCK_TEXT, .text = SL_STR("a\n") },
        { .kind = SL_BLOCK_TEXT, .text = SL_STR("b") },
        { .kind = SL_BLOCK_TOOL_CALL,
          .tool_id = SL_STR("t"),
          .tool_name = SL_STR("f"),
          .arguments = SL_STR("{\"x\":1}") },
    };
    struct sl_choice choices[] = {
        { .index = 0, .blocks = blocks, .n_blocks = 4, .finish = SL_FINISH_TOOL_CALLS },
        { .index = 1, .blocks = blocks + 3, .n_blocks = 1, .finish = SL_FINISH_OTHER },
        { .index = 2, .n_blocks = 0 },
    };
    struct sl_reply reply = { .id = SL_STR("i"),
                              .model = SL_STR("m"),
                              .created = 5,
                              .choices = choices,
                              .n_choices = 3,
                              .usage = { 3, 4, -1, 2, 1, -1 } };
    check_str(reply_write(&h, &sl_dialect_openai, SL_LLM_CHAT, &reply),
              "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":["
              "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\nb\",\"reasoning_content\":\"hm\","
              "\"refusal\":null,"
              "\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
              "\\\"x\\\":1}\"}}]},"
              "\"logprobs\":null,\"finish_reason\":\"tool_calls\"},"
              "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
              "\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
              "\\\"x\\\":1}\"}}]},"
              "\"logprobs\":null,\"finish_reason\":\"stop\"},"
              "{\"index\":2,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
              "\"finish_reason\":null}],"
              "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7,"
              "\"prompt_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":1},\"completion_tokens_details\":{"
              "\"reasoning_tokens\":0}}}");
    reply = (struct sl_reply){ .created = -1, .choices = choices, .n_choices = 1, .usage = SL_USAGE_NONE };
    check_str(reply_write(&h, &sl_dialect_openai, SL_LLM_COMPLETIONS, &reply),
              "{\"id\":\"cmpl-000000000000000100000002\",\"object\":\"text_completion\",\"created\":1767225600,"
              "\"model\":\"route\",\"choices\":["
              "{\"index\":0,\"text\":\"a\\nb\",\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}");
    struct sl_embedding embeddings[] = { { 0, SL_STR("[1.50,2]") }, { 1, SL_STR("\"AAA=\"") } };
    reply = (struct sl_reply){
        .model = SL_STR("e"), .embeddings = embeddings, .n_embeddings = 2, .usage = { 3, -1, -1, -1, -1, -1 }
    };
    check_str(reply_write(&h, &sl_dialect_openai, SL_LLM_EMBEDDINGS, &reply),
              "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.50,2]},"
              "{\"object\":\"embedding\",\"index\":1,\"embedding\":\"AAA=\"}],\"model\":\"e\",\"usage\":{\"prompt_"
              "tokens\":3,\"total_tokens\":3}}");
    help_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_upstream_might_accept_is_accepted),
        cmocka_unit_test(bodies_that_nobody_understands_are_refused),
        cmocka_unit_test(embeddings_have_no_stream),
        cmocka_unit_test(errors_have_openais_statuses_and_shape),
        cmocka_unit_test(a_broken_stream_ends_with_its_error),
        cmocka_unit_test(canonical_replies_are_openais),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
