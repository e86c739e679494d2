/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of the headers beside the calls themselves: many descriptors, queues, pauses, cancelled walks, a client
 * that another thread closes, forks, and structures of other versions. */
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "sluice/fluent.h"
#include "sluice/poll.h"

static const char body[] = "{\"messages\": []}";

/* The clock of the clients: the real one, plus the time that the test skips. */
static _Atomic uint64_t skipped_usec;

static uint64_t now_usec(void *arg)
{
    struct timespec ts;
    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 + skipped_usec;
}

/* More than a busy machine ever needs for a step of these tests. */
#define IDLE_MSEC 60000
static void time_skip(uint64_t msec)
{
    skipped_usec += msec * 1000;
}

static sluice_client *client_make(const char *option, int64_t value)
{
    sluice_opts *opts = sluice_opts_new();
    sluice_client *client;
    assert_int_equal(sluice_opts_set_str(opts, "url", server_url(), NULL), 0);
    assert_int_equal(sluice_opts_set_int(opts, "retries", 0, NULL), 0);
    if (option) {
        assert_int_equal(sluice_opts_set_int(opts, option, value, NULL), 0);
    }
    assert_int_equal(sluice_opts_set_msec(opts, "idle_timeout", IDLE_MSEC, NULL), 0);
    assert_int_equal(sluice_opts_set_msec(opts, "connect_timeout", IDLE_MSEC, NULL), 0);
    sluice_opts_set_clock(opts, now_usec, NULL);
    assert_int_equal(sluice_open(opts, &client, NULL), 0);
    sluice_opts_free(opts);
    return client;
}

static sluice_call *start(sluice_client *client, const char *route, const sluice_callbacks *callbacks, void *arg)
{
    sluice_request *request;
    sluice_call *call;
    assert_int_equal(sluice_request_query(client, route, body, sizeof(body) - 1, callbacks != NULL, &request, NULL), 0);
    assert_int_equal(callbacks ? sluice_start_stream(client, request, callbacks, arg, &call, NULL)
                               : sluice_start(client, request, &call, NULL),
                     0);
    sluice_request_free(request);
    return call;
}

/* --- the caller's loop --- */

struct counts {
    int ends, failed;
};

static void on_end_count(void *arg, sluice_call *call, int code)
{
    struct counts *counts = arg;
    counts->ends++;
    counts->failed += code != 0;
    sluice_call_free(call);
}

static void more_calls_than_the_array_has_room_for(void **state)
{
    (void)state;
    enum { CALLS = 150 };
    struct counts counts = { 0, 0 };
    sluice_client *client = client_make(NULL, 0);
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    struct pollfd *fds = NULL;
    size_t cap = 0, n, most = 0;
    callbacks.on_end = on_end_count;
    for (int i = 0; i < CALLS; i++) {
        start(client, "chat", &callbacks, &counts);
    }
    while (counts.ends < CALLS) {
        while ((n = sluice_poll_add(client, fds, cap)) > cap) {
            fds = realloc(fds, n * sizeof(*fds));
            cap = n;
        }
        most = n > most ? n : most;
        for (size_t i = 0; i < n; i++) {
            assert_true(fds[i].fd >= 0 && fds[i].events && fds[i].revents == 0);
            for (size_t k = 0; k < i; k++) {
                assert_true(fds[k].fd != fds[i].fd);
            }
        }
        poll(fds, (nfds_t)n, sluice_poll_timeout(client, -1));
        assert_int_equal(sluice_poll_drive(client, fds, n, NULL), 0);
        memset(fds, 0xff, cap * sizeof(*fds));
    }
    assert_int_equal(counts.failed, 0);
    assert_true(most > SLUICE_POLL_MAX);
    free(fds);
    sluice_close(client);
}

static void the_needed_count_comes_back(void **state)
{
    (void)state;
    sluice_client *client = client_make(NULL, 0);
    sluice_call *call = start(client, "silent", NULL, NULL);
    int before = server_count();
    while (server_count() == before) {
        assert_int_equal(sluice_wait(client, 1, NULL), 0);
    }
    struct pollfd fds[3] = { { -7, 0, 0 }, { -7, 0, 0 }, { -7, 0, 0 } };
    sluice_fd plain[2];
    assert_int_equal(sluice_poll_add(client, NULL, 0), 2);
    assert_int_equal(sluice_poll_add(client, fds, 1), 2);
    assert_true(fds[0].fd >= 0 && fds[0].events == POLLIN && fds[1].fd == -7);
    assert_int_equal(sluice_poll_add(client, fds, 3), 2);
    assert_true(fds[1].fd >= 0 && fds[2].fd == -7);
    assert_int_equal(sluice_fds(client, plain, 2), 2);
    assert_true(plain[0].fd == fds[0].fd && plain[1].fd == fds[1].fd && plain[1].events == SLUICE_READ);
    sluice_call_free(call);
    assert_int_equal(sluice_poll_add(client, fds, 3), 1);
    sluice_close(client);
}

/* Waits until the server has `n` requests. */
static void requests_await(sluice_client *client, int n)
{
    while (server_count() < n) {
        assert_int_equal(sluice_wait(client, 1, NULL), 0);
    }
}

static void end_await(sluice_client *client, sluice_call *call)
{
    const sluice_event *event;
    sluice_error *err = NULL;
    while (sluice_next(call, &event) != SLUICE_END) {
        assert_int_equal(sluice_wait(client, -1, NULL), 0);
    }
    if (sluice_finish(call, NULL, &err) < 0) {
        fail_msg("%s", sluice_error_text(err));
    }
}

/* Eight calls that each take most of the time-out, over one connection: the last one waits for many of them. */
static void waiting_in_the_own_queue_is_no_silence(void **state)
{
    (void)state;
    enum { CALLS = 8 };
    sluice_client *client = client_make("max_connections", 1);
    sluice_call *calls[CALLS];
    int connections = server_connections(), requests = server_count();
    for (int i = 0; i < CALLS; i++) {
        calls[i] = start(client, "held", NULL, NULL);
    }
    for (int i = 0; i < CALLS; i++) {
        requests_await(client, requests + i + 1);
        time_skip(IDLE_MSEC / 2);
        assert_int_equal(sluice_drive(client, -1, 0, NULL), 0);
        server_release(1);
    }
    for (int i = 0; i < CALLS; i++) {
        end_await(client, calls[i]);
    }
    assert_int_equal(server_connections() - connections, 1);
    sluice_close(client);
}

/* Waits until `n` of the client's descriptors have something to read, and reads nothing. */
static void bytes_await(sluice_client *client, int n)
{
    struct pollfd fds[SLUICE_POLL_MAX];
    size_t n_fds = sluice_poll_add(client, fds, SLUICE_POLL_MAX);
    assert_true(n_fds <= SLUICE_POLL_MAX);
    while (n > 0) {
        assert_true(poll(fds, n_fds, -1) > 0);
        for (size_t i = 0; i < n_fds; i++) {
            if (fds[i].fd >= 0 && fds[i].revents) {
                fds[i].fd = -1;
                n--;
            }
        }
    }
}

/* The answers are in the sockets while the program does something else for longer than the server may be silent. The
 * connections were made before, because libcurl has timers of its own while it connects, and would read by chance. */
static void a_program_that_was_away_makes_no_silence(void **state)
{
    (void)state;
    sluice_client *client = client_make(NULL, 0);
    for (int is_away = 0; is_away < 2; is_away++) {
        int requests = server_count();
        sluice_call *calls[2] = { start(client, "held", NULL, NULL), start(client, "held", NULL, NULL) };
        requests_await(client, requests + 2);
        server_release(2);
        if (is_away) {
            bytes_await(client, 2);
            time_skip(2 * IDLE_MSEC);
        }
        assert_int_equal(sluice_drive(client, -1, 0, NULL), 0);
        end_await(client, calls[0]);
        end_await(client, calls[1]);
    }
    sluice_close(client);
}

/* --- pause --- */

struct paused {
    int n, pause_at, ends, code;
};

static int on_event_pause(void *arg, sluice_call *call, const sluice_event *event)
{
    struct paused *p = arg;
    (void)call;
    (void)event;
    return ++p->n == p->pause_at ? SLUICE_PAUSE : 0;
}

static void on_end_note(void *arg, sluice_call *call, int code)
{
    struct paused *p = arg;
    (void)call;
    p->ends++;
    p->code = code;
}

/* Waits until everything is there and nothing more happens by itself. */
static void settle(sluice_client *client, const struct paused *p)
{
    for (int quiet = 0; quiet < 5 && !p->ends;) {
        int n = p->n;
        assert_int_equal(sluice_wait(client, 20, NULL), 0);
        quiet = n == p->n && n >= p->pause_at ? quiet + 1 : 0;
    }
}

static void a_pause_holds_at_every_event(void **state)
{
    (void)state;
    for (int at = 1; at <= 3; at++) {
        for (int how = 0; how < 3; how++) {
            struct paused p = { .pause_at = at, .code = 1 };
            sluice_client *client = client_make(NULL, 0);
            sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
            callbacks.on_event = on_event_pause;
            callbacks.on_end = on_end_note;
            int replies = server_replies();
            sluice_call *call = start(client, "chat", &callbacks, &p);
            while (server_replies() == replies) {
                assert_int_equal(sluice_wait(client, 1, NULL), 0);
            }
            settle(client, &p);
            assert_int_equal(p.n, at);
            assert_int_equal(p.ends, 0);
            if (how == 0) {
                sluice_resume(call);
            } else if (how == 1) {
                sluice_cancel(call);
            } else {
                sluice_cancel_all(client);
            }
            while (!p.ends) {
                assert_int_equal(sluice_wait(client, -1, NULL), 0);
            }
            assert_int_equal(p.n, how ? at : 3);
            /* A call with nothing left to give had ended already when it was cancelled. */
            assert_int_equal(p.code, how && at < 3 ? SLUICE_ECANCELLED : 0);
            sluice_call_free(call);
            sluice_close(client);
        }
    }
}

/* --- cancel and close --- */

struct walk {
    sluice_client *client;
    int n, cancel_at;
};

static int on_route_cancel(void *arg, const sluice_route *route)
{
    struct walk *walk = arg;
    (void)route;
    if (++walk->n == walk->cancel_at) {
        sluice_cancel_all(walk->client);
    }
    return 0;
}

static void a_walk_can_be_cancelled_between_its_pages(void **state)
{
    (void)state;
    for (int at = 0; at <= 2; at++) {
        struct walk walk = { client_make(NULL, 0), 0, at };
        sluice_error *err = NULL;
        int r = sluice_routes_each(walk.client, on_route_cancel, &walk, &err);
        assert_int_equal(r, at ? SLUICE_ECANCELLED : 0);
        assert_int_equal(sluice_error_code(err), r);
        assert_int_equal(walk.n, at ? at : 2);
        sluice_error_free(err);
        assert_int_equal(sluice_query(walk.client, "chat", body, sizeof(body) - 1, NULL, NULL), 0);
        sluice_close(walk.client);
    }
}

struct other {
    sluice_client *client;
    const char *route;
    _Atomic int code, is_left;
};

static void *other_run(void *arg)
{
    struct other *o = arg;
    o->code = sluice_query(o->client, o->route, body, sizeof(body) - 1, NULL, NULL);
    o->is_left = 1;
    return NULL;
}

static void another_thread_may_close(void **state)
{
    (void)state;
    static const char *const routes[] = { "silent", "slow", "chat" };
    for (size_t i = 0; i < 3; i++) {
        struct other o = { client_make(NULL, 0), routes[i], 1, 0 };
        pthread_t thread;
        int before = server_count();
        assert_int_equal(pthread_create(&thread, NULL, other_run, &o), 0);
        while (server_count() == before) {
            usleep(1000); /* the server thread has no event for this */
        }
        sluice_close(o.client); /* if it were freed while the other thread uses it, the sanitizers would say so */
        pthread_join(thread, NULL);
        assert_true(o.code == SLUICE_ECANCELLED || (i > 0 && o.code == 0));
    }
}

/* --- fluent --- */

static void *fluent_query(void *arg)
{
    pthread_barrier_wait(arg);
    int r = sluice_gateway_query("slow", body, sizeof(body) - 1, NULL, NULL);
    return (void *)(intptr_t)r;
}

static void fluent_keeps_its_clients(void **state)
{
    (void)state;
    enum { PARALLEL = 8, ROUNDS = 6 };
    assert_int_equal(sluice_gateway_set_uri(server_url(), NULL), 0);
    int before = server_connections();
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[PARALLEL];
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, PARALLEL);
        for (int i = 0; i < PARALLEL; i++) {
            pthread_create(&threads[i], NULL, fluent_query, &barrier);
        }
        for (int i = 0; i < PARALLEL; i++) {
            void *r;
            pthread_join(threads[i], &r);
            assert_null(r);
        }
        for (int i = 0; i < 7; i++) {
            assert_int_equal(sluice_gateway_query("chat", body, sizeof(body) - 1, NULL, NULL), 0);
        }
        pthread_barrier_destroy(&barrier);
    }
    int n = server_connections() - before;
    if (n > PARALLEL + 1) {
        fail_msg("%d connections for %d calls at once", n, PARALLEL);
    }
}

static _Atomic int is_done;

static void *uri_set_run(void *arg)
{
    (void)arg;
    while (!is_done) {
        sluice_gateway_set_uri(server_url(), NULL);
    }
    return NULL;
}

static void a_child_of_a_busy_process_does_not_hang(void **state)
{
    (void)state;
    pthread_t threads[3];
    is_done = 0;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, uri_set_run, NULL);
    }
    for (int i = 0; i < 150; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            char uri[64];
            signal(SIGALRM, SIG_DFL);
            alarm(10);
            int bad = sluice_gateway_set_uri(server_url(), NULL) != 0 ||
                      sluice_gateway_get_uri(uri, sizeof(uri), NULL) != 0 || strcmp(uri, server_url()) != 0;
            if (i % 50 == 0) {
                bad |= sluice_gateway_query("chat", body, sizeof(body) - 1, NULL, NULL) != 0;
            }
            _exit(bad);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    is_done = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* --- other versions --- */

static void callbacks_of_other_versions(void **state)
{
    (void)state;
    struct {
        sluice_callbacks known;
        void *later[8];
    } newer;
    static const struct {
        size_t size; /* in addition to that of sluice_callbacks */
        size_t set;  /* which of the later members is not NULL; 8: none */
        int want;
    } cases[] = {
        { 0, 8, 0 },
        { sizeof(void *), 8, 0 },
        { 8 * sizeof(void *), 8, 0 },
        { 1, 8, 0 },
        { 0, 0, 0 },
        { sizeof(void *), 1, 0 },
        { sizeof(void *), 0, SLUICE_EUSAGE },
        { 8 * sizeof(void *), 7, SLUICE_EUSAGE },
        { (size_t)-8, 8, SLUICE_EUSAGE },
        { 0 - sizeof(sluice_callbacks), 8, SLUICE_EUSAGE },
        { 1 << 20, 8, SLUICE_EUSAGE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sluice_client *client = client_make(NULL, 0);
        struct paused p = { 0 };
        sluice_error *err = NULL;
        memset(&newer, 0, sizeof(newer));
        newer.known.size = sizeof(newer.known) + cases[i].size;
        newer.known.on_event = on_event_pause;
        newer.known.on_end = on_end_note;
        if (cases[i].set < 8) {
            newer.later[cases[i].set] = &newer;
        }
        int r = sluice_query_stream(client, "chat", body, sizeof(body) - 1, &newer.known, &p, NULL, &err);
        if (r != cases[i].want) {
            fail_msg("case %zu: %d %s", i, r, sluice_error_text(err));
        }
        assert_int_equal(p.n, r ? 0 : 3);
        assert_int_equal(p.ends, r == 0);
        sluice_error_free(err);
        sluice_close(client);
    }
}

static void tokens_of_other_versions(void **state)
{
    (void)state;
    static const char json[] =
        "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}";
    sluice_result *result;
    assert_int_equal(sluice_json_parse(json, sizeof(json) - 1, &result, NULL), 0);
    struct {
        sluice_tokens known;
        int64_t later[2];
    } newer = { SLUICE_TOKENS_INIT, { -7, -7 } };
    const int64_t want[] = { 1, 2, 3, 4, 5 };
    for (size_t n = 0; n <= 7; n++) {
        int64_t got[8] = { 0, -1, -1, -1, -1, -1, -7, -7 };
        newer.known = (sluice_tokens)SLUICE_TOKENS_INIT;
        newer.known.size = offsetof(sluice_tokens, prompt) + n * sizeof(int64_t);
        assert_int_equal(sluice_result_tokens(result, &newer.known), 1);
        memcpy(got + 1, &newer.known.prompt, 5 * sizeof(int64_t));
        memcpy(got + 6, newer.later, sizeof(newer.later));
        for (size_t i = 0; i < 7; i++) {
            assert_int_equal(got[i + 1], i >= 5 ? -7 : i < n ? want[i] : -1);
        }
    }
    newer.known.size = 0;
    assert_int_equal(sluice_result_tokens(result, &newer.known), 1);
    sluice_result_free(result);
}

static void versions_agree(void **state)
{
    (void)state;
    char text[64];
    snprintf(text, sizeof(text), "%d.%d.%d", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH);
    assert_string_equal(sluice_version(), text);
    assert_int_equal(sluice_version_number(), SLUICE_VERSION_NUMBER);
#if SLUICE_VERSION_NUMBER < 2000
    fail();
#endif
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    server_url(); /* before there are threads */
    unsetenv("SLUICE_SERVER");
    unsetenv("SLUICE_KEY");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_calls_than_the_array_has_room_for),
        cmocka_unit_test(the_needed_count_comes_back),
        cmocka_unit_test(waiting_in_the_own_queue_is_no_silence),
        cmocka_unit_test(a_program_that_was_away_makes_no_silence),
        cmocka_unit_test(a_pause_holds_at_every_event),
        cmocka_unit_test(a_walk_can_be_cancelled_between_its_pages),
        cmocka_unit_test(another_thread_may_close),
        cmocka_unit_test(fluent_keeps_its_clients),
        cmocka_unit_test(a_child_of_a_busy_process_does_not_hang),
        cmocka_unit_test(callbacks_of_other_versions),
        cmocka_unit_test(tokens_of_other_versions),
        cmocka_unit_test(versions_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
