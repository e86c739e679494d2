/* SPDX-License-Identifier: Apache-2.0 */
/* The provider mock: what it refuses, with OpenAI's messages, and its settings. */
#include "table.h"

#include "llm/mock/parts.h"

#define USER(content) "{'role':'user','content':" content "}"
#define HI            "'messages':[" USER("'hi'") "]"

static void calls_are_refused_as_openai_refuses_them(void **state)
{
    (void)state;
    static const struct {
        enum sl_llm_type type;
        const char *body, *param, *code, *message; /* param NULL: it is taken */
    } rows[] = {
        { SL_LLM_CHAT, "{" HI "}", NULL, NULL, NULL },
        { SL_LLM_CHAT, "{}", "messages", "missing_required_parameter", "Missing required parameter: 'messages'." },
        { SL_LLM_CHAT, "{'messages':5}", "messages", "invalid_type",
          "Invalid type for 'messages': expected an array of objects, but got a number instead." },
        { SL_LLM_CHAT, "{'messages':[]}", "messages", "empty_array", "minimum length 1" },
        { SL_LLM_CHAT, "{'messages':[true]}", "messages[0]", "invalid_type", "but got a boolean instead" },
        { SL_LLM_CHAT, "{'messages':[{}]}", "messages[0].role", "missing_required_parameter", "" },
        { SL_LLM_CHAT, "{'messages':[{'role':{}}]}", "messages[0].role", "invalid_type", "but got an object instead" },
        { SL_LLM_CHAT, "{'messages':[{'role':'wizard'}]}", "messages[0].role", "invalid_value",
          "Invalid value: 'wizard'." },
        { SL_LLM_CHAT, "{'messages':[{'role':'user'}]}", "messages[0].content", "missing_required_parameter", "" },
        { SL_LLM_CHAT, "{'messages':[" USER("null") "]}", "messages[0].content", "", "got null" },
        { SL_LLM_CHAT, "{'messages':[" USER("5") "]}", "messages[0].content", "invalid_type",
          "a string or array of objects" },
        { SL_LLM_CHAT, "{'messages':[" USER("[]") "]}", "messages[0].content", "empty_array", "" },
        { SL_LLM_CHAT, "{'messages':[" USER("['a']") "]}", "messages[0].content[0]", "invalid_type",
          "got a string instead" },
        { SL_LLM_CHAT, "{'messages':[" USER("[{}]") "]}", "messages[0].content[0].type", "missing_required_parameter",
          "" },
        { SL_LLM_CHAT, "{'messages':[" USER("[{'type':[]}]") "]}", "messages[0].content[0].type", "invalid_type",
          "got an array" },
        { SL_LLM_CHAT, "{'messages':[" USER("[{'type':'text'}]") "]}", "messages[0].content[0].text",
          "missing_required_parameter", "" },
        { SL_LLM_CHAT, "{'messages':[" USER("[{'type':'text','text':'a'},{'type':'image_url'}]") "]}", NULL, NULL,
          NULL },
        /* a tool's result stands behind its call */
        { SL_LLM_CHAT, "{'messages':[{'role':'tool','tool_call_id':'c','content':'a'}]}", "messages[0].role", "",
          "must be a response to a preceeding message" },
#define CALLED "{'role':'assistant','tool_calls':[{'id':'c'}]},"
        { SL_LLM_CHAT, "{'messages':[" CALLED "{'role':'tool','tool_call_id':'c','content':'a'}]}", NULL, NULL, NULL },
        { SL_LLM_CHAT, "{'messages':[" CALLED "{'role':'tool','content':'a'}]}", "messages[1].tool_call_id",
          "missing_required_parameter", "" },
        { SL_LLM_CHAT, "{'messages':[" CALLED "{'role':'tool','tool_call_id':5,'content':'a'}]}",
          "messages[1].tool_call_id", "invalid_type", "" },
        { SL_LLM_CHAT, "{'messages':[" CALLED USER("'a'") ",{'role':'tool','tool_call_id':'c','content':'a'}]}",
          "messages[2].role", "", "" },
        { SL_LLM_CHAT, "{" HI ",'tools':5}", "tools", "invalid_type", "" },
        { SL_LLM_CHAT, "{" HI ",'tools':[]}", "tools", "empty_array", "" },
        { SL_LLM_CHAT, "{" HI ",'tools':[{}]}", "tools[0].type", "missing_required_parameter", "" },
        { SL_LLM_CHAT, "{" HI ",'tools':[{'type':'function'}]}", "tools[0].function.name", "missing_required_parameter",
          "" },
        { SL_LLM_CHAT, "{" HI ",'tool_choice':'auto'}", "tool_choice", "", "only allowed when 'tools' are specified" },
        /* numbers and their bounds */
        { SL_LLM_CHAT, "{" HI ",'n':0}", "n", "integer_below_min_value", "Expected a value >= 1, but got 0 instead." },
        { SL_LLM_CHAT, "{" HI ",'n':1.5}", "n", "invalid_type", "expected an integer" },
        { SL_LLM_CHAT, "{" HI ",'n':'1'}", "n", "invalid_type", "got a string" },
        { SL_LLM_CHAT, "{" HI ",'temperature':2.1}", "temperature", "decimal_above_max_value",
          "Expected a value <= 2, but got 2.1 instead." },
        { SL_LLM_CHAT, "{" HI ",'temperature':1e999}", "temperature", "decimal_above_max_value", "" },
        { SL_LLM_CHAT, "{" HI ",'top_p':-0.1,'n':1}", "top_p", "decimal_below_min_value", "" },
        { SL_LLM_CHAT, "{" HI ",'presence_penalty':-2,'frequency_penalty':2,'top_logprobs':20,'max_tokens':1}", NULL,
          NULL, NULL },
        { SL_LLM_CHAT, "{" HI ",'max_tokens':0}", "max_tokens", "integer_below_min_value", "" },
        { SL_LLM_COMPLETIONS, "{'prompt':'a','max_tokens':0}", NULL, NULL, NULL },
        /* prompts and inputs: a text, texts, tokens, lists of tokens */
        { SL_LLM_COMPLETIONS, "{}", NULL, NULL, NULL },
        { SL_LLM_COMPLETIONS, "{'prompt':['a','']}", NULL, NULL, NULL },
        { SL_LLM_COMPLETIONS, "{'prompt':[[1,2],[3]]}", NULL, NULL, NULL },
        { SL_LLM_COMPLETIONS, "{'prompt':[1,'a']}", "prompt", "", "Invalid type for 'prompt'" },
        { SL_LLM_COMPLETIONS, "{'prompt':[[]]}", "prompt", "", "" },
        { SL_LLM_COMPLETIONS, "{'prompt':[['a']]}", "prompt", "", "" },
        { SL_LLM_COMPLETIONS, "{'prompt':{}}", "prompt", "", "" },
        { SL_LLM_EMBEDDINGS, "{}", "input", "missing_required_parameter", "" },
        { SL_LLM_EMBEDDINGS, "{'input':''}", "input", "", "'$.input' is invalid" },
        { SL_LLM_EMBEDDINGS, "{'input':['a','']}", "input", "", "" },
        { SL_LLM_EMBEDDINGS, "{'input':[1,2],'encoding_format':'base64'}", NULL, NULL, NULL },
        { SL_LLM_EMBEDDINGS, "{'input':'a','encoding_format':'hex'}", "encoding_format", "invalid_value", "" },
        { SL_LLM_EMBEDDINGS, "{'input':'a','dimensions':0}", "dimensions", "integer_below_min_value", "" },
    };
    size_t n_wrong = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_mock_refusal refusal = { 0 };
        help_init(&h);
        assert_int_equal(sl_json_parse(&h.doc, quoted(&h, rows[i].body)), 0);
        int r = sl_mock_check(rows[i].type, sl_json_root(&h.doc), &h.arena, &refusal);
        bool is_right = rows[i].param ? r == SL_E_INVAL && sl_str_eq_c(refusal.param, rows[i].param) &&
                                            sl_str_eq_c(refusal.code, rows[i].code) &&
                                            sl_str_find(refusal.message, sl_str_c(rows[i].message), 0) >= 0
                                      : r == 0;
        if (!is_right) {
            printf("row %zu: %s: %d %.*s %.*s %.*s\n", i, rows[i].body, r, SL_STR_ARG(refusal.param),
                   SL_STR_ARG(refusal.code), SL_STR_ARG(refusal.message));
            n_wrong++;
        }
        help_done(&h);
    }
    assert_int_equal(n_wrong, 0);
}

static void more_inputs_than_may_be(void **state)
{
    (void)state;
    struct help h;
    struct sl_mock_refusal refusal = { 0 };
    struct sl_buf body = SL_BUF_INIT(1 << 20);
    help_init(&h);
    sl_buf_add_c(&body, "{\"input\":[\"a\"");
    for (int i = 0; i < SL_MOCK_INPUTS_MAX; i++) {
        sl_buf_add_c(&body, ",\"a\"");
    }
    sl_buf_add_c(&body, "]}");
    assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&body)), 0);
    assert_int_equal(sl_mock_check(SL_LLM_EMBEDDINGS, sl_json_root(&h.doc), &h.arena, &refusal), SL_E_INVAL);
    check_str(refusal.code, "array_above_max_length");
    sl_buf_done(&body);
    help_done(&h);
}

static void what_it_can_be_told(void **state)
{
    (void)state;
    static const struct {
        const char *config, *said; /* NULL: it is right */
    } rows[] = {
        { "{}", NULL },
        { "{'template':'{model}: {message} {x}','chunk_size':1,'latency':'1s','dimensions':3}", NULL },
        { "{'tools':[{'name':'f'},{'name':'g','arguments':'not "
          "JSON'},{'name':'h','arguments':{'a':[1,null,true,'b',{}]}}]}",
          NULL },
        { "{'tools':5}", "must be a list of at most 16 maps { name, arguments }" },
        { "{'tools':[5]}", "must be a map { name, arguments }" },
        { "{'tools':[{'arguments':{}}]}", "name" },
        { "{'tools':[{'name':'f','arguments':5}]}", "must be a map, or the arguments as one text" },
        { "{'error':{'status':503,'message':'m','type':'t'}}", NULL },
        { "{'error':{'status':200}}", "error.status must be from 400 to 599" },
        { "{'chunk_size':0}", "chunk_size" },
        { "{'latency':'2h'}", "latency" },
        { "{'dimensions':0}", "dimensions" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_target target;
        help_init(&h);
        int r = help_target(&h, "mock", "m", quoted(&h, rows[i].config).p, &target);
        struct sl_str said = h.problems.n ? h.problems.v[0].text : SL_STR("");
        struct sl_str path = h.problems.n ? h.problems.v[0].path : SL_STR("");
        bool is_told = rows[i].said && (sl_str_find(said, sl_str_c(rows[i].said), 0) >= 0 ||
                                        sl_str_find(path, sl_str_c(rows[i].said), 0) >= 0);
        if ((r < 0) != (rows[i].said != NULL) || is_told != (rows[i].said != NULL)) {
            fail_msg("row %zu: %d %.*s: %.*s", i, r, SL_STR_ARG(path), SL_STR_ARG(said));
        }
        help_target_done(&target);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_refused_as_openai_refuses_them),
        cmocka_unit_test(more_inputs_than_may_be),
        cmocka_unit_test(what_it_can_be_told),
    };
    return cmocka_run_group_tests_name("llm/mock", tests, NULL, NULL);
}
