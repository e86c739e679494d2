/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's language as a client speaks it, for cases that golden files cannot check: calls that are read and written
 * again, streams through reader and writer, bytes that are passed on. */
#include "help.h"

#include "../../golden/compare.h"
#include "llm/anthropic/anthropic.h"
#include "llm/core/frames.h"
#include "llm/core/request.h"
#include "llm/openai/openai.h"

/* --- a call read and written in its own language is the same call --- */

#define SCHEMA                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]," \
    "\"additionalProperties\":false}"

static const char anthropic_call[] =
    "{\"model\":\"claude-opus-4-6\",\"max_tokens\":9000,\"stream\":true,"
    "\"system\":[{\"type\":\"text\",\"text\":\"Be short.\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Gr\\u00fc\\u00dfe\"},"
    "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}},"
    "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/a.png\"}},"
    "{\"type\":\"document\",\"title\":\"a\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\","
    "\"data\":\"JVBERi0=\"}},"
    "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"x\\ny\"}},"
    "{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"f1\"}}]},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"eA==\"},{\"type\":\"text\",\"text\":\"I look.\"},"
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{\"city\":\"Oslo\"}},"
    "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"w\",\"input\":{\"city\":\"Lima\"}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"4\"},"
    "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
    "\"no\"}],\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"And?\"}]}],"
    "\"tools\":[{\"name\":\"w\",\"description\":\"d\",\"input_schema\":" SCHEMA
    ",\"cache_control\":{\"type\":\"ephemeral\"}}],"
    "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true},\"stop_sequences\":[\"END\"],"
    "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":\"json_schema\","
    "\"schema\":" SCHEMA "}},\"metadata\":{\"user_id\":\"u1\"},\"service_tier\":\"auto\"}";

static const char openai_call[] =
    "{\"model\":\"gpt-5\",\"max_completion_tokens\":100,\"temperature\":0.5,\"top_p\":0.9,\"n\":2,\"stop\":[\"a\"],"
    "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"user\":\"u\",\"reasoning_effort\":\"low\","
    "\"parallel_tool_calls\":false,\"seed\":7,\"service_tier\":\"flex\","
    "\"messages\":[{\"role\":\"system\",\"content\":\"Be short.\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\",\"detail\":\"low\"}},"
    "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}},"
    "{\"type\":\"file\",\"file\":{\"file_id\":\"f1\"}},"
    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklGRg==\",\"format\":\"wav\"}}]},"
    "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
    "\"function\":{\"name\":\"w\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"4\"},{\"role\":\"user\",\"content\":\"And?\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\",\"parameters\":" SCHEMA
    ",\"strict\":true}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"description\":\"d\","
    "\"schema\":" SCHEMA "}}}";

static void same_check(struct help *h, const struct sl_http_req *req, const char *want)
{
    struct sl_json got_doc, want_doc;
    struct sl_str got = help_body(h, req);
    sl_json_init(&got_doc, NULL);
    sl_json_init(&want_doc, NULL);
    assert_int_equal(sl_json_parse(&got_doc, got), 0);
    assert_int_equal(sl_json_parse(&want_doc, sl_str_c(want)), 0);
    struct compare cmp = { .arena = &h->arena };
    if (!compare_vals(&cmp, sl_json_root(&got_doc), sl_json_root(&want_doc))) {
        fail_msg("%s: %s\n got  %.*s\n want %s", cmp.path, cmp.why, SL_STR_ARG(got), want);
    }
    check_str(req->dropped, "");
    sl_json_done(&got_doc);
    sl_json_done(&want_doc);
}

static void anthropics_call_comes_back(void **state)
{
    (void)state;
    struct help h;
    struct sl_target target;
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    help_init(&h);
    assert_int_equal(help_target(&h, "anthropic", "claude-opus-4-6", "{\"anthropic_api_key\":\"k\"}", &target), 0);
    struct sl_call call = help_call(&h, &sl_dialect_anthropic, SL_LLM_CHAT, anthropic_call);
    assert_true(call.is_stream);
    assert_true(call.wants_usage);
    if (sl_anthropic_messages_build(&call, &target, &h.env, &h.arena, &req, &error) < 0) {
        fail_msg("%.*s", SL_STR_ARG(error.message));
    }
    same_check(&h, &req, anthropic_call);
    /* As the gateway sends it: not translated, only with another model. */
    memset(&req, 0, sizeof(req));
    assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
    check_str(help_body(&h, &req), anthropic_call);
    help_target_done(&target);
    help_done(&h);
}

static void openais_call_comes_back(void **state)
{
    (void)state;
    struct help h;
    struct sl_target target;
    struct sl_llm_error error = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_chat chat;
    struct sl_body body;
    help_init(&h);
    assert_int_equal(help_target(&h, "openai", "gpt-5", "{\"openai_api_key\":\"k\"}", &target), 0);
    struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, openai_call);
    assert_int_equal(sl_chat_read(&call, &h.env, &h.arena, &chat, &error), 0);
    sl_body_init(&body, &call);
    assert_int_equal(sl_openai_chat_write(&call, &chat, &target, true, &h.arena, &body, &error), 0);
    assert_int_equal(sl_body_finish(&body, &h.arena, &req), 0);
    same_check(&h, &req, openai_call);
    help_target_done(&target);
    help_done(&h);
}

/* --- streams: what is read and written again is the same, but for the usage of the start --- */

#define EVENT(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define START                                                                                           \
    EVENT("message_start",                                                                              \
          ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\"," \
          "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"   \
          "\"output_tokens\":0}}")
#define BLOCK(i, block) EVENT("content_block_start", ",\"index\":" i ",\"content_block\":{" block "}")
#define PIECE(i, piece) EVENT("content_block_delta", ",\"index\":" i ",\"delta\":{" piece "}")
#define BLOCK_END(i)    EVENT("content_block_stop", ",\"index\":" i)
#define END(reason)                                                                                           \
    EVENT("message_delta",                                                                                    \
          ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3," \
          "\"cache_creation_input_tokens\":1,\"cache_read_input_tokens\":2,\"output_tokens\":5}")             \
    EVENT("message_stop", "")

static const char *const streams[] = {
    START BLOCK("0", "\"type\":\"text\",\"text\":\"\"") PIECE("0", "\"type\":\"text_delta\",\"text\":\"Hi\"")
        BLOCK_END("0") END("end_turn"),
    START BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
        PIECE("0", "\"type\":\"thinking_delta\",\"thinking\":\"hm\"")
            PIECE("0", "\"type\":\"signature_delta\",\"signature\":\"c2ln\"") BLOCK_END("0")
                BLOCK("1", "\"type\":\"redacted_thinking\",\"data\":\"eA==\"") BLOCK_END("1")
                    BLOCK("2", "\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{}")
                        PIECE("2", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"") BLOCK_END("2")
                            END("tool_use"),
    START END("max_tokens"),
    START END("refusal"),
    START BLOCK("0", "\"type\":\"text\",\"text\":\"\"") EVENT("error", ",\"error\":{\"type\":\"overloaded_error\","
                                                                       "\"message\":\"busy\"}"),
};

static void streams_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(streams); i++) {
        for (size_t piece = 1; piece < 200; piece += 63) {
            struct help h;
            struct sl_str got;
            help_init(&h);
            struct sl_call call = { .type = SL_LLM_CHAT,
                                    .language = &sl_language_anthropic,
                                    .manners = sl_dialect_anthropic.manners,
                                    .is_stream = true };
            assert_int_equal(help_stream(&h, &sl_language_anthropic, &sl_dialect_anthropic, &call, sl_str_c(streams[i]),
                                         piece, &got),
                             0);
            if (i + 1 < SL_ARRAY_LEN(streams)) {
                check_str(got, streams[i]);
            } else { /* a stream does not have the error's status: the type decides */
                assert_true(sl_str_find(got, SL_STR("event: error"), 0) > 0);
                assert_true(sl_str_find(got, SL_STR("message_stop"), 0) < 0);
            }
            help_done(&h);
        }
    }
}

static int delta_give(void *state, struct help *h, const struct sl_delta *delta, struct sl_buf *out)
{
    struct sl_call call = { .type = SL_LLM_CHAT, .model = SL_STR("m") };
    return sl_language_anthropic.write_delta(state, &call, &h->env, delta, out);
}

/* Upstreams of other languages may mix their blocks. */
static void blocks_follow_each_other(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    void *st = calloc(1, sl_language_anthropic.write_state_size);
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_delta text = { .kind = SL_DELTA_BLOCK, .block = 0, .block_kind = SL_BLOCK_TEXT, .text = SL_STR("a") };
    struct sl_delta tool = { .kind = SL_DELTA_BLOCK_START,
                             .block = 1,
                             .block_kind = SL_BLOCK_TOOL_CALL,
                             .tool_id = SL_STR("t"),
                             .tool_name = SL_STR("w") };
    struct sl_delta more = {
        .kind = SL_DELTA_BLOCK, .block = 1, .block_kind = SL_BLOCK_TOOL_CALL, .text = SL_STR("{}")
    };
    struct sl_delta other = { .kind = SL_DELTA_BLOCK, .choice = 1, .block_kind = SL_BLOCK_TEXT, .text = SL_STR("b") };
    assert_int_equal(delta_give(st, &h, &(struct sl_delta){ .kind = SL_DELTA_ALIVE }, &out), 0);
    assert_int_equal(delta_give(st, &h, &text, &out), 0); /* without a start, nor a start of its block */
    assert_int_equal(delta_give(st, &h, &tool, &out), 0);
    assert_int_equal(delta_give(st, &h, &text, &out), 0); /* goes on: one block more */
    assert_int_equal(delta_give(st, &h, &other, &out), 0);
    assert_int_equal(delta_give(st, &h, &more, &out), SL_E_INVAL); /* the input of a tool cannot */
    sl_language_anthropic.write_end(st, &out);
    static const char *const wants[] = { "event: ping", "\"id\":\"msg_0000000000000001",
                                         "\"index\":0,\"content_block\"", "\"index\":2,\"content_block\"",
                                         "event: message_stop" };
    for (size_t i = 0; i < SL_ARRAY_LEN(wants); i++) {
        if (sl_str_find(sl_buf_str(&out), sl_str_c(wants[i]), 0) < 0) {
            fail_msg("%s is not in %.*s", wants[i], (int)out.len, out.p);
        }
    }
    assert_true(sl_str_find(sl_buf_str(&out), SL_STR("\"text\":\"b\""), 0) < 0);
    sl_buf_done(&out);
    free(st);
    help_done(&h);
}

static void a_stream_that_breaks_has_an_error_and_no_end(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    void *st = calloc(1, sl_language_anthropic.write_state_size);
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_llm_error error = { .type = SL_ERR_PROVIDER_TIMEOUT_IDLE, .message = SL_STR("silent") };
    sl_language_anthropic.write_stream_error(st, &error, &out);
    sl_language_anthropic.write_end(st, &out);
    check_str(sl_buf_str(&out), "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\","
                                "\"message\":\"silent\"}}\n\n");
    sl_buf_reset(&out);
    sl_language_anthropic.write_stream_error(NULL, &error, &out);
    assert_true(out.len > 0);
    sl_buf_done(&out);
    free(st);
    help_done(&h);
}

/* --- whole replies --- */

static const struct {
    struct sl_block block;
    const char *want;
} blocks[] = {
    { { .kind = SL_BLOCK_TEXT, .text = SL_STR_INIT("a\"b") }, "{\"type\":\"text\",\"text\":\"a\\\"b\"}" },
    { { .kind = SL_BLOCK_REFUSAL, .text = SL_STR_INIT("no") }, "{\"type\":\"text\",\"text\":\"no\"}" },
    { { .kind = SL_BLOCK_THINKING, .text = SL_STR_INIT("hm"), .signature = SL_STR_INIT("s") },
      "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}" },
    { { .kind = SL_BLOCK_THINKING, .redacted = SL_STR_INIT("x") }, "{\"type\":\"redacted_thinking\",\"data\":\"x\"}" },
    { { .kind = SL_BLOCK_TOOL_CALL,
        .tool_id = SL_STR_INIT("t"),
        .tool_name = SL_STR_INIT("w"),
        .arguments = SL_STR_INIT("{\"a\":1}") },
      "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"w\",\"input\":{\"a\":1}}" },
    { { .kind = SL_BLOCK_TOOL_CALL }, "{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"\",\"input\":{}}" },
    { { .kind = SL_BLOCK_TOOL_CALL, .arguments = SL_STR_INIT("[1") },
      "{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"\",\"input\":{\"arguments\":\"[1\"}}" },
};

static void blocks_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(blocks); i++) {
        struct help h;
        help_init(&h);
        struct sl_block block = blocks[i].block;
        struct sl_choice choice = { .blocks = &block, .n_blocks = 1 };
        struct sl_reply reply = { .choices = &choice, .n_choices = 1, .usage = SL_USAGE_NONE };
        struct sl_call call = { .type = SL_LLM_CHAT, .model = SL_STR("m") };
        struct sl_buf out = SL_BUF_INIT(65536);
        assert_int_equal(sl_language_anthropic.write_reply(&call, &reply, &h.env, &out), 0);
        char want[512];
        snprintf(want, sizeof(want),
                 "{\"id\":\"msg_000000000000000100000002\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
                 "\"content\":[%s],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"
                 "\"output_tokens\":0}}",
                 blocks[i].want);
        check_str(sl_buf_str(&out), want);
        sl_buf_done(&out);
        help_done(&h);
    }
}

/* --- errors --- */

static const struct {
    enum sl_error_type type;
    int status, upstream_status, want;
    const char *word;
} errors[] = {
    { SL_ERR_CALLER_INVALID_REQUEST, 0, 0, 400, "invalid_request_error" },
    { SL_ERR_CALLER_UNAUTHENTICATED, 0, 0, 401, "authentication_error" },
    { SL_ERR_CALLER_FORBIDDEN, 0, 0, 403, "permission_error" },
    { SL_ERR_CALLER_NOT_FOUND, 0, 0, 404, "not_found_error" },
    { SL_ERR_CALLER_UNSUPPORTED, 0, 0, 400, "invalid_request_error" },
    { SL_ERR_CALLER_BODY_TOO_LARGE, 0, 0, 413, "request_too_large" },
    { SL_ERR_POLICY_RATE_LIMITED, 0, 0, 429, "rate_limit_error" },
    { SL_ERR_SLUICE_OVERLOADED, 0, 0, 503, "overloaded_error" },
    { SL_ERR_PROVIDER_TIMEOUT_TOTAL, 0, 0, 504, "timeout_error" },
    { SL_ERR_PROVIDER_BILLING, 0, 402, 502, "billing_error" },
    { SL_ERR_PROVIDER_AUTH_FAILED, 0, 403, 502, "api_error" },
    { SL_ERR_PROVIDER_OVERLOADED, 0, 529, 529, "overloaded_error" },
    { SL_ERR_PROVIDER_REJECTED, 0, 422, 422, "invalid_request_error" },
};

static void errors_have_its_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(errors); i++) {
        struct sl_llm_error error = { .type = errors[i].type,
                                      .status = errors[i].status,
                                      .upstream_status = errors[i].upstream_status,
                                      .request_id = SL_STR("r") };
        struct sl_buf out = SL_BUF_INIT(4096);
        sl_language_anthropic.write_error(&error, &out);
        char want[128];
        snprintf(want, sizeof(want), "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"", errors[i].word);
        assert_int_equal(error.status, errors[i].want);
        assert_true(sl_str_has_prefix(sl_buf_str(&out), sl_str_c(want)));
        assert_true(sl_str_has_suffix(sl_buf_str(&out), SL_STR("\"},\"request_id\":\"r\"}")));
        sl_buf_done(&out);
    }
}

/* --- events that pass unchanged --- */

static const struct {
    const char *event;
    enum sl_pass want;
    int64_t input, output;
    bool has_finish, is_done;
    enum sl_error_type error;
} events[] = {
    { EVENT("message_start", ",\"message\":{\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,"
                             "\"output_tokens\":1}}"),
      SL_PASS_FORWARD, 7, 1, false, false, SL_ERR_NONE },
    { PIECE("0", "\"type\":\"text_delta\",\"text\":\"message_stop\""), SL_PASS_FORWARD, 7, 1, false, false,
      SL_ERR_NONE },
    { EVENT("ping", ""), SL_PASS_ALIVE, 7, 1, false, false, SL_ERR_NONE },
    { ": alive\n\n", SL_PASS_ALIVE, 7, 1, false, false, SL_ERR_NONE },
    { "event: message_delta\ndata: not JSON\n\n", SL_PASS_FORWARD, 7, 1, false, false, SL_ERR_NONE },
    { EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}"),
      SL_PASS_FORWARD, 7, 9, true, false, SL_ERR_NONE },
    { EVENT("message_stop", ""), SL_PASS_FORWARD, 7, 9, true, true, SL_ERR_NONE },
    { EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}"), SL_PASS_FORWARD, 7, 9, true, true,
      SL_ERR_PROVIDER_OVERLOADED },
};

static void passing_events_are_noted(void **state)
{
    (void)state;
    struct help h;
    struct sl_pass_state st = { .usage = SL_USAGE_NONE };
    help_init(&h);
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        size_t n = strlen(events[i].event);
        char *copy = malloc(n); /* an exact copy, so that reading beyond it shows */
        memcpy(copy, events[i].event, n);
        enum sl_pass got = sl_language_anthropic.pass_event(&st, sl_str_make(copy, n), &h.scratch);
        free(copy);
        if (got != events[i].want || st.usage.input != events[i].input || st.usage.output != events[i].output ||
            st.has_finish != events[i].has_finish || st.is_done != events[i].is_done ||
            st.error_type != events[i].error) {
            fail_msg("event %zu: %d, %lld in, %lld out, finish %d, done %d, %s", i, (int)got, (long long)st.usage.input,
                     (long long)st.usage.output, st.has_finish, st.is_done, sl_error_type_word(st.error_type));
        }
    }
    help_done(&h);
}

static void usage_of_a_reply_is_read(void **state)
{
    (void)state;
    struct help h;
    struct sl_usage usage;
    help_init(&h);
    assert_int_equal(sl_json_parse(&h.doc, SL_STR("{\"input_tokens\":3,\"cache_creation_input_tokens\":2,"
                                                  "\"output_tokens\":5}")),
                     0);
    assert_int_equal(sl_language_anthropic.read_usage(sl_json_root(&h.doc), &usage), 0);
    assert_int_equal(usage.input, 5);
    assert_int_equal(usage.cache_creation, 2);
    assert_int_equal(usage.output, 5);
    assert_int_equal(usage.cached_input, -1);
    assert_int_equal(sl_json_parse(&h.doc, SL_STR("[]")), 0);
    assert_int_equal(sl_language_anthropic.read_usage(sl_json_root(&h.doc), &usage), SL_E_TYPE);
    help_done(&h);
}

/* --- facts for routing --- */

static const struct {
    const char *body, *want;
} wrong[] = {
    { "", "The request has no body; a JSON object is expected." },
    { "{", "The body of the request is not valid JSON: " },
    { "[]", "The body of the request must be a JSON object." },
    { "{}", "You must provide a 'model': the name of a route of this gateway." },
    { "{\"model\":5}", "Invalid type for 'model': a string is expected." },
    { "{\"model\":\"a\",\"mode\\u006c\":\"b\"}", "The member 'model' is given more than once." },
    { "{\"model\":\"a\",\"stream\":1}", "Invalid type for 'stream': a boolean is expected." },
};

static void what_cannot_be_routed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(wrong); i++) {
        struct help h;
        help_init(&h);
        struct sl_str got = help_refused(&h, &sl_dialect_anthropic, SL_LLM_CHAT, sl_str_c(wrong[i].body), "text/plain");
        struct sl_str want = sl_arena_printf(&h.arena,
                                             "400 {\"type\":\"error\",\"error\":{\"type\":"
                                             "\"invalid_request_error\",\"message\":\"%s",
                                             wrong[i].want);
        if (!sl_str_has_prefix(got, want)) {
            fail_msg("%.*s, wanted %.*s", SL_STR_ARG(got), SL_STR_ARG(want));
        }
        help_done(&h);
    }
    struct sl_llm_error error = { 0 };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    sl_dialect_anthropic.no_route(SL_STR("x"), &arena, &error);
    check_str(error.message, "model: x");
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anthropics_call_comes_back),
        cmocka_unit_test(openais_call_comes_back),
        cmocka_unit_test(streams_come_back),
        cmocka_unit_test(blocks_follow_each_other),
        cmocka_unit_test(a_stream_that_breaks_has_an_error_and_no_end),
        cmocka_unit_test(blocks_are_written),
        cmocka_unit_test(errors_have_its_words),
        cmocka_unit_test(passing_events_are_noted),
        cmocka_unit_test(usage_of_a_reply_is_read),
        cmocka_unit_test(what_cannot_be_routed_is_refused),
    };
    return cmocka_run_group_tests_name("llm/anthropic_dialect", tests, NULL, NULL);
}
