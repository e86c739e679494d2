/* SPDX-License-Identifier: Apache-2.0 */
/* A model's answer: text, finish reason and tool calls, of whole replies and of streams; numbers of embeddings; values
 * by their path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "sluice/client.h"

static const char body[] = "{\"messages\": []}";

static sluice_client *client_make(int64_t max_reply_bytes)
{
    sluice_opts *opts = sluice_opts_new();
    sluice_client *client;
    assert_int_equal(sluice_opts_set_str(opts, "url", server_url(), NULL), 0);
    assert_int_equal(sluice_opts_set_int(opts, "max_reply_bytes", max_reply_bytes, NULL), 0);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    return client;
}

static sluice_result *parse(const char *json)
{
    sluice_result *result = NULL;
    if (sluice_json_parse(json, SLUICE_NUL_TERMINATED, &result, NULL) < 0) {
        fail_msg("not JSON: %s", json);
    }
    return result;
}

/* The events, with '
 * ' between them, as a stream that ends with "[DONE]". */
static sluice_result *stream(const char *events, int64_t max_reply_bytes)
{
    static char raw[1 << 16];
    sluice_client *client = client_make(max_reply_bytes);
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    size_t n = (size_t)snprintf(raw, sizeof(raw), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    while (*events) {
        size_t line = strcspn(events, "\n");
        n += (size_t)snprintf(raw + n, sizeof(raw) - n, "data: %.*s\n\n", (int)line, events);
        events += line + (events[line] != 0);
    }
    snprintf(raw + n, sizeof(raw) - n, "data: [DONE]\n\n");
    server_script(raw);
    if (sluice_query_stream(client, "script", body, sizeof(body) - 1, NULL, NULL, &result, &err) < 0) {
        fail_msg("%s", sluice_error_text(err));
    }
    sluice_close(client);
    return result;
}

/* "text|finish_reason|id name arguments|…" of one choice, "-" for a missing value. */
static void choice_write(const sluice_choice *choice, char *out, size_t cap)
{
    const char *text = sluice_choice_text(choice, NULL), *finish = sluice_choice_finish_reason(choice);
    size_t n = (size_t)snprintf(out, cap, "%s|%s", text ? text : "-", finish ? finish : "-");
    for (size_t i = 0; i < sluice_choice_tool_call_count(choice); i++) {
        const sluice_tool_call *call = sluice_choice_tool_call(choice, i);
        const char *id = sluice_tool_call_id(call), *name = sluice_tool_call_name(call);
        size_t len;
        const char *arguments = sluice_tool_call_arguments(call, &len);
        assert_true(!arguments || strlen(arguments) == len);
        n += (size_t)snprintf(out + n, cap - n, "|%s %s %s", id ? id : "-", name ? name : "-",
                              arguments ? arguments : "-");
    }
}

static void check(const char *what, const sluice_result *result, const char *want)
{
    char got[2048] = "";
    size_t n = 0;
    for (size_t i = 0; i < sluice_result_choice_count(result); i++) {
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s", i ? " & " : "");
        choice_write(sluice_result_choice(result, i), got + n, sizeof(got) - n);
        n = strlen(got);
    }
    if (strcmp(got, want) != 0) {
        fail_msg("%s\n  gives %s\n  not   %s", what, got, want);
    }
    size_t len = 0;
    const char *text = sluice_result_text(result, &len);
    assert_int_equal(len, text ? strlen(text) : 0);
    assert_ptr_equal(text, sluice_choice_text(sluice_result_choice(result, 0), NULL));
    assert_ptr_equal(sluice_result_finish_reason(result), sluice_choice_finish_reason(sluice_result_choice(result, 0)));
    assert_int_equal(sluice_result_tool_call_count(result),
                     sluice_choice_tool_call_count(sluice_result_choice(result, 0)));
    assert_ptr_equal(sluice_result_tool_call(result, 0), sluice_choice_tool_call(sluice_result_choice(result, 0), 0));
}

#define CALL(id, name, arguments) \
    "{\"id\":" id ",\"type\":\"function\",\"function\":{\"name\":" name ",\"arguments\":" arguments "}}"

static const struct {
    const char *json, *want;
} replies[] = {
    { "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", "hi|stop" },
    { "{\"choices\":[{\"text\":\"a completion\",\"finish_reason\":\"length\"}]}", "a completion|length" },
    { "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":null}]}", "|-" },
    { "{\"choices\":[{\"message\":{\"content\":null}}]}", "-|-" },
    { "{\"choices\":[{\"message\":{\"content\":\"null\"}}]}", "null|-" },
    { "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"},"
      "{\"type\":\"text\",\"text\":\"\\u00e9\"},{\"type\":\"thinking\",\"text\":\"no\"}]}}]}",
      "a\xc3\xa9|-" },
    { "{\"choices\":[{\"index\":1,\"message\":{\"content\":\"two\"}},{\"index\":0,\"message\":{\"content\":\"one\"}}]}",
      "one|- & two|-" },
    { "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[" CALL(
          "\"c1\"", "\"f\"", "\"{\\\"a\\\":1}\"") "," CALL("\"c2\"", "\"g\"",
                                                           "\"\"") "]},\"finish_reason\":\"tool_calls\"}]}",
      "-|tool_calls|c1 f {\"a\":1}|c2 g " },
    { "{\"choices\":[{\"message\":{\"tool_calls\":[" CALL("\"c\"", "\"f\"", "{\"a\": [1, 2]}") ",7]}}]}",
      "-|-|c f {\"a\": [1, 2]}|- - -" },
    { "{\"choices\":[{\"message\":{\"function_call\":{\"name\":\"old\",\"arguments\":\"{}\"}}}]}", "-|-|- old {}" },
    { "{\"choices\":[{\"message\":{\"content\":5,\"tool_calls\":{}},\"finish_reason\":5}]}", "-|-" },
    { "{\"choices\":[]}", "" },
    { "{\"choices\":null}", "" },
    { "{\"choices\":{}}", "" },
    { "[{\"choices\":[{\"text\":\"no\"}]}]", "" },
    { "{\"choices\":[7,null]}", "-|- & -|-" },
    { "\"x\"", "" },
};

static void of_whole_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        sluice_result *result = parse(replies[i].json);
        check(replies[i].json, result, replies[i].want);
        sluice_result_free(result);
    }
}

#define DELTA(members) "{\"choices\":[{\"index\":0,\"delta\":{" members "}}]}\n"
#define TOOL(members)  DELTA("\"tool_calls\":[{" members "}]")
#define END(reason)    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n"

static const struct {
    const char *events, *want;
} streams[] = {
    { DELTA("\"content\":\"h\"") DELTA("\"content\":\"\\u00e9\"") DELTA("\"content\":\" there\"") END("stop"),
      "h\xc3\xa9 there|stop" },
    { DELTA("\"role\":\"assistant\",\"content\":\"\"") END("stop"), "|stop" },
    { DELTA("\"role\":\"assistant\",\"content\":null") END("stop"), "-|stop" },
    { "{\"choices\":[{\"text\":\"a\"}]}\n{\"choices\":[{\"text\":\"b\",\"finish_reason\":\"length\"}]}\n",
      "ab|length" },
    { "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"B\"}}]}\n" DELTA(
          "\"content\":\"A\"") "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{"
                               "\"content\":\"b\"}}]}\n",
      "Aa|- & Bb|-" },
    { TOOL("\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
          TOOL("\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}")
              TOOL("\"index\":0,\"function\":{\"arguments\":\": 1}\"}") END("tool_calls"),
      "-|tool_calls|c1 f {\"a\": 1}" },
    /* two at once, pieces mixed, the second first */
    { TOOL("\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}")
          TOOL("\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"[\"}") TOOL(
              "\"index\":1,\"function\":{\"arguments\":\"}\"}") TOOL("\"index\":0,\"function\":{\"arguments\":\"]\"}"),
      "-|-|c1 f []|c2 g {}" },
    /* the id and the name again in every piece */
    { TOOL("\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"1\"}")
          TOOL("\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"2\"}"),
      "-|-|c f 12" },
    /* a name in pieces */
    { TOOL("\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"get_\"}")
          TOOL("\"index\":0,\"function\":{\"name\":\"it\"}"),
      "-|-|c get_it -" },
    /* without an index: by their ids; a piece without an id belongs to the last call */
    { TOOL("\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"1\"}")
          TOOL("\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"2\"}")
              TOOL("\"function\":{\"arguments\":\"3\"}") TOOL("\"id\":\"c1\",\"function\":{\"arguments\":\"4\"}"),
      "-|-|c1 f 14|c2 g 23" },
    { TOOL("\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\": 1}}"), "-|-|c f {\"a\": 1}" },
    { DELTA("\"function_call\":{\"name\":\"old\",\"arguments\":\"{\"}")
          DELTA("\"function_call\":{\"arguments\":\"}\"}"),
      "-|-|- old {}" },
    { DELTA("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]") DELTA("\"content\":\"y\""), "xy|-" },
    { DELTA("\"content\":\"x\"") "{\"choices\":[],\"usage\":{\"total_tokens\":3}}\n" END("stop") END("length"),
      "x|length" },
    { TOOL("\"index\":9000000000,\"id\":\"far\"") TOOL("\"index\":-1,\"id\":\"before\""), "-|-|before - -|far - -" },
    { "{\"x\":1}\n", "" },
};

static void of_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        sluice_result *result = stream(streams[i].events, 1 << 20);
        check(streams[i].events, result, streams[i].want);
        assert_string_equal(sluice_result_json(result, NULL), "");
        sluice_result_free(result);
    }
}

static void of_a_stream_that_came_whole(void **state)
{
    (void)state;
    sluice_client *client = client_make(1 << 20);
    sluice_result *result;
    server_script("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
                  "{\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"stop\"}]}");
    assert_int_equal(sluice_query_stream(client, "script", body, sizeof(body) - 1, NULL, NULL, &result, NULL), 0);
    check("whole", result, "whole|stop");
    sluice_result_free(result);
    sluice_close(client);
}

static void too_much_is_not_kept(void **state)
{
    (void)state;
    static char events[60000], json[60000];
    size_t n = 0, m;
    sluice_result *result;
    for (int i = 0; i < 20; i++) {
        n += (size_t)snprintf(
            events + n, sizeof(events) - n,
            DELTA("\"content\":\"0123456789012345678901234567890123456789012345678901234567890123\""));
    }
    result = stream(events, 1280); /* exactly as many bytes as there are */
    assert_int_equal(strlen(sluice_result_text(result, NULL)), 1280);
    sluice_result_free(result);
    result = stream(events, 1279);
    check("too long", result, "");
    sluice_result_free(result);
    /* 1,024 choices, and one more */
    for (int extra = 0; extra < 2; extra++) {
        m = (size_t)snprintf(json, sizeof(json), "{\"choices\":[");
        for (int i = 0; i < 1024 + extra; i++) {
            m += (size_t)snprintf(json + m, sizeof(json) - m, "%s{\"text\":\"x\"}", i ? "," : "");
        }
        snprintf(json + m, sizeof(json) - m, "]}");
        result = parse(json);
        assert_int_equal(sluice_result_choice_count(result), extra ? 0 : 1024);
        sluice_result_free(result);
    }
}

static void refusals(void **state)
{
    (void)state;
    size_t len;
    sluice_result *result = parse("{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no way\"}}]}");
    assert_string_equal(sluice_choice_refusal(sluice_result_choice(result, 0), &len), "no way");
    assert_int_equal(len, 6);
    sluice_result_free(result);
    result = stream(DELTA("\"refusal\":\"no \"") DELTA("\"refusal\":\"way\""), 4096);
    assert_string_equal(sluice_choice_refusal(sluice_result_choice(result, 0), &len), "no way");
    sluice_result_free(result);
}

static int on_event_note(void *arg, sluice_call *call, const sluice_event *event)
{
    char *out = arg;
    const char *finish = sluice_event_finish_reason(event);
    sluice_tokens tokens = SLUICE_TOKENS_INIT;
    int64_t index = -1;
    int is_on = -1;
    double score = 0;
    (void)call;
    snprintf(out + strlen(out), 256, "%s %d %zu ", finish ? finish : "-", sluice_event_kind(event, "choices") == 'l',
             sluice_event_count(event, "choices"));
    if (sluice_event_tokens(event, &tokens)) {
        snprintf(out + strlen(out), 256, "%d+%d=%d (%d, %d)", (int)tokens.prompt, (int)tokens.completion,
                 (int)tokens.total, (int)tokens.cached, (int)tokens.reasoning);
    }
    if (sluice_event_int(event, "[\"a.b\"][0]", &index) && sluice_event_bool(event, "[\"a.b\"][1]", &is_on) &&
        sluice_event_double(event, "[\"a.b\"][2]", &score)) {
        snprintf(out + strlen(out), 256, "%d %d %.1f %s %s %s", (int)index, is_on, score,
                 sluice_event_key(event, "", 0), sluice_event_str(event, "s", NULL),
                 sluice_event_str(event, "[\"a.b\"][0]", NULL) ? "?" : "none");
    }
    strcat(out, "; ");
    return 0;
}

static void of_events(void **state)
{
    (void)state;
    static const char raw[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        "data: {\"a.b\":[4,true,1.5],\"s\":\"null\"}\n\n"
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,"
        "\"prompt_tokens_details\":{\"cached_tokens\":1},\"completion_tokens_details\":null}}\n\ndata: [DONE]\n\n";
    char out[1024] = "";
    sluice_client *client = client_make(4096);
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    sluice_result *result;
    sluice_tokens tokens = SLUICE_TOKENS_INIT;
    callbacks.on_event = on_event_note;
    server_script(raw);
    assert_int_equal(sluice_query_stream(client, "script", body, sizeof(body) - 1, &callbacks, out, &result, NULL), 0);
    assert_string_equal(out, "- 1 1 ; stop 1 1 ; - 0 0 4 1 1.5 a.b null none; - 1 0 1+2=3 (1, -1); ");
    assert_int_equal(sluice_result_tokens(result, &tokens), 1);
    assert_true(tokens.prompt == 1 && tokens.cached == 1 && tokens.reasoning == -1);
    check(raw, result, "x|stop");
    sluice_result_free(result);
    sluice_close(client);
}

/* --- embeddings --- */

static void embeddings_as_floats(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t count, index, n;
        float want[3];
    } cases[] = {
        { "{\"data\":[{\"index\":0,\"embedding\":[1,-0.5,2.5e-3]}]}", 1, 0, 3, { 1, -0.5f, 0.0025f } },
        { "{\"data\":[{\"embedding\":[1]},{\"embedding\":[2,3]}]}", 2, 1, 2, { 2, 3, 0 } },
        { "{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":0,\"embedding\":[2]}]}", 2, 0, 1, { 2, 0, 0 } },
        { "{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":0,\"embedding\":[2]}]}", 2, 1, 1, { 1, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":[1e300]}]}", 1, 0, 1, { INFINITY, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":\"AACAPwAAAL8AAMBA\"}]}", 1, 0, 3, { 1, -0.5f, 6 } },
        { "{\"data\":[{\"index\":0,\"embedding\":\"AACAPw==\"}]}", 1, 0, 1, { 1, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":\"AACAPwA=\"}]}", 1, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":\"AAC!Pw==\"}]}", 1, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":[1,null]}]}", 1, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":[1,\"2\"]}]}", 1, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":[]}]}", 1, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0,\"embedding\":[1]}]}", 1, 1, 0, { 0, 0, 0 } },
        { "{\"data\":[{\"index\":0}]}", 0, 0, 0, { 0, 0, 0 } },
        { "{\"data\":[]}", 0, 0, 0, { 0, 0, 0 } },
        { "{\"data\":{\"embedding\":[1]}}", 0, 0, 0, { 0, 0, 0 } },
        { "{\"choices\":[]}", 0, 0, 0, { 0, 0, 0 } },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sluice_result *result = parse(cases[i].json);
        for (size_t cap = 0; cap <= 3; cap++) {
            float got[4] = { -7, -7, -7, -7 };
            size_t n = sluice_result_embedding(result, cases[i].index, cap ? got : NULL, cap);
            size_t count = sluice_result_embedding_count(result);
            if (n != cases[i].n || count != cases[i].count) {
                fail_msg("%s: %zu of %zu", cases[i].json, n, count);
            }
            for (size_t k = 0; k < n && k < cap; k++) {
                assert_true(got[k] == cases[i].want[k]);
            }
            assert_true(got[cap < n ? cap : 3] == -7);
        }
        sluice_result_free(result);
    }
}

/* --- values --- */

static void kinds_counts_and_names(void **state)
{
    (void)state;
    static const char json[] =
        "{\"null\":null,\"text\":\"null\",\"t\":true,\"f\":false,\"n\":-1.5e0,\"i\":12,\"l\":[1,[],{}],"
        "\"o\":{\"a.b\":{\"c[0]\":[\"x\",null]},\"\":1,\"q\\\"q\":\"\\u0000y\"},\"e\":{}}";
    static const struct {
        const char *path;
        int kind;
        size_t count;
        const char *get, *str; /* NULL: none */
    } cases[] = {
        { "", 'o', 9, NULL, NULL },
        { "null", '0', 0, "null", NULL },
        { "text", 's', 0, "null", "null" },
        { "t", 'b', 0, "true", NULL },
        { "f", 'b', 0, "false", NULL },
        { "n", 'n', 0, "-1.5e0", NULL },
        { "l", 'l', 3, NULL, NULL },
        { "l[1]", 'l', 0, NULL, NULL },
        { "l[2]", 'o', 0, NULL, NULL },
        { "l[3]", 0, 0, NULL, NULL },
        { "o", 'o', 3, NULL, NULL },
        { "o.a.b", 0, 0, NULL, NULL },
        { "o[\"a.b\"]", 'o', 1, NULL, NULL },
        { "o[\"a.b\"][\"c[0]\"]", 'l', 2, NULL, NULL },
        { "o[\"a.b\"][\"c[0]\"][0]", 's', 0, "x", "x" },
        { "o[\"a.b\"][\"c[0]\"][1]", '0', 0, "null", NULL },
        { "o[\"\"]", 'n', 0, "1", NULL },
        { "o[\"q\\\"q\"]", 's', 0, "", "" },
        { "[\"o\"].a", 0, 0, NULL, NULL },
        { "e", 'o', 0, NULL, NULL },
        { "o[\"a.b\"", 0, 0, NULL, NULL },
    };
    sluice_result *result = parse(json);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = cases[i].path, *get = sluice_json_get(result, path, NULL);
        const char *str = sluice_json_str(result, path, NULL);
        bool is_leaf = cases[i].kind && !strchr("ol", cases[i].kind);
        if (sluice_json_kind(result, path) != cases[i].kind || sluice_json_count(result, path) != cases[i].count ||
            (get != NULL) != (cases[i].kind != 0) || (is_leaf && strcmp(get, cases[i].get) != 0) ||
            (str != NULL) != (cases[i].str != NULL) || (str && strcmp(str, cases[i].str) != 0)) {
            fail_msg("%s", path);
        }
        int is_true = -1;
        assert_int_equal(sluice_json_bool(result, path, &is_true), cases[i].kind == 'b');
        assert_int_equal(is_true, cases[i].kind == 'b' ? path[0] == 't' : -1);
    }
    size_t len;
    assert_memory_equal(sluice_json_str(result, "o[\"q\\\"q\"]", &len), "\0y", 3);
    assert_int_equal(len, 2);
    sluice_result_free(result);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    server_url(); /* before there are threads */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_whole_replies),
        cmocka_unit_test(of_streams),
        cmocka_unit_test(of_a_stream_that_came_whole),
        cmocka_unit_test(too_much_is_not_kept),
        cmocka_unit_test(refusals),
        cmocka_unit_test(of_events),
        cmocka_unit_test(embeddings_as_floats),
        cmocka_unit_test(kinds_counts_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
