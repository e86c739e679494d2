/* SPDX-License-Identifier: Apache-2.0 */
/* The model may call a function of this program until it answers with text. usage: tools ROUTE PROMPT */
#include <sluice/chat.h>

#include <stdio.h>
#include <string.h>

/* Runs one call and adds its result. The model wrote the arguments, so they cannot be trusted. */
static int run(sluice_chat *chat, const sluice_tool_call *call)
{
    const char *name = sluice_tool_call_name(call);
    const char *json = sluice_tool_call_arguments(call, NULL);
    sluice_result *arguments = NULL;
    double a, b;
    char said[64] = "error: no such function";
    int r;

    if (name && strcmp(name, "multiply") == 0) {
        r = sluice_json_parse(json ? json : "", SLUICE_NUL_TERMINATED, &arguments, NULL);
        if (r == 0 && sluice_json_double(arguments, "a", &a) && sluice_json_double(arguments, "b", &b)) {
            snprintf(said, sizeof(said), "%.17g", a * b);
        } else {
            snprintf(said, sizeof(said), "error: a and b must be numbers");
        }
        sluice_result_free(arguments);
    }
    fprintf(stderr, "%s(%s) = %s\n", name ? name : "?", json ? json : "", said);
    return sluice_chat_add_tool_result(chat, sluice_tool_call_id(call), said);
}

static int talk(sluice_client *client, const char *route, sluice_chat *chat, sluice_error **err)
{
    sluice_result *result = NULL;
    int r, turns;
    size_t i;

    for (turns = 0; turns < 5; turns++) {
        r = sluice_chat_query(client, route, chat, &result, err);
        if (r < 0) {
            return r;
        }
        if (sluice_result_tool_call_count(result) == 0) {
            const char *text = sluice_result_text(result, NULL);
            puts(text ? text : sluice_result_json(result, NULL));
            sluice_result_free(result);
            return 0;
        }
        sluice_chat_add_answer(chat, result);
        for (i = 0; i < sluice_result_tool_call_count(result); i++) {
            run(chat, sluice_result_tool_call(result, i));
        }
        sluice_result_free(result);
    }
    fprintf(stderr, "it does not come to an end\n");
    return 1;
}

int main(int argc, char **argv)
{
    static const char parameters[] = "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"number\"}, "
                                     "\"b\": {\"type\": \"number\"}}, \"required\": [\"a\", \"b\"]}";
    sluice_chat *chat = sluice_chat_new();
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: tools ROUTE PROMPT\n");
        sluice_chat_free(chat);
        return 2;
    }
    sluice_chat_add(chat, "user", argv[2]);
    sluice_chat_add_tool(chat, "multiply", "Multiplies two numbers.", parameters, sizeof(parameters) - 1);
    sluice_chat_set_double(chat, "temperature", 0);
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        r = talk(client, argv[1], chat, &err);
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_close(client);
    sluice_chat_free(chat);
    return r == 0 ? 0 : 1;
}
