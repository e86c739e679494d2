/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to Gemini's API and to Vertex AI: contents, generationConfig, embeddings, and what becomes of their replies. */
#include "table.h"

#define CONFIG "{'gemini_api_key':'k'}"
#define VERTEX                                                                                                        \
    "{'vertex_project':'p','vertex_location':'europe-west4','vertex_credentials':'{\\'type\\':\\'authorized_user\\'," \
    "\\'client_id\\':\\'c\\',\\'client_secret\\':\\'s\\',\\'refresh_token\\':\\'r\\'}'}"
#define G2  "gemini-2.5-flash"
#define PRO "gemini-2.5-pro"
#define G3  "gemini-3-pro-preview"

#define HI               ",'messages':[{'role':'user','content':'hi'}]"
#define SAYS(content)    ",'messages':[{'role':'user','content':[" content "]}]"
#define TOOL(name, more) "{'type':'function','function':{'name':'" name "'" more "}}"
#define TEXT(text)       "{'type':'text','text':'" text "'}"
#define IMAGE(url)       "{'type':'image_url','image_url':{'url':'" url "'}}"
#define CALL(id, name)   "{'id':'" id "','type':'function','function':{'name':'" name "','arguments':'{}'}}"
#define RESULT(id, text) "{'role':'tool','tool_call_id':'" id "','content':'" text "'}"

static const struct route chat = { "gemini", CONFIG, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route mlflow_chat = { "gemini", CONFIG, SL_LLM_CHAT, &sl_dialect_mlflow };
static const struct route completions = { "gemini", CONFIG, SL_LLM_COMPLETIONS, &sl_dialect_openai };
static const struct route embeddings = { "gemini", CONFIG, SL_LLM_EMBEDDINGS, &sl_dialect_openai };
static const struct route vertex_chat = { "vertex_ai", VERTEX, SL_LLM_CHAT, &sl_dialect_openai };
static const struct route vertex_embeddings = { "vertex_ai", VERTEX, SL_LLM_EMBEDDINGS, &sl_dialect_openai };

static void generation_config_says_what_the_call_says(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { G2, HI, "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}", NULL,
          "/v1beta/models/gemini-2.5-flash:generateContent" },
        { G2, HI ",'stream':true,'user':'u'", "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}", "user",
          "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse" },
        { G2, HI ",'max_tokens':5,'temperature':0.5,'top_p':0.9,'top_k':3,'n':2,'seed':7,'stop':['a','','b']",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':5,'temperature':"
          "0.5,'topP':0.9,'topK':3,'candidateCount':2,'seed':7,'stopSequences':['a','b']}}" },
        { G2, HI ",'presence_penalty':0.5,'frequency_penalty':-1",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'presencePenalty':0.5,'"
          "frequencyPenalty':-1}}" },
        { G2, HI ",'stop':['a','b','c','d','e','f']", "!at most 5" },
        { G2, HI ",'max_tokens':9000000",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':65536}}",
          "max_tokens" },
        { G2, HI ",'logprobs':true,'top_logprobs':3",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseLogprobs':true,'logprobs'"
          ":3}}" },
        { G2, HI ",'logprobs':true,'stream':true",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseLogprobs':true}}" },
        { G2, HI ",'modalities':['text','image']",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseModalities':['TEXT','"
          "IMAGE']}}" },
        { G2, HI ",'modalities':['image']",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseModalities':['IMAGE']}"
          "}" },
        { G2, HI ",'modalities':['audio']", "!answer with text and images only" },
        { G2, HI ",'response_format':{'type':'json_object'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseMimeType':'application/"
          "json'}}" },
        { G2,
          HI ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object','properties'"
             ":{'a':{'type':'string'}}}}}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'responseMimeType':'application/"
          "json','responseJsonSchema':{'type':'object','properties':{'a':{'type':'string'}}}}}" },
        /* thinking */
        { G2, HI ",'reasoning_effort':'low','max_tokens':100",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':1124,'"
          "thinkingConfig':{'thinkingBudget':1024,'includeThoughts':true}}}" },
        { G2, HI ",'reasoning_effort':'none'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingBudget'"
          ":0}}}" },
        { PRO, HI ",'reasoning_effort':'none'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingBudget'"
          ":128}}}" },
        { G3, HI ",'reasoning_effort':'medium'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingLevel':"
          "'HIGH','includeThoughts':true}}}" },
        { G3, HI ",'reasoning_effort':'none'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingLevel':"
          "'LOW'}}}" },
        { G2, HI ",'reasoning_effort':'much'", "!'reasoning_effort'" },
        { "gemini-2.0-flash", HI ",'reasoning_effort':'low'", "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}",
          "reasoning_effort" },
        { "gemini-2.0-flash", HI ",'reasoning_effort':'none'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}" },
        { G2, HI ",'thinking_config':{'thinkingBudget':7},'reasoning_effort':'low'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingBudget'"
          ":7}}}",
          "reasoning_effort" },
        { G2, HI ",'extra_body':{'google':{'thinking_config':{'include_thoughts':true}}}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'include_"
          "thoughts':true}}}" },
        { G2, HI ",'thinking':{'type':'enabled','budget_tokens':500},'max_tokens':100",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':600,'"
          "thinkingConfig':{'thinkingBudget':500,'includeThoughts':true}}}" },
        { G2, HI ",'thinking':{'type':'disabled'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingBudget'"
          ":0}}}" },
        { PRO, HI ",'thinking':{'type':'disabled'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingBudget'"
          ":128}}}" },
        { G3, HI ",'thinking':{'type':'enabled','budget_tokens':500}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingLevel':"
          "'LOW','includeThoughts':true}}}" },
        { G3, HI ",'thinking':{'type':'disabled'},'reasoning_effort':'high'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingLevel':"
          "'HIGH','includeThoughts':true}}}",
          "thinking" },
        { G3, HI ",'thinking':{'type':'adaptive'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{"
          "'includeThoughts':true}}}" },
        { G2, HI ",'thinking':{'type':'adaptive'},'max_tokens':100",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':100,'"
          "thinkingConfig':{'includeThoughts':true}}}" },
        { G3, HI ",'thinking':{'type':'adaptive'},'reasoning_effort':'low'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'thinkingConfig':{'thinkingLevel':"
          "'LOW','includeThoughts':true}}}" },
        { "gemini-2.0-flash", HI ",'thinking':{'type':'adaptive'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}", "thinking" },
        { "gemini-2.0-flash", HI ",'thinking':{'type':'disabled'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}" },
        /* both are more than the model has: the budget gives way */
        { G2, HI ",'thinking':{'type':'enabled','budget_tokens':24576},'max_tokens':65000",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':65536,'"
          "thinkingConfig':{'thinkingBudget':536,'includeThoughts':true}}}" },
        /* Gemini's own words, and tiers */
        { G2, HI ",'safety_settings':[{'category':'c'}],'cachedContent':'cachedContents/x','labels':{'a':'b'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'safetySettings':[{'category':'c'}],'cachedContent':'"
          "cachedContents/x'}",
          "labels" },
        { G2, HI ",'google':{'safety_settings':[],'cached_content':'c'}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'safetySettings':[],'cachedContent':'c'}" },
        { G2, HI ",'service_tier':'flex'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'serviceTier':'flex'}" },
        { G2, HI ",'service_tier':'default'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'serviceTier':'standard'}" },
        { G2, HI ",'service_tier':'auto'", "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}" },
        { G2, HI ",'service_tier':'scale'", "{'contents':[{'role':'user','parts':[{'text':'hi'}]}]}", "service_tier" },
        { G2, HI ",'function_call':'auto'", "!function_call" },
    };
    SENT(&chat, rows);
}

static void contents_are_turns_of_parts(void **state)
{
    (void)state;
    static const struct sent rows[] = {
        { G2,
          ",'messages':[{'role':'system','content':'be "
          "brief'},{'role':'user','content':'hi'},{'role':'assistant','content':'yes'},{'role':'user','content':'so?','"
          "name':'Al'}]",
          "{'systemInstruction':{'parts':[{'text':'be "
          "brief'}]},'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'text':'yes'}]},{'"
          "role':'user','parts':[{'text':'so?'}]}]}",
          "messages.name" },
        { G2, SAYS(TEXT("a") "," TEXT("") "," IMAGE("data:image/png;base64,QUJD")),
          "{'contents':[{'role':'user','parts':[{'text':'a'},{'inlineData':{'mimeType':'image/"
          "png','data':'QUJD'}}]}]}" },
        { G2, SAYS("{'type':'image_url','image_url':{'url':'https://example.com/a.PNG?x#y','detail':'low'}}"),
          "{'contents':[{'role':'user','parts':[{'fileData':{'mimeType':'image/png','fileUri':'https://example.com/"
          "a.PNG?x#y'}}]}]}",
          "image_url.detail" },
        { G2, SAYS(IMAGE("https://example.com/a")),
          "{'contents':[{'role':'user','parts':[{'fileData':{'fileUri':'https://example.com/a'}}]}]}" },
        { G2, SAYS("{'type':'file','file':{'file_id':'files/abc','filename':'a.pdf'}}"),
          "{'contents':[{'role':'user','parts':[{'fileData':{'mimeType':'application/pdf','fileUri':'files/"
          "abc'}}]}]}" },
        { G2, SAYS("{'type':'file','file':{'file_id':'gs://b/a.mp4'}}"),
          "{'contents':[{'role':'user','parts':[{'fileData':{'mimeType':'video/mp4','fileUri':'gs://b/a.mp4'}}]}]}" },
        { G2, SAYS("{'type':'file','file':{'file_id':'file-1'}}"), "!must be the URI of a file at Google" },
        { G2, SAYS("{'type':'file','file':{'filename':'a.txt','file_data':'data:text/plain;base64,QUJD'}}"),
          "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':'text/plain','data':'QUJD'}}]}]}" },
        { G2, SAYS("{'type':'input_audio','input_audio':{'data':'QUJD','format':'wav'}}"),
          "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':'audio/wav','data':'QUJD'}}]}]}" },
        { G2, SAYS("{'type':'input_audio','input_audio':{'data':'QUJD','format':'mp3'}}"),
          "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':'audio/mp3','data':'QUJD'}}]}]}" },
        /* tools and their results, in the order of the calls */
        { G2,
          HI ",'tools':[" TOOL(
              "f", ",'description':'d','parameters':{'type':'object','properties':{'a':{'type':'string'}}}") "]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'tools':[{'functionDeclarations':[{'name':'f','"
          "description':'d','parametersJsonSchema':{'type':'object','properties':{'a':{'type':'string'}}}}]}]}" },
        { G2, HI ",'tools':[" TOOL("f", "") "],'tool_choice':'none'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'tools':[{'functionDeclarations':[{'name':'f'}]}],'"
          "toolConfig':{'functionCallingConfig':{'mode':'NONE'}}}" },
        { G2, HI ",'tools':[" TOOL("f", "") "],'tool_choice':'required','parallel_tool_calls':false",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'tools':[{'functionDeclarations':[{'name':'f'}]}],'"
          "toolConfig':{'functionCallingConfig':{'mode':'ANY'}}}",
          "parallel_tool_calls" },
        { G2,
          HI ",'tools':[" TOOL("f", "") "," TOOL("g", "") "],'tool_choice':{'type':'function','function':{'name':'g'}}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'tools':[{'functionDeclarations':[{'name':'f'},{'name'"
          ":'g'}]}],'toolConfig':{'functionCallingConfig':{'mode':'ANY','allowedFunctionNames':['g']}}}" },
        { G2,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[" CALL(
              "c1", "f") "," CALL("c2", "g") "]}," RESULT("c2", "{\\'x\\':1}") "," RESULT("c1", "plain") "]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'functionCall':{'id':'c1','"
          "name':'f','args':{}}},{'functionCall':{'id':'c2','name':'g','args':{}}}]},{'role':'user','parts':[{'"
          "functionResponse':{'id':'c1','name':'f','response':{'output':'plain'}}},{'functionResponse':{'id':'c2','"
          "name':'g','response':{'x':1}}}]}]}" },
        { G2,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'I go','tool_calls':[" CALL(
              "c1", "f") "]},"
                         "{'role':'tool','tool_call_id':'c1','content':[" TEXT("a") "," TEXT("b") "," IMAGE(
                             "data:image/png;base64,QUJD") "]}]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'text':'I "
          "go'},{'functionCall':{'id':'c1','name':'f','args':{}}}]},{'role':'user','parts':[{'functionResponse':{'id':'"
          "c1','name':'f','response':{'output':'a\\nb'}}},{'inlineData':{'mimeType':'image/png','data':'QUJD'}}]}]}" },
        { G2,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[" CALL(
              "c1", "f") "]}," RESULT("c1", "  {nonsense") "]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'functionCall':{'id':'c1','"
          "name':'f','args':{}}}]},{'role':'user','parts':[{'functionResponse':{'id':'c1','name':'f','response':{'"
          "output':'  {nonsense'}}}]}]}" },
        /* a call whose signature is lost has the one that stands for it, in the turn that goes on */
        { G3,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[" CALL(
              "c1", "f") "," CALL("c2", "f") "]}," RESULT("c1", "a") "," RESULT("c2", "b") "]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'functionCall':{'id':'c1','"
          "name':'f','args':{}},'thoughtSignature':'c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I='},{'functionCall':{'"
          "id':'c2','name':'f','args':{}}}]},{'role':'user','parts':[{'functionResponse':{'id':'c1','name':'f','"
          "response':{'output':'a'}}},{'functionResponse':{'id':'c2','name':'f','response':{'output':'b'}}}]}]}" },
        { G2,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'','thinking_blocks':[{'type':'"
          "thinking',"
          "'thinking':'hm','signature':'s'}]},{'role':'user','content':'so?'}]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'user','parts':[{'text':'so?'}]}]}",
          "thinking_blocks" },
    };
    SENT(&chat, rows);
}

static void other_types_and_dialects(void **state)
{
    (void)state;
    static const struct sent of_mlflow[] = {
        { G2, "{'messages':[{'role':'user','content':'hi'}],'temperature':1.5,'max_tokens':5}",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{'maxOutputTokens':5,'temperature':"
          "1.5}}" },
        { G2, "{'messages':[{'role':'user','content':'hi'}],'topK':1}", "!top_k" },
        { G2, "{'messages':[{'role':'user','content':'hi'}],'maxOutputTokens':1}", "!max_tokens" },
    };
    SENT(&mlflow_chat, of_mlflow);
    static const struct sent prompts[] = {
        { G2, ",'prompt':'Once'", "{'contents':[{'role':'user','parts':[{'text':'Once'}]}]}" },
        { G2, ",'prompt':'Once','echo':true", "!echo" },
    };
    SENT(&completions, prompts);
    static const struct sent texts[] = {
        { "gemini-embedding-001", ",'input':'a','dimensions':256,'task_type':'RETRIEVAL_QUERY','title':'t','user':'u'",
          "{'content':{'parts':[{'text':'a'}]},'taskType':'RETRIEVAL_QUERY','title':'t','outputDimensionality':256}",
          "user", "/v1beta/models/gemini-embedding-001:embedContent" },
        { "gemini-embedding-001", ",'input':['a','b']",
          "{'requests':[{'model':'models/gemini-embedding-001','content':{'parts':[{'text':'a'}]}},{'model':'models/"
          "gemini-embedding-001','content':{'parts':[{'text':'b'}]}}]}",
          NULL, "/v1beta/models/gemini-embedding-001:batchEmbedContents" },
    };
    SENT(&embeddings, texts);
}

static void vertex_serves_several_languages(void **state)
{
    (void)state;
#define PARENT "/v1/projects/p/locations/europe-west4/"
    static const struct sent rows[] = {
        { G2, HI ",'labels':{'a':'b'},'service_tier':'flex'",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'labels':{'a':'b'}}", "service_tier",
          PARENT "publishers/google/models/gemini-2.5-flash:generateContent" },
        { G2, SAYS(IMAGE("https://example.com/a")), "!its name must end in one" },
        { G2, ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'I'}]",
          "!this model does not go on with an assistant's words: the last of the 2 messages must be the user's" },
        { G2,
          ",'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[" CALL(
              "c1", "f") "]}," RESULT("c1", "a") "]",
          "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':[{'functionCall':{'name':'f','"
          "args':{}}}]},{'role':'user','parts':[{'functionResponse':{'name':'f','response':{'output':'a'}}}]}]}" },
        { "claude-sonnet-4-5@20250929", HI ",'max_tokens':5",
          "{'anthropic_version':'vertex-2023-10-16','max_tokens':5,'messages':[{'role':'user','content':'hi'}]}", NULL,
          PARENT "publishers/anthropic/models/claude-sonnet-4-5%4020250929:rawPredict" },
        { "claude-sonnet-4-5@20250929", HI ",'max_tokens':5,'stream':true",
          "{'anthropic_version':'vertex-2023-10-16','max_tokens':5,'messages':[{'role':'user','content':'hi'}],'stream'"
          ":true}",
          NULL, PARENT "publishers/anthropic/models/claude-sonnet-4-5%4020250929:streamRawPredict" },
        { "meta/llama-3.3-70b-instruct-maas", HI,
          "{'model':'meta/llama-3.3-70b-instruct-maas','messages':[{'role':'user','content':'hi'}]}", NULL,
          PARENT "endpoints/openapi/chat/completions" },
    };
    SENT(&vertex_chat, rows);
    static const struct sent texts[] = {
        { "text-embedding-005", ",'input':['a','b'],'dimensions':256,'task_type':'RETRIEVAL_QUERY','title':'t'",
          "{'instances':[{'content':'a','task_type':'RETRIEVAL_QUERY','title':'t'},{'content':'b','task_type':'"
          "RETRIEVAL_QUERY','title':'t'}],'parameters':{'outputDimensionality':256}}",
          NULL, PARENT "publishers/google/models/text-embedding-005:predict" },
        { "gemini-embedding-001", ",'input':['a','b']", "!input" },
        { "gemini-embedding-001", ",'input':'a','auto_truncate':false",
          "{'instances':[{'content':'a'}],'parameters':{'autoTruncate':false}}" },
        { "gemini-embedding-2", ",'input':'a','dimensions':64",
          "{'content':{'parts':[{'text':'a'}]},'embedContentConfig':{'outputDimensionality':64}}", NULL,
          PARENT "publishers/google/models/gemini-embedding-2:embedContent" },
    };
    SENT(&vertex_embeddings, texts);
    static const struct told vectors[] = {
        { "text-embedding-005", ",'input':['a','b']",
          "{'predictions':[{'embeddings':{'values':[0.5],'statistics':{'token_count':2}}},{'embeddings':{'values':[1],'"
          "statistics':{'token_count':3}}}]}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[0.5]},{'object':'embedding','index':1,"
          "'embedding':[1]}],'model':'text-embedding-005','usage':{'prompt_tokens':5,'total_tokens':5}}" },
        { "text-embedding-005", ",'input':'a'", "{'predictions':[{}]}", "!prediction 0 has no values" },
        { "text-embedding-005", ",'input':'a'", "{}", "!" },
        { "gemini-embedding-2", ",'input':'a'", "{'embedding':{'values':[0.5]},'usageMetadata':{'promptTokenCount':4}}",
          "*[0.5]" },
    };
    REPLIES(&vertex_embeddings, vectors, NULL);
}

/* --- replies --- */

#define CANDIDATE(parts, more) "{'candidates':[{'content':{'role':'model','parts':[" parts "]}" more "}]"
#define USAGE                                                                                                      \
    ",'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':4,'thoughtsTokenCount':2,'totalTokenCount':9,'" \
    "cachedContentTokenCount':1}"

static void gemini_replies(void **state)
{
    (void)state;
    static const struct told rows[] = {
        { G2, HI,
          CANDIDATE("{'text':'a'},{'text':'b'}", ",'finishReason':'STOP'") USAGE
          ",'responseId':'r','modelVersion':'v'}",
          "{'id':'r','object':'chat.completion','created':1767225600,'model':'v','choices':[{'index':0,'message':{'"
          "role':'assistant','content':'ab','refusal':null},'logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_"
          "tokens':3,'completion_tokens':6,'total_tokens':9,'prompt_tokens_details':{'cached_tokens':1},'completion_"
          "tokens_details':{'reasoning_tokens':2}}}" },
        { G2, HI, CANDIDATE("{'text':'hm','thought':true},{'text':'a'}", ",'finishReason':'MAX_TOKENS'") "}",
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'gemini-2."
          "5-flash','choices':[{'index':0,'message':{'role':'assistant','content':'a','reasoning_content':'hm','"
          "refusal':null},'logprobs':null,'finish_reason':'length'}]}" },
        { G2, HI,
          CANDIDATE("{'functionCall':{'id':'i','name':'f','args':{'x':1}},'thoughtSignature':'QUJD'}",
                    ",'finishReason':'STOP'") "}",
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'gemini-2."
          "5-flash','choices':[{'index':0,'message':{'role':'assistant','content':null,'refusal':null,'tool_calls':[{'"
          "id':'i','type':'function','function':{'name':'f','arguments':'{\\'x\\':1}'},'extra_content':{'google':{'"
          "thought_signature':'QUJD'}}}]},'logprobs':null,'finish_reason':'tool_calls'}]}" },
        { G2, HI, CANDIDATE("{'functionCall':{'name':'f'}}", ",'finishReason':'STOP'") "}", "*'arguments':'{}'" },
        { G2, HI, CANDIDATE("{'text':'a'}", ",'finishReason':'SAFETY'") "}", "*'finish_reason':'content_filter'" },
        { G2, HI, "{'promptFeedback':{'blockReason':'SAFETY'}}", "*'finish_reason':'content_filter'" },
        { G2, HI, CANDIDATE("", ",'finishReason':'MALFORMED_FUNCTION_CALL'") "}", "!" },
        { G2, HI, CANDIDATE("{'inlineData':{'mimeType':'image/png','data':'QUJD'}}", ",'finishReason':'STOP'") "}",
          "*data:image/png;base64,QUJD" },
        { G2, HI, CANDIDATE("{'text':'a'}", ",'finishReason':'STOP','groundingMetadata':{'x':1}") "}",
          "*'content':'a'" },
    /* sources: bytes of a part become characters of the whole */
#define GROUNDED(parts, chunks, supports) \
    CANDIDATE(parts, ",'groundingMetadata':{'groundingChunks':[" chunks "],'groundingSupports':[" supports "]}") "}"
#define WEB(url)               "{'web':{'uri':'" url "','title':'T'}}"
#define SUPPORT(segment, list) "{'segment':{" segment "},'groundingChunkIndices':[" list "]}"
#define CITED(places, url)     "{'type':'url_citation','url_citation':{" places "'url':'" url "','title':'T'}}"
        { G2, HI, GROUNDED("{'text':'äöü b'}", WEB("u"), SUPPORT("'startIndex':2,'endIndex':8", "0")),
          "*'annotations':[" CITED("'start_index':1,'end_index':5,", "u") "]" },
        { G2, HI,
          GROUNDED("{'text':'hm','thought':true},{'text':'ä'},{'text':'€b'}", WEB("u") "," WEB("v"),
                   SUPPORT("'endIndex':2,'partIndex':1", "0") "," SUPPORT("'partIndex':2,'startIndex':3,'endIndex':4",
                                                                          "1,0")),
          "*'annotations':[" CITED("'start_index':0,'end_index':1,", "u") "," CITED(
              "'start_index':2,'end_index':3,", "v") "," CITED("'start_index':2,'end_index':3,", "u") "]" },
        { G2, HI,
          GROUNDED("{'text':'0123456789012345678901234567890123456789012345678901234567890123ä6'}", WEB("u"),
                   SUPPORT("'startIndex':64,'endIndex':67", "0")),
          "*'annotations':[" CITED("'start_index':64,'end_index':66,", "u") "]" },
        /* a place that does not exist is left out; also a source that is not of the web */
        { G2, HI, GROUNDED("{'text':'ab'}", WEB("u"), SUPPORT("'endIndex':3", "0")),
          "*'annotations':[" CITED("", "u") "]" },
        { G2, HI, GROUNDED("{'text':'ab'}", WEB("u"), SUPPORT("'partIndex':1,'endIndex':1", "0,1,-1")),
          "*'annotations':[" CITED("", "u") "]" },
        { G2, HI, GROUNDED("{'text':'ab'}", "{'retrievedContext':{'uri':'u'}}", SUPPORT("'endIndex':1", "0")),
          "*'content':'ab','refusal':null}" },
        { G2, HI, GROUNDED("{'functionCall':{'name':'f'}}", WEB("u"), SUPPORT("'endIndex':1", "0")),
          "*'arguments':'{}'}}]}" },
        { G2, HI,
          "{'candidates':[{'index':0,'content':{'parts':[{'text':'a'}]}},{'index':1,'content':{'parts':[{'text':'b'}]},"
          "'finishReason':'STOP'}]}",
          "{'id':'chatcmpl-000000000000000100000002','object':'chat.completion','created':1767225600,'model':'gemini-2."
          "5-flash','choices':[{'index':0,'message':{'role':'assistant','content':'a','refusal':null},'logprobs':null,'"
          "finish_reason':null},{'index':1,'message':{'role':'assistant','content':'b','refusal':null},'logprobs':null,"
          "'finish_reason':'stop'}]}" },
        { G2, HI, "{}", "!" },
        { G2, HI, "[]", "!" },
        { G2, HI, "<html>", "!" },
    };
    REPLIES(&chat, rows, NULL);
    static const struct told vectors[] = {
        { "gemini-embedding-001", ",'input':'a'", "{'embedding':{'values':[0.5,1]}}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[0.5,1]}],'model':'gemini-embedding-"
          "001','usage':{'prompt_tokens':null,'total_tokens':0}}" },
        { "gemini-embedding-001", ",'input':['a','b']", "{'embeddings':[{'values':[0.5]},{'values':[1]}]}",
          "{'object':'list','data':[{'object':'embedding','index':0,'embedding':[0.5]},{'object':'embedding','index':1,"
          "'embedding':[1]}],'model':'gemini-embedding-001','usage':{'prompt_tokens':null,'total_tokens':0}}" },
        { "gemini-embedding-001", ",'input':'a'", "{}", "!" },
        { "gemini-embedding-001", ",'input':'a'", "{'embeddings':[{}]}", "!" },
    };
    REPLIES(&embeddings, vectors, NULL);
}

static void googles_errors_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum sl_error_type type;
        int want;
        const char *code, *message;
        uint64_t retry_sec;
    } rows[] = {
        { 400, "{'error':{'code':400,'message':'bad','status':'INVALID_ARGUMENT'}}", SL_ERR_PROVIDER_REJECTED, 400,
          "INVALID_ARGUMENT", "bad" },
        { 400,
          "{'error':{'code':400,'message':'API key not "
          "valid','status':'INVALID_ARGUMENT','details':[{'@type':'type.googleapis.com/"
          "google.rpc.ErrorInfo','reason':'API_KEY_INVALID'}]}}",
          SL_ERR_PROVIDER_AUTH_FAILED, 502, "INVALID_ARGUMENT", "" },
        { 429,
          "{'error':{'code':429,'message':'slow','status':'RESOURCE_EXHAUSTED','details':[{'@type':'type.googleapis."
          "com/google.rpc.RetryInfo','retryDelay':'7.2s'}]}}",
          SL_ERR_PROVIDER_RATE_LIMITED, 429, "", "slow", 8 },
        { 400,
          "{'error':{'code':400,'message':'The input token count (9) exceeds the maximum number of tokens allowed "
          "(5).','status':'INVALID_ARGUMENT'}}",
          SL_ERR_PROVIDER_REJECTED, 400, "INVALID_ARGUMENT", "" },
        { 403, "{'error':{'code':403,'message':'no','status':'PERMISSION_DENIED'}}", SL_ERR_PROVIDER_AUTH_FAILED, 502,
          "", "" },
        { 503, "[{'error':{'code':503,'message':'busy','status':'UNAVAILABLE'}}]", SL_ERR_PROVIDER_OVERLOADED, 503, "",
          "busy" },
        { 400, "{'error':{'code':400,'message':'please enable billing on project p','status':'FAILED_PRECONDITION'}}",
          SL_ERR_PROVIDER_BILLING, 502, "", "billing" },
        { 429, "{'error':{'code':429,'message':'Your prepayment credits are depleted','status':'RESOURCE_EXHAUSTED'}}",
          SL_ERR_PROVIDER_BILLING, 502, "", "" },
        { 500, "<html>", SL_ERR_PROVIDER_SERVER_ERROR, 500, "", "" },
    };
    const struct sl_language *language = sl_provider_find(SL_STR("gemini"))->languages[SL_LLM_CHAT];
    size_t n_wrong = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_headers headers = { 0 };
        struct sl_llm_error error = { 0 };
        help_init(&h);
        language->read_error(rows[i].status, &headers, quoted(&h, rows[i].body), &h.arena, &error);
        if (error.type != rows[i].type || sl_error_status(&error) != rows[i].want ||
            !sl_str_eq_c(error.code, rows[i].code) || error.retry_after_sec != rows[i].retry_sec ||
            sl_str_find(error.message, sl_str_c(rows[i].message), 0) < 0) {
            printf("row %zu: %s, status %d, code '%.*s', %.*s\n", i, sl_error_type_word(error.type),
                   sl_error_status(&error), SL_STR_ARG(error.code), SL_STR_ARG(error.message));
            n_wrong++;
        }
        help_done(&h);
    }
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generation_config_says_what_the_call_says),
        cmocka_unit_test(contents_are_turns_of_parts),
        cmocka_unit_test(other_types_and_dialects),
        cmocka_unit_test(vertex_serves_several_languages),
        cmocka_unit_test(gemini_replies),
        cmocka_unit_test(googles_errors_are_told_apart),
    };
    return cmocka_run_group_tests_name("llm/gemini", tests, NULL, NULL);
}
