/* SPDX-License-Identifier: Apache-2.0 */
/* Chats built by calls: the JSON that they make, what they refuse, and that a refused call changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "sluice/chat.h"

static sluice_result *answer; /* one text and two tool calls */

static void add_nothing(sluice_chat *c)
{
    (void)c;
}

static void add_talk(sluice_chat *c)
{
    sluice_chat_add(c, "system", "be brief");
    sluice_chat_add(c, "developer", "");
    sluice_chat_add(c, "user", "say \"it\"\\\n\x01\x7f \xc3\xa9\xf0\x9f\x98\x80");
    sluice_chat_add_n(c, "assistant", "a\0b", 3);
}

static void add_image(sluice_chat *c)
{
    sluice_chat_add(c, "user", "what \"is\" this?");
    sluice_chat_add_image(c, "https://h/a.png?x=\"", "low");
    sluice_chat_add_image_data(c, "image/png", "\x89PNG\0", 5);
    sluice_chat_add_text(c, "and now?");
}

static void add_image_first(sluice_chat *c)
{
    sluice_chat_add(c, "assistant", "show me");
    sluice_chat_add_image(c, "data:image/gif;base64,R0==", NULL);
    sluice_chat_add_part(c, " {\"type\": \"input_audio\"} ", SLUICE_NUL_TERMINATED);
    sluice_chat_add(c, "user", "there");
}

static void add_tools(sluice_chat *c)
{
    sluice_chat_add_tool(c, "now", NULL, NULL, 0);
    sluice_chat_add_tool(c, "get \"it\"", "gets\nit", "{\"type\": \"object\"}xx", 18);
    sluice_chat_add_answer(c, answer);
    sluice_chat_add_tool_result(c, "c1", "12 \"o'clock\"");
    sluice_chat_add_message(c, "{\"role\": \"tool\", \"x\": 1}", SLUICE_NUL_TERMINATED);
}

static void set_members(sluice_chat *c)
{
    sluice_chat_set_str(c, "model", "m\"");
    sluice_chat_set_int(c, "max_tokens", INT64_MIN);
    sluice_chat_set_double(c, "temperature", 0.1);
    sluice_chat_set_bool(c, "logprobs", 7);
    sluice_chat_set_json(c, "stop", "[\"a\"]junk", 5);
    sluice_chat_set_str(c, "gone", "x");
    sluice_chat_set_str(c, "gone", NULL);
    sluice_chat_set_json(c, "gone", NULL, 9);
    sluice_chat_set_bool(c, "logprobs", 0);
    sluice_chat_set_str(c, "a \"b\"", "last");
    sluice_chat_set_json(c, "tools", "[{}]", SLUICE_NUL_TERMINATED);
}

static void pop_back(sluice_chat *c)
{
    sluice_chat_add(c, "user", "one");
    sluice_chat_add(c, "user", "two");
    sluice_chat_pop(c);
    sluice_chat_add_text(c, "three");
    sluice_chat_add(c, "assistant", "four");
    sluice_chat_pop(c);
    sluice_chat_pop(c);
    sluice_chat_add(c, "user", "five");
}

static void many(sluice_chat *c)
{
    for (int i = 0; i < 20; i++) {
        sluice_chat_add(c, "user", "x");
        sluice_chat_set_int(c, (char[]){ (char)('a' + i), '\0' }, i);
    }
    for (int i = 0; i < 19; i++) {
        sluice_chat_pop(c);
        sluice_chat_set_str(c, (char[]){ (char)('a' + i), '\0' }, NULL);
    }
}

static const struct {
    void (*build)(sluice_chat *chat);
    const char *json;
} built[] = {
    { add_nothing, "{\"messages\":[]}" },
    { add_talk,
      "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"developer\",\"content\":\"\"},"
      "{\"role\":\"user\",\"content\":\"say \\\"it\\\"\\\\\\n\\u0001\x7f \xc3\xa9\xf0\x9f\x98\x80\"},"
      "{\"role\":\"assistant\",\"content\":\"a\\u0000b\"}]}" },
    { add_image,
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what \\\"is\\\" this?\"},"
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/a.png?x=\\\"\",\"detail\":\"low\"}},"
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORwA=\"}},"
      "{\"type\":\"text\",\"text\":\"and now?\"}]}]}" },
    { add_image_first,
      "{\"messages\":[{\"role\":\"assistant\",\"content\":\"show me\"},{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/gif;base64,R0==\"}}, {\"type\": \"input_audio\"} ]},"
      "{\"role\":\"user\",\"content\":\"there\"}]}" },
    { add_tools,
      "{\"messages\":[{\"role\":\"assistant\",\"content\":\"wait\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
      "\"function\","
      "\"function\":{\"name\":\"now\",\"arguments\":\"{\\\"a\\\": \\\"b\\\"}\"}},{\"id\":\"\",\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":"
      "\"12 \\\"o'clock\\\"\"},{\"role\": \"tool\", \"x\": "
      "1}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
      "\"now\"}},{\"type\":\"function\",\"function\":{\"name\":\"get \\\"it\\\"\",\"description\":\"gets\\nit\","
      "\"parameters\":{\"type\": \"object\"}}}]}" },
    { set_members,
      "{\"messages\":[],\"model\":\"m\\\"\",\"max_tokens\":-9223372036854775808,\"temperature\":0.1,\"logprobs\":false,"
      "\"stop\":[\"a\"],\"a \\\"b\\\"\":\"last\",\"tools\":[{}]}" },
    { pop_back, "{\"messages\":[{\"role\":\"user\",\"content\":\"five\"}]}" },
    { many, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"t\":19}" },
};

static void what_is_built(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++) {
        sluice_chat *chat = sluice_chat_new();
        sluice_result *read;
        size_t len;
        built[i].build(chat);
        const char *json = sluice_chat_json(chat, &len);
        if (!json) {
            fail_msg("case %zu: %s", i, sluice_error_text(sluice_chat_error(chat)));
        }
        assert_string_equal(json, built[i].json);
        assert_int_equal(len, strlen(json));
        assert_int_equal(sluice_json_parse(json, len, &read, NULL), 0);
        assert_int_equal(sluice_json_count(read, "messages"), sluice_chat_count(chat));
        sluice_result_free(read);
        assert_string_equal(sluice_chat_json(chat, NULL), built[i].json); /* and again */
        sluice_chat_free(chat);
    }
}

#define REFUSE(call, said)                                                                                \
    do {                                                                                                  \
        assert_int_equal(call, SLUICE_EUSAGE);                                                            \
        const char *text = sluice_error_text(sluice_chat_error(chat));                                    \
        if (!strstr(text, said)) {                                                                        \
            fail_msg("'%s' does not say '%s'", text, said);                                               \
        }                                                                                                 \
        assert_int_equal(sluice_chat_add(chat, "user", "later"), SLUICE_EUSAGE); /* the error is kept, */ \
        assert_null(sluice_chat_json(chat, NULL));                                                        \
        assert_string_equal(sluice_error_text(sluice_chat_error(chat)), text); /* the first of them, */   \
        sluice_chat_clear_error(chat);                                                                    \
        assert_string_equal(sluice_chat_json(chat, NULL), before); /* and nothing has changed */          \
    } while (0)

static void what_is_refused(void **state)
{
    (void)state;
    static const char before[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"n\":1,\"tools\":[{\"type\":"
                                 "\"function\",\"function\":{\"name\":\"f\"}}]}";
    const size_t nul = SLUICE_NUL_TERMINATED;
    sluice_chat *chat = sluice_chat_new();
    sluice_result *empty;
    assert_int_equal(sluice_json_parse("{\"data\": []}", nul, &empty, NULL), 0);
    sluice_chat_add(chat, "user", "hi");
    sluice_chat_set_int(chat, "n", 1);
    sluice_chat_add_tool(chat, "f", NULL, NULL, 0);
    REFUSE(sluice_chat_add(chat, "robot", "x"), "not 'robot'");
    REFUSE(sluice_chat_add(chat, "tool", "x"), "sluice_chat_add_tool_result");
    REFUSE(sluice_chat_add(chat, "User", "x"), "not 'User'");
    REFUSE(sluice_chat_add(chat, "\xff", "x"), "the role is not UTF-8");
    REFUSE(sluice_chat_add(chat, "user", "caf\xe9"), "the text is not UTF-8");
    REFUSE(sluice_chat_add_n(chat, "user", "\xe2\x82\xac", 2), "the text is not UTF-8");
    REFUSE(sluice_chat_add_text(chat, "\xed\xa0\x80"), "not UTF-8");
    REFUSE(sluice_chat_add_image(chat, "", NULL), "must begin with");
    REFUSE(sluice_chat_add_image(chat, "a.png", NULL), "must begin with");
    REFUSE(sluice_chat_add_image(chat, "https://h/\xff", NULL), "not UTF-8");
    REFUSE(sluice_chat_add_image(chat, "https://h/", "\xff"), "not UTF-8");
    REFUSE(sluice_chat_add_image_data(chat, "png", "x", 1), "no media type");
    REFUSE(sluice_chat_add_image_data(chat, "image/\"png", "x", 1), "no media type");
    REFUSE(sluice_chat_add_image_data(chat, "image/png", "x", 0), "the image is empty");
    REFUSE(sluice_chat_add_part(chat, "[]", nul), "must be a JSON object");
    REFUSE(sluice_chat_add_part(chat, "{}", nul), "has no type");
    REFUSE(sluice_chat_add_part(chat, "{", nul), "not JSON");
    REFUSE(sluice_chat_add_message(chat, "{\"role\": 1}", nul), "has no role");
    REFUSE(sluice_chat_add_message(chat, "{\"role\": \"u\"} x", nul), "not JSON");
    REFUSE(sluice_chat_add_answer(chat, empty), "neither text nor tool calls");
    REFUSE(sluice_chat_add_tool_result(chat, "\xff", "x"), "not UTF-8");
    REFUSE(sluice_chat_add_tool(chat, "g", "\xff", NULL, 0), "not UTF-8");
    REFUSE(sluice_chat_add_tool(chat, "g", NULL, "[]", nul), "must be a JSON object");
    REFUSE(sluice_chat_set_str(chat, "messages", "x"), "the library's");
    REFUSE(sluice_chat_set_bool(chat, "stream", 1), "the library's");
    REFUSE(sluice_chat_set_json(chat, "tools", "[]", nul), "the library's");
    REFUSE(sluice_chat_set_str(chat, "", "x"), "the library's");
    REFUSE(sluice_chat_set_str(chat, "user", "\xff"), "the user is not UTF-8");
    REFUSE(sluice_chat_set_double(chat, "n", NAN), "finite");
    REFUSE(sluice_chat_set_double(chat, "n", INFINITY), "finite");
    REFUSE(sluice_chat_set_json(chat, "n", "1 2", nul), "not JSON");
    sluice_result_free(empty);
    sluice_chat_free(chat);
}

static void tools_have_one_source(void **state)
{
    (void)state;
    sluice_chat *chat = sluice_chat_new();
    assert_int_equal(sluice_chat_set_json(chat, "tools", "[]", SLUICE_NUL_TERMINATED), 0);
    assert_int_equal(sluice_chat_add_tool(chat, "f", NULL, NULL, 0), SLUICE_EUSAGE);
    sluice_chat_clear_error(chat);
    assert_int_equal(sluice_chat_set_json(chat, "tools", NULL, 0), 0);
    assert_int_equal(sluice_chat_add_tool(chat, "f", NULL, NULL, 0), 0);
    sluice_chat_free(chat);
}

static void a_chat_is_sent(void **state)
{
    (void)state;
    sluice_opts *opts = sluice_opts_new();
    sluice_client *client;
    sluice_result *result;
    sluice_request *request;
    sluice_error *err = NULL;
    sluice_chat *chat = sluice_chat_new();
    sluice_opts_set_str(opts, "url", server_url(), NULL);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    sluice_chat_add(chat, "user", "hi");
    assert_int_equal(sluice_chat_query(client, "chat", chat, &result, NULL), 0);
    assert_string_equal(sluice_result_text(result, NULL), "h\xc3\xa9llo");
    assert_int_equal(sluice_chat_add_answer(chat, result), 0);
    sluice_result_free(result);
    assert_int_equal(sluice_chat_query_stream(client, "chat", chat, NULL, NULL, &result, NULL), 0);
    assert_string_equal(sluice_result_text(result, NULL), "a\xc3\xa9");
    assert_int_equal(sluice_chat_add_answer(chat, result), 0);
    sluice_result_free(result);
    assert_int_equal(sluice_request_chat(client, "chat", chat, 0, &request, NULL), 0);
    assert_string_equal(sluice_chat_json(chat, NULL),
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":"
                        "\"h\xc3\xa9llo\"},{\"role\":\"assistant\",\"content\":\"a\xc3\xa9\"}]}");
    /* An error in the chat is reported when it is sent, and stays in the chat. */
    sluice_chat_add(chat, "user", "\xff");
    assert_int_equal(sluice_chat_query(client, "chat", chat, &result, &err), SLUICE_EUSAGE);
    assert_string_equal(sluice_error_text(err), "the text is not UTF-8");
    sluice_error_free(err);
    assert_int_equal(sluice_request_chat(client, "chat", chat, 1, &request, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_chat_query_stream(client, "chat", chat, NULL, NULL, NULL, NULL), SLUICE_EUSAGE);
    assert_non_null(sluice_chat_error(chat));
    sluice_chat_free(chat);
    assert_int_equal(sluice_perform(client, request, NULL, NULL), 0); /* the request has its own body */
    sluice_request_free(request);
    sluice_close(client);
}

int main(void)
{
    static const char json[] = "{\"choices\":[{\"message\":{\"content\":\"wait\",\"tool_calls\":[{\"id\":\"c1\","
                               "\"function\":{\"name\":\"now\","
                               "\"arguments\":\"{\\\"a\\\": \\\"b\\\"}\"}},{\"function\":{\"name\":\"f\"}}]}}]}";
    signal(SIGPIPE, SIG_DFL);
    server_url(); /* before there are threads */
    if (sluice_json_parse(json, sizeof(json) - 1, &answer, NULL) < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(tools_have_one_source),
        cmocka_unit_test(a_chat_is_sent),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    sluice_result_free(answer);
    return r;
}
