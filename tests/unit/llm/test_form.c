/* SPDX-License-Identifier: Apache-2.0 */
/* Form: small calls of OpenAI's language, and what goes up to a Claude model. One table for each kind. */
#include "form.h"

#include "llm/form/ids.h"

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
        /* and in three: the third is neither of the two before it */
        { .body = SAYS(USER("x") "," CALLS(CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "one") "," CALLS(
              CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "two") "," CALLS(CALL("\"c\"", "\"f\"",
                                                                                    "")) "," RESULT("\"c\"", "three")),
          .has = USED("call_TIDsVNftqVX16uKnccFSc5",
                      "two") "]},{\"role\":\"assistant\",\"content\":[" USE("call_ZBxkr9K3sLYK9S7jXeh1n0", "f") },
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

/* The rules for a name or an id, and what becomes of one that breaks them. */
static void test_names(void **state)
{
    (void)state;
    static const struct sl_form_name nine = { .alphabet = SL_NAME_DIGITS | SL_NAME_LETTERS, .exact = 9, .max = 9 };
    static const struct sl_form_name all = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN | SL_NAME_DOT | SL_NAME_COLON,
                                             .max = 12,
                                             .begins_with_letter = true };
    static const struct sl_form_name any = { 0 }, two = { .max = 2 };
    static const struct {
        const struct sl_form_name *rule;
        const char *text;
        bool fits;
    } rows[] = {
        { &nine, "abcDEF019", true },
        { &nine, "abcDEF01", false },
        { &nine, "abcDEF0123", false },
        { &nine, "abcDEF01_", false },
        { &nine, "", false },
        { &all, "a1_-.:", true },
        { &all, "_1", true },
        { &all, "1a", false },
        { &all, "-a", false },
        { &all, ".a", false },
        { &all, ":a", false },
        { &all, "abcdefghijkl", true },
        { &all, "abcdefghijklm", false },
        { &all, "a b", false },
        { &all, "a/b", false },
        { &all, "\xc3\xa9", false },
        { &any, "what is not bound", true },
        { &two, "a ", true },
        { &two, "a b", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (sl_form_name_fits(rows[i].rule, sl_str_c(rows[i].text)) != rows[i].fits) {
            fail_msg("[%zu] %s", i, rows[i].text);
        }
    }
    struct help h;
    help_init(&h);
    static const char *const texts[] = { "abc", "abcDEF01", "call_0123456789", "" };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_str digest = sl_form_digest(&nine, sl_str_c(texts[i]), &h.arena);
        assert_true(sl_form_name_fits(&nine, digest));
        assert_true(sl_str_eq(digest, sl_form_digest(&nine, sl_str_c(texts[i]), &h.arena)));
    }
    help_done(&h);
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
        { .body = SAYS(USER("a") "," BOT("b") "," USER("\xc2\xa0\xe3\x80\x80\xe2\x80\xa8\xe2\x80\xa9 \\r\\f")),
          .has = "\"messages\":[" USER("a") "," BOT("b") "]" },
        { .body = SAYS(USER("a") "," BOT("b") "," USER(
              "\\u0009\\u000a\\u000A\\u000b\\u000B\\u000c\\u000C\\u000d\\u000D\\u0020\\u00A0")),
          .has = "\"messages\":[" USER("a") "," BOT("b") "]" },
        { .body = SAYS(USER("a") "," BOT("b") "," USER("\xe2\x80\xaa")), .has = USER("\xe2\x80\xaa") },
        { .body = SAYS(USER("a") "," BOT("b") "," USER("\\u0021")), .has = USER("\\u0021") },
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
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("12345\\t")), .has = BOT("12345") },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("b\xc2\xa0")), .has = BOT("b") },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("xu0020")), .has = BOT("xu0020") },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("\\\\u0020")), .has = BOT("\\\\u0020") },
        { .model = "claude-3-haiku", .body = SAYS(USER("a") "," BOT("a\\u002e")), .has = BOT("a\\u002e") },
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
        { .body = X ",\"user\":\"123-4567\"}", .hasnt = "4567" },
        { .body = X ",\"user\":\"123-456\"}", .has = "\"123-456\"" },
        { .body = X ",\"user\":\"1234\"}", .has = "\"1234\"" },
        { .body = X ",\"user\":\"a@\"}", .has = "\"a@\"" },
        { .body = X ",\"user\":\"@team\"}", .has = "\"@team\"" },
        { .body = X ",\"metadata\":{\"user_id\":\"a@b.c\"}}", .has = "{\"user_id\":\"user_", .hasnt = "a@b.c" },
        { .body = X ",\"user\":\"6f1c1a3e-6d6a-4b58-9c0a-0a0a0a0a0a0a\"}", .has = "6f1c1a3e-6d6a" },
    };
    CHECK(people);
}

/* One character more than is taken, and one byte of an image. */
static void test_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *has, *refused;
        size_t n;
        char fill;
    } bounds[] = {
        { X ",\"user\":\"", "\"}", "{\"user_id\":\"aaaa", NULL, 256, 'a' },
        { X ",\"user\":\"", "\"}", "{\"user_id\":\"user_", NULL, 257, 'a' },
        { ROUTE "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"data:image/png;base64,",
          "\"}}]}]}", "\"media_type\":\"image/png\"", NULL, 5 << 20, 'A' },
        { ROUTE "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"data:image/png;base64,",
          "\"}}]}]}", NULL, "the image has 5242884 bytes of base64; Anthropic models take 5242880 at most",
          (5 << 20) + 4, 'A' },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(bounds); i++) {
        struct sl_buf buf = SL_BUF_INIT(8 << 20);
        sl_buf_add_c(&buf, bounds[i].before);
        for (size_t k = 0; k < bounds[i].n; k++) {
            sl_buf_add_char(&buf, bounds[i].fill);
        }
        sl_buf_add_c(&buf, bounds[i].after);
        sl_buf_add_char(&buf, '\0');
        assert_int_equal(sl_buf_status(&buf), 0);
        struct row row = { .body = buf.p, .has = bounds[i].has, .refused = bounds[i].refused };
        row_check("bounds", i, &row, &sl_dialect_openai);
        sl_buf_done(&buf);
    }
}

/* The configuration's row of a model, where the table has one as well. */
static void test_own_models(void **state)
{
    (void)state;
    struct sl_own_model v[] = {
        { SL_STR("anthropic"), { .prefix = SL_STR("claude-3-haiku"), .output = 1 } },
        { SL_STR("gemini"), { .prefix = SL_STR("claude-3-opus-x"), .output = 2 } },
        { SL_STR_NONE, { .prefix = SL_STR("mine"), .output = 3 } },
        { SL_STR_NONE, { .prefix = SL_STR("claude"), .output = 4 } },
    };
    struct sl_own_models own = { v, SL_ARRAY_LEN(v) };
    static const struct {
        const char *name;
        int64_t output;
    } rows[] = {
        { "claude-3-haiku-20240307", 1 }, /* as long as the table's own name: the configuration counts */
        { "claude-3-opus-x", 4096 },      /* of another provider */
        { "mine-7b", 3 },
        { "claude-3-opus-20240229", 4096 }, /* shorter than the table's */
        { "claud", 128000 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        const struct sl_model *row = sl_model_find(sl_provider_find(SL_STR("anthropic")), sl_str_c(rows[i].name), &own);
        if (row->output != rows[i].output) {
            fail_msg("%s: %lld", rows[i].name, (long long)row->output);
        }
    }
}

static void test_params(void **state)
{
    (void)state;
#define LOOP(first)                            \
    ROUTE "\"messages\":[" USER("x") "," first \
                                     "," RESULT("\"c\"", "r") "],\"tools\":[" T("f", "{\"type\":\"object\"}") "]"
#define LOST LOOP(CALLS(CALL("\"c\"", "\"f\"", "")))
/* the user's texts beside the results: the same turn */
#define LOST_WORDS                                                                                            \
    ROUTE "\"messages\":[" USER("x") "," CALLS(CALL("\"c\"", "\"f\"", "")) "," RESULT("\"c\"", "r") "," USER( \
        "go") "],\"tools\":[" T("f", "{\"type\":\"object\"}") "]"
#define KEPT                                                                                                          \
    LOOP("{\"role\":\"assistant\",\"thinking_blocks\":[" THINKING "],\"tool_calls\":[" CALL("\"c\"", "\"f\"", "") "]" \
                                                                                                                  "}")
#define BUDGET(n) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "}"
#define FORCE     ",\"tools\":[" T("f", "{\"type\":\"object\"}") "],\"tool_choice\":\"required\""
#define FORMAT                                                                                                         \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}" \
    "}"
    static const struct row params[] = {
        /* history without its reasoning */
        { .body = LOST EFFORT "}",
          .has = "\"max_tokens\":8192",
          .hasnt = "\"thinking\"",
          .dropped = "reasoning_effort" },
        { .body = LOST_WORDS EFFORT "}", .hasnt = "\"thinking\"", .dropped = "reasoning_effort" },
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
        { .model = "claude-sonnet-4-6", .body = X EFFORT ",\"top_p\":0.5}", .hasnt = "top_p", .dropped = "top_p" },
        { .model = "claude-sonnet-4-6", .body = X EFFORT ",\"top_p\":0.97}", .has = "\"top_p\":0.97" },
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
        /* the provider's own members for a model that has others */
        { .model = "claude-opus-4-7",
          .body = X NATIVE "}",
          .has = "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}",
          .dropped = "thinking" },
        { .model = "claude-opus-4-7",
          .body = X ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}",
          .has = "{\"effort\":\"medium\"}",
          .dropped = "thinking" },
        { .model = "claude-opus-4-7",
          .body = X ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}}",
          .has = "{\"effort\":\"high\"}",
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

/* MLflow's paths: its own refusals where the upstream's would be no better, and the model's numbers. */
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
        { .body = X ",\"tools\":[{\"type\":\"\",\"function\":{\"name\":\"a\"}}]}", .refused = "the type of a tool" },
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
        cmocka_unit_test(test_ids),        cmocka_unit_test(test_names),       cmocka_unit_test(test_shape),
        cmocka_unit_test(test_media),      cmocka_unit_test(test_people),      cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_own_models), cmocka_unit_test(test_params),      cmocka_unit_test(test_mlflow),
        cmocka_unit_test(test_text),       cmocka_unit_test(test_tool_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
