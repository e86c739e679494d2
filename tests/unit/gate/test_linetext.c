/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "gate/watch/linetext.h"
#include "json/json.h"

static const struct {
    const char *json, *want;
    bool has_color;
} cases[] = {
    { "{\"time\":\"2026-01-02T10:45:01.250Z\",\"method\":\"GET\",\"path\":\"/health\",\"route\":null,\"provider\":null,"
      "\"model\":null,\"status\":200,\"error_type\":null,\"duration_ms\":0.250}\n",
      "11:45:01 200       0 ms  GET /health\n", false },
    { "{\"time\":\"2026-01-02T23:00:00.000Z\",\"method\":\"POST\",\"path\":\"/v1/x\",\"route\":\"chat\",\"provider\":"
      "\"openai\",\"model\":\"gpt-4.1\",\"status\":200,\"error_type\":null,\"duration_ms\":1234.500,\"input_tokens\":"
      "12,"
      "\"output_tokens\":34,\"cost\":0.0004}\n",
      "00:00:00 200    1234 ms  POST /v1/x  chat  openai/gpt-4.1  12+34 tokens  $0.0004\n", false },
    { "{\"time\":\"2026-01-02T00:00:00.000Z\",\"method\":\"POST\",\"path\":\"/v1/x\",\"route\":\"chat\",\"provider\":"
      "\"openai\",\"model\":\"m\",\"status\":502,\"error_type\":\"provider_rejected\",\"error\":\"ours\","
      "\"upstream_error\":\"theirs\",\"duration_ms\":9.000,\"output_tokens\":1}\n",
      "\x1b[2m01:00:00\x1b[0m \x1b[31m502\x1b[0m       9 ms  POST /v1/x  chat  openai/m  ?+1 tokens  "
      "\x1b[33mprovider_rejected\x1b[0m: theirs\n",
      true },
    { "{\"time\":\"2026-01-02T00:00:00.000Z\",\"method\":\"GET\",\"path\":\"/\",\"status\":404,\"error_type\":"
      "\"caller_not_found\",\"error\":\"nothing is there\",\"duration_ms\":1.000}\n",
      "01:00:00 404       1 ms  GET /  caller_not_found: nothing is there\n", false },
    { "{\"time\":\"never\",\"status\":200,\"method\":\"GET\",\"path\":\"/\",\"duration_ms\":1}\n",
      " 200       1 ms  GET /\n", false },
    { "[1]\n", "[1]\n", false },
    { "{\"cut\n", "{\"cut\n", false },
};

static void lines_are_texts(void **state)
{
    (void)state;
    struct sl_json doc;
    struct sl_buf out = SL_BUF_INIT(4096);
    setenv("TZ", "UTC-1", 1); /* an hour east */
    tzset();
    sl_json_init(&doc, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        sl_line_to_text(&doc, sl_str_c(cases[i].json), cases[i].has_color, &out);
        sl_buf_add_char(&out, '\0');
        assert_string_equal(out.p, cases[i].want);
        sl_buf_reset(&out);
    }
    sl_buf_done(&out);
    sl_json_done(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_texts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
