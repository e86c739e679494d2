/* SPDX-License-Identifier: Apache-2.0 */
/* Form: what goes up to a Gemini model. */
#include "form.h"

static void test_names(void **state)
{
    (void)state;
    static const struct row names[] = {
        { .provider = "gemini",
          .model = "gemini-2.5-flash",
          .body = X ",\"tools\":[" T("1st tool", "{}") "," T("a.b:c", "{}") "]}",
          .has = "{\"name\":\"_1st_tool_",
          .hasnt = "a_b" },
        { .provider = "gemini",
          .model = "gemini-2.5-flash",
          .body = X ",\"tools\":[" T("1st", "{}") "]}",
          .has = "{\"name\":\"_1st_" },
    };
    CHECK(names);
}

/* What the ending of a URL says of a file's type, where the upstream wants to be told. */
static void test_media_types(void **state)
{
    (void)state;
    static const char *const types[][2] = {
        { "a.png", "image/png" },   { "a.jpg", "image/jpeg" },        { "a.jpeg", "image/jpeg" },
        { "a.webp", "image/webp" }, { "a.gif", "image/gif" },         { "a.heic", "image/heic" },
        { "a.heif", "image/heif" }, { "a.pdf", "application/pdf" },   { "a.txt", "text/plain" },
        { "a.csv", "text/csv" },    { "a.html", "text/html" },        { "a.md", "text/markdown" },
        { "a.mp3", "audio/mp3" },   { "a.json", "application/json" }, { "a.wav", "audio/wav" },
        { "a.mp4", "video/mp4" },   { "a.mov", "video/mov" },         { "a.webm", "video/webm" },
        { "A.PNG", "image/png" },   { "a.png?b=c.gif", "image/png" }, { "a.png#b.gif", "image/png" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        char body[256], has[256];
        snprintf(body, sizeof(body), SAYS(WITH(IMAGE("https://h/%s"))), types[i][0]);
        snprintf(has, sizeof(has), "{\"mimeType\":\"%s\",\"fileUri\":\"https://h/%s\"}", types[i][1], types[i][0]);
        struct row row = { .provider = "gemini", .model = "gemini-2.5-flash", .body = body, .has = has };
        row_check("types", i, &row, &sl_dialect_openai);
    }
    static const struct row none[] = {
        { .provider = "gemini",
          .model = "gemini-2.5-flash",
          .body = SAYS(WITH(IMAGE("https://h/apng"))),
          .has = "{\"fileData\":{\"fileUri\":\"https://h/apng\"}}" },
    };
    CHECK(none);
    static const struct row vertex[] = {
        { .provider = "vertex_ai",
          .model = "gemini-2.5-flash",
          .body = SAYS(WITH(IMAGE("https://h/apng"))),
          .refused = "messages[0].content[0]: this provider must be told the type of a file" },
        { .provider = "vertex_ai",
          .model = "gemini-2.5-flash",
          .body = SAYS(WITH(IMAGE("https://h/a.png"))),
          .has = "\"mimeType\":\"image/png\"" },
    };
    CHECK(vertex);
}

/* What Gemini models have of it: levels or budgets, their rooms, Google's own tools. */
static void test_gemini(void **state)
{
    (void)state;
#define PRO   .provider = "gemini", .model = "gemini-2.5-pro"
#define FLASH .provider = "gemini", .model = "gemini-2.5-flash"
    static const struct row gemini[] = {
        /* no room for both: what cannot be turned off keeps its least, the answer its limit */
        { PRO, .body = X ",\"max_tokens\":65536" EFFORT "}",
          .has = "\"maxOutputTokens\":65536,\"thinkingConfig\":{\"thinkingBudget\":128,\"includeThoughts\":true}" },
        { FLASH, .body = X ",\"max_tokens\":65536" EFFORT "}",
          .has = "\"maxOutputTokens\":65536,\"thinkingConfig\":{\"thinkingBudget\":0}" },
        { FLASH, .body = X ",\"max_tokens\":65000" EFFORT "}",
          .has = "\"maxOutputTokens\":65536,\"thinkingConfig\":{\"thinkingBudget\":536," },
        { FLASH, .body = X ",\"max_tokens\":65537}", .has = "\"maxOutputTokens\":65536", .dropped = "max_tokens" },
        { FLASH, .body = X ",\"thinking\":{\"type\":\"enabled\"}}", .hasnt = "thinking", .dropped = "thinking" },
        { FLASH, .body = X NATIVE "}", .has = "{\"thinkingBudget\":2000,\"includeThoughts\":true}" },
        { FLASH, .body = X ",\"thinking\":{\"type\":\"disabled\"}}", .has = "{\"thinkingBudget\":0}" },
        { PRO, .body = X ",\"thinking\":{\"type\":\"disabled\"}}", .has = "{\"thinkingBudget\":128}" },
        /* a search that is asked for twice is one */
        { FLASH, .body = X ",\"web_search_options\":{},\"tools\":[{\"type\":\"web_search\"}]}",
          .has = "\"tools\":[{\"googleSearch\":{}}]" },
        { FLASH, .body = X ",\"web_search_options\":{},\"tools\":[{\"type\":\"code_execution\"}]}",
          .has = "\"tools\":[{\"codeExecution\":{}},{\"googleSearch\":{}}]" },
        { FLASH, .body = X ",\"service_tier\":\"flex\"}", .has = "\"serviceTier\":\"flex\"" },
        { FLASH, .body = X ",\"service_tier\":\"other\"}", .hasnt = "serviceTier", .dropped = "service_tier" },
        { .provider = "vertex_ai",
          .model = "gemini-2.5-flash",
          .body = X ",\"service_tier\":\"flex\"}",
          .hasnt = "serviceTier",
          .dropped = "service_tier" },
    };
    CHECK(gemini);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_gemini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
