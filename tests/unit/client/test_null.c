/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of the interface with NULL for something that it needs: none crashes, and each does what its header
 * promises. A wire test checks that no function is missing here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "sluice/chat.h"
#include "sluice/fluent.h"
#include "sluice/poll.h"

static const char chat_body[] = "{\"messages\": []}";
static size_t len;
static sluice_error *err;
static sluice_result *result;
static sluice_request *request;
static sluice_call *call;

/* It is refused, with a text, also when no error is asked for. */
#define REFUSED(without, with)                                   \
    do {                                                         \
        assert_int_equal(without, SLUICE_EUSAGE);                \
        assert_int_equal(with, SLUICE_EUSAGE);                   \
        assert_non_null(strstr(sluice_error_text(err), "NULL")); \
        sluice_error_free(err);                                  \
        err = NULL;                                              \
    } while (0)

static void errors_of_nothing(void **state)
{
    (void)state;
    len = 9;
    assert_int_equal(sluice_error_code(NULL), SLUICE_OK);
    assert_string_equal(sluice_error_name(NULL), "SLUICE_OK");
    assert_string_equal(sluice_code_name(-99), "SLUICE_EUNKNOWN");
    assert_string_equal(sluice_error_text(NULL), "");
    assert_int_equal(sluice_error_http_status(NULL), 0);
    assert_int_equal(sluice_error_retry_after_msec(NULL), -1);
    assert_int_equal(sluice_error_is_retriable(NULL), 0);
    assert_string_equal(sluice_error_request_id(NULL), "");
    assert_string_equal(sluice_error_type(NULL), "");
    assert_string_equal(sluice_error_detail(NULL), "");
    assert_string_equal(sluice_error_body(NULL, &len), "");
    assert_int_equal(len, 0);
    assert_string_equal(sluice_error_body(NULL, NULL), "");
    sluice_error_free(NULL);
    assert_non_null(sluice_version());
    assert_true(sluice_version_number() > 0);
}

static void options_of_nothing(void **state)
{
    (void)state;
    sluice_client *client;
    sluice_opts *opts = sluice_opts_new_alloc(NULL, NULL);
    assert_non_null(opts);
    sluice_opts_free(NULL);
    REFUSED(sluice_opts_from_env(NULL, NULL), sluice_opts_from_env(NULL, &err));
    REFUSED(sluice_opts_set_str(NULL, "url", "x", NULL), sluice_opts_set_str(NULL, NULL, NULL, &err));
    REFUSED(sluice_opts_set_str(opts, NULL, "x", NULL), sluice_opts_set_str(opts, NULL, NULL, &err));
    REFUSED(sluice_opts_set_int(NULL, "retries", 1, NULL), sluice_opts_set_int(opts, NULL, 1, &err));
    REFUSED(sluice_opts_set_msec(NULL, "timeout", 1, NULL), sluice_opts_set_msec(opts, NULL, 1, &err));
    sluice_opts_set_clock(NULL, NULL, NULL);
    sluice_opts_set_clock(opts, NULL, NULL);
    sluice_opts_set_socket(NULL, NULL, NULL);
    sluice_opts_set_socket(opts, NULL, NULL);
    REFUSED(sluice_open(opts, NULL, NULL), sluice_open(NULL, NULL, &err));
    assert_int_equal(sluice_open(opts, &client, NULL), SLUICE_EUSAGE); /* no url */
    sluice_opts_free(opts);
    opts = sluice_opts_new();
    sluice_opts_free(opts);
}

static void no_client(void **state)
{
    (void)state;
    sluice_fd fds[2];
    struct pollfd polls[2];
    sluice_close(NULL);
    sluice_cancel_all(NULL);
    REFUSED(sluice_get_route(NULL, "x", NULL, NULL), sluice_get_route(NULL, NULL, NULL, &err));
    REFUSED(sluice_search_routes(NULL, NULL, NULL, NULL), sluice_search_routes(NULL, "t", &result, &err));
    REFUSED(sluice_routes_each(NULL, NULL, NULL, NULL), sluice_routes_each(NULL, NULL, NULL, &err));
    REFUSED(sluice_create_route(NULL, "x", NULL, NULL, 0, NULL, NULL),
            sluice_create_route(NULL, NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_delete_route(NULL, "x", NULL), sluice_delete_route(NULL, NULL, &err));
    REFUSED(sluice_set_limits(NULL, "x", NULL, 0, NULL, NULL), sluice_set_limits(NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_get_limits(NULL, "x", NULL, NULL), sluice_get_limits(NULL, NULL, NULL, &err));
    REFUSED(sluice_query(NULL, "x", "{}", 2, NULL, NULL), sluice_query(NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_query_stream(NULL, "x", "{}", 2, NULL, NULL, NULL, NULL),
            sluice_query_stream(NULL, NULL, NULL, 0, NULL, NULL, NULL, &err));
    REFUSED(sluice_request_get_route(NULL, "x", &request, NULL), sluice_request_get_route(NULL, NULL, NULL, &err));
    REFUSED(sluice_request_search_routes(NULL, "x", &request, NULL),
            sluice_request_search_routes(NULL, NULL, NULL, &err));
    REFUSED(sluice_request_create_route(NULL, "x", "t", "{}", 2, &request, NULL),
            sluice_request_create_route(NULL, NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_request_delete_route(NULL, "x", &request, NULL),
            sluice_request_delete_route(NULL, NULL, NULL, &err));
    REFUSED(sluice_request_set_limits(NULL, "x", "[]", 2, &request, NULL),
            sluice_request_set_limits(NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_request_get_limits(NULL, "x", &request, NULL), sluice_request_get_limits(NULL, NULL, NULL, &err));
    REFUSED(sluice_request_query(NULL, "x", "{}", 2, 0, &request, NULL),
            sluice_request_query(NULL, NULL, NULL, 0, 0, NULL, &err));
    REFUSED(sluice_request_http(NULL, "GET", "/", NULL, 0, &request, NULL),
            sluice_request_http(NULL, NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_request_chat(NULL, "x", NULL, 0, &request, NULL),
            sluice_request_chat(NULL, NULL, NULL, 0, NULL, &err));
    REFUSED(sluice_perform(NULL, NULL, NULL, NULL), sluice_perform(NULL, NULL, NULL, &err));
    REFUSED(sluice_start(NULL, NULL, NULL, NULL), sluice_start(NULL, NULL, &call, &err));
    REFUSED(sluice_start_stream(NULL, NULL, NULL, NULL, NULL, NULL),
            sluice_start_stream(NULL, NULL, NULL, NULL, &call, &err));
    REFUSED(sluice_drive(NULL, -1, 0, NULL), sluice_drive(NULL, -1, 0, &err));
    REFUSED(sluice_wait(NULL, 0, NULL), sluice_wait(NULL, 0, &err));
    assert_int_equal(sluice_fds(NULL, fds, 2), 0);
    assert_int_equal(sluice_poll_fds(NULL, polls, 2), 0);
    assert_int_equal(sluice_timeout_msec(NULL), -1);
    sluice_watch(NULL, NULL, NULL, NULL);
}

static void no_request_and_no_call(void **state)
{
    (void)state;
    const sluice_event *event;
    REFUSED(sluice_request_set_str(NULL, "accept", "x", NULL), sluice_request_set_str(NULL, NULL, NULL, &err));
    REFUSED(sluice_request_set_int(NULL, "retries", 1, NULL), sluice_request_set_int(NULL, NULL, 1, &err));
    REFUSED(sluice_request_set_msec(NULL, "timeout", 1, NULL), sluice_request_set_msec(NULL, NULL, 1, &err));
    sluice_request_free(NULL);
    assert_int_equal(sluice_next(NULL, &event), SLUICE_EUSAGE);
    assert_int_equal(sluice_next(NULL, NULL), SLUICE_EUSAGE);
    REFUSED(sluice_finish(NULL, NULL, NULL), sluice_finish(NULL, &result, &err));
    sluice_call_free(NULL);
    sluice_resume(NULL);
    sluice_cancel(NULL);
}

/* The result of any view of NULL, and of any view without a path or a place for its answer. */
static void events_checked(const sluice_event *event)
{
    sluice_tokens tokens = SLUICE_TOKENS_INIT;
    int64_t n;
    double d;
    int b;
    assert_int_equal(sluice_event_usage(event, NULL), 0);
    assert_int_equal(sluice_event_tokens(event, NULL), 0);
    assert_int_equal(sluice_event_tokens(event, &tokens), 0);
    assert_null(sluice_event_finish_reason(event));
    len = 9;
    assert_null(sluice_event_get(event, NULL, &len));
    assert_int_equal(len, 0);
    assert_null(sluice_event_get(event, NULL, NULL));
    assert_null(sluice_event_str(event, NULL, NULL));
    assert_int_equal(sluice_event_kind(event, NULL), 0);
    assert_int_equal(sluice_event_count(event, NULL), 0);
    assert_int_equal(sluice_event_int(event, NULL, &n), 0);
    assert_int_equal(sluice_event_int(event, NULL, NULL), 0);
    assert_int_equal(sluice_event_double(event, NULL, &d), 0);
    assert_int_equal(sluice_event_double(event, NULL, NULL), 0);
    assert_int_equal(sluice_event_bool(event, NULL, &b), 0);
    assert_int_equal(sluice_event_bool(event, NULL, NULL), 0);
    assert_null(sluice_event_key(event, NULL, 0));
}

static void results_checked(const sluice_result *r)
{
    int64_t n;
    double d;
    int b;
    assert_null(sluice_result_header(r, NULL));
    len = 9;
    assert_null(sluice_json_get(r, NULL, &len));
    assert_int_equal(len, 0);
    assert_null(sluice_json_get(r, NULL, NULL));
    assert_null(sluice_json_str(r, NULL, &len));
    assert_int_equal(sluice_json_kind(r, NULL), 0);
    assert_int_equal(sluice_json_count(r, NULL), 0);
    assert_int_equal(sluice_json_int(r, NULL, &n), 0);
    assert_int_equal(sluice_json_int(r, NULL, NULL), 0);
    assert_int_equal(sluice_json_double(r, NULL, &d), 0);
    assert_int_equal(sluice_json_double(r, NULL, NULL), 0);
    assert_int_equal(sluice_json_bool(r, NULL, &b), 0);
    assert_int_equal(sluice_json_bool(r, NULL, NULL), 0);
    assert_null(sluice_json_key(r, NULL, 0));
    assert_int_equal(sluice_result_embedding_count(r), 0);
    assert_int_equal(sluice_result_embedding(r, 0, NULL, 9), 0);
    assert_null(sluice_result_next_page_token(r));
    assert_int_equal(sluice_result_route_count(r), 0);
    assert_null(sluice_result_route(r, 0));
    assert_int_equal(sluice_result_limit_count(r), 0);
    assert_null(sluice_result_limit(r, 0));
}

static void no_result(void **state)
{
    (void)state;
    sluice_tokens tokens = SLUICE_TOKENS_INIT;
    events_checked(NULL);
    results_checked(NULL);
    assert_string_equal(sluice_event_json(NULL, &len), "");
    assert_string_equal(sluice_event_name(NULL), "");
    assert_null(sluice_event_text(NULL, &len));
    assert_string_equal(sluice_result_json(NULL, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(sluice_result_status(NULL), 0);
    assert_string_equal(sluice_result_request_id(NULL), "");
    assert_int_equal(sluice_result_usage(NULL, NULL), 0);
    assert_int_equal(sluice_result_tokens(NULL, &tokens), 0);
    sluice_result_free(NULL);
    REFUSED(sluice_json_parse(NULL, 0, &result, NULL), sluice_json_parse("{}", 2, NULL, &err));
    assert_null(sluice_result_text(NULL, &len));
    assert_int_equal(len, 0);
    assert_null(sluice_result_finish_reason(NULL));
    assert_int_equal(sluice_result_tool_call_count(NULL), 0);
    assert_null(sluice_result_tool_call(NULL, 0));
    assert_null(sluice_tool_call_id(NULL));
    assert_null(sluice_tool_call_name(NULL));
    assert_null(sluice_tool_call_arguments(NULL, NULL));
    assert_int_equal(sluice_result_choice_count(NULL), 0);
    assert_null(sluice_result_choice(NULL, 0));
    assert_null(sluice_choice_text(NULL, NULL));
    assert_null(sluice_choice_refusal(NULL, &len));
    assert_null(sluice_choice_finish_reason(NULL));
    assert_int_equal(sluice_choice_tool_call_count(NULL), 0);
    assert_null(sluice_choice_tool_call(NULL, 0));
    assert_null(sluice_route_name(NULL));
    assert_null(sluice_route_type(NULL));
    assert_null(sluice_route_model_name(NULL));
    assert_null(sluice_route_model_provider(NULL));
    assert_null(sluice_route_url(NULL));
    assert_null(sluice_route_limit(NULL));
    assert_null(sluice_route_json(NULL, &len));
    assert_int_equal(sluice_limit_calls(NULL), 0);
    assert_null(sluice_limit_key(NULL));
    assert_null(sluice_limit_renewal_period(NULL));
}

static void no_chat(void **state)
{
    (void)state;
    sluice_chat *chat = sluice_chat_new_alloc(NULL, NULL);
    sluice_chat_free(NULL);
    sluice_chat_clear_error(NULL);
    sluice_chat_clear_error(chat);
    assert_null(sluice_chat_error(NULL));
    assert_int_equal(sluice_chat_count(NULL), 0);
    assert_null(sluice_chat_json(NULL, &len));
    for (int i = 0; i < 2; i++) {
        sluice_chat *c = i ? chat : NULL;
#define TRY(said)                                        \
    do {                                                 \
        assert_int_equal(said, SLUICE_EUSAGE);           \
        assert_int_equal(c && !sluice_chat_error(c), 0); \
        sluice_chat_clear_error(c);                      \
    } while (0)
        TRY(sluice_chat_add(c, NULL, NULL));
        TRY(sluice_chat_add(c, "user", NULL));
        TRY(sluice_chat_add(c, NULL, "x"));
        TRY(sluice_chat_add_n(c, "user", NULL, 5));
        TRY(sluice_chat_add_image(c, NULL, NULL));
        TRY(sluice_chat_add_image_data(c, NULL, NULL, 0));
        TRY(sluice_chat_add_image_data(c, "image/png", NULL, 4));
        TRY(sluice_chat_add_text(c, NULL));
        TRY(sluice_chat_add_part(c, NULL, 3));
        TRY(sluice_chat_add_answer(c, NULL));
        TRY(sluice_chat_add_tool_result(c, NULL, "x"));
        TRY(sluice_chat_add_tool_result(c, "x", NULL));
        TRY(sluice_chat_add_message(c, NULL, 3));
        TRY(sluice_chat_pop(c));
        TRY(sluice_chat_add_tool(c, NULL, NULL, NULL, 0));
        TRY(sluice_chat_set_str(c, NULL, "x"));
        TRY(sluice_chat_set_int(c, NULL, 1));
        TRY(sluice_chat_set_double(c, NULL, 1));
        TRY(sluice_chat_set_bool(c, NULL, 1));
        TRY(sluice_chat_set_json(c, NULL, "1", 1));
#undef TRY
    }
    assert_string_equal(sluice_chat_json(chat, NULL), "{\"messages\":[]}");
    REFUSED(sluice_chat_query(NULL, "x", NULL, NULL, NULL), sluice_chat_query(NULL, "x", chat, NULL, &err));
    REFUSED(sluice_chat_query_stream(NULL, "x", NULL, NULL, NULL, NULL, NULL),
            sluice_chat_query_stream(NULL, "x", chat, NULL, NULL, NULL, &err));
    sluice_chat_free(chat);
    chat = sluice_chat_new();
    sluice_chat_free(chat);
}

static void no_name_for_the_handle_free(void **state)
{
    (void)state;
    char uri[8];
    assert_int_equal(sluice_gateway_set_uri(server_url(), NULL), 0);
    REFUSED(sluice_gateway_get_uri(NULL, 99, NULL), sluice_gateway_get_uri(NULL, 0, &err));
    assert_int_equal(sluice_gateway_get_uri(uri, 0, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_get_route(NULL, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_search_routes(NULL, NULL), 0);
    assert_int_equal(sluice_gateway_create_route(NULL, NULL, NULL, 0, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_delete_route(NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_set_limits(NULL, NULL, 0, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_get_limits(NULL, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_query("chat", NULL, 0, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_gateway_query(NULL, "{}", 2, NULL, NULL), SLUICE_EUSAGE);
}

static void nothing_beside_a_living_client(void **state)
{
    (void)state;
    sluice_opts *opts = sluice_opts_new();
    sluice_client *client;
    const sluice_event *event;
    assert_int_equal(sluice_opts_set_str(opts, "url", server_url(), NULL), 0);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    assert_int_equal(sluice_search_routes(client, NULL, NULL, NULL), 0);
    assert_int_equal(sluice_get_route(client, NULL, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_create_route(client, NULL, NULL, NULL, 0, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_create_route(client, "x", NULL, NULL, 0, NULL, NULL), 0);
    assert_int_equal(sluice_set_limits(client, "x", NULL, 0, NULL, NULL), 0);
    assert_int_equal(sluice_set_limits(client, NULL, "[]", 2, NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_request_get_route(client, "x", NULL, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_request_http(client, "GET", NULL, NULL, 0, &request, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_request_http(client, NULL, "/", NULL, 0, &request, NULL), SLUICE_EUSAGE);
    REFUSED(sluice_routes_each(client, NULL, NULL, NULL), sluice_routes_each(client, NULL, NULL, &err));
    REFUSED(sluice_perform(client, NULL, NULL, NULL), sluice_perform(client, NULL, NULL, &err));
    REFUSED(sluice_query(client, "chat", NULL, 0, NULL, NULL), sluice_query(client, "chat", NULL, 7, NULL, &err));
    assert_int_equal(sluice_fds(client, NULL, 9), 1);
    sluice_watch(client, NULL, NULL, NULL);
    assert_int_equal(sluice_request_query(client, "chat", chat_body, sizeof(chat_body) - 1, 1, &request, NULL), 0);
    assert_int_equal(sluice_request_set_str(request, NULL, "x", NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_request_set_int(request, NULL, 1, NULL), SLUICE_EUSAGE);
    assert_int_equal(sluice_request_set_msec(request, NULL, 1, NULL), SLUICE_EUSAGE);
    REFUSED(sluice_start(client, request, NULL, NULL), sluice_start(client, request, NULL, &err));
    REFUSED(sluice_start(client, NULL, &call, NULL), sluice_start(client, NULL, &call, &err));
    assert_int_equal(sluice_start(client, request, &call, NULL), 0);
    sluice_request_free(request);
    int r;
    while ((r = sluice_next(call, &event)) == SLUICE_AGAIN) {
        assert_int_equal(sluice_wait(client, -1, NULL), 0);
    }
    assert_int_equal(r, SLUICE_EVENT);
    events_checked(event);
    assert_int_equal(sluice_next(call, NULL), SLUICE_EUSAGE);
    sluice_call_free(call);
    assert_int_equal(sluice_query(client, "chat", chat_body, sizeof(chat_body) - 1, &result, NULL), 0);
    results_checked(result);
    assert_int_equal(sluice_result_usage(result, NULL), 1);
    assert_int_equal(sluice_result_tokens(result, NULL), 1);
    assert_int_equal(sluice_json_int(result, "usage.total_tokens", NULL), 1);
    sluice_result_free(result);
    sluice_close(client);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    server_url(); /* before there are threads */
    unsetenv("SLUICE_SERVER");
    unsetenv("SLUICE_KEY");
    unsetenv("MLFLOW_GATEWAY_URI");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_nothing),
        cmocka_unit_test(options_of_nothing),
        cmocka_unit_test(no_client),
        cmocka_unit_test(no_request_and_no_call),
        cmocka_unit_test(no_result),
        cmocka_unit_test(no_chat),
        cmocka_unit_test(no_name_for_the_handle_free),
        cmocka_unit_test(nothing_beside_a_living_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
