/* SPDX-License-Identifier: Apache-2.0 */
/* The Responses API as a client speaks it, for cases that golden files cannot check. */
#include "help.h"

#include "llm/chat/chat.h"
#include "llm/responses/own.h"
#include "llm/responses/responses.h"
#include "llm/responses/write.h"

static struct sl_chat chat_read(struct help *h, const struct sl_call *call)
{
    struct sl_chat chat = { 0 };
    struct sl_llm_error error = { 0 };
    if (sl_language_responses.read_chat(call, &h->env, &h->arena, &chat, &error) < 0) {
        fail_msg("refused: %.*s", SL_STR_ARG(error.message));
    }
    return chat;
}

/* Another attempt reads the call again: what the first one noted is not noted twice. */
static void a_call_is_read_as_often_as_it_is_tried(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_call call = help_call(&h, &sl_dialect_responses, SL_LLM_CHAT,
                                    "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"c\"},"
                                    "{\"type\":\"namespace\",\"name\":\"s\",\"tools\":[{\"type\":\"function\",\"name\":"
                                    "\"f\",\"parameters\":{\"type\":\"object\"}}]}]}");
    const struct sl_responses_own *own = call.own;
    for (int i = 0; i < 3; i++) {
        struct sl_chat chat = chat_read(&h, &call);
        assert_int_equal(chat.n_tools, 2);
        assert_int_equal(own->n_tools, 2);
    }
    help_done(&h);
}

/* A turn is several items, and one message. */
static void reasoning_comes_back_where_it_was(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_call call = help_call(
        &h, &sl_dialect_responses, SL_LLM_CHAT,
        "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"go\"},"
        "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\","
        "\"text\":\"b\"}],\"encrypted_content\":\"sl1.thought.one\"},"
        "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"sl1.closed.two\"},"
        "{\"role\":\"assistant\",\"content\":\"so\"},{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":"
        "\"sl1.text.three\"},{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"sl1.call.four\"},"
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"r\"},"
        "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"gAAA\"}]}");
    struct sl_chat chat = chat_read(&h, &call);
    assert_int_equal(chat.n_messages, 3);
    const struct sl_message *answer = &chat.messages[1];
    assert_int_equal(answer->n_parts, 4);
    check_str(answer->parts[0].text, "\"a\\n\\nb\"");
    check_str(answer->parts[0].signature, "\"one\"");
    check_str(answer->parts[1].redacted, "\"two\"");
    check_str(answer->parts[2].signature, "\"three\"");
    check_str(answer->parts[3].signature, "\"four\"");
    assert_int_equal(chat.n_members, 1); /* members that we do not know are reported */
    check_str(chat.members[0].name, "input.reasoning");
    help_done(&h);
}

static int give(void *st, struct help *h, const struct sl_call *call, struct sl_delta delta, struct sl_buf *out)
{
    return sl_responses_write_delta(st, call, &h->env, &delta, out);
}

/* A piece of a call after its end has no place; a text after another block is a new one. */
static void pieces_that_come_late(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_call call = { .type = SL_LLM_CHAT, .model = SL_STR("m") };
    struct sl_responses_writer st = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    struct sl_delta tool = { .kind = SL_DELTA_BLOCK_START,
                             .block = 0,
                             .block_kind = SL_BLOCK_TOOL_CALL,
                             .tool_id = SL_STR("c"),
                             .tool_name = SL_STR("f") };
    struct sl_delta late = {
        .kind = SL_DELTA_BLOCK, .block = 0, .block_kind = SL_BLOCK_TOOL_CALL, .text = SL_STR("1")
    };
    struct sl_delta text = { .kind = SL_DELTA_BLOCK, .block = 1, .block_kind = SL_BLOCK_TEXT, .text = SL_STR("a") };
    assert_int_equal(give(&st, &h, &call, tool, &out), 0);
    assert_int_equal(give(&st, &h, &call, text, &out), 0);
    assert_int_equal(give(&st, &h, &call, late, &out), SL_E_INVAL);
    assert_true(sl_responses_write_held(&st) > 0);
    sl_responses_write_done(&st);
    assert_int_equal(sl_responses_write_held(&st), 0);
    sl_buf_done(&out);
    help_done(&h);
}

/* Finds at its end what was written of an answer; a failed one cannot be continued. */
static void an_answer_is_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *written, *items;
    } cases[] = {
        { "{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[{\"a\":[1]}]}", "{\"a\":[1]}" },
        { "event: a\ndata: {\"type\":\"a\"}\n\nevent: response.completed\ndata: {\"response\":{\"id\":\"resp_1\","
          "\"status\":\"incomplete\",\"output\":[ ]}}\n\n",
          "" },
        { "event: response.failed\ndata: {\"response\":{\"id\":\"resp_1\",\"status\":\"failed\",\"output\":[]}}\n\n",
          NULL },
        { "", NULL },
        { "{\"id\":\"resp_1\"", NULL },
    };
    struct help h;
    help_init(&h);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str answer, id, items;
        bool is_one = sl_responses_read_answer(sl_str_c(cases[i].written), &h.scratch, &answer, &id, &items);
        assert_int_equal(is_one, cases[i].items != NULL);
        if (is_one) {
            check_str(id, "resp_1");
            check_str(items, cases[i].items);
        }
    }
    help_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_read_as_often_as_it_is_tried),
        cmocka_unit_test(reasoning_comes_back_where_it_was),
        cmocka_unit_test(pieces_that_come_late),
        cmocka_unit_test(an_answer_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
