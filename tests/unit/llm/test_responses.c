/* SPDX-License-Identifier: Apache-2.0 */
/* Chats that go up to OpenAI's Responses API: its input, its members, and what becomes of its replies. */
#include "table.h"

#define CONFIG "{'openai_api_key':'k','openai_api':'responses'}"
#define M      "gpt-5"

#define SIXTY_FOUR       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HI               ",'messages':[{'role':'user','content':'hi'}]"
#define SAYS(content)    ",'messages':[{'role':'user','content':[" content "]}]"
#define TOOL(name, more) "{'type':'function','function':{'name':'" name "'" more "}}"
#define TEXT(text)       "{'type':'text','text':'" text "'}"
#define IMAGE(url)       "{'type':'image_url','image_url':{'url':'" url "'}}"
#define CALL(id, name)   "{'id':'" id "','type':'function','function':{'name':'" name "','arguments':'{}'}}"
#define RESULT(id, text) "{'role':'tool','tool_call_id':'" id "','content':'" text "'}"

static const struct route chat = { "openai", CONFIG, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route completions = { "openai", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_openai };

static void its_words_are_used(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { M, HI,
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'include':['reasoning.encrypted_content'],'store':"
          "false}",
          NULL, "/v1/responses" },
        { M, HI ",'stream':true,'user':'u'",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'include':['reasoning.encrypted_content'],'user':'"
          "u','store':false,'stream':true}" },
        { "gpt-4o", HI ",'reasoning':{'effort':'high'}",
          "{'model':'gpt-4o','input':[{'role':'user','content':'hi'}],'reasoning':{'effort':'high'},'include':['"
          "reasoning.encrypted_content'],'store':false}" },
        { "gpt-4o", HI ",'user':'" SIXTY_FOUR "','safety_identifier':'" SIXTY_FOUR "'",
          "{'model':'gpt-4o','input':[{'role':'user','content':'hi'}],'safety_identifier':'" SIXTY_FOUR
          "','store':false}" },
        { "gpt-4o", HI ",'user':'" SIXTY_FOUR "x'",
          "{'model':'gpt-4o','input':[{'role':'user','content':'hi'}],'user':'user_bEwoLT7Luu6bo8Owv0p1i5','store':"
          "false}" },
        { "gpt-4o", HI ",'safety_identifier':'" SIXTY_FOUR "x'",
          "{'model':'gpt-4o','input':[{'role':'user','content':'hi'}],'safety_identifier':'user_bEwoLT7Luu6bo8Owv0p1i5'"
          ",'store':false}" },
        { M, HI ",'max_tokens':50,'metadata':{'a':'b'},'truncation':'auto'",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'max_output_tokens':50,'include':['reasoning."
          "encrypted_content'],'store':false,'metadata':{'a':'b'},'truncation':'auto'}" },
        { M, HI ",'max_completion_tokens':5",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'max_output_tokens':16,'include':['reasoning."
          "encrypted_content'],'store':false}",
          "max_tokens" },
        { "gpt-4.1", HI ",'temperature':0.5,'top_p':0.9",
          "{'model':'gpt-4.1','input':[{'role':'user','content':'hi'}],'temperature':0.5,'top_p':0.9,'store':false}" },
        { M, HI ",'reasoning_effort':'low'",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'reasoning':{'effort':'low'},'include':['"
          "reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'reasoning_effort':'low','verbosity':'high'",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'reasoning':{'effort':'low'},'text':{'verbosity':'"
          "high'},'include':['reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'reasoning':{'effort':'high','summary':'auto'}",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'reasoning':{'effort':'high','summary':'auto'},'"
          "include':['reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'store':true,'service_tier':'flex','include':['x']",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'include':['x','reasoning.encrypted_content'],'"
          "service_tier':'flex','store':true}" },
        { "gpt-4.1", HI ",'logprobs':true,'top_logprobs':2",
          "{'model':'gpt-4.1','input':[{'role':'user','content':'hi'}],'top_logprobs':2,'include':['message.output_"
          "text.logprobs'],'store':false}" },
        { M, HI ",'response_format':{'type':'json_object'}",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'text':{'format':{'type':'json_object'}},'include'"
          ":['reasoning.encrypted_content'],'store':false}" },
        { M,
          HI ",'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{'type':'"
             "object','properties':{},'additionalProperties':false}}}",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'text':{'format':{'type':'json_schema','name':'n',"
          "'schema':{'type':'object','properties':{},'additionalProperties':false},'strict':true}},'include':['"
          "reasoning.encrypted_content'],'store':false}" },
        { M,
          HI ",'tools':[" TOOL(
              "f", ",'description':'d','parameters':{'type':'object'},'strict':true") "],'tool_choice':'required','"
                                                                                      "parallel_tool_calls':false",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'tools':[{'type':'function','name':'f','"
          "description':'d','parameters':{'type':'object'},'strict':true}],'tool_choice':'required','parallel_tool_"
          "calls':false,'include':['reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'tools':[" TOOL("f", "") "],'tool_choice':{'type':'function','function':{'name':'f'}}",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'tools':[{'type':'function','name':'f','"
          "parameters':{'type':'object','properties':{}},'strict':false}],'tool_choice':{'type':'function','name':'f'},"
          "'include':['reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'tools':[" TOOL("f", "") "],'tool_choice':'none'",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'tools':[{'type':'function','name':'f','"
          "parameters':{'type':'object','properties':{}},'strict':false}],'tool_choice':'none','include':['reasoning."
          "encrypted_content'],'store':false}" },
        { M, HI ",'web_search_options':{'search_context_size':'low'}",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'tools':[{'type':'web_search','search_context_"
          "size':'low'}],'include':['reasoning.encrypted_content'],'store':false}" },
        { M, HI ",'seed':5,'frequency_penalty':1",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'include':['reasoning.encrypted_content'],'store':"
          "false}",
          "seed,frequency_penalty" },
        { M, HI ",'stop':''",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'}],'include':['reasoning.encrypted_content'],'store':"
          "false}" },
        { M, HI ",'stop':['a']", "!The parameter 'stop' is not supported" },
        { M, HI ",'n':2", "!'n'" },
        { M, HI ",'previous_response_id':'r'", "!previous_response_id" },
        { M, HI ",'audio':{'voice':'x'}", "!audio" },
    };
    SENT(&chat, rows);
    static const struct sent prompts[] = {
        { M, ",'prompt':'Once'", "{'model':'gpt-5','input':[{'role':'user','content':'Once'}],'store':false}" },
        { M, ",'prompt':'Once','echo':true", "!echo" },
    };
    SENT(&completions, prompts);
}

static void messages_become_items(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { M,
          ",'messages':[{'role':'system','content':'be "
          "brief'},{'role':'user','content':'hi','name':'Al'},{'role':'assistant','content':'yes'},{'role':'user','"
          "content':'so?'}]",
          "{'model':'gpt-5','input':[{'role':'system','content':'be "
          "brief'},{'role':'user','content':'hi'},{'role':'assistant','content':'yes'},{'role':'user','content':'so?'}]"
          ",'include':['reasoning.encrypted_content'],'store':false}",
          "messages.name" },
        { M, SAYS(TEXT("a") "," IMAGE("https://example.com/a.png")),
          "{'model':'gpt-5','input':[{'role':'user','content':[{'type':'input_text','text':'a'},{'type':'input_image','"
          "image_url':'https://example.com/"
          "a.png','detail':'auto'}]}],'include':['reasoning.encrypted_content'],'store':false}" },
        { M, SAYS("{'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD','detail':'low'}}"),
          "{'model':'gpt-5','input':[{'role':'user','content':[{'type':'input_image','image_url':'data:image/"
          "png;base64,QUJD','detail':'low'}]}],'include':['reasoning.encrypted_content'],'store':false}" },
        { M, SAYS("{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,QUJD'}}"),
          "{'model':'gpt-5','input':[{'role':'user','content':[{'type':'input_file','filename':'a.pdf','file_data':'"
          "data:application/pdf;base64,QUJD'}]}],'include':['reasoning.encrypted_content'],'store':false}" },
        { M, SAYS("{'type':'file','file':{'file_id':'file-1'}}"),
          "{'model':'gpt-5','input':[{'role':'user','content':[{'type':'input_file','file_id':'file-1'}]}],'include':['"
          "reasoning.encrypted_content'],'store':false}" },
        { M, SAYS("{'type':'input_audio','input_audio':{'data':'QUJD','format':'mp3'}}"), "!messages[0].content[0]" },
        { M, SAYS("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
          "{'model':'gpt-5','input':[{'role':'user','content':[{'type':'input_text','text':'a'}]}],'include':['"
          "reasoning.encrypted_content'],'store':false}",
          "cache_control" },
        { M,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'I go','tool_calls':[" CALL(
              "c1", "f") "," CALL("c2", "g") "]}," RESULT("c1", "a") "," RESULT("c2", "b") "]",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':'output_"
          "text','text':'I "
          "go'}]},{'type':'function_call','call_id':'c1','name':'f','arguments':'{}'},{'type':'function_call','call_id'"
          ":'c2','name':'g','arguments':'{}'},{'type':'function_call_output','call_id':'c1','output':'a'},{'type':'"
          "function_call_output','call_id':'c2','output':'b'}],'include':['reasoning.encrypted_content'],'store':"
          "false}" },
        { M,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[" CALL(
              "c1", "f") "]},{'role':'tool','tool_call_id':'c1','content':[" TEXT("a") "," TEXT("b") "]}]",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'},{'type':'function_call','call_id':'c1','name':'f','"
          "arguments':'{}'},{'type':'function_call_output','call_id':'c1','output':[{'type':'input_text','text':'a'},{'"
          "type':'input_text','text':'b'}]}],'include':['reasoning.encrypted_content'],'store':false}" },
        { M,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'','refusal':'no'},{'role':'user',"
          "'content':'so?'}]",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':'refusal','"
          "refusal':'no'}]},{'role':'user','content':'so?'}],'include':['reasoning.encrypted_content'],'store':"
          "false}" },
        { M,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'a','thinking_blocks':[{'type':'"
          "thinking','thinking':'hm','signature':'s'}]},{'role':'user','content':'so?'}]",
          "{'model':'gpt-5','input':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':'output_"
          "text','text':'a'}]},{'role':'user','content':'so?'}],'include':['reasoning.encrypted_content'],'store':"
          "false}",
          "thinking_blocks" },
    };
    SENT(&chat, rows);
}

#define SAID(output, more) \
    "{'id':'r','object':'response','created_at':7,'model':'m','status':'completed','output':[" output "]" more "}"
#define MESSAGE(content) "{'type':'message','role':'assistant','content':[" content "]}"
#define USAGE                                                                                                    \
    ",'usage':{'input_tokens':3,'output_tokens':4,'total_tokens':7,'input_tokens_details':{'cached_tokens':1},'" \
    "output_tokens_details':{'reasoning_tokens':2}}"

static void replies_become_chats(void **state)
{
    (void)state;
    static const struct told rows[] = {
        { M, HI, SAID(MESSAGE("{'type':'output_text','text':'a'},{'type':'output_text','text':'b'}"), USAGE),
          "{'id':'r','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':'"
          "assistant','content':'ab','refusal':null},'logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':"
          "3,'completion_tokens':4,'total_tokens':7,'prompt_tokens_details':{'cached_tokens':1},'completion_tokens_"
          "details':{'reasoning_tokens':2}}}" },
        { M, HI,
          SAID("{'type':'reasoning','id':'rs','summary':[{'type':'summary_text','text':'hm'},{'type':'summary_text','"
               "text':'so'}]}," MESSAGE("{'type':'output_text','text':'a'}"),
               ""),
          "{'id':'r','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':'"
          "assistant','content':'a','reasoning_content':'hm\\n\\nso','refusal':null},'logprobs':null,'finish_reason':'"
          "stop'}]}" },
        { M, HI, SAID("{'type':'function_call','call_id':'c','name':'f','arguments':'{\\'x\\':1}'}", ""),
          "{'id':'r','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':'"
          "assistant','content':null,'refusal':null,'tool_calls':[{'id':'c','type':'function','function':{'name':'f','"
          "arguments':'{\\'x\\':1}'}}]},'logprobs':null,'finish_reason':'tool_calls'}]}" },
        { M, HI, SAID(MESSAGE("{'type':'refusal','refusal':'no'}"), ""), "*'refusal':'no'" },
        { M, HI, SAID("{'type':'web_search_call','id':'w'}," MESSAGE("{'type':'output_text','text':'a'}"), ""),
          "*'content':'a'" },
        { M, HI,
          "{'id':'r','status':'incomplete','incomplete_details':{'reason':'max_output_tokens'},'output':[" MESSAGE(
              "{'type':'output_text','text':'a'}") "]}",
          "*'finish_reason':'length'" },
        { M, HI, "{'id':'r','status':'incomplete','incomplete_details':{'reason':'content_filter'},'output':[]}",
          "*'finish_reason':'content_filter'" },
        { M, HI, "{'id':'r','status':'queued','output':[]}", "!it is not complete" },
        { M, HI, "{'id':'r'}", "!it has no list of items" },
        { M, HI, "[]", "!" },
        { M, HI, "<html>", "!" },
    };
    REPLIES(&chat, rows, NULL);
    static const struct told prompts[] = {
        { M, ",'prompt':'x'", SAID(MESSAGE("{'type':'output_text','text':'a'}"), USAGE), "*'text':'a'" },
    };
    REPLIES(&completions, prompts, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_words_are_used),
        cmocka_unit_test(messages_become_items),
        cmocka_unit_test(replies_become_chats),
    };
    return cmocka_run_group_tests_name("llm/responses", tests, NULL, NULL);
}
