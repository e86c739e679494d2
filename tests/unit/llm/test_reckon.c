/* SPDX-License-Identifier: Apache-2.0 */
/* What a call may use, seen from its bytes, in each language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/json.h"
#include "llm/chat/reckon.h"

/* A body that is parsed says the same, whether its inner lists are there as tokens or not. */
static struct sl_reckoning reckon_str(struct sl_str body)
{
    struct sl_reckoning r, again;
    sl_reckon(body, NULL, &r);
    for (uint32_t depth = 0; depth < 3; depth++) {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        if (sl_json_parse_at(&doc, body, depth) == 0) {
            sl_reckon(body, &doc, &again);
            if (again.text_bytes != r.text_bytes || again.n_images != r.n_images || again.max_output != r.max_output) {
                fail_msg("%.*s: %lld, from tokens %lld", SL_STR_ARG(body), (long long)r.max_output,
                         (long long)again.max_output);
            }
        }
        sl_json_done(&doc);
    }
    return r;
}

static struct sl_reckoning reckon(const char *body)
{
    return reckon_str(sl_str_c(body));
}

/* The document of a call is used for others, too: what they say does not count. */
static void a_document_of_another_body_is_not_read(void **state)
{
    (void)state;
    struct sl_json doc;
    struct sl_reckoning r;
    char *body = strdup("{\"max_tokens\":5}"); /* a sanitizer knows its end */
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, SL_STR("{\"messages\":[{\"content\":\"more than that\"}],\"max_tokens\":7}")),
                     0);
    sl_reckon(sl_str_c(body), &doc, &r);
    assert_int_equal(r.max_output, 5);
    assert_int_equal(r.n_images, 0);
    sl_json_done(&doc);
    free(body);
}

static void the_most_of_an_answer_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t want;
    } cases[] = {
        { "", -1 },
        { "{}", -1 },
        { "{\"max_tokens\":5}", 5 },
        { "{\"messages\":[],\"max_completion_tokens\" : 500000 }", 500000 },
        { "{\"max_output_tokens\":12,\"input\":\"x\"}", 12 },
        { "{\"generationConfig\":{\"temperature\":0,\"maxOutputTokens\":77}}", 77 },
        { "{\"generation_config\":{\"max_output_tokens\":78}}", 78 },
        { "{\"inferenceConfig\":{\"maxTokens\":79}}", 79 },
        { "{\"max_tokens\":null}", -1 },
        { "{\"a\":\"max_tokens\",\"inferenceConfig\":{\"stop\":[\"maxTokens\"],\"maxTokens\":80}}", 80 },
        { "{\"inferenceConfig\":[{\"maxTokens\":5}],\"generationConfig\":{\"x\":{\"maxOutputTokens\":6}}}", -1 },
        { "{\"max_tokens\":\"9\"}", -1 },
        { "{\"max_tokens\":-4}", -1 },
        /* Which one holds is the dialect's matter: the greatest counts. */
        { "{\"max_tokens\":100000,\"max_output_tokens\":1}", 100000 },
        { "{\"max_tokens\":7,\"max_output_tokens\":null}", 7 },
        /* What cannot be read here may say more. */
        { "{\"max_tokens\":1e5,\"max_completion_tokens\":1}", -1 },
        { "{\"max_tokens\":1.5}", -1 },
        { "{\"max\\u005ftokens\":9000,\"max_output_tokens\":1}", -1 },
        { "{\"prompt\":\"a\\nb\",\"max_tokens\":3}", 3 },
        { "{\"generationConfig\":{\"maxOutput\\u0054okens\":9000,\"maxOutputTokens\":1}}", -1 },
        { "{\"generationConfig\":{\"responseMimeType\":\"text\\/plain\",\"maxOutputTokens\":4}}", 4 },
        /* Where it stands in a text or deep inside, it is not the call's own. */
        { "{\"messages\":[{\"content\":\"\\\"max_tokens\\\":1\"}]}", -1 },
        { "{\"messages\":[{\"role\":\"assistant\",\"input\":{\"max_tokens\":1}}],\"max_tokens\":900}", 900 },
        { "{\"max_tokens\":900,\"tools\":[{\"maxTokens\":1}],\"inferenceConfig\":{\"a\":{\"maxTokens\":2}}}", 900 },
        { "{\"tool\":{\"maxOutputTokens\":1}}", -1 },
        { "{\"a\":\"b\\\\\",\"max_tokens\":3}", 3 },
        { "{\"max_tokens\"", -1 },
        { "{\"max_tokens\":99999999999999999999}", -1 },
        { "\"", -1 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        int64_t got = reckon(cases[i].body).max_output;
        if (got != cases[i].want) {
            fail_msg("case %zu: %s: %lld", i, cases[i].body, (long long)got);
        }
    }
}

static void images_count_for_themselves(void **state)
{
    (void)state;
    assert_int_equal(reckon("{\"messages\":[{\"content\":\"hello\"}]}").text_bytes, 34);
    assert_int_equal(reckon("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}").n_images, 1);
    assert_int_equal(reckon("{\"type\" : \"input_image\"},{\"type\":\"image\"}").n_images, 2);
    assert_int_equal(reckon("{\"type\":\"text\",\"text\":\"image_url\"}").n_images, 0);
    struct sl_buf body = SL_BUF_INIT(1 << 20);
    struct sl_reckoning r;
    sl_buf_add_c(&body, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    for (int i = 0; i < 4000; i++) {
        sl_buf_add_c(&body, "iVBORw0KGgo+/AAA");
    }
    sl_buf_add_c(&body, "\"},\"text\":\"");
    for (int i = 0; i < 100; i++) {
        sl_buf_add_c(&body, "a long text is no image ");
    }
    sl_buf_add_c(&body, "\"}");
    r = reckon_str(sl_buf_str(&body));
    assert_int_equal(r.n_images, 1);
    assert_true(r.text_bytes > 2400 && r.text_bytes < 2600);
    sl_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_of_an_answer_is_found),
        cmocka_unit_test(a_document_of_another_body_is_not_read),
        cmocka_unit_test(images_count_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
