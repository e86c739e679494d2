/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for providers of another language: bodies whose long values stay slices, the list of what is left out,
 * frames of every framing, models by their names. */
#include "help.h"

#include "llm/anthropic/anthropic.h"
#include "llm/core/frames.h"

static void test_long_values_stay_slices(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    size_t n = 100000;
    char *data = malloc(n + 1);
    memset(data, 'A', n);
    data[n] = '\0';
    struct sl_str body = sl_arena_printf(&h.arena,
                                         "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                                         "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,%s\"}}]}]}",
                                         data);
    struct sl_target target;
    assert_int_equal(help_target(&h, "anthropic", "m", "{\"anthropic_api_key\":\"k\"}", &target), 0);
    struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, body.p);
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
    assert_int_equal(req.n_slices, 3);
    assert_ptr_equal(memmem(call.body.p, call.body.n, data, n), req.slices[1].p); /* the client's own bytes */
    assert_int_equal(req.slices[1].n, n);
    struct sl_str want = sl_arena_printf(&h.arena,
                                         "{\"model\":\"m\",\"max_tokens\":8192,\"messages\":[{\"role\":\"user\","
                                         "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                                         "\"media_type\":\"image/png\",\"data\":\"%s\"}}]}]}",
                                         data);
    assert_true(sl_str_eq(help_body(&h, &req), want));
    free(data);
    help_target_done(&target);
    help_done(&h);
}

static void test_left_out_list(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_call call = { 0 };
    struct sl_body body;
    sl_body_init(&body, &call);
    sl_body_leave_out(&body, SL_STR("seed"));
    sl_body_leave_out(&body, SL_STR("a,b\r\nx: y"));
    sl_body_leave_out(&body, SL_STR("seed"));
    for (int i = 0; i < 100; i++) { /* more than fit are not listed */
        sl_body_leave_out(&body, sl_arena_printf(&h.arena, "member-%d", i));
    }
    struct sl_http_req req = { 0 };
    assert_int_equal(sl_body_finish(&body, &h.arena, &req), 0);
    assert_true(sl_str_has_prefix(req.dropped, SL_STR("seed,a?b??x:?y,member-0,")));
    assert_true(req.dropped.n <= SL_DROPPED_MAX && req.dropped.n > SL_DROPPED_MAX - 12);
    help_done(&h);
}

static int frame_note(void *arg, const struct sl_frame *frame)
{
    struct sl_buf *out = arg;
    sl_buf_add_str(out, frame->name);
    sl_buf_add_char(out, '=');
    sl_buf_add_str(out, frame->data);
    sl_buf_add_char(out, ';');
    return 0;
}

static const struct {
    enum sl_framing framing;
    const char *bytes, *want;
} frame_cases[] = {
    { SL_FRAMING_SSE, "event: a\ndata: 1\n\ndata: 2\r\n\r\n", "a=1;=2;" },
    { SL_FRAMING_NDJSON, "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}", "={\"a\":1};={\"b\":2};={\"c\":3};" },
    { SL_FRAMING_NDJSON, "", "" },
};

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(frame_cases); i++) {
        struct sl_str bytes = sl_str_c(frame_cases[i].bytes);
        for (size_t piece = 1; piece <= bytes.n + 1; piece++) {
            struct sl_buf out = SL_BUF_INIT(4096);
            struct sl_frames frames;
            sl_frames_init(&frames, frame_cases[i].framing, SL_SSE_EVENT_MAX, frame_note, &out);
            for (size_t at = 0; at < bytes.n; at += piece) {
                assert_int_equal(sl_frames_push(&frames, sl_str_sub(bytes, at, at + piece)), 0);
            }
            assert_int_equal(sl_frames_finish(&frames), 0);
            check_str(sl_buf_str(&out), frame_cases[i].want);
            sl_frames_done(&frames);
            sl_buf_done(&out);
        }
    }
    assert_true(sl_frames_is_stream(SL_FRAMING_SSE, SL_STR("text/event-stream; charset=utf-8")));
    assert_false(sl_frames_is_stream(SL_FRAMING_SSE, SL_STR("text/event-streams")));
    assert_false(sl_frames_is_stream(SL_FRAMING_SSE, SL_STR("application/x-ndjson")));
    assert_true(sl_frames_is_stream(SL_FRAMING_AWS, SL_STR("application/vnd.amazon.eventstream")));
    assert_false(sl_frames_is_stream(SL_FRAMING_AWS, SL_STR_NONE));
}

static void test_models(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        uint32_t can, cannot;
        int64_t output;
    } cases[] = {
        { "claude-2.1", SL_MODEL_COMPLETE, SL_MODEL_TOOLS, 4096 },
        { "claude-3-haiku-20240307", SL_MODEL_TOOLS, SL_MODEL_THINKING, 4096 },
        { "claude-3-opus-latest", SL_MODEL_TOOLS, SL_MODEL_THINKING, 4096 },
        { "claude-3-5-sonnet-20241022", 0, SL_MODEL_THINKING | SL_MODEL_SCHEMA, 8192 },
        { "claude-3-7-sonnet-latest", SL_MODEL_THINKING, SL_MODEL_SCHEMA | SL_MODEL_ADAPTIVE, 64000 },
        { "claude-sonnet-4-20250514", SL_MODEL_THINKING, SL_MODEL_SCHEMA | SL_MODEL_GUESS, 64000 },
        { "claude-opus-4-1-20250805", SL_MODEL_ONE_SAMPLING, SL_MODEL_SCHEMA, 32000 },
        { "claude-opus-4-5-20251101", SL_MODEL_SCHEMA | SL_MODEL_EFFORT, SL_MODEL_ADAPTIVE, 64000 },
        { "claude-sonnet-4-6", SL_MODEL_ADAPTIVE | SL_MODEL_EFFORT, SL_MODEL_FIXED_SAMPLING, 128000 },
        { "claude-opus-4-7", SL_MODEL_FIXED_SAMPLING, SL_MODEL_GUESS, 128000 },
        { "claude-opus-9", SL_MODEL_GUESS | SL_MODEL_FIXED_SAMPLING, 0, 128000 },
        { "claude-of-tomorrow", SL_MODEL_GUESS | SL_MODEL_SCHEMA | SL_MODEL_ADAPTIVE, 0, 128000 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        const struct sl_model *row = sl_model_find(sl_provider_find(SL_STR("anthropic")), sl_str_c(cases[i].model),
                                                   NULL);
        if ((row->can & cases[i].can) != cases[i].can || (row->can & cases[i].cannot) ||
            row->output != cases[i].output) {
            fail_msg("%s: %x %lld", cases[i].model, row->can, (long long)row->output);
        }
    }
    assert_int_equal(sl_model_find(sl_provider_find(SL_STR("mock")), SL_STR("x"), NULL)->can, SL_MODEL_GUESS);
}

static void test_own_models(void **state)
{
    (void)state;
    struct sl_own_model rows[] = {
        { SL_STR("anthropic"), { .prefix = SL_STR("my-"), .output = 1 } },
        { SL_STR("anthropic"), { .prefix = SL_STR("my-claude"), .output = 2 } },
        { SL_STR_NONE, { .prefix = SL_STR("claude-opus-4-6"), .output = 3 } },
        { SL_STR("openai"), { .prefix = SL_STR("claude-opus-4-7-x"), .output = 4 } },
    };
    struct sl_own_models own = { rows, SL_ARRAY_LEN(rows) };
    assert_int_equal(sl_model_find(sl_provider_find(SL_STR("anthropic")), SL_STR("my-claude-2"), &own)->output, 2);
    assert_int_equal(sl_model_find(sl_provider_find(SL_STR("anthropic")), SL_STR("my-clau"), &own)->output, 1);
    assert_int_equal(sl_model_find(sl_provider_find(SL_STR("anthropic")), SL_STR("claude-opus-4-6"), &own)->output, 3);
    assert_int_equal(sl_model_find(sl_provider_find(SL_STR("anthropic")), SL_STR("claude-opus-4-7-x"), &own)->output,
                     128000);
}

/* MLflow's names: names of providers, or known names with the reason why they are no providers. */
static void test_names(void **state)
{
    (void)state;
    static const char *const built[] = { "openai",   "anthropic", "ai21labs",       "cohere",
                                         "mock",     "azure",     "gemini",         "mistral",
                                         "mosaicml", "palm",      "amazon_bedrock", "bedrock",
                                         "groq",     "litellm",   "vertex-ai",      "OpenAI_Compatible" };
    for (size_t i = 0; i < SL_ARRAY_LEN(built); i++) {
        assert_non_null(sl_provider_find(sl_str_c(built[i])));
        assert_null(sl_provider_why_not(sl_str_c(built[i])));
    }
    assert_null(sl_provider_find(SL_STR("sap-ai-core")));
    assert_non_null(sl_provider_why_not(SL_STR("sap-ai-core")));
}

/* A later attempt: the document of the parse is in use for something else. */
static void test_build_again(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_target target;
    assert_int_equal(help_target(&h, "anthropic", "m", "{\"anthropic_api_key\":\"k\"}", &target), 0);
    static const struct {
        const struct sl_dialect *dialect;
        const char *body;
    } cases[] = {
        { &sl_dialect_openai,
          "{\"model\":\"r\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}" },
        { &sl_dialect_mlflow,
          "{\"max_tokens\":\"5\",\"stop\":null,\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_call call = help_call(&h, cases[i].dialect, SL_LLM_CHAT, cases[i].body);
        struct sl_http_req first = { 0 }, again = { 0 };
        struct sl_llm_error error = { 0 };
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &first, &error), 0);
        assert_int_equal(sl_json_parse(&h.doc, SL_STR("{\"other\":1}")), 0);
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &again, &error), 0);
        check_str(help_body(&h, &first),
                  "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}");
        assert_true(sl_str_eq(help_body(&h, &first), help_body(&h, &again)));
    }
    help_target_done(&target);
    help_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_values_stay_slices),
        cmocka_unit_test(test_left_out_list),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_own_models),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_build_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
