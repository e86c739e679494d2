/* SPDX-License-Identifier: Apache-2.0 */
/* Gemini's language as its clients speak it: what goes up unchanged, streams in both forms, what is held, errors. */
#include "help.h"

#include "llm/core/cred.h"
#include "llm/core/listing.h"
#include "llm/gemini/gemini.h"
#include "llm/gemini/reader.h"
#include "llm/gemini/write.h"

#define GEMINI "gemini", "gemini-2.5-flash", "{\"gemini_api_key\":\"k\"}"
#define VERTEX                                                                                                        \
    "vertex_ai", "gemini-2.5-flash",                                                                                  \
        "{\"vertex_project\":\"p\",\"vertex_credentials\":\"{\\\"type\\\":\\\"authorized_user\\\",\\\"client_id\\\":" \
        "\\\"c\\\",\\\"client_secret\\\":\\\"s\\\",\\\"refresh_token\\\":\\\"r\\\"}\"}"
#define OPENAI "openai", "text-embedding-3-small", "{\"openai_api_key\":\"k\"}"

/* --- requests --- */

static const struct {
    const char *provider, *model, *config, *path;
    enum sl_llm_type type;
    const char *body, *want, *target; /* want NULL: the target holds the words of a refusal */
} calls[] = {
    { GEMINI, "/v1beta/models/r:generateContent", SL_LLM_CHAT, "{\"contents\":[]}", "{\"contents\":[]}",
      "/v1beta/models/gemini-2.5-flash:generateContent" },
    { GEMINI, "/v1/models/r:streamGenerateContent", SL_LLM_CHAT, "{ \"model\":\"models/r\" }",
      "{ \"model\":\"models/gemini-2.5-flash\" }", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse" },
    { GEMINI, "/v1/models/r:countTokens", SL_LLM_CHAT, "{\"contents\":[1]}", "{\"contents\":[1]}",
      "/v1beta/models/gemini-2.5-flash:countTokens" },
    { GEMINI, "/v1/models/r:countTokens", SL_LLM_CHAT, "{\"generateContentRequest\":{\"contents\":[1]}}",
      "{\"generateContentRequest\":{\"model\":\"models/gemini-2.5-flash\",\"contents\":[1]}}",
      "/v1beta/models/gemini-2.5-flash:countTokens" },
    { GEMINI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS, "{\"content\":{}}", "{\"content\":{}}",
      "/v1beta/models/gemini-2.5-flash:embedContent" },
    { GEMINI, "/v1/models/r:batchEmbedContents", SL_LLM_EMBEDDINGS,
      "{\"requests\":[{\"model\":\"models/r\",\"content\":{}},{\"content\":{}}, 5]}",
      "{\"requests\":[{\"model\":\"models/gemini-2.5-flash\",\"content\":{}},{\"model\":\"models/gemini-2.5-flash\","
      "\"content\":{}}, 5]}",
      "/v1beta/models/gemini-2.5-flash:batchEmbedContents" },
    { VERTEX, "/v1/models/r:generateContent", SL_LLM_CHAT, "{\"model\":\"models/r\",\"contents\":[]}",
      "{\"contents\":[]}",
      "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent" },
    { VERTEX, "/v1/models/r:countTokens", SL_LLM_CHAT,
      "{\"generate_content_request\":{\"model\":\"models/r\",\"contents\":[1]}}", "{\"contents\":[1]}",
      "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:countTokens" },
    { OPENAI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS,
      "{\"content\":{\"parts\":{\"text\":\"a\"}},\"output_dimensionality\":\"7\"}",
      "{\"model\":\"text-embedding-3-small\",\"input\":[\"a\"],\"dimensions\":7}", "/v1/embeddings" },
    { OPENAI, "/v1/models/r:batchEmbedContents", SL_LLM_EMBEDDINGS,
      "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"\\n\"}]}},{\"content\":{\"parts\":[{"
      "\"text\":\"b\"}]}}]}",
      "{\"model\":\"text-embedding-3-small\",\"input\":[\"a\\n\",\"b\"]}", "/v1/embeddings" },
    { OPENAI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS, "{}", NULL, "the member 'content'" },
    { OPENAI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS, "{\"content\":{}}", NULL,
      "content: an object with parts" },
    { OPENAI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS, "{\"content\":{\"parts\":[{\"inlineData\":{}}]}}", NULL,
      "content.parts[0]: this route's provider embeds texts" },
    { OPENAI, "/v1/models/r:embedContent", SL_LLM_EMBEDDINGS,
      "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"outputDimensionality\":0}", NULL,
      "outputDimensionality: an integer" },
    { OPENAI, "/v1/models/r:batchEmbedContents", SL_LLM_EMBEDDINGS, "{\"requests\":[]}", NULL, "Missing 'requests'" },
    { OPENAI, "/v1/models/r:batchEmbedContents", SL_LLM_EMBEDDINGS,
      "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"A\"},{\"content\":{\"parts\":[{"
      "\"text\":\"a\"}]}}]}",
      NULL, "requests[0].taskType: this route's provider takes one value for all" },
};

static void calls_go_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        struct help h;
        struct sl_target target;
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        struct sl_http_req req = { 0 };
        static const struct sl_cred fetched = { .parts = { SL_STR_INIT("Bearer t") } };
        help_init(&h);
        h.env.credential = &fetched;
        int r = help_target(&h, calls[i].provider, calls[i].model, calls[i].config, &target);
        assert_int_equal(r, 0);
        struct sl_str body = sl_arena_dup(&h.arena, sl_str_c(calls[i].body));
        r = help_read_at(&h, &sl_dialect_gemini, calls[i].type, sl_str_c(calls[i].path), body, "application/json",
                         &call, &error);
        r = r < 0 ? r : target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error);
        if (!calls[i].want) {
            assert_int_equal(r, SL_E_INVAL);
            if (sl_str_find(error.message, sl_str_c(calls[i].target), 0) < 0) {
                fail_msg("%zu: %.*s", i, SL_STR_ARG(error.message));
            }
        } else {
            assert_int_equal(r, 0);
            check_str(help_body(&h, &req), calls[i].want);
            check_str(req.target, calls[i].target);
        }
        help_target_done(&target);
        help_done(&h);
    }
}

/* --- streams: what is read and written again is the same, but for what is written once at the end --- */

#define ITEM(parts, more) \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"},\"index\":0" more "}]"
#define TAIL ",\"modelVersion\":\"m\",\"responseId\":\"r\"}"
#define USED ",\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"totalTokenCount\":5}"

static const char *const items[] = {
    ITEM("{\"text\":\"a\"}", "") TAIL,
    ITEM("{\"text\":\"hm\",\"thought\":true}", "") TAIL,
    ITEM("{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"n\":1}}}", "") TAIL,
    ITEM("{\"text\":\"\"}", ",\"finishReason\":\"STOP\"") USED TAIL,
};

static void streams_come_back_in_both_forms(void **state)
{
    (void)state;
    for (size_t form = 0; form < 4; form++) {
        bool is_list = form & 1, has_thoughts = form & 2;
        struct help h;
        struct sl_str got;
        struct sl_buf up = SL_BUF_INIT(65536), want = SL_BUF_INIT(65536);
        bool has_any = false;
        for (size_t i = 0; i < SL_ARRAY_LEN(items); i++) {
            sl_buf_printf(&up, "data: %s\r\n\r\n", items[i]);
            if (i != 1 || has_thoughts) {
                sl_buf_printf(&want, "%s%s%s",
                              !is_list  ? "data: "
                              : has_any ? ",\n"
                                        : "[",
                              items[i], is_list ? "" : "\n\n");
                has_any = true;
            }
        }
        sl_buf_add_c(&want, is_list ? "\n]" : "");
        sl_buf_add_char(&want, '\0');
        help_init(&h);
        struct sl_call call = { .type = SL_LLM_CHAT, .language = &sl_language_gemini, .is_stream = true };
        call.is_list = is_list;
        call.noted = has_thoughts ? SL_GEMINI_THOUGHTS : 0;
        assert_int_equal(help_stream(&h, &sl_language_gemini, &sl_dialect_gemini, &call, sl_buf_str(&up), 7, &got), 0);
        check_str(got, want.p);
        sl_buf_done(&up);
        sl_buf_done(&want);
        help_done(&h);
    }
}

static int delta_give(struct help *h, void *st, struct sl_buf *out, const struct sl_delta *delta)
{
    struct sl_call call = { .type = SL_LLM_CHAT, .model = SL_STR("m") };
    return sl_gemini_write_delta(st, &call, &h->env, delta, out);
}

static void a_call_is_held_until_it_is_whole(void **state)
{
    (void)state;
    struct help h;
    struct sl_gemini_writer st = { 0 };
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_delta start = { .kind = SL_DELTA_BLOCK_START,
                              .block = 1,
                              .block_kind = SL_BLOCK_TOOL_CALL,
                              .tool_id = SL_STR("c1"),
                              .tool_name = SL_STR("f") };
    struct sl_delta other = start, piece = { .kind = SL_DELTA_BLOCK, .block = 1, .block_kind = SL_BLOCK_TOOL_CALL };
    struct sl_delta text = { .kind = SL_DELTA_BLOCK, .block = 3, .text = SL_STR("t") };
    help_init(&h);
    sl_gemini_write_begin(&st, &(struct sl_call){ 0 }, 2000);
    other.block = 2;
    other.tool_id = SL_STR("c2");
    piece.text = SL_STR("{\"a\":");
    assert_int_equal(delta_give(&h, &st, &out, &piece), SL_E_INVAL); /* of none that began */
    assert_int_equal(delta_give(&h, &st, &out, &start), 0);
    assert_int_equal(delta_give(&h, &st, &out, &piece), 0);
    assert_int_equal(delta_give(&h, &st, &out, &other), 0);
    piece.text = SL_STR("1}"); /* some mix them */
    assert_int_equal(delta_give(&h, &st, &out, &piece), 0);
    assert_int_equal(out.len, 0);
    assert_true(sl_gemini_write_held(&st) > 10);
    assert_int_equal(delta_give(&h, &st, &out, &text), 0);
    assert_int_equal(sl_gemini_write_held(&st), 0);
    static const char *const wants[] = { "{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{\"a\":1}}}",
                                         "{\"functionCall\":{\"id\":\"c2\",\"name\":\"f\",\"args\":{}}}",
                                         "{\"text\":\"t\"}" };
    ptrdiff_t at = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(wants); i++) {
        at = sl_str_find(sl_buf_str(&out), sl_str_c(wants[i]), (size_t)at);
        assert_true(at > 0);
    }
    char large[2000];
    memset(large, 'x', sizeof(large));
    assert_int_equal(delta_give(&h, &st, &out, &start), 0);
    piece.text = sl_str_make(large, sizeof(large));
    assert_int_equal(delta_give(&h, &st, &out, &piece), SL_E_LIMIT);
    struct sl_delta many = { .kind = SL_DELTA_BLOCK, .choice = SL_GEMINI_CHOICES_MAX, .text = SL_STR("x") };
    assert_int_equal(delta_give(&h, &st, &out, &many), SL_E_INVAL);
    sl_gemini_write_done(&st);
    assert_int_equal(sl_gemini_write_held(&st), 0);
    sl_buf_done(&out);
    help_done(&h);
}

static void a_stream_that_breaks_stays_one_value(void **state)
{
    (void)state;
    static const char told[] = "{\"error\":{\"code\":504,\"message\":\"silent\",\"status\":\"DEADLINE_EXCEEDED\"}}";
    struct sl_llm_error error = { .type = SL_ERR_PROVIDER_TIMEOUT_IDLE, .message = SL_STR("silent") };
    for (int form = 0; form < 4; form++) {
        bool is_list = form & 1, has_item = form & 2;
        struct sl_gemini_writer st = { 0 };
        struct sl_buf out = SL_BUF_INIT(4096), want = SL_BUF_INIT(4096);
        sl_gemini_write_begin(&st, &(struct sl_call){ .is_list = is_list }, 300);
        if (has_item) {
            sl_gemini_write_item(&st, SL_STR("{}"), &out);
        }
        sl_gemini_write_stream_error(&st, &error, &out);
        sl_gemini_write_stream_error(&st, &error, &out); /* once is enough */
        sl_gemini_write_end(&st, &out);
        sl_buf_printf(&want, "%s%s%s%s",
                      !has_item ? ""
                      : is_list ? "[{},\n"
                                : "data: {}\n\n",
                      is_list ? (has_item ? "" : "[") : "data: ", told, is_list ? "\n]" : "\n\n");
        sl_buf_add_char(&want, '\0');
        check_str(sl_buf_str(&out), want.p);
        sl_buf_done(&out);
        sl_buf_done(&want);
        sl_gemini_write_done(&st);
    }
    struct sl_gemini_writer none = { .is_list = true };
    struct sl_buf out = SL_BUF_INIT(64);
    sl_gemini_write_end(&none, &out);
    check_str(sl_buf_str(&out), "[]");
    sl_gemini_write_end(NULL, &out);
    sl_buf_done(&out);
}

/* --- errors --- */

static void errors_have_googles_words(void **state)
{
    (void)state;
    static const struct {
        struct sl_llm_error error;
        const char *want;
    } rows[] = {
        { { .type = SL_ERR_CALLER_INVALID_REQUEST, .message = SL_STR_INIT("m"), .param = SL_STR_INIT("contents[0]") },
          "{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type."
          "googleapis.com/"
          "google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":\"contents[0]\",\"description\":\"m\"}]"
          "}]}}" },
        { { .type = SL_ERR_POLICY_RATE_LIMITED, .message = SL_STR_INIT("m"), .retry_after_sec = 37 },
          "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type."
          "googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"37s\"}]}}" },
        { { .type = SL_ERR_CALLER_UNAUTHENTICATED, .message = SL_STR_INIT("m") },
          "{\"error\":{\"code\":401,\"message\":\"m\",\"status\":\"UNAUTHENTICATED\"}}" },
        { { .type = SL_ERR_CALLER_CANCELLED }, "{\"error\":{\"code\":499,\"message\":\"" },
        { { .type = SL_ERR_SLUICE_INTERNAL, .message = SL_STR_INIT("m") },
          "{\"error\":{\"code\":500,\"message\":\"m\",\"status\":\"INTERNAL\"}}" },
        { { .type = SL_ERR_PROVIDER_AUTH_FAILED, .message = SL_STR_INIT("key sk-1 is bad"), .upstream_status = 401 },
          "{\"error\":{\"code\":502,\"message\":\"The upstream provider refused this gateway's credential" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_llm_error error = rows[i].error;
        struct sl_buf out = SL_BUF_INIT(4096);
        sl_gemini_write_error(&error, &out);
        if (!sl_str_has_prefix(sl_buf_str(&out), sl_str_c(rows[i].want))) {
            fail_msg("%zu: %.*s", i, (int)out.len, out.p);
        }
        sl_buf_done(&out);
    }
}

/* --- events that pass unchanged --- */

static void what_passes_is_noted(void **state)
{
    (void)state;
    struct sl_json scratch;
    sl_json_init(&scratch, NULL);
    static const struct {
        const char *event;
        enum sl_pass pass;
        bool is_done, has_error, is_unread;
        int64_t output;
    } rows[] = {
        { ": alive\n\n", SL_PASS_ALIVE, false, false, false, -1 },
        { "data: "
          "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":1}}"
          "\r\n\r\n",
          SL_PASS_FORWARD, false, false, false, -1 },
        { "data: {\"candidates\":[{\"index\":1,\"finishReason\":\"STOP\"}]}\n\n", SL_PASS_FORWARD, false, false, false,
          -1 },
        { "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,"
          "\"candidatesTokenCount\":4,\"thoughtsTokenCount\":2}}\n\n",
          SL_PASS_FORWARD, true, false, false, 6 },
        { "data: {half\n\n", SL_PASS_FORWARD, true, false, true, 6 },
        { "data: [{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n\n", SL_PASS_FORWARD,
          true, true, false, 6 },
    };
    struct sl_pass_state pass = { .usage = SL_USAGE_NONE };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        pass.is_unread = false;
        assert_int_equal(sl_gemini_pass_event(&pass, sl_str_c(rows[i].event), &scratch), rows[i].pass);
        assert_int_equal(pass.is_done, rows[i].is_done);
        assert_int_equal(pass.has_error, rows[i].has_error);
        assert_int_equal(pass.is_unread, rows[i].is_unread);
        assert_int_equal(pass.usage.output, rows[i].output);
    }
    assert_int_equal(pass.error_type, SL_ERR_PROVIDER_RATE_LIMITED);
    struct sl_pass_state blocked = { .usage = SL_USAGE_NONE };
    sl_gemini_pass_event(&blocked, SL_STR("data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n"), &scratch);
    assert_true(blocked.is_done);
    sl_json_done(&scratch);
}

/* --- sources and probabilities --- */

#define CITED(start, end, url)                                                                  \
    "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":" start ",\"end_index\":" end \
    ",\"url\":\"https://" url "\",\"title\":\"T\"}}"
#define SEGMENT(part, start, end, chunk)                                              \
    "{\"segment\":{\"partIndex\":" part ",\"startIndex\":" start ",\"endIndex\":" end \
    "},\"groundingChunkIndices\":[" chunk "]}"
#define WEB(url) "{\"web\":{\"uri\":\"https://" url "\",\"title\":\"T\"}}"

/* Characters of all texts there, bytes of a part here; a source without a place that is known supports none. */
static const char sources[] = "[" CITED("0", "2", "a") "," CITED("2", "5", "b") "," CITED("3", "4", "c") "," CITED(
    "1", "2", "d") ",{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"https://e\"}}," CITED("9", "99", "f") "]";

static void what_stands_beside_an_answer_comes_back(void **state)
{
    (void)state;
    struct help h;
    struct sl_block parts[] = {
        { .kind = SL_BLOCK_THINKING, .text = SL_STR("hm") },
        { .kind = SL_BLOCK_TEXT, .text = SL_STR("\xc3\xa4\xc3\xb6"), .annotations = sl_str_c(sources) },
        { .kind = SL_BLOCK_TEXT, .text = SL_STR("x\xe2\x82\xacy") },
    };
    struct sl_choice choice = { .blocks = parts, .n_blocks = 3, .finish = SL_FINISH_STOP };
    struct sl_reply reply = { .id = SL_STR("r"), .model = SL_STR("m"), .usage = SL_USAGE_NONE }, again = { 0 };
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_call call = { .type = SL_LLM_CHAT, .language = &sl_language_gemini };
    struct sl_err err = { 0 };
    choice.logprobs = SL_STR(
        "{\"content\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":[{\"token\":"
        "\"b\",\"logprob\":-1,\"bytes\":null}]}],\"refusal\":null}");
    reply.choices = &choice;
    reply.n_choices = 1;
    help_init(&h);
    assert_int_equal(sl_gemini_write_reply(&call, &reply, &h.env, &out), 0);
    static const char *const wants[] = {
        "\"groundingChunks\":[" WEB("a") "," WEB("b") "," WEB("c") "," WEB(
            "d") ",{\"web\":{\"uri\":\"https://e\"}}," WEB("f") "]",
        "\"groundingSupports\":[" SEGMENT("0", "0", "4", "0") "," SEGMENT("1", "1", "4", "2") "," SEGMENT("0", "2", "4",
                                                                                                          "3") "]",
        ("\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"a\",\"logProbability\":-0.5}],\"topCandidates\":[{"
         "\"candidates\":[{\"token\":\"b\",\"logProbability\":-1}]}]}"),
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(wants); i++) {
        if (sl_str_find(sl_buf_str(&out), sl_str_c(wants[i]), 0) < 0) {
            fail_msg("%s\n is not in %.*s", wants[i], (int)out.len, out.p);
        }
    }
    assert_int_equal(sl_gemini_on_reply(&call, &h.env, sl_buf_str(&out), &h.arena, &again, &err), 0);
    check_str(again.choices[0].logprobs, choice.logprobs.p);
    check_str(again.choices[0].blocks[1].annotations,
              "[" CITED("0", "2", "a") "," CITED("3", "4", "c") "," CITED("1", "2", "d") "]");
    sl_buf_done(&out);
    help_done(&h);
}

static void sources_of_a_stream_have_the_places_that_are_known(void **state)
{
    (void)state;
    struct help h;
    struct sl_gemini_writer st = { 0 };
    struct sl_buf out = SL_BUF_INIT(65536);
    struct sl_delta text = { .kind = SL_DELTA_BLOCK, .text = SL_STR("abc\xc3\xa4") },
                    beside = { .kind = SL_DELTA_BLOCK };
    beside.annotations = SL_STR("[" CITED("0", "2", "a") "," CITED("1", "4", "b") "]");
    help_init(&h);
    sl_gemini_write_begin(&st, &(struct sl_call){ 0 }, 300);
    assert_int_equal(delta_give(&h, &st, &out, &text), 0);
    text.text = SL_STR("z");
    assert_int_equal(delta_give(&h, &st, &out, &text), 0);
    sl_buf_reset(&out);
    assert_int_equal(delta_give(&h, &st, &out, &beside), 0);
    const char *want = "\"groundingSupports\":[" SEGMENT("0", "0", "2", "0") "]}";
    assert_true(sl_str_find(sl_buf_str(&out), sl_str_c(want), 0) > 0);
    beside.annotations = SL_STR("[" CITED("3", "5", "a") "]");
    assert_int_equal(delta_give(&h, &st, &out, &beside), 0);
    want = "\"groundingSupports\":[" SEGMENT("0", "3", "6", "0") "]}";
    assert_true(sl_str_find(sl_buf_str(&out), sl_str_c(want), 0) > 0);
    sl_gemini_write_done(&st);
    sl_buf_done(&out);
    help_done(&h);
}

/* --- the rest --- */

static void thoughts_are_asked_for_in_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool wants;
    } rows[] = {
        { "{\"contents\":[]}", false },
        { "{\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}}", true },
        { "{\"generation_config\":{\"thinking_config\":{\"include_thoughts\":true}}}", true },
        { "{\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":false}}}", false },
        { "{\"generationConfig\":{\"responseSchema\":{\"description\":\"includeThoughts\"}}}", false },
        { "{\"generationConfig\":\"includeThoughts\"}", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        struct sl_call call = help_call(&h, &sl_dialect_gemini, SL_LLM_CHAT, rows[i].body);
        assert_int_equal((call.noted & SL_GEMINI_THOUGHTS) != 0, rows[i].wants);
        help_done(&h);
    }
}

static void routes_are_listed(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(4096);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_gemini_listing.begin(&w);
    sl_gemini_listing.one(&w, &(struct sl_listed){ .name = SL_STR("a\"b"), .type = SL_LLM_EMBEDDINGS });
    sl_gemini_listing.one(&w, &(struct sl_listed){ .name = SL_STR("c"), .type = SL_LLM_COMPLETIONS });
    sl_gemini_listing.end(&w, &(struct sl_listed_page){ .last = SL_STR("c"), .has_more = true });
    check_str(
        sl_buf_str(&out),
        "{\"models\":[{\"name\":\"models/a\\\"b\",\"version\":\"001\",\"displayName\":\"a\\\"b\","
        "\"supportedGenerationMethods\":[\"embedContent\",\"batchEmbedContents\"]},{\"name\":\"models/c\",\"version\":"
        "\"001\",\"displayName\":\"c\",\"supportedGenerationMethods\":[]}],\"nextPageToken\":\"c\"}");
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_go_up),
        cmocka_unit_test(streams_come_back_in_both_forms),
        cmocka_unit_test(a_call_is_held_until_it_is_whole),
        cmocka_unit_test(a_stream_that_breaks_stays_one_value),
        cmocka_unit_test(errors_have_googles_words),
        cmocka_unit_test(what_passes_is_noted),
        cmocka_unit_test(what_stands_beside_an_answer_comes_back),
        cmocka_unit_test(sources_of_a_stream_have_the_places_that_are_known),
        cmocka_unit_test(thoughts_are_asked_for_in_the_body),
        cmocka_unit_test(routes_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
