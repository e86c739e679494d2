/* SPDX-License-Identifier: Apache-2.0 */
/* Form: small calls of OpenAI's language, and what goes up to a Claude model. A table a kind. */
#include "help.h"

#include "llm/form/form.h"
#include "llm/form/schema.h"

struct row {
    const char *model; /* NULL: claude-sonnet-4-5 */
    const char *body;
    const char *has, *hasnt; /* pieces of what goes up */
    const char *dropped;     /* x-sluice-dropped; NULL: nothing */
    const char *refused;     /* or: a piece of the refusal's text */
};

#define MODEL   "claude-sonnet-4-5-20250929"
#define ROUTE   "{\"model\":\"r\","
#define X       ROUTE "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define SAYS(t) ROUTE "\"messages\":[" t "]}"
#define USER(t) "{\"role\":\"user\",\"content\":\"" t "\"}"
#define BOT(t)  "{\"role\":\"assistant\",\"content\":\"" t "\"}"
#define SYS(t)  "{\"role\":\"system\",\"content\":\"" t "\"}"
#define CALL(id, name, args) \
    "{\"id\":" id ",\"type\":\"function\",\"function\":{\"name\":" name ",\"arguments\":\"" args "\"}}"
#define CALLS(c)         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" c "]}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":" id ",\"content\":\"" text "\"}"
#define USE(id, name)    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}}"
#define USED(id, text)   "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"" text "\"}"
#define T(name, schema)  "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"parameters\":" schema "}}"
#define TEXT(t)          "{\"type\":\"text\",\"text\":\"" t "\"}"
#define IMAGE(url)       "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define WITH(parts)      "{\"role\":\"user\",\"content\":[" parts "]}"
#define THINKING         "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}"

static void row_check(const char *table, size_t i, const struct row *row, const struct sl_dialect *dialect)
{
    struct help h;
    help_init(&h);
    struct sl_target target;
    assert_int_equal(
        help_target(&h, "anthropic", row->model ? row->model : MODEL, "{\"anthropic_api_key\":\"k\"}", &target), 0);
    struct sl_call call = help_call(&h, dialect, SL_LLM_CHAT, row->body);
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    int r = target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error);
    struct sl_str got = r == 0 ? help_body(&h, &req) : error.message;
    const char *has = row->refused ? row->refused : row->has;
    bool is_right = (r < 0) == (row->refused != NULL) && (!has || sl_str_find(got, sl_str_c(has), 0) >= 0) &&
                    (!row->hasnt || sl_str_find(got, sl_str_c(row->hasnt), 0) < 0) &&
                    (r < 0 || sl_str_eq_c(req.dropped, row->dropped ? row->dropped : ""));
    if (r == 0 && is_right) { /* what goes up is JSON */
        is_right = sl_json_parse(&h.scratch, got) == 0;
    }
    if (!is_right) {
        fail_msg("%s[%zu]: %s\n gave %d %.*s\n dropped %.*s\n want %s, not %s", table, i, row->body, r, SL_STR_ARG(got),
                 SL_STR_ARG(req.dropped), has, row->hasnt);
    }
    help_target_done(&target);
    help_done(&h);
}

static void table_check(const char *table, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        row_check(table, i, &rows[i], &sl_dialect_openai);
    }
}
#define CHECK(rows) table_check(#rows, rows, SL_ARRAY_LEN(rows))

static void test_ids(void **state)
{
    (void)state;
    static const struct row ids[] = {
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a-1_B\"", "\"f\"", "")) "," RESULT("\"a-1_B\"", "r")),
          .has = USE("a-1_B", "f") "]},{\"role\":\"user\",\"content\":[" USED("a-1_B", "r") },
        { .body = SAYS(
              USER("x") "," CALLS(CALL("\"functions.f:0\"", "\"f\"", "")) "," RESULT("\"functions.f:0\"", "r")),
          .has = USE("call_pE8H5HTmqzwnfbosWt6DX6",
                     "f") "]},{\"role\":\"user\",\"content\":[" USED("call_pE8H5HTmqzwnfbosWt6DX6", "r") },
        /* the same id in two turns: each call has its own */
        { .body = SAYS(USER("x") "," CALLS(CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "one") "," CALLS(
              CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "two")),
          .has = USED("c", "one") "]},",
          .hasnt = USED("c", "two") },
        /* ids that are missing, empty, of another alphabet, too long */
        { .body = SAYS(USER("x") ",{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]},"
                                 "{\"role\":\"tool\",\"content\":\"r\"}"),
          .has = "\"tool_use_id\":\"call_" },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"\"", "\"f\"", "")) "," RESULT("\"\"", "r")),
          .has = "\"tool_use_id\":\"call_",
          .hasnt = "\"id\":\"\"" },
        { .body = SAYS(USER("x") "," CALLS(CALL("null", "\"f\"", "") "," CALL("null", "\"g\"", "")) "," RESULT(
              "\"\"", "first") ",{\"role\":\"tool\",\"content\":\"second\"}"),
          .has = "\"content\":\"second\"}]}" },
        { .body = SAYS(
              USER("x") "," CALLS(CALL("\"\\u00e9t\\u00e9\"", "\"f\"", "")) "," RESULT("\"\\u00e9t\\u00e9\"", "r")),
          .has = "\"tool_use_id\":\"call_",
          .hasnt = "u00e9" },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a b\"", "\"f\"", "")) "," RESULT("\"a b\"", "r")), .hasnt = "a b" },
        { .body = SAYS(USER("x") "," CALLS(
              CALL("\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "\"f\"",
                   "")) "," RESULT("\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "r")),
          .has = "\"tool_use_id\":\"call_",
          .hasnt = "0123456789" },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a:1\"", "\"f\"", "") "," CALL("\"a.1\"", "\"f\"", "")) "," RESULT(
              "\"a.1\"", "dot") "," RESULT("\"a:1\"", "colon")),
          .hasnt = "a:1" },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a\"", "\"my.tool\"", "")) "," RESULT("\"a\"", "r")),
          .has = "\"name\":\"my_tool_",
          .hasnt = "my.tool" },
        { .body = X ",\"tools\":[" T("my tool/x", "{\"type\":\"object\"}") "],\"tool_choice\":{\"type\":\"function\","
                                                                           "\"function\":{\"name\":\"my tool/x\"}}}",
          .has = "\"tool_choice\":{\"type\":\"tool\",\"name\":\"my_tool_x_",
          .hasnt = "my tool" },
    };
    CHECK(ids);
}

static void test_shape(void **state)
{
    (void)state;
    static const struct row shape[] = {
        { .body = SAYS(USER("a") "," BOT("") "," USER("b")),
          .has = "\"messages\":[{\"role\":\"user\",\"content\":[" TEXT("a") "," TEXT("b") "]}]" },
        { .body = SAYS(USER("a") "," BOT("b") "," USER("\\n \\t\\u00a0")),
          .has = "\"messages\":[" USER("a") "," BOT("b") "]" },
        { .body = SAYS(USER("a") ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[]}," USER("b")),
          .has = "[" TEXT("a") "," TEXT("b") "]" },
        { .body = SAYS(USER("a") ",{\"role\":\"assistant\",\"content\":[]}," USER("b")),
          .has = "[" TEXT("a") "," TEXT("b") "]" },
        { .body = SAYS(USER("a") ",{\"role\":\"assistant\",\"content\":\"\\n\\n\",\"tool_calls\":[" CALL(
              "\"c\"", "\"f\"", "") "]}," RESULT("\"c\"", "")),
          .has = "\"content\":[" USE("c", "f") "]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                                               "\"tool_use_id\":\"c\"}]}" },
        { .body = SAYS(USER("a") ",{\"role\":\"user\",\"content\":[]}"), .has = "\"messages\":[" USER("a") "]" },
        { .body = SAYS(WITH(TEXT("") "," TEXT("a") "," TEXT(" "))), .has = "\"content\":[" TEXT("a") "]" },
        { .body = SAYS(USER("")), .refused = "nothing is left" },
        { .body = SAYS(SYS("be kind") "," USER(" ")), .refused = "nothing is left" },
        { .body = SAYS(WITH("")), .refused = "nothing is left" },
        { .body = SAYS(SYS(" ") "," USER("a")), .has = "\"messages\":[" USER("a") "]", .hasnt = "system" },
        { .body = SAYS(SYS("one") "," SYS("two")),
          .has = "\"system\":[" TEXT("one") "],\"messages\":[" USER("two") "]" },
        { .body = SAYS("{\"role\":\"developer\",\"content\":\"only\"}"),
          .has = "\"messages\":[" USER("only") "]",
          .hasnt = "system" },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("The answer is ")), .has = BOT("The answer is") },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("x\\\\n\\n \\u0020")), .has = BOT("x\\\\n") },
        { .model = "claude-3-haiku",
          .body = SAYS(USER("a") ",{\"role\":\"assistant\",\"content\":[" TEXT("one ") "," TEXT("two ") "]}"),
          .has = TEXT("one ") "," TEXT("two") "]" },
        { .body = SAYS(USER("a ") "," BOT("b ") "," USER("c ")), .has = USER("a ") "," BOT("b ") "," USER("c ") },
        { .model = "claude-opus-4-6", .body = SAYS(USER("a") "," BOT("b")), .refused = "does not go on" },
        /* results: far from their calls, in parts, with words and system messages between */
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a\"", "\"f\"", "") "," CALL("\"b\"", "\"f\"", "")) "," RESULT(
              "\"a\"", "1") "," SYS("s") "," RESULT("\"b\"", "2")),
          .has = "[" USED("a", "1") "," USED("b", "2") "]" },
        { .body = SAYS(
              USER("x") "," CALLS(CALL("\"a\"", "\"f\"", "")) "," USER("wait") "," RESULT("\"a\"", "1") "," USER("go")),
          .has = "[" USED("a", "1") "," TEXT("wait") "]}," USER("go") },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a\"", "\"f\"", "")) "," CALLS(CALL("\"b\"", "\"f\"", "")) "," RESULT(
              "\"b\"", "2") "," RESULT("\"a\"", "1")),
          .has = "[" USED("a", "1") "]},{\"role\":\"assistant\",\"content\":[" USE("b", "f") },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"a\"", "\"f\"", "")) "," USER("never mind")),
          .refused = "messages[1]: an assistant's message with tool_calls is followed" },
        { .body = SAYS(USER("x") "," RESULT("\"a\"", "1")),
          .refused = "messages[1]: a message of the role tool answers" },
        { .body = SAYS(
              USER("x") "," CALLS(CALL("\"a\"", "\"f\"", "")) "," RESULT("\"a\"", "1") "," RESULT("\"a\"", "2")),
          .refused = "messages[3]" },
        { .body = SAYS(USER("x") "," RESULT("\"a\"", "1") "," CALLS(CALL("\"a\"", "\"f\"", ""))),
          .refused = "messages[1]" },
    };
    CHECK(shape);
}

static void test_media(void **state)
{
    (void)state;
    static const struct row media[] = {
        { .body = SAYS(WITH(IMAGE("data:image/jpg;base64,/9j/AAAA"))), .has = "\"media_type\":\"image/jpeg\"" },
        { .body = SAYS(WITH(IMAGE("data:image/JPEG;base64,/9j/AAAA"))), .has = "\"media_type\":\"image/jpeg\"" },
        { .body = SAYS(WITH(IMAGE("data:IMAGE/PNG;base64,AAAA"))), .has = "\"media_type\":\"image/png\"" },
        { .body = SAYS(WITH(IMAGE("data:image/x-png;base64,AAAA"))), .has = "\"media_type\":\"image/png\"" },
        { .body = SAYS(WITH(IMAGE("data:image/pjpeg;base64,AAAA"))), .has = "\"media_type\":\"image/jpeg\"" },
        { .body = SAYS(WITH(IMAGE("data:image/png;base64,/9j/AAAA"))), .has = "\"media_type\":\"image/jpeg\"" },
        { .body = SAYS(WITH(IMAGE("data:image/jpeg;base64,UklGRgAA"))), .has = "\"media_type\":\"image/webp\"" },
        { .body = SAYS(WITH(IMAGE("data:image/svg+xml;base64,AAAA"))),
          .refused = "messages[0].content[0]: the type image/svg+xml is not taken by Anthropic models; image/jpeg, "
                     "image/png, image/gif, image/webp are." },
        { .body = SAYS(WITH(IMAGE("data:image/tiff;base64,AAAA"))), .refused = "image/tiff" },
        { .body = SAYS(WITH(IMAGE("data:application/octet-stream;base64,AAAA"))),
          .refused = "application/octet-stream" },
        { .body = SAYS(WITH(IMAGE("http://h/x.png"))), .refused = "an https URL or a data URI, no http URL" },
        { .body = SAYS(WITH(IMAGE("HTTPS://h/x.png"))), .has = "\"url\":\"HTTPS://h/x.png\"" },
        { .body = SAYS(WITH("{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/x-pdf;base64,AAAA\"}}")),
          .has = "\"media_type\":\"application/pdf\"" },
        { .body = SAYS(WITH("{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/zip;base64,AAAA\"}}")),
          .refused = "application/pdf, text/* are" },
        { .body = SAYS(WITH("{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/csv;base64,YSxi\"}}")),
          .has = "\"data\":\"a,b\"" },
    };
    CHECK(media);
}

static void test_people(void **state)
{
    (void)state;
    static const struct row people[] = {
        { .body = X ",\"user\":\"u-123\"}", .has = "{\"user_id\":\"u-123\"}" },
        { .body = X ",\"user\":\"someone@example.org\"}", .has = "{\"user_id\":\"user_", .hasnt = "@" },
        { .body = X ",\"user\":\"Some One <someone@example.org>\"}", .hasnt = "example" },
        { .body = X ",\"user\":\"some\\u0040example.org\"}", .hasnt = "example" },
        { .body = X ",\"safety_identifier\":\"a@b\"}", .hasnt = "a@b" },
        { .body = X ",\"user\":\"+49 (30) 123-4567\"}", .hasnt = "4567" },
        { .body = X ",\"user\":\"0301234567\"}", .hasnt = "0301234567" },
        { .body = X ",\"user\":\"1234\"}", .has = "\"1234\"" },
        { .body = X ",\"user\":\"@team\"}", .has = "\"@team\"" },
        { .body = X ",\"metadata\":{\"user_id\":\"a@b.c\"}}", .has = "{\"user_id\":\"user_", .hasnt = "a@b.c" },
        { .body = X ",\"user\":\"6f1c1a3e-6d6a-4b58-9c0a-0a0a0a0a0a0a\"}", .has = "6f1c1a3e-6d6a" },
    };
    CHECK(people);
}

static void test_params(void **state)
{
    (void)state;
#define LOOP(first)                            \
    ROUTE "\"messages\":[" USER("x") "," first \
                                     "," RESULT("\"c\"", "r") "],\"tools\":[" T("f", "{\"type\":\"object\"}") "]"
#define LOST LOOP(CALLS(CALL("\"c\"", "\"f\"", "")))
#define KEPT                                                                                                          \
    LOOP("{\"role\":\"assistant\",\"thinking_blocks\":[" THINKING "],\"tool_calls\":[" CALL("\"c\"", "\"f\"", "") "]" \
                                                                                                                  "}")
#define EFFORT    ",\"reasoning_effort\":\"medium\""
#define NATIVE    ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"
#define BUDGET(n) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "}"
#define FORCE     ",\"tools\":[" T("f", "{\"type\":\"object\"}") "],\"tool_choice\":\"required\""
#define FORMAT                                                                                                         \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}" \
    "}"
    static const struct row params[] = {
        /* history without its reasoning */
        { .body = LOST EFFORT "}", .hasnt = "\"thinking\"", .dropped = "reasoning_effort" },
        { .body = LOST NATIVE "}", .hasnt = "\"thinking\"", .dropped = "thinking" },
        { .body = KEPT EFFORT "}", .has = BUDGET("4096") },
        { .body = ROUTE "\"messages\":[" USER("x") "," BOT("y") "," USER("z") "]" EFFORT "}", .has = BUDGET("4096") },
        { .model = "claude-opus-4-6", .body = LOST EFFORT "}", .has = "\"thinking\":{\"type\":\"adaptive\"}" },
        /* the room for the answer */
        { .body = X EFFORT ",\"max_completion_tokens\":4097}", .has = "\"max_tokens\":8193" },
        { .body = X EFFORT ",\"max_tokens\":10}", .has = "\"max_tokens\":4106" },
        { .body = X EFFORT ",\"max_tokens\":62000}", .has = "\"max_tokens\":64000" },
        { .body = X EFFORT ",\"max_tokens\":63500}",
          .has = "\"max_tokens\":63500",
          .hasnt = "thinking",
          .dropped = "reasoning_effort" },
        { .body = X ",\"max_tokens\":70000}", .has = "\"max_tokens\":64000", .dropped = "max_tokens" },
        { .model = "claude-3-haiku-20240307", .body = X "}", .has = "\"max_tokens\":4096" },
        { .model = "claude-3-opus-20240229", .body = X "}", .has = "\"max_tokens\":4096" },
        { .model = "claude-3-5-haiku",
          .body = X ",\"max_tokens\":9000}",
          .has = "\"max_tokens\":8192",
          .dropped = "max_tokens" },
        { .body = X NATIVE ",\"max_tokens\":3000}", .has = "\"max_tokens\":3000" },
        { .body = X NATIVE ",\"max_tokens\":1500}", .has = "\"max_tokens\":3500" },
        { .body = X ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10000}}", .has = "\"max_tokens\":18192" },
        { .body = X ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10}}",
          .has = BUDGET("1024"),
          .dropped = "thinking" },
        { .model = "claude-opus-4-1",
          .body = X ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":900000}}",
          .has = "\"max_tokens\":32000",
          .dropped = "thinking" },
        /* sampling */
        { .body = X ",\"temperature\":0.5,\"top_p\":0.9}", .has = "\"temperature\":0.5", .dropped = "top_p" },
        { .body = X ",\"temperature\":1,\"top_p\":0.9}", .has = "\"top_p\":0.9", .dropped = "temperature" },
        { .body = X ",\"temperature\":0,\"top_p\":1.0}", .has = "\"temperature\":0", .dropped = "top_p" },
        { .model = "claude-opus-4-6", .body = X ",\"temperature\":0.5,\"top_p\":0.9}", .dropped = "top_p" },
        { .model = "claude-opus-4-1-20250805", .body = X ",\"temperature\":0.5,\"top_p\":0.9}", .dropped = "top_p" },
        { .model = "claude-3-5-sonnet-latest",
          .body = X ",\"temperature\":0.5,\"top_p\":0.9}",
          .has = "\"top_p\":0.9" },
        { .model = "claude-opus-4-7",
          .body = X ",\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5}",
          .dropped = "temperature,top_p,top_k" },
        { .body = X EFFORT ",\"top_p\":0.5}", .hasnt = "top_p", .dropped = "top_p" },
        { .body = X EFFORT ",\"top_p\":0.97}", .has = "\"top_p\":0.97" },
        { .body = X EFFORT ",\"temperature\":0.5}", .hasnt = "temperature", .dropped = "temperature" },
        { .body = X EFFORT ",\"top_k\":5}", .hasnt = "top_k", .dropped = "top_k" },
        { .model = "claude-sonnet-4-6", .body = X EFFORT ",\"temperature\":0.5}", .dropped = "temperature" },
        { .body = X ",\"temperature\":0.2" NATIVE "}", .hasnt = "temperature", .dropped = "temperature" },
        /* a forced tool, the form of the answer, a beginning of it */
        { .body = X FORCE EFFORT "}", .has = "\"any\"", .hasnt = "thinking", .dropped = "reasoning_effort" },
        { .body = X FORCE NATIVE "}", .has = "\"any\"", .hasnt = "thinking", .dropped = "thinking" },
        { .model = "claude-3-7-sonnet-20250219",
          .body = X FORMAT NATIVE "}",
          .has = "structured_answer",
          .hasnt = "thinking",
          .dropped = "thinking" },
        { .body = X FORMAT NATIVE "}", .has = "\"output_config\":{\"format\"" },
        { .model = "claude-3-7-sonnet-20250219",
          .body = ROUTE "\"messages\":[" USER("x") "," BOT("y") "]" EFFORT "}",
          .hasnt = "thinking",
          .dropped = "reasoning_effort" },
        { .model = "claude-sonnet-4-6",
          .body = X FORCE EFFORT "}",
          .has = "\"output_config\":{\"effort\":\"medium\"}",
          .hasnt = "adaptive" },
        /* the provider's own words on a model that has others */
        { .model = "claude-opus-4-7",
          .body = X NATIVE "}",
          .has = "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}",
          .dropped = "thinking" },
        { .body = X ",\"thinking\":{\"type\":\"adaptive\"}}", .has = BUDGET("4096"), .dropped = "thinking" },
        { .model = "claude-3-haiku", .body = X NATIVE "}", .hasnt = "\"thinking\"", .dropped = "thinking" },
        { .model = "claude-3-haiku", .body = X EFFORT "}", .dropped = "reasoning_effort" },
        { .body = X EFFORT NATIVE "}", .has = BUDGET("2000"), .dropped = "reasoning_effort" },
        { .model = "claude-opus-4-7",
          .body = X EFFORT ",\"output_config\":{\"effort\":\"max\",\"task_budget\":1}" FORMAT "}",
          .has = "\"output_config\":{\"effort\":\"max\",\"task_budget\":1,\"format\":" },
    };
    CHECK(params);
}

/* MLflow's paths: its own refusals where the upstream's are no better, and the model's numbers. */
static void test_mlflow(void **state)
{
    (void)state;
#define M "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
    static const struct row mlflow[] = {
        { .body = M "}", .has = "\"max_tokens\":64000" },
        { .model = "claude-3-haiku", .body = M "}", .has = "\"max_tokens\":4096" },
        { .model = "claude-opus-4-1", .body = M "}", .has = "\"max_tokens\":32000" },
        { .model = "claude-opus-4-7", .body = M "}", .has = "\"max_tokens\":128000" },
        { .body = M ",\"max_tokens\":200000}", .has = "\"max_tokens\":64000", .dropped = "max_tokens" },
        { .body = M ",\"temperature\":0.0,\"top_p\":1.0}",
          .has = "\"temperature\":0",
          .hasnt = "top_p",
          .dropped = "top_p" },
        { .body = M ",\"temperature\":0.4,\"top_p\":0.5}", .refused = "Cannot set both" },
        { .body = M ",\"reasoning_effort\":\"medium\"}", .has = "\"max_tokens\":64000" },
        { .body = M ",\"reasoning_effort\":\"medium\",\"temperature\":1.0}", .dropped = "temperature" },
        { .body = M ",\"max_tokens\":2000000}", .refused = "cannot exceed 1000000" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(mlflow); i++) {
        row_check("mlflow", i, &mlflow[i], &sl_dialect_mlflow);
    }
}

static void test_text(void **state)
{
    (void)state;
    static const struct row text[] = {
        { .body = SAYS(USER("a\\ud800b")), .has = USER("a\\ufffdb") },
        { .body = SAYS(USER("\\uDC00")), .has = USER("\\ufffd") },
        { .body = SAYS(USER("\\ud83d\\ude00")), .has = USER("\\ud83d\\ude00") },
        { .body = SAYS(USER("\\ud83d\\ud83d\\ude00")), .has = USER("\\ufffd\\ud83d\\ude00") },
        { .body = SAYS(USER("\\ude00\\ud83d")), .has = USER("\\ufffd\\ufffd") },
        { .body = SAYS(USER("\\\\ud800")), .has = USER("\\\\ud800") },
        { .body = SAYS(USER("\\ud83dx\\ude00")), .has = USER("\\ufffdx\\ufffd") },
        { .body = SAYS(SYS("\\ud800") "," USER("x")), .has = TEXT("\\ufffd") },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"c\"", "\"f\"", "{\\\"a\\\":\\\"\\\\ud800\\\"}")) "," RESULT(
              "\"c\"", "\\ud800")),
          .has = "\"input\":{\"a\":\"\\ufffd\"}" },
        { .body = SAYS(USER("x") "," CALLS(CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "\\ud800")),
          .has = USED("c", "\\ufffd") },
        { .body = X ",\"stop\":[\"\\udfff\"]}", .has = "\"stop_sequences\":[\"\\ufffd\"]" },
        { .body = X ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"\\ud800\"}}]}",
          .has = "\"description\":\"\\ufffd\"" },
        { .body = X ",\"user\":\"\\ud800\"}", .has = "\"user_id\":\"\\ufffd\"" },
    };
    CHECK(text);
}

#define TOOL(schema) X ",\"tools\":[" T("f", schema) "]}"
#define STRICT(schema) \
    X ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"parameters\":" schema "}}]}"
#define ANSWER(schema) \
    X ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" schema "}}}"
#define GOES(schema)   "\"input_schema\":" schema
#define FORMED(schema) "\"format\":{\"type\":\"json_schema\",\"schema\":" schema "}"

/* Roots of tools. What is below stays as it is. */
static void test_tool_schemas(void **state)
{
    (void)state;
    static const struct row tools[] = {
        { .body = TOOL("{}"), .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = TOOL("{\"properties\":{}}"), .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = TOOL("{\"type\":\"object\"}"), .has = GOES("{\"type\":\"object\"}") },
        { .body = TOOL("{\"type\":\"object\",\"properties\":{\"a\":{\"minimum\":1}},\"additionalProperties\":{\"type\":"
                       "\"string\"}}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{\"minimum\":1}},\"additionalProperties\":{\"type\":"
                      "\"string\"}}") },
        { .body = TOOL("{\"type\":[\"object\",\"null\"],\"properties\":{\"a\":{}}}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{}}}") },
        { .body = TOOL("{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{}},"
                       "\"required\":[\"a\",\"k\"]},"
                       "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"number\"},\"k\":{}},\"required\":[\"b\","
                       "\"k\"]}]}"),
          .has = GOES(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{},\"b\":{\"type\":\"number\"}},"
              "\"required\":[\"k\"],\"description\":\"{anyOf: [") },
        { .body = TOOL("{\"oneOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}},{\"properties\":{\"a\":{\"type\":"
                       "\"number\"}}}]}"),
          .has = "\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}}" },
        { .body = TOOL("{\"allOf\":[{\"properties\":{\"a\":{}},\"required\":[\"a\"]},{\"properties\":{\"b\":{}},"
                       "\"required\":[\"a\",\"b\"]}]}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\",\"b\"]}") },
        { .body = TOOL("{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"a\":{}}}}}"),
          .has = "\"type\":\"object\",\"properties\":{\"a\":{}}",
          .hasnt = "$ref" },
        { .body = TOOL("{\"type\":\"object\",\"anyOf\":[{\"$ref\":\"#/$defs/"
                       "A\"}],\"$defs\":{\"A\":{\"properties\":{\"a\":{}}}}}"),
          .has = "\"properties\":{\"a\":{}}" },
        { .body = TOOL("{\"type\":\"array\"}"),
          .refused = "tools[0].function.parameters: the schema's root must be an object" },
        { .body = TOOL("{\"$ref\":\"#/$defs/Nobody\"}"), .refused = "points to no schema" },
        { .body = X ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
          .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = STRICT("{\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1}}}"),
          .has = GOES(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"description\":\"{minimum: 1}\"}},"
              "\"additionalProperties\":false}") },
    };
    CHECK(tools);
}

/* Structured output: closed objects, what has no word is told. */
static void test_answer_schemas(void **state)
{
    (void)state;
    static const struct row answers[] = {
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"),
          .has = FORMED(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}") },
        { .body = ANSWER("{\"type\":\"object\",\"additionalProperties\":true}"),
          .has = FORMED("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}") },
        { .body = ANSWER("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}"),
          .has = "\"additionalProperties\":false,\"description\":\"{additionalProperties: "
                 "{\\\"type\\\":\\\"integer\\\"}}\"" },
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":"
                         "\"string\",\"maxLength\":9},\"maxItems\":3,"
                         "\"description\":\"Names.\"}}}"),
          .has = "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"description\":\"{maxLength: 9}\"},"
                 "\"description\":\"Names.\\n\\n{maxItems: 3}\"}" },
        { .body = ANSWER("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}"),
          .has = "\"minItems\":1}" },
        { .body = ANSWER("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":2}"),
          .has = "{minItems: 2}" },
        { .body = ANSWER("{\"type\":\"string\",\"format\":\"email\"}"), .has = "\"format\":\"email\"" },
        { .body = ANSWER("{\"type\":\"string\",\"format\":\"color\"}"), .has = "{format: \\\"color\\\"}" },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}"), .has = "\"pattern\":\"^[a-z]+$\"" },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^(?=a)\\\\b\"}"), .has = "{pattern: " },
        { .body = ANSWER("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\"}]}"),
          .has = FORMED("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"properties\":{},"
                        "\"additionalProperties\":false}]}") },
        { .body = ANSWER(
              "{\"properties\":{\"a\":{},\"b\":{\"minimum\":2},\"c\":{\"enum\":[\"x\"]},\"d\":{\"const\":1}}}"),
          .has = "\"b\":{\"type\":\"number\",\"description\":\"{minimum: "
                 "2}\"},\"c\":{\"type\":\"string\",\"enum\":[\"x\"]},"
                 "\"d\":{\"type\":\"number\",\"const\":1}" },
        { .body = ANSWER("{\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\","
                         "\"maximum\":5}}}},\"type\":\"object\","
                         "\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}}}"),
          .has = "\"a\":{\"$ref\":\"#/$defs/A\"}}" },
        { .body = ANSWER("{\"$defs\":{\"A\":{\"type\":\"object\"}},\"type\":\"object\",\"properties\":{\"a\":{"
                         "\"allOf\":[{\"$ref\":\"#/$defs/A\"}],"
                         "\"description\":\"An A.\"}}}"),
          .has = "\"a\":{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false,\"description\":\"An "
                 "A.\"}" },
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}}}"),
          .refused = "response_format.json_schema.schema: the schema holds itself" },
        { .body = ANSWER(
              "{\"$defs\":{\"A\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/A\"}}},\"$ref\":\"#/$defs/A\"}"),
          .refused = "holds itself" },
        { .body = ANSWER("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"number\"}]}"),
          .has = "\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}" },
        { .body = ANSWER("{\"type\":\"string\",\"nullable\":true}"),
          .has = FORMED("{\"type\":[\"string\",\"null\"]}") },
        { .body = ANSWER("{\"type\":\"object\",\"$schema\":\"x\",\"title\":\"T\",\"x-own\":1}"),
          .has = "\"title\":\"T\"",
          .hasnt = "x-own" },
        { .body = ANSWER("{\"type\":\"string\",\"not\":{\"const\":\"x\"}}"),
          .has = "{not: {\\\"const\\\":\\\"x\\\"}}" },
        { .model = "claude-3-7-sonnet-latest",
          .body = ANSWER("{\"properties\":{\"a\":{\"minimum\":1}}}"),
          .has = "\"name\":\"structured_answer\",\"description\":\"Give the answer in this "
                 "form.\",\"input_schema\":{\"type\":\"object\","
                 "\"properties\":{\"a\":{\"minimum\":1}}}" },
    };
    CHECK(answers);
}

/* Another subset: no references, types in capitals, null as a member. */
static void test_other_subset(void **state)
{
    (void)state;
    static const struct sl_schema_rules rules = {
        .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(ANY_OF) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(MINIMUM),
        .needs_type = true,
        .has_nullable = true,
        .is_upper = true,
        .has_string_enums = true,
        .any = "\"type\":\"STRING\"",
    };
    static const struct {
        const char *schema, *want; /* want NULL: refused */
    } rows[] = {
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"integer\",\"null\"],\"minimum\":1}},"
          "\"additionalProperties\":false}",
          "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"INTEGER\",\"minimum\":1,\"nullable\":true}},"
          "\"description\":\"{additionalProperties: false}\"}" },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
          "{\"anyOf\":[{\"type\":\"STRING\"}],\"nullable\":true}" },
        { "{\"type\":[\"string\",\"integer\",\"null\"]}",
          "{\"anyOf\":[{\"type\":\"STRING\"},{\"type\":\"INTEGER\"}],\"nullable\":true}" },
        { "{\"$defs\":{\"A\":{\"type\":\"string\"}},\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"},\"b\":{\"$ref\":\"#/"
          "$defs/A\",\"description\":\"B\"}}}",
          "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"},\"b\":{\"type\":\"STRING\",\"description\":"
          "\"B\"}}}" },
        { "{\"definitions\":{\"a/b\":{\"type\":\"string\"}},\"items\":{\"$ref\":\"#/definitions/a~1b\"}}",
          "{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}}" },
        { "{\"enum\":[1,2]}", "{\"type\":\"NUMBER\",\"description\":\"{enum: [1,2]}\"}" },
        { "{\"const\":\"x\"}", "{\"type\":\"STRING\",\"description\":\"{const: \\\"x\\\"}\"}" },
        { "{}", "{\"type\":\"STRING\"}" },
        { "{\"properties\":{\"a\":true}}", "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"}}}" },
        { "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"$ref\":\"#/properties/a\"}}}}}", NULL },
        { "{\"properties\":{\"a\":{\"$ref\":\"http://h/s\"}}}", NULL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        assert_int_equal(sl_json_parse(&h.doc, sl_str_c(rows[i].schema)), 0);
        struct sl_call call = { .manners = sl_dialect_openai.manners };
        struct sl_llm_error error = { 0 };
        struct sl_form_rules form_rules = { .label = "Other" };
        struct sl_form form = { .rules = &form_rules, .call = &call, .arena = &h.arena, .error = &error };
        struct sl_str raw = sl_str_c(rows[i].schema);
        int r = sl_form_schema(&form, &rules, sl_json_root(&h.doc), &raw);
        if ((r < 0) != (rows[i].want == NULL) || (r == 0 && !sl_str_eq_c(raw, rows[i].want))) {
            fail_msg("%s\n gave %d %.*s\n want %s", rows[i].schema, r, SL_STR_ARG(r < 0 ? error.message : raw),
                     rows[i].want);
        }
        help_done(&h);
    }
}

/* Nothing a caller sends makes a cast slow, large or deep. */
static void test_schema_bounds(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    static const struct sl_schema_rules rules = { .takes = SL_SCHEMA_CORE, .closes = true };
    struct sl_call call = { .manners = sl_dialect_openai.manners };
    struct sl_llm_error error = { 0 };
    struct sl_form_rules form_rules = { .label = "Other" };
    struct sl_form form = { .rules = &form_rules, .call = &call, .arena = &h.arena, .error = &error };
    for (int deep = 200; deep <= 240; deep += 40) { /* two levels of JSON a schema */
        struct sl_buf buf = SL_BUF_INIT(1 << 20);
        for (int i = 0; i < deep; i++) {
            sl_buf_add_c(&buf, "{\"items\":");
        }
        sl_buf_add_c(&buf, "{}");
        for (int i = 0; i < deep; i++) {
            sl_buf_add_char(&buf, '}');
        }
        struct sl_str raw = SL_STR_NONE;
        assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&buf)), 0);
        assert_int_equal(sl_form_schema(&form, &rules, sl_json_root(&h.doc), &raw), 0);
        assert_int_equal(raw.n, sl_buf_str(&buf).n);
        sl_buf_done(&buf);
    }
    /* references put in place: each level doubles */
    struct sl_buf buf = SL_BUF_INIT(1 << 20);
    sl_buf_add_c(&buf, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 60; i++) {
        sl_buf_printf(&buf,
                      "\"d%d\":{\"properties\":{\"a\":{\"$ref\":\"#/$defs/d%d\"},\"b\":{\"$ref\":\"#/$defs/d%d\"}}},",
                      i, i + 1, i + 1);
    }
    sl_buf_add_c(&buf, "\"d60\":{}}}");
    struct sl_str raw = SL_STR_NONE;
    assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&buf)), 0);
    assert_int_equal(sl_form_schema(&form, &rules, sl_json_root(&h.doc), &raw), SL_E_INVAL);
    assert_true(sl_str_find(error.message, SL_STR("too large"), 0) >= 0);
    sl_buf_done(&buf);
    help_done(&h);
}

static void test_tool_choice(void **state)
{
    (void)state;
#define ALLOWED(mode, names) \
    ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"" mode "\",\"tools\":[" names "]}}}"
#define NAMED(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define AB          X ",\"tools\":[" T("a", "{\"type\":\"object\"}") "," T("b", "{\"type\":\"object\"}") "]"
    static const struct row choice[] = {
        { .body = AB ALLOWED("required", NAMED("b")),
          .has = "\"tool_choice\":{\"type\":\"any\"}",
          .hasnt = "\"name\":\"a\"" },
        { .body = AB ALLOWED("auto", NAMED("a") "," NAMED("b")), .has = "\"tool_choice\":{\"type\":\"auto\"}" },
        { .body = AB ALLOWED("required", NAMED("c")), .refused = "the tool \"c\" is allowed, but is not in 'tools'" },
        { .body = AB ALLOWED("auto", NAMED("a") "," NAMED("c")), .refused = "\"c\"" },
        { .body = AB ALLOWED("auto", "{}"), .refused = "without a name" },
        { .body = AB ",\"tool_choice\":" NAMED("b") "}", .has = "\"tool_choice\":{\"type\":\"tool\",\"name\":\"b\"}" },
        { .body = AB ",\"tool_choice\":" NAMED("c") "}", .refused = "the tool \"c\" is not in 'tools'" },
        { .body = AB ",\"tool_choice\":\"none\"}", .has = "\"tool_choice\":{\"type\":\"none\"}" },
        { .body = AB ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false}",
          .has = "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}" },
        { .body = X ",\"tool_choice\":" NAMED("c") "}", .refused = "\"c\"" },
    };
    CHECK(choice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),          cmocka_unit_test(test_shape),
        cmocka_unit_test(test_media),        cmocka_unit_test(test_people),
        cmocka_unit_test(test_params),       cmocka_unit_test(test_mlflow),
        cmocka_unit_test(test_text),         cmocka_unit_test(test_tool_choice),
        cmocka_unit_test(test_tool_schemas), cmocka_unit_test(test_answer_schemas),
        cmocka_unit_test(test_other_subset), cmocka_unit_test(test_schema_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
