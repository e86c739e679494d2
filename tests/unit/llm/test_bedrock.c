/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to Amazon Bedrock: Converse's bodies and InvokeModel's, and what becomes of their replies. */
#include "table.h"

#include "llm/bedrock/citations.h"
#include "llm/core/lost.h"

#define CONFIG "{'aws_config':{'aws_region':'eu-west-1','aws_access_key_id':'A','aws_secret_access_key':'s'}}"
#define CLAUDE "anthropic.claude-sonnet-4-5-20250929-v1:0"
#define OLD    "anthropic.claude-3-haiku-20240307-v1:0"
#define NOVA   "eu.amazon.nova-pro-v1:0"
#define LLAMA  "meta.llama3-3-70b-instruct-v1:0"

#define HI               ",'messages':[{'role':'user','content':'hi'}]"
#define SAYS(content)    ",'messages':[{'role':'user','content':[" content "]}]"
#define UP(content)      "'messages':[{'role':'user','content':[" content "]}]"
#define UP_HI            UP("{'text':'hi'}")
#define TOOL(name, more) "{'type':'function','function':{'name':'" name "'" more "}}"
#define EMPTY            "{'json':{'type':'object','properties':{}}}"
#define SPEC(name)       "{'toolSpec':{'name':'" name "','inputSchema':" EMPTY "}}"

static const struct route chat = { "bedrock", CONFIG, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route mlflow_chat = { "bedrock", CONFIG, SL_LLM_CHAT, &sl_dialect_mlflow };
static const struct route completions = { "bedrock", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_openai };
static const struct route mlflow_completions = { "bedrock", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_mlflow };
static const struct route embeddings = { "bedrock", CONFIG, SL_LLM_EMBEDDINGS, &sl_dialect_openai };

static void converse_says_what_the_call_says(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { CLAUDE, HI, "{" UP_HI "}", NULL, "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse" },
        { CLAUDE, HI ",'stream':true", "{" UP_HI "}", NULL,
          "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream" },
        { NOVA, HI ",'max_tokens':5,'temperature':0.5,'top_p':0.9,'stop':['a',' ','b']",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'inferenceConfig':{'maxTokens':5,'temperature':0.5,'"
          "topP':0.9,'stopSequences':['a','b']}}",
          "stop" },
        { NOVA, HI ",'stop':' '", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "stop" },
        { NOVA, ",'messages':[{'role':'system','content':'be brief'},{'role':'user','content':'hi','name':'Al'}]",
          "{'system':[{'text':'be brief'}],'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "messages.name" },
        { NOVA, HI ",'response_format':{'type':'json_object'}",
          "{'system':[{'text':'Answer with one valid JSON object and nothing else: no code fence, no words around "
          "it.'}],'messages':[{'role':'user','content':[{'text':'hi'}]}]}" },
        /* what a call may have, and what not */
        { NOVA, HI ",'n':2", "!'n' must be 1" },
        { NOVA, HI ",'best_of':2", "!'best_of' must be 1" },
        { NOVA, HI ",'modalities':['text','audio']", "!answer with text only" },
        { NOVA, HI ",'logprobs':true", "!logprobs" },
        { NOVA, HI ",'modalities':['text'],'user':'u'", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}",
          "user" },
        /* hints */
        { NOVA, HI ",'service_tier':'auto'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'serviceTier':{'type':'default'}}" },
        { NOVA, HI ",'service_tier':'priority'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'serviceTier':{'type':'priority'}}" },
        { NOVA, HI ",'service_tier':'scale'", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}",
          "service_tier" },
        { NOVA, HI ",'metadata':{'a':'b c:_@$#=/+,-.'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'requestMetadata':{'a':'b c:_@$#=/+,-.'}}" },
        { NOVA, HI ",'metadata':{'a':'b(c'}", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "metadata" },
        { NOVA, HI ",'metadata':{'a':5}", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "metadata" },
        { NOVA, HI ",'metadata':{'a':'b'},'requestMetadata':{'c':'d'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'requestMetadata':{'c':'d'}}", "metadata" },
        /* Converse's own words */
        { NOVA, HI ",'guardrailConfig':{'guardrailIdentifier':'g'},'performanceConfig':{'latency':'optimized'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'guardrailConfig':{'guardrailIdentifier':'g'},'"
          "performanceConfig':{'latency':'optimized'}}" },
        { NOVA, HI ",'additionalModelRequestFields':{'top_k':7},'top_k':5",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'top_k':7}}" },
        { NOVA, HI ",'top_k':5",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'inferenceConfig':{'"
          "topK':5}}}" },
        { LLAMA, HI ",'top_k':5", "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "top_k" },
        { "mistral.mistral-large-2407-v1:0", HI ",'top_k':5",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'top_k':5}}" },
        { "cohere.command-r-v1:0", HI ",'top_k':5",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'k':5}}" },
        /* reasoning */
        { CLAUDE, HI ",'thinking':{'type':'enabled','budget_tokens':2000},'max_tokens':9000",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'inferenceConfig':{'maxTokens':9000},'"
          "additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':2000}}}" },
        { CLAUDE, HI ",'thinking':{'type':'disabled'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'thinking':{'type':'"
          "disabled'}}}" },
        { CLAUDE, HI ",'reasoning_effort':'low'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'inferenceConfig':{'maxTokens':9216},'"
          "additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':1024}}}" },
        { CLAUDE, HI ",'thinking':{'type':'adaptive'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'inferenceConfig':{'maxTokens':12288},'"
          "additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':4096}}}",
          "thinking" },
        { NOVA, HI ",'thinking':{'type':'enabled','budget_tokens':2000}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}", "thinking" },
        { "openai.gpt-oss-120b-1:0", HI ",'reasoning_effort':'xhigh'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'reasoning_effort':'"
          "high'}}" },
        { "openai.gpt-oss-120b-1:0", HI ",'reasoning_effort':'low'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'reasoning_effort':'"
          "low'}}" },
        { "openai.gpt-oss-120b-1:0",
          HI ",'reasoning_effort':'low','additionalModelRequestFields':{'reasoning_effort':'high'}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'additionalModelRequestFields':{'reasoning_effort':'"
          "high'}}" },
    };
    SENT(&chat, rows);
}

static void converse_takes_tools_and_forms_of_answers(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { NOVA, HI ",'tools':[" TOOL("f", "") "]",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}}]}}" },
        { NOVA,
          HI ",'tools':[" TOOL("f", ",'description':'d','parameters':{'type':'object'}") "],'tool_choice':'required'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "description':'d','inputSchema':{'json':{'type':'object'}}}}],'toolChoice':{'any':{}}}}" },
        { NOVA, HI ",'tools':[" TOOL("f", ",'description':''") "],'tool_choice':'auto','parallel_tool_calls':false",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}}],'toolChoice':{'auto':{}}}}",
          "parallel_tool_calls" },
        { NOVA,
          HI ",'tools':[" TOOL("f", "") "," TOOL("g", "") "],'tool_choice':{'type':'function','function':{'name':'g'}}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}},{'toolSpec':{'name':'g','inputSchema':{'json':{'"
          "type':'object','properties':{}}}}}],'toolChoice':{'tool':{'name':'g'}}}}" },
        { NOVA, HI ",'tools':[" TOOL("f", "") "],'tool_choice':'none'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}]}" },
        { NOVA, HI ",'tools':[{'type':'web_search'}]", "!received tool type web_search" },
#define HISTORY                                                                                                       \
    ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':" \
    "'function','function':{'name':'f','arguments':'{\\'x\\':1}'}},{'id':'c2','type':'function','function':{'name':"  \
    "'f','arguments':''}},{'id':'c3','type':'function','function':{'name':'g','arguments':'{}'}}]},{'role':'tool',"   \
    "'tool_call_id':'c1','content':'ok'},{'role':'tool','tool_call_id':'c2','content':''},{'role':'tool',"            \
    "'tool_call_id':'c3','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]},{'role':'user',"          \
    "'content':'so?'}]"
        { NOVA, HISTORY,
          "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'toolUse':{'"
          "toolUseId':'c1','name':'f','input':{'x':1}}},{'toolUse':{'toolUseId':'c2','name':'f','input':{}}},{'toolUse'"
          ":{'toolUseId':'c3','name':'g','input':{}}}]},{'role':'user','content':[{'toolResult':{'toolUseId':'c1','"
          "content':[{'text':'ok'}]}},{'toolResult':{'toolUseId':'c2','content':[]}},{'toolResult':{'toolUseId':'c3','"
          "content':[{'text':'a'},{'text':'b'}]}},{'text':'so?'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}},{'toolSpec':{'name':'g','inputSchema':{'json':{'"
          "type':'object','properties':{}}}}}]}}" },
        { NOVA, HISTORY ",'tools':[" TOOL("f", "") "," TOOL("g", "") "],'tool_choice':'none'",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'toolUse':{'"
          "toolUseId':'c1','name':'f','input':{'x':1}}},{'toolUse':{'toolUseId':'c2','name':'f','input':{}}},{'toolUse'"
          ":{'toolUseId':'c3','name':'g','input':{}}}]},{'role':'user','content':[{'toolResult':{'toolUseId':'c1','"
          "content':[{'text':'ok'}]}},{'toolResult':{'toolUseId':'c2','content':[]}},{'toolResult':{'toolUseId':'c3','"
          "content':[{'text':'a'},{'text':'b'}]}},{'text':'so?'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}},{'toolSpec':{'name':'g','inputSchema':{'json':{'"
          "type':'object','properties':{}}}}}]}}",
          "tool_choice" },
#define SCHEMA ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'}"
        { CLAUDE, HI SCHEMA ",'description':'d'}}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'outputConfig':{'textFormat':{'type':'json_schema','"
          "structure':{'jsonSchema':{'schema':'{\\'type\\':\\'object\\',\\'properties\\':{},\\'additionalProperties\\':"
          "false}','name':'n','description':'d'}}}}}" },
        { OLD, HI SCHEMA "}}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'"
          "structured_answer','description':'Give the answer in this "
          "form.','inputSchema':{'json':{'type':'object'}}}}],'toolChoice':{'tool':{'name':'structured_answer'}}}}" },
        { OLD, HI SCHEMA ",'description':'d'}}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'"
          "structured_answer','description':'d','inputSchema':{'json':{'type':'object'}}}}],'toolChoice':{'tool':{'"
          "name':'structured_answer'}}}}" },
        { OLD, HI SCHEMA "}},'tools':[" TOOL("f", "") "]",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f','"
          "inputSchema':{'json':{'type':'object','properties':{}}}}}]}}",
          "response_format" },
    };
    SENT(&chat, rows);
}

#define IMAGE(url)       "{'type':'image_url','image_url':{'url':'" url "'}}"
#define FILE(name, data) "{'type':'file','file':{'filename':'" name "','file_data':'" data "'}}"
#define TEXT(text)       "{'type':'text','text':'" text "'}"

static void converse_takes_media_and_thoughts(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { NOVA, SAYS(TEXT("see") "," IMAGE("data:image/png;base64,QUJD")),
          "{'messages':[{'role':'user','content':[{'text':'see'},{'image':{'format':'png','source':{'bytes':'QUJD'}}}]}"
          "]}" },
        { NOVA, SAYS("{'type':'image_url','image_url':{'url':'data:image/jpeg;base64,QUJD','detail':'high'}}"),
          "{'messages':[{'role':'user','content':[{'image':{'format':'jpeg','source':{'bytes':'QUJD'}}}]}]}",
          "image_url.detail" },
        { NOVA, SAYS(IMAGE("https://example.com/a.png")), "!take a data URI, no https URL" },
        { NOVA, SAYS(IMAGE("data:image/tiff;base64,QUJD")),
          "!messages[0].content[0]: the type image/tiff is not taken" },
        /* document names have few kinds of characters, differ, and documents never go alone */
        { NOVA, SAYS(FILE("a_b  c/(1).pdf", "data:application/pdf;base64,QUJD")),
          "{'messages':[{'role':'user','content':[{'document':{'format':'pdf','name':'a-b "
          "c-(1)-pdf','source':{'bytes':'QUJD'}}},{'text':'(document)'}]}]}" },
        { NOVA,
          SAYS(FILE("x.txt", "data:text/plain;base64,QUJD") "," FILE("x.txt",
                                                                     "data:text/x-c;base64,QUJD") "," TEXT("t")),
          "{'messages':[{'role':'user','content':[{'document':{'format':'txt','name':'x-txt','source':{'bytes':'QUJD'}}"
          "},{'document':{'format':'txt','name':'x-txt 2','source':{'bytes':'QUJD'}}},{'text':'t'}]}]}" },
        { NOVA,
          SAYS(FILE("x 3", "data:text/plain;base64,QUJD") "," FILE("x", "data:text/plain;base64,QUJD") "," FILE(
              "x", "data:text/plain;base64,QUJD")),
          "{'messages':[{'role':'user','content':[{'document':{'format':'txt','name':'x 3','source':{'bytes':'QUJD'}}},"
          "{'document':{'format':'txt','name':'x','source':{'bytes':'QUJD'}}},{'document':{'format':'txt','name':'x "
          "4','source':{'bytes':'QUJD'}}},{'text':'(document)'}]}]}" },
        { NOVA, SAYS(FILE("//", "data:text/csv;base64,QUJD")),
          "{'messages':[{'role':'user','content':[{'document':{'format':'csv','name':'document "
          "1','source':{'bytes':'QUJD'}}},{'text':'(document)'}]}]}" },
        { NOVA, SAYS("{'type':'file','file':{'file_id':'s3://bucket/a.docx'}}"),
          "{'messages':[{'role':'user','content':[{'document':{'format':'docx','name':'document "
          "1','source':{'s3Location':{'uri':'s3://bucket/a.docx'}}}},{'text':'(document)'}]}]}" },
        { NOVA, SAYS("{'type':'file','file':{'file_id':'s3://bucket/a.png'}}"),
          "{'messages':[{'role':'user','content':[{'image':{'format':'png','source':{'s3Location':{'uri':'s3://bucket/"
          "a.png'}}}}]}]}" },
        { NOVA, SAYS("{'type':'file','file':{'file_id':'s3://bucket/a.exe'}}"), "!whose ending tells" },
        { NOVA, SAYS("{'type':'file','file':{'file_id':'file-1'}}"), "!whose ending tells" },
        { NOVA, SAYS("{'type':'input_audio','input_audio':{'data':'QUJD','format':'mp3'}}"), "!takes no audio" },
        /* the cache's points */
        { CLAUDE, SAYS("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
          "{'messages':[{'role':'user','content':[{'text':'a'},{'cachePoint':{'type':'default'}}]}]}" },
        { CLAUDE, SAYS("{'type':'text','text':'a','cache_control':{'type':'ephemeral','ttl':'1h'}}"),
          "{'messages':[{'role':'user','content':[{'text':'a'},{'cachePoint':{'type':'default','ttl':'1h'}}]}]}" },
        { LLAMA, SAYS("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
          "{'messages':[{'role':'user','content':[{'text':'a'}]}]}", "cache_control" },
    /* thoughts go back to those who have them */
#define THOUGHT(parts)                                                                                          \
    ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'yes','thinking_blocks':[" parts \
    "]},{'role':'user','content':'so?'}],'thinking':{'type':'enabled','budget_tokens':1024},'max_tokens':2048"
        { CLAUDE, THOUGHT("{'type':'thinking','thinking':'hm','signature':'s'}"),
          "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'reasoningContent':{'"
          "reasoningText':{'text':'hm','signature':'s'}}},{'text':'yes'}]},{'role':'user','content':[{'text':'so?'}]}],"
          "'inferenceConfig':{'maxTokens':2048},'additionalModelRequestFields':{'thinking':{'type':'enabled','budget_"
          "tokens':1024}}}" },
        { CLAUDE, THOUGHT("{'type':'redacted_thinking','data':'QUJD'}"),
          "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'reasoningContent':{'"
          "redactedContent':'QUJD'}},{'text':'yes'}]},{'role':'user','content':[{'text':'so?'}]}],'inferenceConfig':{'"
          "maxTokens':2048},'additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':1024}}}" },
        { NOVA, THOUGHT("{'type':'thinking','thinking':'hm','signature':'s'}"),
          "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'text':'yes'}]},{'"
          "role':'user','content':[{'text':'so?'}]}],'inferenceConfig':{'maxTokens':2048}}",
          "thinking,messages.thinking_blocks" },
    };
    SENT(&chat, rows);
}

static void mlflow_calls_are_converse(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { NOVA, "{'messages':[{'role':'user','content':'hi'}],'temperature':1,'max_tokens':7}",
          "{'messages':[{'role':'user','content':[{'text':'hi'}]}],'inferenceConfig':{'maxTokens':7,'temperature':1}"
          "}" },
        { NOVA, "{'messages':[{'role':'user','content':'hi'}],'n':2}", "!'n' must be" },
    };
    SENT(&mlflow_chat, rows);
}

static void old_models_complete_in_their_own_words(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { "amazon.titan-text-express-v1", ",'prompt':'Once'", "{'inputText':'Once','textGenerationConfig':{}}", NULL,
          "/model/amazon.titan-text-express-v1/invoke" },
        { "amazon.titan-text-express-v1",
          ",'prompt':'Once','max_tokens':5,'temperature':1,'top_p':0.5,'stop':'x','user':'u'",
          "{'inputText':'Once','textGenerationConfig':{'temperature':1,'maxTokenCount':5,'topP':0.5,'stopSequences':['"
          "x']}}",
          "user" },
        { "amazon.titan-text-express-v1", ",'prompt':'Once','n':2", "!'n' must be '1'" },
        { "amazon.titan-text-express-v1", ",'prompt':'Once','echo':true", "!echo" },
        { "anthropic.claude-v2", ",'prompt':'Once'",
          "{'prompt':'\\n\\nHuman: "
          "Once\\n\\nAssistant:','max_tokens_to_sample':200,'stop_sequences':['\\n\\nHuman:'],'anthropic_version':'"
          "bedrock-2023-05-31'}" },
        { "anthropic.claude-v2", ",'prompt':'\\n\\nHuman: hi\\n\\nAssistant:','max_tokens':9000,'stop':['x']",
          "{'prompt':'\\n\\nHuman: "
          "hi\\n\\nAssistant:','max_tokens_to_sample':8191,'stop_sequences':['x','\\n\\nHuman:'],'anthropic_version':'"
          "bedrock-2023-05-31'}",
          "max_tokens" },
        { "ai21.j2-mid-v1", ",'prompt':'Once','n':2,'max_tokens':5,'top_p':1,'temperature':0.7,'stop':['x']",
          "{'prompt':'Once','maxTokens':5,'temperature':0.7,'topP':1,'stopSequences':['x'],'numResults':2}" },
        { "cohere.command-text-v14", ",'prompt':'Once','n':3,'temperature':1,'top_p':0.75,'stop':['x']",
          "{'prompt':'Once','temperature':1,'p':0.75,'stop_sequences':['x'],'num_generations':3}" },
        /* the others' completion is a chat */
        { NOVA, ",'prompt':'Once'",
          "{'messages':[{'role':'user','content':[{'text':'Once'}]}],'inferenceConfig':{'maxTokens':16}}", NULL,
          "/model/eu.amazon.nova-pro-v1%3A0/converse" },
        { NOVA, ",'prompt':'Once','suffix':'end'", "!suffix" },
    };
    SENT(&completions, rows);
    static const struct sent of_mlflow[] = {
        /* whose temperatures go to 2 */
        { "amazon.titan-text-express-v1", "{'prompt':'Once','temperature':1.0}",
          "{'inputText':'Once','textGenerationConfig':{'temperature':0.5}}" },
        { "cohere.command-text-v14", "{'prompt':'Once','temperature':0.5,'max_tokens':9}",
          "{'prompt':'Once','max_tokens':9,'temperature':1.25}" },
        { "anthropic.claude-v2", "{'prompt':'Once','temperature':1}",
          "{'prompt':'\\n\\nHuman: "
          "Once\\n\\nAssistant:','max_tokens_to_sample':200,'temperature':0.5,'stop_sequences':['\\n\\nHuman:'],'"
          "anthropic_version':'bedrock-2023-05-31'}" },
        { "ai21.j2-mid-v1", "{'prompt':'Once','temperature':1}", "{'prompt':'Once','temperature':1.0}" },
    };
    SENT(&mlflow_completions, of_mlflow);
}

static void texts_are_embedded(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { "amazon.titan-embed-text-v2:0", ",'input':'a','dimensions':256,'normalize':false",
          "{'inputText':'a','normalize':false,'dimensions':256}" },
        { "amazon.titan-embed-text-v1", ",'input':['a'],'dimensions':256,'normalize':true,'user':'u'",
          "{'inputText':'a'}", "normalize,dimensions,user" },
        { "amazon.titan-embed-text-v1", ",'input':['a','b']", "!takes 1 text a call: 'input' has 2" },
        { "cohere.embed-english-v3", ",'input':['a','b'],'truncate':'END'",
          "{'texts':['a','b'],'input_type':'search_document','truncate':'END'}" },
        { "cohere.embed-v4:0", ",'input':'a','input_type':'search_query','dimensions':512,'normalize':true",
          "{'texts':['a'],'input_type':'search_query','output_dimension':512}", "normalize" },
        { "cohere.embed-english-v3", ",'input':[[1,2]]", "!input" },
    };
    SENT(&embeddings, rows);
}

/* --- replies --- */

#define CALL                ",'messages':[{'role':'user','content':'hi'}]"
#define SAID(content, more) "{'output':{'message':{'role':'assistant','content':[" content "]}}" more "}"
#define STOP                ",'stopReason':'end_turn','usage':{'inputTokens':3,'outputTokens':4}"

static void converse_replies(void **state)
{
    (void)state;
    static const struct told rows[] = {
        { NOVA, CALL, SAID("{'text':'a'},{'text':'b'}", STOP),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'eu."
          "amazon.nova-pro-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':'ab','refusal':null},'"
          "logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':3,'completion_tokens':4,'total_tokens':7,'"
          "prompt_tokens_details':{'cached_tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}}" },
        { CLAUDE, CALL, SAID("{'reasoningContent':{'reasoningText':{'text':'hm','signature':'s'}}},{'text':'a'}", STOP),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'"
          "anthropic.claude-sonnet-4-5-20250929-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':'a'"
          ",'reasoning_content':'hm','thinking_blocks':[{'type':'thinking','thinking':'hm','signature':'s'}],'refusal':"
          "null},'logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':3,'completion_tokens':4,'total_"
          "tokens':7,'prompt_tokens_details':{'cached_tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}"
          "}" },
        { CLAUDE, CALL, SAID("{'reasoningContent':{'redactedContent':'QUJD'}},{'text':'a'}", STOP),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'"
          "anthropic.claude-sonnet-4-5-20250929-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':'a'"
          ",'reasoning_content':'','thinking_blocks':[{'type':'redacted_thinking','data':'QUJD'}],'refusal':null},'"
          "logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':3,'completion_tokens':4,'total_tokens':7,'"
          "prompt_tokens_details':{'cached_tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}}" },
        { NOVA, CALL, SAID("{'toolUse':{'toolUseId':'t','name':'f','input':{'x':1}}}", ",'stopReason':'tool_use'"),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'eu."
          "amazon.nova-pro-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':null,'refusal':null,'"
          "tool_calls':[{'id':'t','type':'function','function':{'name':'f','arguments':'{\\'x\\':1}'}}]},'logprobs':"
          "null,'finish_reason':'tool_calls'}]}" },
        { NOVA, CALL, SAID("{'toolUse':{'name':'f','input':{}}}", ",'stopReason':'tool_use'"), "*'id':'call_" },
        { OLD, CALL,
          SAID("{'toolUse':{'toolUseId':'t','name':'structured_answer','input':{'x':1}}}", ",'stopReason':'tool_use'"),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'"
          "anthropic.claude-3-haiku-20240307-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':'{\\'"
          "x\\':1}','refusal':null},'logprobs':null,'finish_reason':'stop'}]}" },
        { NOVA, CALL,
          SAID("{'citationsContent':{'content':[{'text':'a'},{'text':'b'}],'citations':[{'title':'t'}]}}", STOP),
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'eu."
          "amazon.nova-pro-v1:0','choices':[{'index':0,'message':{'role':'assistant','content':'ab','refusal':null},'"
          "logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':3,'completion_tokens':4,'total_tokens':7,'"
          "prompt_tokens_details':{'cached_tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}}" },
        { NOVA, CALL, SAID("{'video':{}},{'text':'a'}", STOP), "*'content':'a'" },
        { NOVA, CALL, SAID("{'text':'a'}", ",'stopReason':'guardrail_intervened'"),
          "*'finish_reason':'content_filter'" },
        { NOVA, CALL, SAID("{'text':'a'}", ",'stopReason':'max_tokens'"), "*'finish_reason':'length'" },
        { NOVA, CALL,
          SAID("{'text':'a'}",
               ",'usage':{'inputTokens':3,'outputTokens':4,'cacheReadInputTokens':5,'cacheWriteInputTokens':6}"),
          "*'prompt_tokens':14,'completion_tokens':4,'total_tokens':18,'prompt_tokens_details':{'cached_tokens':5" },
        { NOVA, CALL, SAID("", ",'stopReason':'malformed_tool_use'"), "!malformed: malformed_tool_use" },
        { NOVA, CALL, "{'output':{}}", "!it has no list of content" },
        { NOVA, CALL, "[]", "!not a JSON object" },
        { NOVA, CALL, "<html>", "!" },
    };
    REPLIES(&chat, rows, NULL);
}

static void old_models_and_embeddings_reply(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    struct sl_headers counts = { 0 };
    assert_int_equal(sl_headers_add(&counts, &h.arena, SL_STR("x-amzn-bedrock-input-token-count"), SL_STR("5")) +
                         sl_headers_add(&counts, &h.arena, SL_STR("x-amzn-bedrock-output-token-count"), SL_STR("6")) +
                         sl_headers_add(&counts, &h.arena, SL_STR("x-amzn-requestid"), SL_STR("id-of-aws")),
                     0);
    static const struct told rows[] = {
        { "amazon.titan-text-express-v1", ",'prompt':'x'",
          "{'inputTextTokenCount':7,'results':[{'tokenCount':8,'outputText':'a','completionReason':'FINISH'}]}",
          "{'id':'id-of-aws','object':'text_completion','created':1767225600,'model':'amazon.titan-text-express-v1','"
          "choices':[{'index':0,'text':'a','logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':7,'"
          "completion_tokens':8,'total_tokens':15,'prompt_tokens_details':{'cached_tokens':0},'completion_tokens_"
          "details':{'reasoning_tokens':0}}}" },
        { "amazon.titan-text-express-v1", ",'prompt':'x'",
          "{'results':[{'outputText':'a','completionReason':'CONTENT_FILTERED'}]}",
          "*'finish_reason':'content_filter'" },
        { "ai21.j2-mid-v1", ",'prompt':'x','n':2",
          "{'completions':[{'data':{'text':'a'},'finishReason':{'reason':'endoftext'}},{'data':{'text':'b'},'"
          "finishReason':{'reason':'length'}}]}",
          "{'id':'id-of-aws','object':'text_completion','created':1767225600,'model':'ai21.j2-mid-v1','choices':[{'"
          "index':0,'text':'a','logprobs':null,'finish_reason':'stop'},{'index':1,'text':'b','logprobs':null,'finish_"
          "reason':'length'}],'usage':{'prompt_tokens':5,'completion_tokens':6,'total_tokens':11,'prompt_tokens_"
          "details':{'cached_tokens':0},'completion_tokens_details':{'reasoning_tokens':0}}}" },
        { "cohere.command-text-v14", ",'prompt':'x'", "{'generations':[{'text':'a','finish_reason':'MAX_TOKENS'}]}",
          "*'finish_reason':'length'" },
        { "anthropic.claude-v2", ",'prompt':'x'", "{'completion':' a','stop_reason':'stop_sequence'}", "*'text':' a'" },
        { "anthropic.claude-v2", ",'prompt':'x'", "{'completion':' a','stop_reason':'strange'}", "*'finish_reason':" },
        { "amazon.titan-text-express-v1", ",'prompt':'x'", "{'results':[{}]}", "!a completion has no text" },
        { "amazon.titan-text-express-v1", ",'prompt':'x'", "{}", "!it has no list of content" },
        { NOVA, ",'prompt':'x'", SAID("{'text':'a'}", STOP), "*'text':'a'" },
    };
    REPLIES(&completions, rows, &counts);
    static const struct told of_mlflow[] = {
        { "amazon.titan-text-express-v1", "{'prompt':'x'}",
          "{'results':[{'outputText':'a','completionReason':'FINISH'}]}", "*'finish_reason':null" },
        { "cohere.command-text-v14", "{'prompt':'x'}", "{'generations':[{'text':'a','finish_reason':'COMPLETE'}]}",
          "*'finish_reason':'stop'" },
    };
    REPLIES(&mlflow_completions, of_mlflow, &counts);
    static const struct told vectors[] = {
        { "amazon.titan-embed-text-v2:0", ",'input':'a'", "{'embedding':[0.5,-1],'inputTextTokenCount':2}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[0.5,-1]}],'model':'amazon.titan-embed-"
          "text-v2:0','usage':{'prompt_tokens':2,'total_tokens':2}}" },
        { "cohere.embed-english-v3", ",'input':['a','b']", "{'embeddings':[[1],[2]]}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[1]},{'object':'embedding','index':1,'"
          "embedding':[2]}],'model':'cohere.embed-english-v3','usage':{'prompt_tokens':5,'total_tokens':5}}" },
        { "cohere.embed-v4:0", ",'input':['a']", "{'embeddings':{'float':[[1]]}}", "*'embedding':[1]" },
        /* 1.0f and -2.5f, little end first */
        { "amazon.titan-embed-text-v2:0", ",'input':'a','encoding_format':'base64'", "{'embedding':[ 1.0 , -2.5 ]}",
          "*'embedding':'AACAPwAAIMA='" },
        { "amazon.titan-embed-text-v2:0", ",'input':'a','encoding_format':'base64'", "{'embedding':[1,'x']}",
          "!is not a list of numbers" },
        { "amazon.titan-embed-text-v2:0", ",'input':'a'", "{}", "!it has no embedding" },
    };
    REPLIES(&embeddings, vectors, &counts);
    help_done(&h);
}

/* --- errors --- */

static void exceptions_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *name, *body; /* the header x-amzn-errortype, or NULL */
        enum sl_error_type type;
        int want;
        const char *code;
    } rows[] = {
        { 400, "ValidationException:http://x/", "{'message':'bad'}", SL_ERR_PROVIDER_REJECTED, 400,
          "ValidationException" },
        { 400, NULL, "{'__type':'com.amazon#ThrottlingException','message':'slow'}", SL_ERR_PROVIDER_RATE_LIMITED, 429,
          "" },
        { 400, "ValidationException", "{'message':'Input is too long for requested model.'}", SL_ERR_PROVIDER_REJECTED,
          400, "context_length_exceeded" },
        { 403, "ExpiredTokenException", "{'message':'old'}", SL_ERR_PROVIDER_AUTH_FAILED, 502, "" },
        { 424, "ModelErrorException", "{'message':'m','originalStatusCode':400}", SL_ERR_PROVIDER_REJECTED, 400,
          "ModelErrorException" },
        { 424, "ModelErrorException", "{'message':'m','OriginalStatusCode':500}", SL_ERR_PROVIDER_SERVER_ERROR, 424,
          "" },
        { 500, "InternalServerException", "{}", SL_ERR_PROVIDER_SERVER_ERROR, 500, "" },
        { 503, NULL, "<html>", SL_ERR_PROVIDER_OVERLOADED, 503, "" },
    };
    const struct sl_language *language = sl_provider_find(SL_STR("bedrock"))->languages[SL_LLM_CHAT];
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_headers headers = { 0 };
        struct sl_llm_error error = { 0 };
        help_init(&h);
        if (rows[i].name) {
            assert_int_equal(sl_headers_add(&headers, &h.arena, SL_STR("x-amzn-errortype"), sl_str_c(rows[i].name)), 0);
        }
        language->read_error(rows[i].status, &headers, quoted(&h, rows[i].body), &h.arena, &error);
        int status = sl_error_status(&error);
        if (error.type != rows[i].type || status != rows[i].want || !sl_str_eq_c(error.code, rows[i].code)) {
            fail_msg("row %zu: type %d, status %d, code '%.*s'", i, error.type, status, SL_STR_ARG(error.code));
        }
        help_done(&h);
    }
}

/* The first quotes that fit are there, and the rest is reported as lost. */
static void quotes_have_a_bound(void **state)
{
    (void)state;
    static const struct {
        size_t n, bytes, want;
        bool is_lost;
    } rows[] = {
        { 3, 1000, 3, false }, { 3, 500000, 2, true }, { 1, 1 << 20, 0, true }, { 1, (1 << 20) - 1000, 1, false }
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        struct sl_buf text = SL_BUF_INIT(8u << 20);
        sl_buf_add_char(&text, '[');
        for (size_t k = 0; k < rows[i].n; k++) {
            sl_buf_printf(&text, "%s{\"location\":{\"documentPage\":{\"start\":%zu}},\"sourceContent\":[{\"text\":\"",
                          k ? "," : "", k);
            for (size_t b = 0; b < rows[i].bytes; b++) {
                sl_buf_add_char(&text, 'a');
            }
            sl_buf_add_lit(&text, "\"}]}");
        }
        sl_buf_add_char(&text, ']');
        struct sl_json doc, quotes;
        struct sl_err err = { 0 };
        struct sl_reading rd = SL_READING_REPLY(&h.arena, &err);
        struct sl_cited cited;
        sl_json_init(&doc, NULL);
        sl_json_init(&quotes, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_buf_str(&text)), 0);
        sl_bedrock_citations_read(&rd, sl_json_root(&doc), 0, 1, &cited);
        assert_int_equal(rd.status, 0);
        assert_int_equal(rd.lost & SL_LOST_CITATIONS, rows[i].is_lost ? SL_LOST_CITATIONS : 0);
        assert_int_equal(cited.quotes.p != NULL, rows[i].want > 0);
        if (rows[i].want) {
            assert_int_equal(sl_json_parse(&quotes, cited.quotes), 0);
            assert_int_equal(sl_json_count(sl_json_root(&quotes)), rows[i].want);
        }
        sl_json_done(&quotes);
        sl_json_done(&doc);
        sl_buf_done(&text);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse_says_what_the_call_says),
        cmocka_unit_test(quotes_have_a_bound),
        cmocka_unit_test(converse_takes_tools_and_forms_of_answers),
        cmocka_unit_test(converse_takes_media_and_thoughts),
        cmocka_unit_test(mlflow_calls_are_converse),
        cmocka_unit_test(old_models_complete_in_their_own_words),
        cmocka_unit_test(texts_are_embedded),
        cmocka_unit_test(converse_replies),
        cmocka_unit_test(old_models_and_embeddings_reply),
        cmocka_unit_test(exceptions_are_told_apart),
    };
    return cmocka_run_group_tests_name("llm/bedrock", tests, NULL, NULL);
}
