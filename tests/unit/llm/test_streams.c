/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of languages that are read event by event, in pieces of 1, 3 and all bytes, as OpenAI's client gets them:
 * what is missing in between is added, and what is wrong is reported. */
#include "table.h"

#include <zlib.h>

#include "llm/openai/chunks.h"

#define HI      ",'messages':[{'role':'user','content':'hi'}],'stream':true"
#define E(json) "data: " json "\n\n"

static void gemini_streams(void **state)
{
    (void)state;
    static const struct route route = { "gemini", "{'gemini_api_key':'k'}", SL_LLM_CHAT, &sl_dialect_openai };
#define G(parts, more) E("{'candidates':[{'content':{'parts':[" parts "]}" more "}]}")
#define M              "gemini-2.5-flash"
    static const struct told rows[] = {
        { M, HI,
          E("{'candidates':[{'content':{'parts':[{'text':'a'}]}}],'responseId':'r','modelVersion':'v'}")
              G("{'text':'b'}", ",'finishReason':'STOP'"),
          "0 {'role':'assistant','content':''} null; 0 {'content':'a'} null; 0 {'content':'b'} null; 0 {} 'stop'; "
          "[DONE]; " },
        { M, HI, G("{'text':'hm','thought':true},{'text':'a'}", "") G("{'text':''}", ",'finishReason':'MAX_TOKENS'"),
          "0 {'role':'assistant','content':''} null; 0 {'reasoning_content':'hm'} null; 0 {'content':'a'} null; 0 {} "
          "'length'; [DONE]; " },
        { M, HI,
          G("{'functionCall':{'id':'c','name':'f','args':{'x':1}},'thoughtSignature':'QUJD'}",
            ",'finishReason':'STOP'"),
          "0 {'role':'assistant','content':''} null; 0 "
          "{'tool_calls':[{'index':0,'id':'c','type':'function','function':{'name':'f','arguments':''},'extra_content':"
          "{'google':{'thought_signature':'QUJD'}}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'x\\':1}'}}]} null; 0 {} 'tool_calls'; [DONE]; " },
        { M, HI,
          G("{'inlineData':{'mimeType':'image/png','data':'QUJD'}},{'executableCode':{}}", ",'finishReason':'STOP'"),
          "*data:image/png;base64,QUJD" },
        { M, HI, E("{'promptFeedback':{'blockReason':'SAFETY'}}"), "*'finish_reason':'content_filter'" },
        { M, HI, G("", ",'finishReason':'MALFORMED_FUNCTION_CALL','finishMessage':'oh'"),
          "*The model ended with MALFORMED_FUNCTION_CALL and no answer: oh" },
        { M, HI, G("", ",'finishReason':'SAFETY','finishMessage':'no'"), "*'refusal':'no'" },
        { M, HI, G("{'text':'a'}", "") E("{'error':{'code':503,'message':'busy','status':'UNAVAILABLE'}}"),
          "*'message':'busy'" },
        { M, HI, E("[{'error':{'code':401,'message':'key AIza','status':'UNAUTHENTICATED'}}]"),
          "*refused this gateway" },
        { M, HI ",'stream_options':{'include_usage':true}",
          G("{'text':'a'}", ",'finishReason':'STOP'")
              E("{'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':4,'totalTokenCount':7}}"),
          "*'usage':{'prompt_tokens':3,'completion_tokens':4,'total_tokens':7" },
        { M, HI,
          E("{'candidates':[{'index':1,'content':{'parts':[{'text':'b'}]},'finishReason':'STOP'},{'index':0,'content':{"
            "'parts':[{'text':'a'}]},'finishReason':'STOP'}]}"),
          "*'index':1,'delta':{'content':'b'}" },
    /* sources: where characters of the text so far are not bytes, only the places that are known */
#define GROUNDED(segment)                                                                              \
    ",'finishReason':'STOP','groundingMetadata':{'groundingChunks':[{'web':{'uri':'u','title':'T'}}]," \
    "'groundingSupports':[{'segment':{" segment "},'groundingChunkIndices':[0]}]}"
#define LONG          "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01" /* 64 */
#define CITED(places) "*{'annotations':[{'type':'url_citation','url_citation':{" places "'url':'u','title':'T'}}]}"
        { M, HI, G("{'text':'ab'}", "") G("{'text':'cd'}", GROUNDED("'startIndex':1,'endIndex':3")),
          CITED("'start_index':1,'end_index':3,") },
        { M, HI, G("{'text':'aä'}", "") G("{'text':'ü'}", GROUNDED("'startIndex':1,'endIndex':5")),
          CITED("'start_index':1,'end_index':3,") },
        { M, HI, G("{'text':'aäb'}", "") G("{'text':''}", GROUNDED("'startIndex':3,'endIndex':4")),
          CITED("'start_index':2,'end_index':3,") },
        { M, HI,
          G("{'text':'ä'}", "") G("{'text':'€b😀'}", "") G("{'text':'cü'}", GROUNDED("'startIndex':5,'endIndex':10")),
          CITED("'start_index':2,'end_index':4,") },
        { M, HI,
          G("{'text':'ä'}", "") G("{'text':'€b😀'}", "") G("{'text':'cü'}", GROUNDED("'startIndex':2,'endIndex':13")),
          CITED("'start_index':1,'end_index':6,") },
        { M, HI,
          G("{'text':'" LONG LONG "ä" LONG "ü'}", "")
              G("{'text':'" LONG "'}", GROUNDED("'startIndex':131,'endIndex':259")),
          CITED("'start_index':130,'end_index':257,") },
        { M, HI, G("{'text':'ä'}", GROUNDED("'startIndex':2,'endIndex':9")), CITED("") },
        { M, HI,
          G("{'text':'hm','thought':true},{'text':'ab'},{'functionCall':{'name':'f'}}", GROUNDED("'endIndex':2")),
          CITED("'start_index':0,'end_index':2,") },
        { M, HI, G("{'text':'ab'}", GROUNDED("'partIndex':1,'endIndex':2")), CITED("") },
        /* after the end nothing counts; before it the stream is cut */
        { M, HI, G("{'text':'a'}", ",'finishReason':'STOP'") G("{'text':'late'}", "") E("[DONE]"),
          "*'finish_reason':'stop'" },
        { M, HI, G("{'text':'a'}", ""), "!" },
        { M, HI, E("{'candidates':[{'index':99}]}"), "!" },
        { M, HI, E("5"), "!" },
        { M, HI, E("{'candidates':"), "!" },
    };
    STREAMS(&route, rows);
}

static void cohere_streams(void **state)
{
    (void)state;
    static const struct route route = { "cohere", "{'cohere_api_key':'k'}", SL_LLM_CHAT, &sl_dialect_openai };
#undef M
#define M                 "command-r-plus-08-2024"
#define START             E("{'type':'message-start','id':'c'}")
#define TEXT(t)           E("{'type':'content-delta','index':0,'delta':{'message':{'content':{'text':'" t "'}}}}")
#define END(reason, more) E("{'type':'message-end','delta':{'finish_reason':'" reason "'" more "}}")
#define CALLED(at, call)  E("{'type':'tool-call-start','index':" at ",'delta':{'message':{'tool_calls':" call "}}}")
#define ARGS(at, text)                                                                                            \
    E("{'type':'tool-call-delta','index':" at ",'delta':{'message':{'tool_calls':{'function':{'arguments':'" text \
      "'}}}}}")
    static const struct told rows[] = {
        { M, HI,
          START E("{'type':'content-start','index':0,'delta':{'message':{'content':{'type':'text','text':''}}}}")
              TEXT("a") TEXT("b") E("{'type':'content-end','index':0}")
                  END("COMPLETE", ",'usage':{'tokens':{'input_tokens':3,'output_tokens':4}}"),
          "0 {'role':'assistant','content':''} null; 0 {'content':'a'} null; 0 {'content':'b'} null; 0 {} 'stop'; "
          "[DONE]; " },
        { M, HI,
          START E("{'type':'content-start','index':0,'delta':{'message':{'content':{'thinking':'hm'}}}}") TEXT("a")
              END("MAX_TOKENS", ""),
          "0 {'role':'assistant','content':''} null; 0 {'reasoning_content':'hm'} null; 0 {'content':'a'} null; 0 {} "
          "'length'; [DONE]; " },
        { M, HI,
          START E("{'type':'tool-plan-delta','delta':{'message':{'tool_plan':'I go'}}}")
              CALLED("0", "{'id':'t','type':'function','function':{'name':'f','arguments':''}}") ARGS("0", "{\\'x\\'")
                  ARGS("0", ":1}") E("{'type':'tool-call-end','index':0}") CALLED("1", "[{'function':{'name':'g'}}]")
                      END("TOOL_CALL", ""),
          "0 {'role':'assistant','content':''} null; 0 {'content':'I go'} null; 0 "
          "{'tool_calls':[{'index':0,'id':'t','type':'function','function':{'name':'f','arguments':''}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'x\\''}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':':1}'}}]} null; 0 "
          "{'tool_calls':[{'index':1,'id':'call_af63de4c8601eff2_0_2','type':'function','function':{'name':'g','"
          "arguments':''}}]} null; 0 {'tool_calls':[{'index':1,'function':{'arguments':'{}'}}]} null; 0 {} "
          "'tool_calls'; [DONE]; " },
        { M, HI, START CALLED("0", "{'id':'t','function':{'name':'f','arguments':{'x':1}}}") END("TOOL_CALL", ""),
          "*'arguments':'{\\'x\\':1}'" },
        { M, HI,
          "event: message-start\n" E("{'id':'c'}") "event: content-delta\n" E(
              "{'delta':{'message':{'content':{'text':'a'}}}}") "event: message-end\n" E("{'delta':{}}"),
          "*'finish_reason':'stop'" },
        { M, HI,
          START E("{'type':'citation-start','delta':{}}") TEXT("a") END("STOP_SEQUENCE", "") TEXT("late") E("[DONE]"),
          "*'finish_reason':'stop'" },
        { M, HI, START TEXT("a") END("ERROR", ",'error':'it broke'"), "*it broke" },
        { M, HI, START END("TIMEOUT", ""), "*The model ended with TIMEOUT and no answer" },
        { M, HI, START END("ERROR", ""), "*The model ended with ERROR and no answer" },
        { M, HI, START E("{'message':'too many tokens'}"), "*too many tokens" },
        { M, HI, START E("{'error':{'message':'busy'}}"), "*busy" },
        { M, HI, START TEXT("\\ud83d") TEXT("\\ude00") END("COMPLETE", ""), "*'content':'😀'" },
        { M, HI, START ARGS("0", "x"), "!" },
        { M, HI, START TEXT("a"), "!" },
        { M, HI, E("[1]"), "!" },
    };
    STREAMS(&route, rows);
}

static void texts_stream(void **state)
{
    (void)state;
    static const struct route route = { "huggingface-text-generation-inference",
                                        "{'hf_server_url':'http://127.0.0.1:8080'}", SL_LLM_COMPLETIONS,
                                        &sl_dialect_openai };
    static const struct told rows[] = {
        { "m", ",'prompt':'hi'",
          E("{'token':{'text':'a'}}")
              E("{'token':{'text':'b'},'generated_text':'ab','details':{'finish_reason':'eos_token'}}"),
          "*'finish_reason':'stop'" },
        { "m", ",'prompt':'hi'", E("{'token':null,'error':'it is full','error_type':'overloaded'}"), "*it is full" },
        { "m", ",'prompt':'hi'", E("{'token':{'text':'a'}}"), "!" },
    };
    STREAMS(&route, rows);
}

static void responses_stream(void **state)
{
    (void)state;
    static const struct route route = { "openai", "{'openai_api_key':'k','openai_api':'responses'}", SL_LLM_CHAT,
                                        &sl_dialect_openai };
#undef M
#define M                     "gpt-5"
#define CREATED               E("{'type':'response.created','response':{'id':'r','model':'m','created_at':7}}")
#define ADDED(at, item)       E("{'type':'response.output_item.added','output_index':" at ",'item':" item "}")
#define PIECE(type, at, text) E("{'type':'response." type "','output_index':" at ",'delta':'" text "'}")
#define DONE(at, item)        E("{'type':'response.output_item.done','output_index':" at ",'item':" item "}")
#define LAST(type, more)      E("{'type':'response." type "','response':{'id':'r'" more "}}")
#define USAGE \
    ",'usage':{'input_tokens':3,'output_tokens':4,'total_tokens':7,'output_tokens_details':{'reasoning_tokens':2}}"
    static const struct told rows[] = {
        { M, HI, CREATED LAST("completed", ""),
          "*{'id':'r','object':'chat.completion.chunk','created':7,'model':'m'," },
        { M, HI,
          CREATED ADDED("0", "{'type':'message'}") PIECE("output_text.delta", "0", "a")
              PIECE("output_text.delta", "0", "b") LAST("completed", USAGE),
          "0 {'role':'assistant','content':''} null; 0 {'content':'a'} null; 0 {'content':'b'} null; 0 {} 'stop'; "
          "[DONE]; " },
        { M, HI,
          CREATED ADDED("0", "{'type':'reasoning','id':'rs'}") PIECE("reasoning_summary_text.delta", "0", "hm")
              PIECE("output_text.delta", "1", "a")
                  LAST("incomplete", ",'status':'incomplete','incomplete_details':{'reason':'max_output_tokens'}"),
          "0 {'role':'assistant','content':''} null; 0 {'reasoning_content':'hm'} null; 0 {'content':'a'} null; 0 {} "
          "'length'; [DONE]; " },
        { M, HI,
          CREATED ADDED("0", "{'type':'function_call','call_id':'c','name':'f'}")
              PIECE("function_call_arguments.delta", "0", "{\\'x\\'") PIECE("function_call_arguments.delta", "0", ":1}")
                  DONE("0", "{'type':'function_call','call_id':'c','name':'f','arguments':'{\\'x\\':1}'}")
                      LAST("completed", ""),
          "0 {'role':'assistant','content':''} null; 0 "
          "{'tool_calls':[{'index':0,'id':'c','type':'function','function':{'name':'f','arguments':''}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'x\\''}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':':1}'}}]} null; 0 {} 'tool_calls'; [DONE]; " },
        { M, HI,
          CREATED DONE("0", "{'type':'message','content':[{'type':'output_text','text':'whole'}]}")
              LAST("completed", ""),
          "*'content':'whole'" },
        { M, HI, CREATED PIECE("refusal.delta", "0", "no") LAST("completed", ""), "*'refusal':'no'" },
        { M, HI, CREATED LAST("incomplete", ",'status':'incomplete','incomplete_details':{'reason':'content_filter'}"),
          "*'finish_reason':'content_filter'" },
        { M, HI, CREATED LAST("failed", ",'error':{'code':'server_error','message':'it broke'}"), "*it broke" },
        { M, HI, CREATED E("{'type':'error','code':'rate_limit_exceeded','message':'slow'}"), "*slow" },
        { M, HI,
          CREATED PIECE("output_text.delta", "0", "a") E("{'type':'response.what','x':1}") LAST("completed", "")
              PIECE("output_text.delta", "0", "late"),
          "*'finish_reason':'stop'" },
        { M, HI, CREATED PIECE("output_text.delta", "0", "a"), "!" },
        { M, HI, E("5"), "!" },
    };
    STREAMS(&route, rows);
}

/* --- Amazon's frames --- */

static void u32_add(struct sl_buf *out, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        sl_buf_add_char(out, (char)(n >> shift));
    }
}

static void header_add(struct sl_buf *out, const char *name, struct sl_str value)
{
    sl_buf_add_char(out, (char)strlen(name));
    sl_buf_add_c(out, name);
    sl_buf_add_char(out, 7); /* a text */
    sl_buf_add_char(out, (char)(value.n >> 8));
    sl_buf_add_char(out, (char)value.n);
    sl_buf_add_str(out, value);
}

static void frame_add(struct sl_buf *out, struct sl_str name, struct sl_str payload)
{
    struct sl_buf headers = SL_BUF_INIT(1024);
    bool is_exception = sl_str_has_suffix(name, SL_STR("Exception"));
    size_t from = out->len;
    header_add(&headers, is_exception ? ":exception-type" : ":event-type", name);
    header_add(&headers, ":message-type", is_exception ? SL_STR("exception") : SL_STR("event"));
    u32_add(out, (uint32_t)(16 + headers.len + payload.n));
    u32_add(out, (uint32_t)headers.len);
    u32_add(out, (uint32_t)crc32(0, (const unsigned char *)out->p + from, 8));
    sl_buf_add_str(out, sl_buf_str(&headers));
    sl_buf_add_str(out, payload);
    u32_add(out, (uint32_t)crc32(0, (const unsigned char *)out->p + from, (unsigned)(out->len - from)));
    sl_buf_done(&headers);
}

/* "name {json}" a line, to frames. */
static struct sl_str frames_make(struct help *h, struct sl_str lines)
{
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    struct sl_str line;
    while (sl_str_next(&lines, '\n', &line)) {
        ptrdiff_t blank = sl_str_find_char(line, ' ', 0);
        if (blank > 0) {
            frame_add(&out, sl_str_sub(line, 0, (size_t)blank), sl_str_sub(line, (size_t)blank + 1, line.n));
        }
    }
    struct sl_str bytes = sl_arena_dup(&h->arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return bytes;
}

static void bedrock_streams(void **state)
{
    (void)state;
    static const struct route route = {
        "bedrock", "{'aws_config':{'aws_region':'eu-west-1','aws_access_key_id':'A','aws_secret_access_key':'s'}}",
        SL_LLM_CHAT, &sl_dialect_openai
    };
#undef M
#define M                "eu.amazon.nova-pro-v1:0"
#define START_B          "messageStart {'role':'assistant'}\n"
#define DELTA(at, delta) "contentBlockDelta {'contentBlockIndex':" at ",'delta':" delta "}\n"
#define OPEN(at, tool)   "contentBlockStart {'contentBlockIndex':" at ",'start':{'toolUse':" tool "}}\n"
#define CLOSE(at)        "contentBlockStop {'contentBlockIndex':" at "}\n"
#define STOP(reason)     "messageStop {'stopReason':'" reason "'}\n"
#define META             "metadata {'usage':{'inputTokens':3,'outputTokens':4,'cacheReadInputTokens':5}}\n"
    static const struct told rows[] = {
        { M, HI, START_B DELTA("0", "{'text':'a'}") DELTA("0", "{'text':'b'}") CLOSE("0") STOP("end_turn") META,
          "0 {'role':'assistant','content':''} null; 0 {'content':'a'} null; 0 {'content':'b'} null; 0 {} 'stop'; "
          "[DONE]; " },
        { M, HI ",'stream_options':{'include_usage':true}", START_B DELTA("0", "{'text':'a'}") STOP("max_tokens") META,
          "*'prompt_tokens':8,'completion_tokens':4" },
        { M, HI,
          START_B DELTA("0", "{'reasoningContent':{'text':'hm'}}") DELTA("0", "{'reasoningContent':{'signature':'s'}}")
              CLOSE("0") DELTA("1", "{'text':'a'}") STOP("end_turn"),
          "0 {'role':'assistant','content':''} null; 0 {'reasoning_content':'hm'} null; 0 "
          "{'thinking_blocks':[{'index':0,'type':'thinking','signature':'s'}]} null; 0 {'content':'a'} null; 0 {} "
          "'stop'; [DONE]; " },
        { M, HI,
          START_B DELTA("0", "{'reasoningContent':{'redactedContent':'QUJD'}}") DELTA("1", "{'text':'a'}")
              STOP("end_turn"),
          "*redacted_thinking" },
        { M, HI,
          START_B OPEN("0", "{'toolUseId':'t','name':'f'}") DELTA("0", "{'toolUse':{'input':'{\\'x\\'}'}}") CLOSE("0")
              OPEN("1", "{'name':'g'}") STOP("tool_use"),
          "0 {'role':'assistant','content':''} null; 0 "
          "{'tool_calls':[{'index':0,'id':'t','type':'function','function':{'name':'f','arguments':''}}]} null; 0 "
          "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'x\\'}'}}]} null; 0 "
          "{'tool_calls':[{'index':1,'id':'call_cbf29ce484222325_0_1','type':'function','function':{'name':'g','"
          "arguments':''}}]} null; 0 {'tool_calls':[{'index':1,'function':{'arguments':'{}'}}]} null; 0 {} "
          "'tool_calls'; [DONE]; " },
        { M, HI,
          START_B OPEN("0", "{'toolUseId':'t','name':'structured_answer'}") DELTA("0", "{'toolUse':{'input':'{}'}}")
              CLOSE("0") STOP("tool_use"),
          "*'finish_reason':'stop'" },
        { M, HI, START_B DELTA("0", "{'text':'a'}") "novelty {'x':1}\n" STOP("guardrail_intervened") STOP("end_turn"),
          "*'finish_reason':'content_filter'" },
        { M, HI,
          START_B DELTA("0", "{'text':'a'}") "ThrottlingException {'message':'slow'}\n" DELTA("0", "{'text':'late'}"),
          "*slow" },
        { M, HI, START_B "ModelStreamErrorException {'message':'m','originalStatusCode':500}\n", "*'message':'m'" },
        { M, HI, START_B STOP("malformed_tool_use"), "!" },
        { M, HI, START_B DELTA("0", "{'text':'a'}") DELTA("0", "{'reasoningContent':{'text':'hm'}}"), "!" },
        { M, HI, START_B DELTA("0", "{'toolUse':{'input':'x'}}"), "!" },
        { M, HI, START_B DELTA("99999", "{'text':'a'}"), "!" },
        { M, HI, START_B "contentBlockDelta {'delta':{'text':'a'}}\n", "!" },
        { M, HI, START_B "contentBlockDelta nonsense\n", "!" },
        { M, HI, START_B DELTA("0", "{'text':'a'}"), "!" },
    };
    size_t n_wrong = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        n_wrong += !bytes_are_right(&route, i, &rows[i], frames_make(&h, quoted(&h, rows[i].up)));
        help_done(&h);
    }
    assert_int_equal(n_wrong, 0);
}

/* A chunk's beginning is the same text, whether it is written at once or member by member. */
static void chunks_begin(void **state)
{
    (void)state;
    static const char *const names[] = { "chatcmpl-1", "",         "a \"b\"", "back\\slash",
                                         "line\nend",  "\xc3\xa9", "\xff",    "\x7f" };
    struct sl_call call = { .type = SL_LLM_CHAT, .model = SL_STR("route") };
    struct sl_env env = { .wall_usec = 1000000 };
    for (size_t i = 0; i < SL_ARRAY_LEN(names) * SL_ARRAY_LEN(names) * 2; i++) {
        struct sl_str id = sl_str_c(names[i / 2 % SL_ARRAY_LEN(names)]),
                      model = sl_str_c(names[i / 2 / SL_ARRAY_LEN(names)]);
        struct sl_delta start = { .kind = SL_DELTA_START, .id = id, .model = model, .created = i % 2 ? 1735689600 : 0 };
        struct sl_chunks chunks = { 0 };
        struct sl_buf got = SL_BUF_INIT(4096), want = SL_BUF_INIT(4096);
        struct sl_jw w;
        sl_chunks_identify(&chunks, &call, &env, &start);
        sl_chunks_write_begin(&chunks, "chat.completion.chunk", &w, &got);
        sl_jw_object(&w);
        sl_jw_end(&w);
        sl_jw_u64(&w, 7);
        sl_jw_end(&w);
        sl_jw_member_null(&w, "usage");
        sl_jw_end(&w);
        assert_int_equal(w.depth, 0);
        sl_buf_add_lit(&want, "data: ");
        sl_jw_init(&w, &want);
        sl_chunks_write_head(&w, sl_str_make(chunks.id, chunks.id_len), "chat.completion.chunk", start.created,
                             sl_str_make(chunks.model, chunks.model_len));
        sl_buf_add_lit(&want, ",\"choices\":[{},7],\"usage\":null}");
        assert_true(sl_str_eq(sl_buf_str(&got), sl_buf_str(&want)));
        sl_buf_done(&got);
        sl_buf_done(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemini_streams),   cmocka_unit_test(cohere_streams),  cmocka_unit_test(texts_stream),
        cmocka_unit_test(responses_stream), cmocka_unit_test(bedrock_streams), cmocka_unit_test(chunks_begin),
    };
    return cmocka_run_group_tests_name("llm/streams", tests, NULL, NULL);
}
