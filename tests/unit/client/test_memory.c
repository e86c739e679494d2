/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of the library, and every one of libcurl's, fails once: the call reports it, nothing leaks (the
 * allocators count; the sanitizer build checks, too), and the client works afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "sluice/chat.h"

static const char chat[] = "{\"messages\": []}";

struct counter {
    _Atomic long made;    /* allocations and growths so far */
    _Atomic long fail_at; /* the one that fails; 0: none */
    _Atomic long fail_on; /* while this is set, all later ones fail, too */
    _Atomic long alive;
};

static struct counter ours, curls;

static int must_fail(struct counter *c)
{
    long n = atomic_fetch_add(&c->made, 1) + 1;
    long at = atomic_load(&c->fail_at);
    return at && (n == at || (n > at && atomic_load(&c->fail_on)));
}

static void *our_alloc(void *arg, void *p, size_t n)
{
    struct counter *c = arg;
    if (n == 0) {
        atomic_fetch_sub(&c->alive, p != NULL);
        free(p);
        return NULL;
    }
    if (must_fail(c)) {
        return NULL;
    }
    void *q = realloc(p, n);
    atomic_fetch_add(&c->alive, !p && q);
    return q;
}

static void *curl_malloc_cb(size_t n)
{
    return must_fail(&curls) ? NULL : malloc(n);
}

static void curl_free_cb(void *p)
{
    free(p);
}

static void *curl_realloc_cb(void *p, size_t n)
{
    return must_fail(&curls) ? NULL : realloc(p, n);
}

static char *curl_strdup_cb(const char *s)
{
    return must_fail(&curls) ? NULL : strdup(s);
}

static void *curl_calloc_cb(size_t n, size_t size)
{
    return must_fail(&curls) ? NULL : calloc(n, size);
}

/* --- the scenarios --- */

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    char *out = arg;
    (void)call;
    assert_true(strlen(out) + len < 64);
    strcat(out, text);
    return 0;
}

static int on_route(void *arg, const sluice_route *route)
{
    (void)arg;
    assert_string_equal(sluice_route_name(route), "chat");
    return 0;
}

static int run_query(sluice_client *client, sluice_error **err)
{
    sluice_result *result = NULL;
    int r = sluice_query(client, "chat", chat, SLUICE_NUL_TERMINATED, &result, err);
    if (r == 0) {
        assert_string_equal(sluice_json_get(result, "choices[0].message.content", NULL), "h\xc3\xa9llo");
    }
    sluice_result_free(result);
    return r;
}

static int run_refused(sluice_client *client, sluice_error **err)
{
    int r = sluice_query(client, "nope", chat, SLUICE_NUL_TERMINATED, NULL, err);
    if (r == SLUICE_ENOTFOUND) {
        assert_string_equal(sluice_error_detail(*err), "no such route");
        sluice_error_free(*err);
        *err = NULL;
        return 0;
    }
    return r;
}

static int run_busy(sluice_client *client, sluice_error **err)
{
    sluice_result *result = NULL;
    int r = sluice_query(client, "busy", chat, SLUICE_NUL_TERMINATED, &result, err);
    sluice_result_free(result);
    return r;
}

static int run_stream(sluice_client *client, sluice_error **err)
{
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    char text[64] = "";
    callbacks.on_text = on_text;
    int r = sluice_query_stream(client, "chat", chat, SLUICE_NUL_TERMINATED, &callbacks, text, NULL, err);
    if (r == 0) {
        assert_string_equal(text, "a\xc3\xa9");
    }
    return r;
}

static int run_pull(sluice_client *client, sluice_error **err)
{
    sluice_request *request = NULL;
    sluice_call *call;
    int n = 0;
    int r = sluice_request_query(client, "chat", chat, SLUICE_NUL_TERMINATED, 1, &request, err);
    r = r ? r : sluice_request_set_str(request, "idempotency_key", "k", err);
    r = r ? r : sluice_start(client, request, &call, err);
    if (r == 0) {
        const sluice_event *event;
        int got;
        while ((got = sluice_next(call, &event)) != SLUICE_END) {
            n += got == SLUICE_EVENT;
            if (got == SLUICE_AGAIN && sluice_wait(client, -1, NULL) < 0) {
                sluice_cancel(call);
            }
        }
        r = sluice_finish(call, NULL, err);
        assert_true(r < 0 || n == 3);
    }
    sluice_request_free(request);
    return r;
}

static int run_routes(sluice_client *client, sluice_error **err)
{
    sluice_result *result = NULL;
    int r = sluice_routes_each(client, on_route, NULL, err);
    r = r ? r : sluice_create_route(client, "n", "t", "{}", 2, &result, err);
    sluice_result_free(result);
    result = NULL;
    r = r ? r : sluice_set_limits(client, "n", "[]", 2, &result, err);
    sluice_result_free(result);
    return r ? r : sluice_delete_route(client, "n", err);
}

/* A chat with the same allocator: sent, answered by a stream, continued and sent again. */
static int run_chat(sluice_client *client, sluice_error **err)
{
    sluice_chat *talk = sluice_chat_new_alloc(our_alloc, &ours);
    sluice_result *result = NULL;
    if (!talk) {
        return SLUICE_ENOMEM;
    }
    sluice_chat_add(talk, "user", "hello");
    sluice_chat_add_image(talk, "https://h/x.png", "low");
    sluice_chat_add_image_data(talk, "image/png", "xyz", 3);
    sluice_chat_add_text(talk, "?");
    sluice_chat_add_tool(talk, "f", "does", "{}", 2);
    sluice_chat_set_double(talk, "temperature", 0.5);
    sluice_chat_set_str(talk, "user", "me");
    int r = sluice_chat_query_stream(client, "tools", talk, NULL, NULL, &result, err);
    if (r == 0) {
        assert_int_equal(sluice_result_tool_call_count(result), 1);
        sluice_chat_add_answer(talk, result);
        sluice_chat_add_tool_result(talk, sluice_tool_call_id(sluice_result_tool_call(result, 0)), "4");
        sluice_chat_pop(talk);
        sluice_result_free(result);
        result = NULL;
        r = sluice_chat_query(client, "chat", talk, &result, err);
    }
    sluice_result_free(result);
    sluice_chat_free(talk);
    return r;
}

static const struct {
    const char *name;
    int (*run)(sluice_client *client, sluice_error **err);
} scenarios[] = {
    { "query", run_query }, { "refused", run_refused }, { "busy", run_busy }, { "stream", run_stream },
    { "pull", run_pull },   { "routes", run_routes },   { "chat", run_chat },
};

static int client_open(sluice_client **client, sluice_error **err)
{
    sluice_opts *opts = sluice_opts_new_alloc(our_alloc, &ours);
    if (!opts) {
        return SLUICE_ENOMEM;
    }
    int r = sluice_opts_set_str(opts, "url", server_url(), err);
    r = r ? r : sluice_opts_set_str(opts, "key", "k", err);
    r = r ? r : sluice_opts_set_msec(opts, "backoff", 0, err);
    r = r ? r : sluice_opts_set_int(opts, "retries", 1, err);
    r = r ? r : sluice_open(opts, client, err);
    sluice_opts_free(opts);
    return r;
}

static void fail_from(struct counter *c, long at, long all_behind)
{
    atomic_store(&c->made, 0);
    atomic_store(&c->fail_on, all_behind);
    atomic_store(&c->fail_at, at);
}

/* One scenario with the nth allocation failing; n grows until the scenario needs no more. */
static void scenario_torture(struct counter *c, size_t i, long all_behind)
{
    for (long at = 1;; at++) {
        sluice_client *client = NULL;
        sluice_error *err = NULL;
        fail_from(c, at, all_behind);
        int r = client_open(&client, &err);
        r = r ? r : scenarios[i].run(client, &err);
        long made = atomic_load(&c->made);
        fail_from(c, 0, 0);
        if (r < 0 && c == &ours) {
            assert_int_equal(r, SLUICE_ENOMEM);
        }
        assert_int_equal(err ? sluice_error_code(err) : r, r);
        assert_true(!err || *sluice_error_text(err));
        sluice_error_free(err);
        err = NULL;
        if (client) {
            r = run_query(client, &err); /* it still works */
            if (r < 0) {
                print_error("%s, allocation %ld: afterwards: %s\n", scenarios[i].name, at, sluice_error_text(err));
            }
            assert_int_equal(r, 0);
        }
        sluice_close(client);
        assert_int_equal(atomic_load(&ours.alive), 0);
        if (at > made) {
            assert_true(at > 10);
            return;
        }
    }
}

static void each_of_ours_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        scenario_torture(&ours, i, 0);
        scenario_torture(&ours, i, 1);
    }
}

static void each_of_libcurls_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        scenario_torture(&curls, i, 0);
        scenario_torture(&curls, i, 1);
    }
}

static void results_outlive_their_client(void **state)
{
    (void)state;
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    assert_int_equal(client_open(&client, NULL), 0);
    assert_int_equal(sluice_query(client, "nope", chat, sizeof(chat) - 1, NULL, &err), SLUICE_ENOTFOUND);
    assert_int_equal(sluice_get_route(client, "chat", &result, NULL), 0);
    sluice_close(client);
    const sluice_route *route = sluice_result_route(result, 0);
    assert_string_equal(sluice_route_model_name(route), "m\xc3\xa9");
    assert_int_equal(sluice_limit_calls(sluice_route_limit(route)), 5);
    assert_int_equal(sluice_error_http_status(err), 404);
    sluice_result_free(result);
    sluice_error_free(err);
    assert_int_equal(atomic_load(&ours.alive), 0);
}

int main(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc_cb, curl_free_cb, curl_realloc_cb, curl_strdup_cb,
                             curl_calloc_cb) != CURLE_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_ours_fails),
        cmocka_unit_test(each_of_libcurls_fails),
        cmocka_unit_test(results_outlive_their_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
