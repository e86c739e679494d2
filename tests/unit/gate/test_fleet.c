/* SPDX-License-Identifier: Apache-2.0 */
/* A link to the server of shared counters, and a server on the same loop that says what a case wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/fleet/conf.h"
#include "gate/fleet/fleet.h"
#include "gate/fleet/link.h"
#include "gate/fleet/news.h"
#include "gate/fleet/script.h"
#include "gate/policy/admit.h"
#include "gate/policy/limit_lease.h"
#include "gate/policy/limit_table.h"
#include "net/loop.h"
#include "wire/resp.h"

#define HOUR (3600 * SL_USEC_PER_SEC)
/* The clock of the loop: a case may stop it, and move it. */
static uint64_t stopped_usec;
uint64_t __real_sl_clock_usec(void);
uint64_t __wrap_sl_clock_usec(void);
uint64_t __wrap_sl_clock_usec(void)
{
    return stopped_usec ? stopped_usec : __real_sl_clock_usec();
}

/* A deadline that passes while the test waits for it. */
#define SHORT_USEC (1 * SL_USEC_PER_SEC)
#define INFO_OF(version, policy, role)                                                                                 \
    "redis_version:" version "\r\nrun_id:abc\r\nmaxmemory:1\r\nmaxmemory_policy:" policy "\r\nloading:0\r\nrole:" role \
    "\r\n"

struct world {
    struct sl_loop loop;
    struct sl_limiter *limiter;
    struct sl_fleet *fleet;
    struct sl_fleet_link *link;
    bool has_left;
    /* The server. */
    int listener, conn;
    unsigned port;
    struct sl_buf in, out;
    const char *info;
    unsigned n_loaded, n_asked, n_joins, n_settled, n_shared, n_left, n_auth;
    uint64_t used, cap, n_wanting;
    uint64_t granted, last_shared; /* the last lease, and what the worker has told last that it has used */
    const char *wrong;             /* what it replies to the next call's question; NULL: what is right */
    bool is_silent;                /* it stands still */
    char last_settle[64], last_news[256];
    unsigned n_news;
    uint64_t since_usec, heard_usec; /* since when it was asked for news, and until when it says that it has told all */
    size_t n_awaited;
    const char *news; /* what others tell next */
};

/* --- the server --- */

static void say(struct world *w, const char *text)
{
    sl_buf_add_c(&w->out, text);
}

static void say_bulk(struct world *w, const char *text)
{
    sl_resp_word(&w->out, sl_str_c(text));
}

/* The last word is how much is wanted as a lease: all of it is granted. */
static void asked(struct world *w, struct sl_str wanted)
{
    uint64_t want;
    assert_int_equal(sl_parse_u64(wanted, 0, UINT64_MAX, &want), 0);
    w->n_asked++;
    if (w->wrong) {
        say(w, w->wrong);
        w->wrong = NULL;
        return;
    }
    bool is_taken = w->used < w->cap;
    want = is_taken ? SL_MIN(want, w->cap - w->used - 1) : 0;
    w->used += is_taken + want;
    w->n_wanting += want > 0;
    w->granted = want ? want : w->granted;
    unsigned long long now = sl_clock_wall_usec(), start = now / HOUR * HOUR;
    sl_buf_printf(&w->out, "*8\r\n:%d\r\n:%llu\r\n:%llu\r\n:%llu\r\n:%llu\r\n:0\r\n:%llu\r\n:%lld\r\n", is_taken, now,
                  start, start + 2 * HOUR, (unsigned long long)w->used, (unsigned long long)w->used,
                  want ? (long long)want : -1);
}

static void script_run(struct world *w, enum sl_fleet_script script, const struct sl_resp *words, size_t n)
{
    unsigned long long now = sl_clock_wall_usec();
    switch (script) {
    case SL_FLEET_JOIN:
        w->n_joins++;
        w->n_awaited = n - 9; /* behind the script, the keys, and the four words about itself */
        sl_buf_printf(&w->out, "*4\r\n$5\r\nepoch\r\n:1\r\n:%llu\r\n*2\r\n$6\r\nother1\r\n$7\r\nother.0\r\n", now);
        break;
    case SL_FLEET_SHARE: /* of one counter */
        w->n_shared++;
        assert_int_equal(sl_parse_u64(words[n - 4].text, 0, UINT64_MAX, &w->last_shared), 0);
        sl_buf_printf(&w->out, "*6\r\n:1\r\n:%llu\r\n:0\r\n:0\r\n:0\r\n:0\r\n", now);
        break;
    case SL_FLEET_TOLD:
    case SL_FLEET_LEAVE:
        w->n_left += script == SL_FLEET_LEAVE;
        say(w, "*1\r\n:1\r\n");
        break;
    case SL_FLEET_BEAT:
        sl_buf_printf(&w->out, "*3\r\n:1\r\n:%llu\r\n*0\r\n", now);
        break;
    case SL_FLEET_ADMIT:
        asked(w, words[n - 1].text);
        break;
    case SL_FLEET_SETTLE:
        w->n_settled++;
        snprintf(w->last_settle, sizeof(w->last_settle), "%.*s %.*s", SL_STR_ARG(words[n - 2].text),
                 SL_STR_ARG(words[n - 1].text));
        say(w, "*1\r\n:1\r\n");
        break;
    case SL_FLEET_NEWS:
        w->n_news++;
        snprintf(w->last_news, sizeof(w->last_news), "%.*s", SL_STR_ARG(words[n - 1].text));
        assert_int_equal(sl_parse_u64(words[n - 3].text, 0, UINT64_MAX, &w->since_usec), 0);
        sl_buf_printf(&w->out, "*%d\r\n:%llu\r\n:0\r\n", w->news ? 3 : 2, (unsigned long long)w->heard_usec);
        if (w->news) {
            say_bulk(w, w->news);
            w->news = NULL;
        }
        break;
    case SL_FLEET_SCRIPTS:
        fail();
    }
}

static void command_run(struct world *w, const struct sl_resp *words, size_t n)
{
    struct sl_str name = words[0].text;
    if (sl_str_eq_c(name, "INFO")) {
        say_bulk(w, w->info);
    } else if (sl_str_eq_c(name, "SCRIPT")) {
        char sha[41];
        snprintf(sha, sizeof(sha), "%040u", w->n_loaded++ % SL_FLEET_SCRIPTS);
        say_bulk(w, sha);
    } else if (sl_str_eq_c(name, "EVALSHA")) {
        uint64_t script;
        assert_int_equal(sl_parse_u64(words[1].text, 0, SL_FLEET_SCRIPTS - 1, &script), 0);
        script_run(w, (enum sl_fleet_script)script, words, n);
    } else {
        w->n_auth += sl_str_eq_c(name, "AUTH") || sl_str_eq_c(name, "SELECT");
        say(w, "+OK\r\n");
    }
}

/* Takes and answers what is there. */
static void server_turn(struct world *w)
{
    char bytes[65536];
    struct sl_resp words[512];
    if (w->conn < 0) {
        w->conn = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK);
        return;
    }
    if (w->is_silent) {
        return;
    }
    ssize_t got = recv(w->conn, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        close(w->conn);
        w->conn = -1;
        sl_buf_reset(&w->in);
        sl_buf_reset(&w->out);
        return;
    }
    sl_buf_add(&w->in, bytes, got > 0 ? (size_t)got : 0);
    size_t used;
    int n;
    while ((n = sl_resp_read(sl_buf_str(&w->in), words, SL_ARRAY_LEN(words), &used)) > 0) {
        command_run(w, words + 1, (size_t)n - 1);
        sl_buf_drop(&w->in, used);
    }
    if (w->out.len) {
        assert_int_equal(send(w->conn, w->out.p, w->out.len, MSG_NOSIGNAL), w->out.len);
        sl_buf_reset(&w->out);
    }
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

#define RUN_UNTIL(w, cond)                                   \
    do {                                                     \
        uint64_t until_ = __real_sl_clock_usec() + 20000000; \
        while (!(cond)) {                                    \
            if (__real_sl_clock_usec() > until_) {           \
                fail_msg("never became true: %s", #cond);    \
            }                                                \
            server_turn(w);                                  \
            uv_timer_t tick_;                                \
            uv_timer_init(&(w)->loop.uv, &tick_);            \
            uv_timer_start(&tick_, on_tick, 1, 1);           \
            uv_run(&(w)->loop.uv, UV_RUN_ONCE);              \
            uv_close((uv_handle_t *)&tick_, NULL);           \
            uv_run(&(w)->loop.uv, UV_RUN_NOWAIT);            \
        }                                                    \
    } while (0)

static void world_make(struct world *w, uint32_t n_workers, uint64_t deadline_usec, uint64_t wait_usec)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(addr);
    stopped_usec = 0;
    *w = (struct world){ .conn = -1, .info = INFO_OF("7.0.15", "noeviction", "master"), .cap = 3 };
    w->in = w->out = SL_BUF_INIT(1 << 20);
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(w->listener, 8), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&addr, &n), 0);
    w->port = ntohs(addr.sin_port);
    const struct sl_fleet_conf conf = {
        .places = &(struct sl_fleet_place){ SL_STR("127.0.0.1"), (uint16_t)w->port },
        .n_places = 1,
        .db = 3,
        .user = SL_STR("sluice"),
        .password = SL_STR("secret"),
        .ns = SL_STR("test"),
        .deadline_usec = deadline_usec,
        .wait_usec = wait_usec,
    };
    assert_int_equal(sl_loop_init(&w->loop, NULL), 0);
    assert_int_equal(sl_limiter_new(1024, &w->limiter), 0);
    assert_int_equal(sl_fleet_new(&conf, w->limiter, n_workers, &w->fleet), 0);
    assert_int_equal(sl_fleet_link_new(w->fleet, &w->loop, 0, NULL, &w->link), 0);
}

static void world_start_waiting(struct world *w, uint64_t deadline_usec, uint64_t wait_usec)
{
    world_make(w, 1, deadline_usec, wait_usec);
}

static void world_start(struct world *w, uint64_t deadline_usec)
{
    world_start_waiting(w, deadline_usec, 0);
}

static void world_up(struct world *w, uint64_t deadline_usec)
{
    world_start(w, deadline_usec);
    RUN_UNTIL(w, sl_fleet_is_up(w->fleet));
}

static void on_left(void *arg)
{
    struct world *w = arg;
    w->has_left = true;
    sl_fleet_link_free(w->link);
}

static void world_end(struct world *w)
{
    sl_fleet_link_end(w->link, on_left, w);
    RUN_UNTIL(w, w->has_left);
    sl_loop_stop(&w->loop);
    sl_loop_run(&w->loop);
    sl_loop_done(&w->loop);
    sl_fleet_free(w->fleet);
    sl_limiter_free(w->limiter);
    close(w->listener);
    if (w->conn >= 0) {
        close(w->conn);
    }
    sl_buf_done(&w->in);
    sl_buf_done(&w->out);
}

/* --- calls --- */

struct one {
    struct sl_admission admission;
    struct sl_limits limits;
    struct sl_limit_held held[4];
    bool is_answered;
    int r;
};

static void on_answer(struct sl_admission *admission, int r)
{
    struct one *one = admission->user;
    one->is_answered = true;
    one->r = r;
}

static void ask(struct world *w, struct one *one, enum sl_limit_loss on_loss, enum sl_limit_kind kind)
{
    static struct sl_limit_rule rules[8]; /* they outlive the calls */
    struct sl_limit_rule *rule = &rules[on_loss];
    *rule = (struct sl_limit_rule){
        .cap = w->cap, .period_usec = HOUR, .multiple = 1, .unit = "hour", .kind = kind, .on_loss = on_loss
    };
    *one = (struct one){ .r = 1 };
    sl_limits_init(&one->limits, SL_LIMIT_OF_ROUTE, SL_STR("chat"), 0, rule, 1);
    sl_admission_init(&one->admission, w->limiter, SL_STR("me"));
    sl_admission_add(&one->admission, &one->limits);
    one->admission.home = sl_fleet_link_home(w->link);
    one->admission.held = one->held;
    one->admission.on_answer = on_answer;
    one->admission.user = one;
    one->admission.call.amounts[SL_LIMIT_TOKENS] = 1;
    int r = sl_admit(&one->admission, sl_clock_wall_usec());
    if (r != SL_E_AGAIN) {
        one->is_answered = true;
        one->r = r;
    }
}

static int call(struct world *w, enum sl_limit_loss on_loss)
{
    struct one one;
    ask(w, &one, on_loss, SL_LIMIT_REQUESTS);
    RUN_UNTIL(w, one.is_answered);
    return one.r;
}

/* --- cases --- */

static void calls_are_counted_there(void **state)
{
    (void)state;
    struct world w;
    world_up(&w, 10 * SL_USEC_PER_SEC);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
    }
    assert_true(sl_fleet_is_up(w.fleet));
    assert_int_equal(w.n_auth, 2);
    assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), SL_E_LIMIT);
    assert_int_equal(w.n_asked, 3); /* the last reply has said that nothing is left */
    world_end(&w);
    assert_int_equal(w.n_left, 1);
}

static void what_is_held_is_told(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 7 };
    world_up(&w, 10 * SL_USEC_PER_SEC);
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_TOKENS);
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, 0);
    sl_admission_settle(&one.admission, used);
    RUN_UNTIL(&w, w.n_settled == 1);
    assert_string_equal(w.last_settle, "1 7");
    world_end(&w);
}

/* In each case the call is asked again after the link has joined anew, and passes. */
static void a_call_survives_what_the_server_forgot(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "*1\r\n:-1\r\n",                     /* another epoch */
        "*1\r\n:-2\r\n",                     /* not open */
        "-NOSCRIPT No matching script.\r\n", /* the scripts are gone */
        "-READONLY You can't write against a read only replica.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
        "HTTP/1.1 400 Bad Request\r\n", /* no such protocol */
        "+OK\r\n",                      /* not what the script gives */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(wrong); i++) {
        struct world w;
        world_up(&w, 10 * SL_USEC_PER_SEC);
        assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
        unsigned n_joins = w.n_joins;
        w.wrong = wrong[i];
        assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
        assert_true(w.n_joins > n_joins && w.n_asked == 3);
        world_end(&w);
    }
}

/* The shares of all workers of the process have to come before calls are let through. */
static void the_other_workers_are_waited_for(void **state)
{
    (void)state;
    struct world w;
    world_make(&w, 3, SHORT_USEC, 0);
    RUN_UNTIL(&w, w.n_joins);
    assert_int_equal(w.n_awaited, 2);
    world_end(&w);
}

/* One passes, sooner or later: this machine may be slower than the deadline. */
static void pass(struct world *w)
{
    w->cap = 1000;
    do {
        RUN_UNTIL(w, sl_fleet_is_up(w->fleet));
    } while (call(w, SL_LIMIT_LOSS_CLOSED) != 0);
}

static void a_full_server_is_tried_again(void **state)
{
    (void)state;
    struct world w;
    world_up(&w, SHORT_USEC);
    pass(&w);
    w.wrong = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    int r = call(&w, SL_LIMIT_LOSS_CLOSED);
    assert_true(r == SL_E_IO || r == 0); /* the next try may come within its deadline */
    pass(&w);
    world_end(&w);
}

static void a_late_answer_is_given_back(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, SHORT_USEC);
    pass(&w);
    w.is_silent = true;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, SL_E_IO);
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    assert_true(one.is_answered && one.r == SL_E_IO); /* nobody waits for it twice */
    w.is_silent = false;
    RUN_UNTIL(&w, w.n_settled || w.n_shared); /* it tells either the change, or all that it has added */
    pass(&w);
    world_end(&w);
}

#define MSEC SL_USEC_PER_MSEC

/* The default deadline: an answer after 49 ms counts, and one after 51 ms does not. */
static void the_deadline_is_held_to_the_millisecond(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, 50 * MSEC);
    w.cap = 1000;
    stopped_usec = __real_sl_clock_usec();
    uint64_t begin = stopped_usec;
    w.is_silent = true;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    stopped_usec = begin + 49 * MSEC;
    w.is_silent = false;
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, 0);
    assert_true(sl_fleet_is_up(w.fleet));

    begin = stopped_usec;
    w.is_silent = true;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    stopped_usec = begin + 51 * MSEC;
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, SL_E_IO);
    assert_false(sl_fleet_is_up(w.fleet));
    w.is_silent = false;
    RUN_UNTIL(&w, w.n_settled == 1);
    assert_string_equal(w.last_settle, "0 -1"); /* the server counted it, and is told to forget it */
    stopped_usec = 0;
    world_end(&w);
}

/* With a time to wait the call waits on while the link is slow, and so do those that come meanwhile; none waits when
 * that time is over. */
static void calls_wait_for_a_slow_server(void **state)
{
    (void)state;
    struct world w;
    struct one one, two, three;
    world_start_waiting(&w, 50 * MSEC, 500 * MSEC);
    RUN_UNTIL(&w, sl_fleet_is_up(w.fleet));
    w.cap = 1000;
    stopped_usec = __real_sl_clock_usec();
    uint64_t begin = stopped_usec;
    w.is_silent = true;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    stopped_usec = begin + 51 * MSEC;
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    ask(&w, &two, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    assert_false(one.is_answered || two.is_answered);
    w.is_silent = false; /* the late answer counts, and the other call is asked as soon as the link is up */
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, 0);
    stopped_usec = begin + 450 * MSEC; /* the next probe is due */
    RUN_UNTIL(&w, two.is_answered);
    assert_int_equal(two.r, 0);
    assert_true(sl_fleet_is_up(w.fleet));
    assert_int_equal(w.n_settled, 0);

    begin = stopped_usec;
    w.is_silent = true;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    stopped_usec = begin + 51 * MSEC;
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    stopped_usec = begin + 501 * MSEC;
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, SL_E_IO);
    stopped_usec = begin + 560 * MSEC;
    ask(&w, &three, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    assert_true(three.is_answered && three.r == SL_E_IO);
    stopped_usec = 0;
    w.is_silent = false;
    world_end(&w);
}

static void calls_wait_for_a_server_that_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_start_waiting(&w, 50 * MSEC, 10 * SL_USEC_PER_SEC);
    RUN_UNTIL(&w, sl_fleet_is_up(w.fleet));
    w.cap = 1000;
    w.info = INFO_OF("7.0.15", "noeviction", "slave"); /* as in a failover */
    shutdown(w.conn, SHUT_RDWR);
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    unsigned n_loaded = w.n_loaded;
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    RUN_UNTIL(&w, w.n_loaded >= n_loaded + 2 * SL_FLEET_SCRIPTS);
    assert_false(one.is_answered);
    w.info = INFO_OF("7.0.15", "noeviction", "master");
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, 0);
    world_end(&w);
}

/* Decides a call without the server. */
static void call_leased(struct world *w, struct one *one, enum sl_limit_kind kind)
{
    ask(w, one, SL_LIMIT_LOSS_CLOSED, kind);
    assert_true(one->is_answered && one->r == 0);
    assert_int_equal(one->admission.source, SL_LIMIT_SOURCE_LEASE);
}

static void calls_make_hot(struct world *w, enum sl_limit_kind kind)
{
    struct one one;
    w->cap = 1000000;
    for (int i = 0; i < SL_LEASE_HOT; i++) {
        assert_int_equal(w->n_wanting, 0);
        ask(w, &one, SL_LIMIT_LOSS_CLOSED, kind);
        RUN_UNTIL(w, one.is_answered);
        assert_int_equal(one.r, 0);
        if (kind != SL_LIMIT_REQUESTS) {
            const uint64_t used[SL_LIMIT_KINDS] = { 0 };
            sl_admission_settle(&one.admission, used);
        }
    }
    assert_int_equal(w->n_wanting, 1);
    assert_int_equal(w->granted, SL_LEASE_HOT);
}

/* When many calls ask within a moment, the next ones are decided here; what they leave goes back. */
static void a_hot_counter_is_leased(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, 10 * SL_USEC_PER_SEC);
    stopped_usec = __real_sl_clock_usec();
    calls_make_hot(&w, SL_LIMIT_REQUESTS);
    for (int i = 0; i < SL_LEASE_HOT; i++) {
        call_leased(&w, &one, SL_LIMIT_REQUESTS);
    }
    assert_int_equal(w.n_asked, SL_LEASE_HOT);
    assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0); /* used up at once: the next one is larger */
    assert_int_equal(w.n_asked, SL_LEASE_HOT + 1);
    assert_int_equal(w.granted, 2 * SL_LEASE_HOT);
    for (int i = 0; i < SL_LEASE_HOT; i++) {
        call_leased(&w, &one, SL_LIMIT_REQUESTS);
    }
    stopped_usec += 2 * SL_LEASE_USEC;
    RUN_UNTIL(&w, w.n_settled == 1);
    assert_string_equal(w.last_settle, "0 -100");
    assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
    assert_int_equal(w.n_asked, SL_LEASE_HOT + 2);
    stopped_usec = 0;
    world_end(&w);
    assert_int_equal(w.n_settled, 2); /* the last lease */
}

/* One that was granted in a window before the one that is known goes back. */
static void a_lease_that_comes_too_late_goes_back(void **state)
{
    (void)state;
    struct world w;
    char late[160];
    world_up(&w, 10 * SL_USEC_PER_SEC);
    stopped_usec = __real_sl_clock_usec();
    w.cap = 1000000;
    for (int i = 1; i < SL_LEASE_HOT; i++) {
        assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
    }
    unsigned long long now = sl_clock_wall_usec(), end = now / HOUR * HOUR + 2 * HOUR;
    snprintf(late, sizeof(late), "*8\r\n:1\r\n:%llu\r\n:1\r\n:%llu\r\n:101\r\n:0\r\n:101\r\n:100\r\n", now, end);
    w.wrong = late;
    assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
    RUN_UNTIL(&w, w.n_settled == 1);
    assert_string_equal(w.last_settle, "0 -100");
    stopped_usec = 0;
    world_end(&w);
}

/* What calls used of a lease is told together with what is left. */
static void leased_calls_are_settled_together(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 7 };
    world_up(&w, 10 * SL_USEC_PER_SEC);
    stopped_usec = __real_sl_clock_usec();
    calls_make_hot(&w, SL_LIMIT_TOKENS);
    RUN_UNTIL(&w, w.n_settled == SL_LEASE_HOT - 1); /* the last one's reservation is the lease's now */
    for (int i = 0; i < 10; i++) {
        call_leased(&w, &one, SL_LIMIT_TOKENS);
        sl_admission_settle(&one.admission, used);
    }
    stopped_usec += 2 * SL_LEASE_USEC;
    RUN_UNTIL(&w, w.n_settled == SL_LEASE_HOT);
    assert_string_equal(w.last_settle, "101 70");
    stopped_usec = 0;
    world_end(&w);
}

/* Without the link nothing is leased: the shares have what was used. */
static void leases_end_with_the_link(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, 10 * SL_USEC_PER_SEC);
    stopped_usec = __real_sl_clock_usec();
    calls_make_hot(&w, SL_LIMIT_REQUESTS);
    for (int i = 0; i < 10; i++) {
        call_leased(&w, &one, SL_LIMIT_REQUESTS);
    }
    unsigned n_joins = w.n_joins;
    shutdown(w.conn, SHUT_RDWR);
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    stopped_usec = 0;
    assert_false(one.is_answered);
    RUN_UNTIL(&w, one.is_answered);
    assert_int_equal(one.r, 0);
    assert_true(w.n_joins > n_joins);
    assert_int_equal(w.last_shared, SL_LEASE_HOT + 10);
    world_end(&w);
    assert_int_equal(w.n_settled, 0);
}

struct heard {
    unsigned n;
    struct sl_fleet_news last;
    char route[32], target[32];
};

static void on_news(void *arg, const struct sl_fleet_news *news)
{
    struct heard *heard = arg;
    heard->n++;
    heard->last = *news;
    snprintf(heard->route, sizeof(heard->route), "%.*s", SL_STR_ARG(news->route));
    snprintf(heard->target, sizeof(heard->target), "%.*s", SL_STR_ARG(news->target));
}

static void nodes_tell_each_other_news(void **state)
{
    (void)state;
    struct world w;
    struct heard heard = { .n = 0 };
    world_up(&w, 10 * SL_USEC_PER_SEC);
    sl_fleet_news_listen(w.link, on_news, &heard);
    sl_fleet_news_tell(
        w.fleet,
        &(struct sl_fleet_news){ .is_breaker = true, .route = SL_STR("chat"), .target = SL_STR("a b"), .for_usec = 5 });
    sl_fleet_news_tell(w.fleet, &(struct sl_fleet_news){ .key = 7, .print = 8, .for_usec = 9 });
    RUN_UNTIL(&w, w.n_news == 1);
    static const char told[] = "*4\r\n$7\r\nbreaker\r\n$4\r\nchat\r\n$3\r\na b\r\n$1\r\n5\r\n"
                               "*4\r\n$5\r\nplace\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n";
    assert_string_equal(w.last_news, told);
    w.news = told;
    RUN_UNTIL(&w, heard.n == 2);
    assert_string_equal(w.last_news, ""); /* nothing is told twice */
    assert_true(!heard.last.is_breaker && heard.last.key == 7 && heard.last.print == 8 && heard.last.for_usec == 9);
    /* What is no news does no harm. */
    w.news = "*4\r\n$5\r\nplace\r\n$1\r\nx\r\n$1\r\n8\r\n$1\r\n9\r\n*3\r\n";
    unsigned n = w.n_news;
    RUN_UNTIL(&w, w.n_news == n + 2);
    assert_int_equal(heard.n, 2);
    w.news = "*4\r\n$7\r\nbreaker\r\n$4\r\nchat\r\n$3\r\na b\r\n$1\r\n0\r\n";
    RUN_UNTIL(&w, heard.n == 3);
    assert_true(heard.last.is_breaker && heard.last.for_usec == 0);
    assert_string_equal(heard.route, "chat");
    assert_string_equal(heard.target, "a b");
    /* Too many at once: the first ones are told. */
    for (int i = 0; i < 2000; i++) {
        sl_fleet_news_tell(w.fleet, &(struct sl_fleet_news){ .key = 1, .print = 1, .for_usec = 1 });
    }
    RUN_UNTIL(&w, w.last_news[0]);
    assert_true(sl_fleet_is_up(w.fleet));
    world_end(&w);
}

/* What could not be told in its time is not told later. The next server's clock may be behind. */
static void news_do_not_wait_for_a_server(void **state)
{
    (void)state;
    struct world w;
    struct heard heard = { .n = 0 };
    world_up(&w, 10 * SL_USEC_PER_SEC);
    w.heard_usec = 2 * sl_clock_wall_usec();
    sl_fleet_news_listen(w.link, on_news, &heard);
    RUN_UNTIL(&w, w.since_usec == w.heard_usec);
    w.info = INFO_OF("7.0.15", "noeviction", "slave");
    shutdown(w.conn, SHUT_RDWR);
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    sl_fleet_news_tell(w.fleet, &(struct sl_fleet_news){ .key = 7, .print = 8, .for_usec = 9 });
    uint64_t since = sl_loop_now(&w.loop);
    RUN_UNTIL(&w, sl_loop_now(&w.loop) > since + SHORT_USEC);
    unsigned n = w.n_news;
    w.info = INFO_OF("7.0.15", "noeviction", "master");
    RUN_UNTIL(&w, w.n_news > n);
    assert_string_equal(w.last_news, "");
    assert_true(w.since_usec > 0 && w.since_usec <= sl_clock_wall_usec());
    world_end(&w);
}

static void a_call_may_end_before_its_answer(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, 10 * SL_USEC_PER_SEC);
    assert_int_equal(call(&w, SL_LIMIT_LOSS_CLOSED), 0);
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    sl_admission_stop(&one.admission);
    RUN_UNTIL(&w, w.n_settled == 1);
    assert_false(one.is_answered);
    assert_string_equal(w.last_settle, "0 -1");
    world_end(&w);
}

static void without_a_server_nobody_waits(void **state)
{
    (void)state;
    struct world w;
    struct one one;
    world_up(&w, SHORT_USEC);
    pass(&w);
    close(w.listener);
    w.listener = socket(AF_INET, SOCK_STREAM, 0); /* nobody listens any more */
    shutdown(w.conn, SHUT_RDWR);
    RUN_UNTIL(&w, !sl_fleet_is_up(w.fleet));
    uint64_t since = sl_loop_now(&w.loop);
    RUN_UNTIL(&w, sl_loop_now(&w.loop) > since + SHORT_USEC);
    ask(&w, &one, SL_LIMIT_LOSS_CLOSED, SL_LIMIT_REQUESTS);
    assert_true(one.is_answered && one.r == SL_E_IO);
    ask(&w, &one, SL_LIMIT_LOSS_OPEN, SL_LIMIT_REQUESTS);
    assert_true(one.is_answered && one.r == 0);
    world_end(&w);
}

static void a_server_that_must_not_be_used_is_told(void **state)
{
    (void)state;
    static const char *const infos[] = {
        INFO_OF("6.0.16", "noeviction", "master"),
        INFO_OF("7.0.15", "allkeys-lru", "master"),
        INFO_OF("7.0.15", "noeviction", "slave"),
        INFO_OF("seven", "noeviction", "master"),
        "redis_version:7.0.15\r\n",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(infos); i++) {
        struct world w;
        world_start(&w, SHORT_USEC);
        w.info = infos[i];
        RUN_UNTIL(&w, w.n_loaded >= 2 * SL_FLEET_SCRIPTS); /* it tries again */
        assert_false(sl_fleet_is_up(w.fleet));
        assert_int_equal(w.n_joins, 0);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_counted_there),
        cmocka_unit_test(what_is_held_is_told),
        cmocka_unit_test(a_call_survives_what_the_server_forgot),
        cmocka_unit_test(the_other_workers_are_waited_for),
        cmocka_unit_test(a_full_server_is_tried_again),
        cmocka_unit_test(a_late_answer_is_given_back),
        cmocka_unit_test(the_deadline_is_held_to_the_millisecond),
        cmocka_unit_test(a_hot_counter_is_leased),
        cmocka_unit_test(a_lease_that_comes_too_late_goes_back),
        cmocka_unit_test(leased_calls_are_settled_together),
        cmocka_unit_test(leases_end_with_the_link),
        cmocka_unit_test(calls_wait_for_a_slow_server),
        cmocka_unit_test(calls_wait_for_a_server_that_comes_back),
        cmocka_unit_test(nodes_tell_each_other_news),
        cmocka_unit_test(news_do_not_wait_for_a_server),
        cmocka_unit_test(a_call_may_end_before_its_answer),
        cmocka_unit_test(without_a_server_nobody_waits),
        cmocka_unit_test(a_server_that_must_not_be_used_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
