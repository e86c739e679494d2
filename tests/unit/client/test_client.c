/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may do with a client: threads, fork, callbacks that call back, its own clock and sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "sluice/fluent.h"

static const char chat[] = "{\"messages\": []}";

static sluice_opts *opts_make(void)
{
    sluice_opts *opts = sluice_opts_new();
    assert_non_null(opts);
    assert_int_equal(sluice_opts_set_str(opts, "url", server_url(), NULL), 0);
    assert_int_equal(sluice_opts_set_int(opts, "retries", 0, NULL), 0);
    return opts;
}

static sluice_client *client_make(void)
{
    sluice_opts *opts = opts_make();
    sluice_client *client;
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    return client;
}

static int query(sluice_client *client, const char *route, sluice_error **err)
{
    return sluice_query(client, route, chat, SLUICE_NUL_TERMINATED, NULL, err);
}

/* The call, which takes `&err`, is a caller's mistake, and the error says so. */
#define ASSERT_REFUSED(call, said)                                            \
    do {                                                                      \
        sluice_error *err = NULL;                                             \
        assert_int_equal((call), SLUICE_EUSAGE);                              \
        if (!strstr(sluice_error_text(err), said)) {                          \
            fail_msg("'%s' does not say '%s'", sluice_error_text(err), said); \
        }                                                                     \
        sluice_error_free(err);                                               \
    } while (0)

/* --- threads --- */

static void *queries_run(void *arg)
{
    sluice_client *client = client_make();
    for (int i = 0; i < 50; i++) {
        if (query(client, "chat", NULL) != 0) {
            *(_Atomic int *)arg += 1;
        }
    }
    sluice_close(client);
    return NULL;
}

static void many_clients_work_at_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    _Atomic int n_failed = 0;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, queries_run, &n_failed), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(n_failed, 0);
}

struct silent {
    sluice_client *client;
    _Atomic int code;
};

static void *silent_run(void *arg)
{
    struct silent *s = arg;
    s->code = query(s->client, "silent", NULL);
    return NULL;
}

static void wait_request(int before)
{
    while (server_count() == before) {
        usleep(1000); /* the server thread has no event for this */
    }
}

static void a_second_thread_is_refused(void **state)
{
    (void)state;
    struct silent s = { client_make(), 1 };
    sluice_fd fds[4];
    pthread_t thread;
    int before = server_count();
    pthread_create(&thread, NULL, silent_run, &s);
    wait_request(before);
    ASSERT_REFUSED(query(s.client, "chat", &err), "another thread");
    assert_int_equal(sluice_fds(s.client, fds, 4), 0);
    sluice_cancel_all(s.client); /* this call may come from any thread */
    pthread_join(thread, NULL);
    assert_int_equal(s.code, SLUICE_ECANCELLED);
    assert_int_equal(query(s.client, "chat", NULL), 0); /* and now this thread has it */
    sluice_close(s.client);
}

static sluice_client *signalled;

static void on_signal(int number)
{
    (void)number;
    sluice_cancel_all(signalled);
}

static void a_signal_cancels(void **state)
{
    (void)state;
    struct silent s = { client_make(), 1 };
    pthread_t thread;
    signalled = s.client;
    signal(SIGUSR1, on_signal);
    int before = server_count();
    pthread_create(&thread, NULL, silent_run, &s);
    wait_request(before);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    assert_int_equal(s.code, SLUICE_ECANCELLED);
    sluice_close(s.client);
}

/* --- fork --- */

static void a_child_is_refused_and_harms_nothing(void **state)
{
    (void)state;
    sluice_client *client = client_make();
    assert_int_equal(query(client, "chat", NULL), 0); /* a kept connection */
    assert_int_equal(sluice_gateway_set_uri(server_url(), NULL), 0);
    assert_int_equal(sluice_gateway_query("chat", chat, sizeof(chat) - 1, NULL, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sluice_error *err = NULL;
        int bad = query(client, "chat", &err) != SLUICE_EUSAGE || !strstr(sluice_error_text(err), "process");
        sluice_error_free(err);
        sluice_close(client);
        bad |= sluice_gateway_query("chat", chat, sizeof(chat) - 1, NULL, NULL) != 0; /* with a client of its own */
        _exit(bad);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(query(client, "chat", NULL), 0);
    sluice_close(client);
}

/* --- callbacks --- */

struct inside {
    sluice_client *client;
    sluice_call *other;
    int n_events, n_ends, refused;
};

static int on_event_misuse(void *arg, sluice_call *call, const sluice_event *event)
{
    struct inside *in = arg;
    (void)call;
    (void)event;
    in->n_events++;
    in->refused += query(in->client, "chat", NULL) == SLUICE_EUSAGE;
    in->refused += sluice_drive(in->client, -1, 0, NULL) == SLUICE_EUSAGE;
    in->refused += sluice_wait(in->client, 0, NULL) == SLUICE_EUSAGE;
    sluice_close(in->client); /* it must do nothing here */
    sluice_call_free(call);   /* nor this: the blocking call frees it */
    return 0;
}

static void a_callback_must_not_drive(void **state)
{
    (void)state;
    struct inside in = { .client = client_make() };
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    callbacks.on_event = on_event_misuse;
    assert_int_equal(sluice_query_stream(in.client, "chat", chat, SLUICE_NUL_TERMINATED, &callbacks, &in, NULL, NULL),
                     0);
    assert_int_equal(in.n_events, 3);
    assert_int_equal(in.refused, 9);
    sluice_close(in.client);
}

static void on_end_finish(void *arg, sluice_call *call, int code)
{
    struct inside *in = arg;
    sluice_result *result = NULL;
    assert_int_equal(sluice_finish(call, &result, NULL), code);
    sluice_result_free(result);
    in->n_ends++;
}

static sluice_call *stream_start(struct inside *in, const sluice_callbacks *callbacks)
{
    sluice_request *request;
    sluice_call *call;
    assert_int_equal(sluice_request_query(in->client, "chat", chat, sizeof(chat) - 1, 1, &request, NULL), 0);
    assert_int_equal(sluice_start_stream(in->client, request, callbacks, in, &call, NULL), 0);
    assert_int_equal(sluice_request_set_int(request, "retries", 1, NULL), SLUICE_EUSAGE); /* in flight */
    sluice_request_free(request);
    return call;
}

static int on_event_start_and_free(void *arg, sluice_call *call, const sluice_event *event)
{
    struct inside *in = arg;
    (void)event;
    if (in->n_events++ == 0) {
        sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
        callbacks.on_end = on_end_finish;
        for (int i = 0; i < 30; i++) { /* enough to move the memory that the client keeps */
            stream_start(in, &callbacks);
        }
        sluice_call_free(in->other);
        in->other = NULL;
        sluice_call_free(call); /* its own call */
        in->n_ends++;
    }
    return 0;
}

static void a_callback_may_start_and_free_calls(void **state)
{
    (void)state;
    struct inside in = { .client = client_make() };
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    callbacks.on_event = on_event_start_and_free;
    stream_start(&in, &callbacks);
    in.other = stream_start(&in, NULL);
    while (in.n_ends < 31) {
        assert_int_equal(sluice_wait(in.client, -1, NULL), 0);
    }
    assert_int_equal(in.n_events, 1);
    sluice_close(in.client);
}

static void calls_outlive_a_closed_client(void **state)
{
    (void)state;
    struct inside in = { .client = client_make() };
    sluice_request *request;
    sluice_call *pulled, *pushed = stream_start(&in, NULL);
    const sluice_event *event;
    sluice_error *err = NULL;
    assert_int_equal(sluice_request_get_route(in.client, "chat", &request, NULL), 0);
    assert_int_equal(sluice_start(in.client, request, &pulled, NULL), 0);
    sluice_close(in.client);
    sluice_request_free(request);
    sluice_cancel(pulled);
    assert_int_equal(sluice_next(pulled, &event), SLUICE_END);
    assert_int_equal(sluice_finish(pulled, NULL, &err), SLUICE_ECANCELLED);
    assert_int_equal(sluice_error_code(err), SLUICE_ECANCELLED);
    sluice_error_free(err);
    sluice_call_free(pushed);
}

/* --- the program's own clock and sockets --- */

static uint64_t fake_now(void *arg)
{
    return *(uint64_t *)arg;
}

static void waits_follow_the_given_clock(void **state)
{
    (void)state;
    uint64_t now = 1000000;
    sluice_opts *opts = opts_make();
    sluice_client *client;
    sluice_request *request;
    sluice_call *call;
    const sluice_event *event;
    sluice_error *err = NULL;
    sluice_opts_set_clock(opts, fake_now, &now);
    sluice_opts_set_msec(opts, "idle_timeout", 0, NULL);
    sluice_opts_set_msec(opts, "timeout", 3600000, NULL);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    assert_int_equal(sluice_request_query(client, "silent", chat, sizeof(chat) - 1, 0, &request, NULL), 0);
    int before = server_count();
    assert_int_equal(sluice_start(client, request, &call, NULL), 0);
    while (server_count() == before) {
        assert_int_equal(sluice_wait(client, 1, NULL), 0);
        now += 1000;
    }
    assert_int_equal(sluice_next(call, &event), SLUICE_AGAIN);
    now += 3600ull * 1000000;
    assert_int_equal(sluice_timeout_msec(client), 0);
    assert_int_equal(sluice_drive(client, -1, 0, NULL), 0);
    assert_int_equal(sluice_next(call, &event), SLUICE_END);
    assert_int_equal(sluice_finish(call, NULL, &err), SLUICE_ETIMEOUT);
    assert_true(sluice_error_is_retriable(err));
    sluice_error_free(err);
    sluice_request_free(request);
    sluice_close(client);
}

static int socket_make(void *arg, int family, int type, int protocol)
{
    int *n = arg;
    return ++*n > 1 ? socket(family, type, protocol) : -1; /* the first time there is none */
}

static void sockets_come_from_the_program(void **state)
{
    (void)state;
    int n = 0;
    sluice_opts *opts = opts_make();
    sluice_client *client;
    sluice_opts_set_socket(opts, socket_make, &n);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    assert_int_equal(query(client, "chat", NULL), SLUICE_ECONNECT);
    assert_int_equal(query(client, "chat", NULL), 0);
    assert_int_equal(n, 2);
    sluice_close(client);
}

/* --- values --- */

static void json_values_are_given_as_text(void **state)
{
    (void)state;
    sluice_client *client = client_make();
    sluice_result *result;
    size_t len;
    int64_t n;
    double d;
    assert_int_equal(sluice_get_route(client, "chat", &result, NULL), 0);
    assert_string_equal(sluice_json_get(result, "model.name", &len), "m\xc3\xa9");
    assert_int_equal(len, 3);
    assert_string_equal(sluice_json_get(result, "limit.calls", &len), "5");
    assert_string_equal(sluice_json_get(result, "limit.key", NULL), "null");
    assert_memory_equal(sluice_json_get(result, "model", &len), "{\"name\":\"m\\u00e9\",\"provider\":\"mock\"}", len);
    assert_int_equal(len, 36);
    assert_null(sluice_json_get(result, "nope", NULL));
    assert_null(sluice_json_get(result, "model[0]", NULL));
    assert_int_equal(sluice_json_kind(result, "model"), 'o');
    assert_int_equal(sluice_json_kind(result, "limit.key"), '0');
    assert_int_equal(sluice_json_kind(result, "limit.nope"), 0);
    assert_int_equal(sluice_json_count(result, "limit"), 3);
    assert_true(sluice_json_int(result, "limit.calls", &n) && n == 5);
    assert_true(sluice_json_double(result, "limit.calls", &d) && d == 5.0);
    assert_false(sluice_json_int(result, "name", &n));
    assert_string_equal(sluice_result_header(result, "content-TYPE"), "application/json");
    assert_null(sluice_result_header(result, "nope"));
    sluice_result_free(result);
    sluice_close(client);
}

static void the_programs_own_json(void **state)
{
    (void)state;
    sluice_result *result;
    sluice_error *err = NULL;
    assert_int_equal(
        sluice_json_parse(" {\"a b\": [1, \"x\\u0000y\"], \"c\": {}} ", SLUICE_NUL_TERMINATED, &result, NULL), 0);
    assert_string_equal(sluice_json_key(result, "", 0), "a b");
    assert_string_equal(sluice_json_key(result, "", 1), "c");
    assert_null(sluice_json_key(result, "", 2));
    assert_null(sluice_json_key(result, "a b", 0));
    size_t len;
    assert_memory_equal(sluice_json_get(result, "a b[1]", &len), "x\0y", 4);
    assert_int_equal(len, 3);
    sluice_result_free(result);
    assert_int_equal(sluice_json_parse("{\"a\": }", 7, &result, &err), SLUICE_EUSAGE);
    assert_non_null(strstr(sluice_error_text(err), "at offset 6"));
    sluice_error_free(err);
    assert_int_equal(sluice_json_parse("", 0, &result, NULL), SLUICE_EUSAGE);
}

static void nothing_is_legal(void **state)
{
    (void)state;
    sluice_opts_free(NULL);
    sluice_close(NULL);
    sluice_result_free(NULL);
    sluice_error_free(NULL);
    sluice_request_free(NULL);
    sluice_call_free(NULL);
    assert_string_equal(sluice_error_text(NULL), "");
    assert_string_equal(sluice_error_name(NULL), "SLUICE_OK");
    assert_int_equal(sluice_error_retry_after_msec(NULL), -1);
    ASSERT_REFUSED(query(NULL, "chat", &err), "the client is NULL");
    ASSERT_REFUSED(sluice_perform(NULL, NULL, NULL, &err), "the client is NULL");
}

/* --- fluent --- */

static void *fluent_run(void *arg)
{
    _Atomic int *n_failed = arg;
    for (int i = 0; i < 20; i++) {
        sluice_result *result = NULL;
        *n_failed += sluice_gateway_query("chat", chat, SLUICE_NUL_TERMINATED, NULL, NULL) != 0;
        *n_failed += sluice_gateway_search_routes(&result, NULL) != 0 || sluice_result_route_count(result) != 2;
        *n_failed += strcmp(sluice_route_name(sluice_result_route(result, 1)), "chat") != 0;
        sluice_result_free(result);
        *n_failed += sluice_gateway_set_uri(server_url(), NULL) != 0;
    }
    return NULL;
}

static void fluent_from_many_threads(void **state)
{
    (void)state;
    pthread_t threads[12];
    _Atomic int n_failed = 0;
    assert_int_equal(sluice_gateway_set_uri(server_url(), NULL), 0);
    for (int i = 0; i < 12; i++) {
        pthread_create(&threads[i], NULL, fluent_run, &n_failed);
    }
    for (int i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(n_failed, 0);
}

static void fluent_uri(void **state)
{
    (void)state;
    static const char *const bad[] = { "gateway.org:8000", "http://", "http:/x", "http:x", "http:://h", "" };
    static const char *const good[] = { "databricks", "databricks://p", "databricks:/x", "ftp://h", "https://h/x" };
    char uri[64];
    unsetenv("SLUICE_SERVER");
    unsetenv("MLFLOW_GATEWAY_URI");
    assert_int_equal(sluice_gateway_set_uri(NULL, NULL), 0);
    ASSERT_REFUSED(sluice_gateway_get_uri(uri, sizeof(uri), &err), "No Gateway server uri has been set.");
    ASSERT_REFUSED(sluice_gateway_query("chat", chat, sizeof(chat) - 1, NULL, &err),
                   "No Gateway server uri has been set.");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(sluice_gateway_set_uri(good[i], NULL), 0);
        assert_int_equal(sluice_gateway_get_uri(uri, sizeof(uri), NULL), 0);
        assert_string_equal(uri, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ASSERT_REFUSED(sluice_gateway_set_uri(bad[i], &err), "The gateway uri provided is missing required elements.");
    }
    ASSERT_REFUSED(sluice_gateway_get_uri(uri, 4, &err), "needs 12 bytes");
    setenv("MLFLOW_GATEWAY_URI", server_url(), 1);
    assert_int_equal(sluice_gateway_set_uri(NULL, NULL), 0);
    assert_int_equal(sluice_gateway_query("chat", chat, sizeof(chat) - 1, NULL, NULL), 0);
    ASSERT_REFUSED(sluice_gateway_get_limits("", &(sluice_result *){ NULL }, &err),
                   "A non-empty string is required for the route.");
}

static void fluent_calls(void **state)
{
    (void)state;
    sluice_result *result;
    assert_int_equal(sluice_gateway_set_uri(server_url(), NULL), 0);
    assert_int_equal(sluice_gateway_get_route("chat", &result, NULL), 0);
    assert_string_equal(sluice_route_name(sluice_result_route(result, 0)), "chat");
    sluice_result_free(result);
    assert_int_equal(sluice_gateway_create_route("chat", NULL, NULL, 0, &result, NULL), 0);
    sluice_result_free(result);
    assert_int_equal(sluice_gateway_set_limits("chat", "[]", 2, &result, NULL), 0);
    sluice_result_free(result);
    assert_int_equal(sluice_gateway_get_limits("chat", &result, NULL), 0);
    assert_string_equal(sluice_limit_key(sluice_result_limit(result, 0)), "u");
    sluice_result_free(result);
    assert_int_equal(sluice_gateway_delete_route("chat", NULL), 0);
}

int main(void)
{
    /* As in a careless program: a write to a dead connection must not kill it. */
    signal(SIGPIPE, SIG_DFL);
    server_url(); /* before there are threads */
    unsetenv("SLUICE_SERVER");
    unsetenv("SLUICE_KEY");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_clients_work_at_once),
        cmocka_unit_test(a_second_thread_is_refused),
        cmocka_unit_test(a_signal_cancels),
        cmocka_unit_test(a_child_is_refused_and_harms_nothing),
        cmocka_unit_test(a_callback_must_not_drive),
        cmocka_unit_test(a_callback_may_start_and_free_calls),
        cmocka_unit_test(calls_outlive_a_closed_client),
        cmocka_unit_test(waits_follow_the_given_clock),
        cmocka_unit_test(sockets_come_from_the_program),
        cmocka_unit_test(json_values_are_given_as_text),
        cmocka_unit_test(the_programs_own_json),
        cmocka_unit_test(nothing_is_legal),
        cmocka_unit_test(fluent_from_many_threads),
        cmocka_unit_test(fluent_uri),
        cmocka_unit_test(fluent_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
