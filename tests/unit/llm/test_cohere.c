/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to Cohere's /v2/chat and /v2/embed, and to AI21Labs. */
#include "table.h"

#define CONFIG "{'cohere_api_key':'k'}"
#define R      "command-r-plus-08-2024"
#define THINKS "command-a-reasoning-08-2025"
#define SEES   "command-a-vision-07-2025"

#define HI               ",'messages':[{'role':'user','content':'hi'}]"
#define SAYS(content)    ",'messages':[{'role':'user','content':[" content "]}]"
#define TOOL(name, more) "{'type':'function','function':{'name':'" name "'" more "}}"
#define TEXT(text)       "{'type':'text','text':'" text "'}"
#define IMAGE(url)       "{'type':'image_url','image_url':{'url':'" url "'}}"

static const struct route chat = { "cohere", CONFIG, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route mlflow_chat = { "cohere", CONFIG, SL_LLM_CHAT, &sl_dialect_mlflow };
static const struct route completions = { "cohere", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_openai };
static const struct route mlflow_completions = { "cohere", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_mlflow };
static const struct route embeddings = { "cohere", CONFIG, SL_LLM_EMBEDDINGS, &sl_dialect_openai };

static void cohere_is_told_what_it_has_words_for(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { R, HI, "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}]}", NULL, "/v2/chat" },
        { R, HI ",'stream':true,'user':'u'",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'stream':true}", "user" },
        { R, HI ",'max_tokens':5,'temperature':1.5,'top_p':0.5,'seed':7,'stop':['a','','b']",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'max_tokens':5,'temperature':"
          "1.5,'p':0.5,'stop_sequences':['a','b'],'seed':7}" },
        { R, HI ",'stop':['a','b','c','d','e','f']", "!at most 5" },
        { R, HI ",'stop_sequences':['x']",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'stop_sequences':['x']}" },
        { R, HI ",'stop':'a','stop_sequences':['x']",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'stop_sequences':['a']}" },
        /* its ranges are narrower than OpenAI's */
        { R, HI ",'top_p':0,'frequency_penalty':1.5,'presence_penalty':0.5",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'p':0.01,'frequency_penalty':"
          "1,'presence_penalty':0.5}",
          "frequency_penalty" },
        { R, HI ",'top_p':1,'frequency_penalty':-1,'presence_penalty':0",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'p':0.99,'presence_penalty':"
          "0}",
          "frequency_penalty" },
        { R, HI ",'top_k':1000",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'k':500}", "top_k" },
        { R, HI ",'top_k':10,'documents':[{'data':{'t':'x'}}],'safety_mode':'OFF'",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'k':10,'documents':[{'data':{'"
          "t':'x'}}],'safety_mode':'OFF'}" },
        { R, HI ",'logprobs':true",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'logprobs':true}" },
        { R, HI ",'logprobs':true,'stream':true",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'stream':true}", "logprobs" },
        { R, HI ",'n':2", "!'n' must be 1" },
        { R, HI ",'best_of':3", "!'best_of' must be 1" },
        { R, HI ",'modalities':['audio']", "!answer with text only" },
        { R, HI ",'function_call':'auto'", "!function_call" },
        /* thinking: a budget comes on top of the answer's room */
        { THINKS, HI ",'reasoning_effort':'low','max_tokens':100",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'max_tokens':1124,'"
          "thinking':{'type':'enabled','token_budget':1024}}" },
        { THINKS, HI ",'reasoning_effort':'high'",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'thinking':{'type':'"
          "enabled'}}" },
        { THINKS, HI ",'reasoning_effort':'none'",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'thinking':{'type':'"
          "disabled'}}" },
        { THINKS, HI ",'reasoning_effort':'much'", "!'reasoning_effort'" },
        { THINKS, HI ",'thinking':{'type':'enabled','budget_tokens':50},'max_tokens':100",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'max_tokens':100,'"
          "thinking':{'type':'enabled','token_budget':50}}" },
        { THINKS, HI ",'thinking':{'type':'enabled','token_budget':60},'reasoning_effort':'low'",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'thinking':{'type':'"
          "enabled','token_budget':60}}",
          "reasoning_effort" },
        { THINKS, HI ",'thinking':{'type':'disabled'}",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}],'thinking':{'type':'"
          "disabled'}}" },
        { THINKS, HI ",'thinking':true",
          "{'model':'command-a-reasoning-08-2025','messages':[{'role':'user','content':'hi'}]}", "thinking" },
        { R, HI ",'reasoning_effort':'low'",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}]}", "reasoning_effort" },
        { R, HI ",'thinking':{'type':'enabled'}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}]}", "thinking" },
        { R, HI ",'thinking':{'type':'disabled'}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}]}" },
    };
    SENT(&chat, rows);
}

static void cohere_takes_tools_forms_and_media(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { R, HI ",'tools':[" TOOL("f", ",'description':'d','strict':true") "],'parallel_tool_calls':false",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','"
          "function':{'name':'f','description':'d','parameters':{'type':'object','properties':{}}}}]}",
          "parallel_tool_calls,tools.strict" },
        { R, HI ",'tools':[" TOOL("f", ",'parameters':{'type':'object'}") "],'tool_choice':'required'",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','"
          "function':{'name':'f','parameters':{'type':'object'}}}],'tool_choice':'REQUIRED'}" },
        { R, HI ",'tools':[" TOOL("f", "") "],'tool_choice':'none'",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','"
          "function':{'name':'f','parameters':{'type':'object','properties':{}}}}],'tool_choice':'NONE'}" },
        { R,
          HI ",'tools':[" TOOL("f", "") "," TOOL("g", "") "],'tool_choice':{'type':'function','function':{'name':'g'}}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','"
          "function':{'name':'g','parameters':{'type':'object','properties':{}}}}],'tool_choice':'REQUIRED'}" },
        { R, HI ",'tools':[{'type':'custom'}]", "!received tool type custom" },
        { R, HI ",'response_format':{'type':'json_object'}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'response_format':{'type':'"
          "json_object'}}" },
        { R, HI ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'}}}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'response_format':{'type':'"
          "json_object','json_schema':{'type':'object','properties':{}}}}" },
        { R, HI ",'response_format':{'type':'json_object'},'tools':[" TOOL("f", "") "]",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','"
          "function':{'name':'f','parameters':{'type':'object','properties':{}}}}]}",
          "response_format" },
        { R, HI ",'response_format':{'type':'json_object'},'documents':['d']",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'documents':['d']}",
          "response_format" },
        /* the words beside calls are the plan */
        { R,
          ",'messages':[{'role':'user','content':'hi','name':'Al'},{'role':'assistant','content':[" TEXT("I ") "," TEXT(
              "go") "],'tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{\\'x\\':1}'}}]},"
                    "{'role':'tool','tool_call_id':'c1','content':'ok'},{'role':'assistant','content':'','refusal':'no'"
                    "}]",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'},{'role':'assistant','tool_plan'"
          ":'I "
          "go','tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{\\'x\\':1}'}}]},{'role':"
          "'tool','tool_call_id':'c1','content':'ok'},{'role':'assistant','content':[{'type':'text','text':'no'}]}]}",
          "messages.name" },
        { R,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[{'id':'c1',"
          "'type':'function','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c1','content':"
          "[" TEXT("a") "," TEXT("b") "]}]",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'},{'role':'assistant','tool_"
          "calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_"
          "id':'c1','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}]}" },
        { R,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'thinking_blocks':[{'type':"
          "'thinking','thinking':'hm','signature':'s'}]},{'role':'user','content':'so?'}]",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'},{'role':'user','content':'so?'}"
          "]}",
          "thinking_blocks" },
        /* a file of text is text */
        { R, SAYS("{'type':'file','file':{'filename':'a.txt','file_data':'data:text/plain;base64,aMOkIg=='}}"),
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':[{'type':'text','text':'hä\\\"'}]}]"
          "}" },
        { R, SAYS("{'type':'file','file':{'filename':'a.txt','file_data':'data:text/csv;base64,/w=='}}"),
          "!must have some, in UTF-8" },
        { R, SAYS("{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,AAAA'}}"),
          "!Cohere models take text, files of text and images only." },
        { SEES, SAYS(IMAGE("https://example.com/a.png") "," TEXT("see")),
          "{'model':'command-a-vision-07-2025','messages':[{'role':'user','content':[{'type':'image_url','image_url':{'"
          "url':'https://example.com/a.png'}},{'type':'text','text':'see'}]}]}" },
        { SEES, SAYS("{'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD','detail':'low'}}"),
          "{'model':'command-a-vision-07-2025','messages':[{'role':'user','content':[{'type':'image_url','image_url':{'"
          "url':'data:image/png;base64,QUJD','detail':'low'}}]}]}" },
        { SEES, SAYS("{'type':'file','file':{'file_id':'f'}}"), "!messages[0].content[0]" },
        { SEES, SAYS("{'type':'input_audio','input_audio':{'data':'QUJD','format':'mp3'}}"),
          "!messages[0].content[0]" },
        { R, SAYS("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':[{'type':'text','text':'a'}]}]}",
          "cache_control" },
    };
    SENT(&chat, rows);
}

static void mlflow_keeps_its_texts(void **state)
{
    (void)state;
#define MLFLOW(more) "{'messages':[{'role':'user','content':'hi'}]" more "}"
    static const struct sent rows[] = {
        { R, MLFLOW(",'temperature':1"),
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'temperature':0.5}" },
        { R, MLFLOW(",'n':2"), "!Parameter n must be 1 for Cohere chat, got 2." },
        { R, "{'messages':[{'role':'assistant','content':'hi'}]}", "!Last message must be from user, got assistant." },
        { R, "{'messages':[{'role':'system','content':'hi'}]}", "!Last message must be from user, got system." },
    };
    SENT(&mlflow_chat, rows);
    static const struct sent prompts[] = {
        { R, "{'prompt':'hi','temperature':0.5,'max_tokens':5}",
          "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}],'max_tokens':5,'temperature':"
          "0.25}" },
        { R, "{'prompt':'hi','stop_sequences':['a']}", "!Invalid parameter stop_sequences. Use stop instead." },
        { R, "{'prompt':'hi','num_generations':1}", "!Invalid parameter num_generations. Use n instead." },
    };
    SENT(&mlflow_completions, prompts);
    static const struct sent of_openai[] = {
        { R, ",'prompt':'hi'", "{'model':'command-r-plus-08-2024','messages':[{'role':'user','content':'hi'}]}" },
        { R, ",'prompt':'hi','suffix':'x'", "!suffix" },
    };
    SENT(&completions, of_openai);
}

static void texts_are_embedded(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { "embed-v4.0", ",'input':['a','b'],'dimensions':256",
          "{'model':'embed-v4.0','input_type':'search_document','embedding_types':['float'],'texts':['a','b'],'output_"
          "dimension':256}",
          NULL, "/v2/embed" },
        { "embed-v4.0", ",'input':'a','input_type':'classification','truncate':'NONE','user':'u'",
          "{'model':'embed-v4.0','input_type':'classification','embedding_types':['float'],'texts':['a'],'truncate':'"
          "NONE'}",
          "user" },
    };
    SENT(&embeddings, rows);
    static const struct told replies[] = {
        { "embed-v4.0", ",'input':'a'",
          "{'id':'e','embeddings':{'float':[[0.5,1]]},'meta':{'billed_units':{'input_tokens':3}}}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[0.5,1]}],'model':'embed-v4.0','usage':"
          "{'prompt_tokens':3,'total_tokens':3}}" },
        { "embed-v4.0", ",'input':'a','encoding_format':'base64'", "{'embeddings':{'float':[[1.0]]}}",
          "*'embedding':'AACAPw=='" },
        { "embed-v4.0", ",'input':'a'", "{}", "!embedding" },
    };
    REPLIES(&embeddings, replies, NULL);
}

static void cohere_replies(void **state)
{
    (void)state;
#define REPLY(message, finish) "{'id':'c','message':{'role':'assistant'," message "},'finish_reason':'" finish "'}"
    static const struct told rows[] = {
        { R, HI,
          "{'id':'c','message':{'content':[{'type':'text','text':'a'}]},'finish_reason':'COMPLETE','usage':{"
          "'billed_units':{'input_tokens':1,'output_tokens':2},'tokens':{'input_tokens':9,'output_tokens':8}}}",
          "{'id':'c','object':'chat.completion','created':1767225600,'model':'command-r-plus-08-2024','choices':[{'"
          "index':0,'message':{'role':'assistant','content':'a','refusal':null},'logprobs':null,'finish_reason':'stop'}"
          "],'usage':{'prompt_tokens':9,'completion_tokens':8,'total_tokens':17,'prompt_tokens_details':{'cached_"
          "tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}}" },
        { R, HI, REPLY("'content':[{'type':'thinking','thinking':'hm'},{'type':'text','text':'a'}]", "MAX_TOKENS"),
          "{'id':'c','object':'chat.completion','created':1767225600,'model':'command-r-plus-08-2024','choices':[{'"
          "index':0,'message':{'role':'assistant','content':'a','reasoning_content':'hm','refusal':null},'logprobs':"
          "null,'finish_reason':'length'}]}" },
        { R, HI,
          REPLY(
              "'tool_plan':'I go','tool_calls':[{'id':'t','type':'function','function':{'name':'f','arguments':'{}'}}]",
              "TOOL_CALL"),
          "{'id':'c','object':'chat.completion','created':1767225600,'model':'command-r-plus-08-2024','choices':[{'"
          "index':0,'message':{'role':'assistant','content':'I "
          "go','refusal':null,'tool_calls':[{'id':'t','type':'function','function':{'name':'f','arguments':'{}'}}]},'"
          "logprobs':null,'finish_reason':'tool_calls'}]}" },
        { R, HI, REPLY("'content':[{'type':'text','text':'a'}]", "STOP_SEQUENCE"), "*'finish_reason':'stop'" },
        { R, HI, REPLY("'content':[{'type':'text','text':'a'}]", "ERROR_TOXIC"), "*'finish_reason':" },
        { R, HI, "{}", "!" },
        { R, HI, "<html>", "!" },
    };
    REPLIES(&chat, rows, NULL);
}

/* --- AI21Labs --- */

#define AI21 "{'ai21labs_api_key':'k'}"

static const struct route jamba = { "ai21labs", AI21, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route jurassic = { "ai21labs", AI21, SL_LLM_COMPLETIONS, &sl_dialect_openai };
static const struct route mlflow_jurassic = { "ai21labs", AI21, SL_LLM_COMPLETIONS, &sl_dialect_mlflow };

static void jamba_speaks_nearly_openais_language(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { "jamba-large", HI, "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}]}", NULL,
          "/studio/v1/chat/completions" },
        { "jamba-large",
          HI ",'stream':true,'user':'u','max_tokens':5,'temperature':0.5,'top_p':0.5,'n':1,'stop':['a','b']",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'max_tokens':5,'temperature':0.5,'top_p':"
          "0.5,'stop':['a','b'],'stream':true}",
          "user" },
        { "jamba-large", HI ",'n':2,'stop':'a'",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'n':2,'stop':['a']}" },
        { "jamba-large", HI ",'n':2,'stream':true", "!'n' must be 1" },
        { "jamba-large", SAYS(IMAGE("https://example.com/a.png")), "!messages[0]: AI21Labs models take text only." },
        { "jamba-large", HI ",'tools':[{'type':'custom'}]", "!received tool type custom" },
        { "jamba-large",
          HI ",'tools':[" TOOL("f", ",'description':'d','parameters':{'type':'object'}") "," TOOL(
              "g", "") "],'tool_choice':{'type':'function','function':{'name':'f'}},'parallel_tool_calls':false",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','function':{'"
          "name':'f','description':'d','parameters':{'type':'object'}}}]}",
          "tool_choice,parallel_tool_calls" },
        { "jamba-large", HI ",'tools':[" TOOL("f", "") "],'tool_choice':'none'",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}]}" },
        { "jamba-large", HI ",'tools':[" TOOL("f", "") "],'tool_choice':'required'",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','function':{'"
          "name':'f'}}]}",
          "tool_choice" },
        { "jamba-large",
          HI ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'}}}",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'response_format':{'type':'json_object'}"
          "}",
          "response_format.json_schema" },
        { "jamba-large", HI ",'reasoning_effort':'low','documents':[{'content':'c'}]",
          "{'model':'jamba-large','messages':[{'role':'user','content':'hi'}],'documents':[{'content':'c'}]}",
          "reasoning_effort" },
        { "jamba-large", HI ",'logprobs':true", "!logprobs" },
    };
    SENT(&jamba, rows);
}

static void jurassic_completes(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { "j2-mid", ",'prompt':'Once'", "{'prompt':'Once'}", NULL, "/studio/v1/j2-mid/complete" },
        { "j2-mid",
          ",'prompt':'Once','n':2,'max_tokens':5,'temperature':1,'top_p':0.5,'stop':['a','b'],'user':'u','seed':1",
          "{'prompt':'Once','numResults':2,'maxTokens':5,'temperature':1,'topP':0.5,'stopSequences':['a','b']}",
          "user,seed" },
        { "j2-mid", ",'prompt':'Once','topKReturn':1,'countPenalty':{'scale':1}",
          "{'prompt':'Once','topKReturn':1,'countPenalty':{'scale':1}}" },
        { "j2-mid", ",'prompt':'Once','stream':true", "!The completions streaming route is not implemented" },
        { "j2-mid", ",'prompt':'Once','echo':true", "!echo" },
    };
    SENT(&jurassic, rows);
    static const struct sent of_mlflow[] = {
        { "j2-mid", "{'prompt':'Once','temperature':1.5}", "{'prompt':'Once','temperature':1.5}" },
        { "j2-mid", "{'prompt':'Once','numResults':1}", "!Invalid parameter numResults. Use n instead." },
        { "j2-mid", "{'prompt':'Once','maxTokens':1}", "!Invalid parameter maxTokens. Use max_tokens instead." },
        { "j2-mid", "{'prompt':'Once','stopSequences':[]}", "!Invalid parameter stopSequences. Use stop instead." },
    };
    SENT(&mlflow_jurassic, of_mlflow);
    static const struct told replies[] = {
        { "j2-mid", ",'prompt':'x'",
          "{'id':'i','completions':[{'data':{'text':'a'},'finishReason':{'reason':'length'}},{'data':{'text':'b'},'"
          "finishReason':{'reason':'endoftext'}}]}",
          "{'id':'cmpl-000000000000000100000002','object':'text_completion','created':1767225600,'model':'j2-mid','"
          "choices':[{'index':0,'text':'a','logprobs':null,'finish_reason':'length'},{'index':1,'text':'b','logprobs':"
          "null,'finish_reason':'stop'}]}" },
        { "j2-mid", ",'prompt':'x'", "{'completions':[{'data':{'text':'a'},'finishReason':{'reason':'stop'}}]}",
          "*'finish_reason':'stop'" },
        { "j2-mid", ",'prompt':'x'", "{'completions':[{'data':{}}]}", "!a completion has no text" },
        { "j2-mid", ",'prompt':'x'", "{}", "!it has no list of completions" },
        { "j2-mid", ",'prompt':'x'", "<html>", "!" },
    };
    REPLIES(&jurassic, replies, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cohere_is_told_what_it_has_words_for),
        cmocka_unit_test(cohere_takes_tools_forms_and_media),
        cmocka_unit_test(mlflow_keeps_its_texts),
        cmocka_unit_test(texts_are_embedded),
        cmocka_unit_test(cohere_replies),
        cmocka_unit_test(jamba_speaks_nearly_openais_language),
        cmocka_unit_test(jurassic_completes),
    };
    return cmocka_run_group_tests_name("llm/cohere", tests, NULL, NULL);
}
