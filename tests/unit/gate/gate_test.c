/* SPDX-License-Identifier: Apache-2.0 */
#include "gate_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/api/table.h"
#include "gate/call/credential.h"
#include "gate/call/login_table.h"
#include "gate/call/session_table.h"
#include "gate/call/front.h"
#include "gate/config/definition.h"
#include "gate/config/events.h"
#include "gate/config/key_used.h"
#include "gate/config/snapshot.h"
#include "gate/policy/counters.h"
#include "gate/policy/limit_table.h"
#include "gate/policy/retry_budget.h"
#include "gate/watch/accesslog.h"
#include "gate/watch/ledger.h"
#include "gate/watch/metrics.h"
#include "gate/worker.h"
#include "store/store.h"

/* --- sockets --- */

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int listen_any(unsigned *ret_port)
{
    struct sockaddr_in addr = loopback(0);
    socklen_t n = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&addr, n) == 0 && listen(fd, 16) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &n), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

/* The two ends of one connection. */
static void pair_make(int fds[2])
{
    unsigned port;
    int listener = listen_any(&port);
    struct sockaddr_in addr = loopback(port);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
    fds[1] = accept(listener, NULL, NULL);
    assert_true(fds[1] >= 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

/* Adds what has come to `buf`. False: the other end has closed. */
static bool take(int fd, struct sl_buf *buf)
{
    char room[4096];
    ssize_t n;
    while ((n = read(fd, room, sizeof(room))) > 0) {
        sl_buf_add(buf, room, (size_t)n);
    }
    return n < 0 && errno == EAGAIN;
}

/* --- the upstream --- */

/* True: it is a whole request. */
static bool is_whole(struct sl_str text)
{
    ptrdiff_t end = sl_str_find(text, SL_STR("\r\n\r\n"), 0);
    ptrdiff_t at = sl_str_find(sl_str_sub(text, 0, end < 0 ? 0 : (size_t)end), SL_STR("Content-Length: "), 0);
    uint64_t n = 0;
    if (end < 0) {
        return false;
    }
    if (at >= 0) {
        size_t from = (size_t)at + strlen("Content-Length: ");
        ptrdiff_t to = sl_str_find(text, SL_STR("\r\n"), from);
        assert_int_equal(sl_parse_u64(sl_str_sub(text, from, (size_t)to), 0, UINT64_MAX, &n), 0);
    }
    if (sl_str_find(sl_str_sub(text, 0, (size_t)end), SL_STR("Transfer-Encoding: chunked"), 0) >= 0) {
        return sl_str_has_suffix(text, SL_STR("\r\n0\r\n\r\n"));
    }
    return text.n >= (size_t)end + 4 + n;
}

static void upstream_say(struct gate_test *g)
{
    size_t n = strlen(g->unsent), piece = g->piece ? SL_MIN(g->piece, n) : n;
    ssize_t sent = n ? write(g->up, g->unsent, piece) : 0;
    if (sent < 0) { /* the gateway has enough */
        assert_true(errno == EPIPE || errno == ECONNRESET);
        piece = n;
    } else {
        assert_int_equal(sent, piece);
    }
    g->unsent = piece == n ? NULL : g->unsent + piece;
    if (!g->unsent && !g->is_held) {
        close(g->up);
        g->up = -1;
    }
}

static void upstream_answer(struct gate_test *g)
{
    const char *reply = g->n_asked < g->n_replies ? g->replies[g->n_asked] : NULL;
    g->n_asked++;
    g->unsent = reply ? reply : "";
    upstream_say(g);
}

static void upstream_turn(struct gate_test *g)
{
    if (g->up < 0 && (g->up = accept(g->upstream, NULL, NULL)) >= 0) {
        assert_int_equal(fcntl(g->up, F_SETFL, O_NONBLOCK), 0);
        sl_buf_reset(&g->asked);
    }
    if (g->up < 0) {
        return;
    }
    if (g->unsent) {
        upstream_say(g);
        return;
    }
    bool was_whole = is_whole(sl_buf_str(&g->asked));
    g->is_up_gone |= !take(g->up, &g->asked);
    if (!was_whole && is_whole(sl_buf_str(&g->asked))) {
        upstream_answer(g);
    }
}

/* --- the exchange --- */

void gate_test_send(struct gate_test *g, const char *request, const char *const *replies)
{
    int fds[2];
    pair_make(fds);
    sl_buf_reset(&g->got);
    sl_buf_reset(&g->asked);
    g->client = fds[0];
    g->replies = replies;
    g->n_replies = g->n_asked = 0;
    g->is_up_gone = false;
    g->unsent = NULL;
    while (replies && g->n_replies < UPSTREAM_REPLIES_MAX && replies[g->n_replies]) {
        g->n_replies++;
    }
    struct sl_hconn *conn = sl_hserver_new_conn(&g->engine.server);
    assert_non_null(conn);
    assert_int_equal(sl_stream_open_fd(&conn->stream, fds[1], false), 0);
    sl_hserver_opened(conn, NULL, false);
    assert_int_equal(write(g->client, request, strlen(request)), strlen(request));
}

void gate_test_call(struct gate_test *g, const char *method, const char *path, const char *headers, const char *body,
                    const char *const *replies)
{
    struct sl_buf request = SL_BUF_INIT(1 << 20);
    sl_buf_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path, headers);
    if (body) {
        sl_buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    }
    sl_buf_printf(&request, "\r\n%s", body ? body : "");
    sl_buf_add_char(&request, '\0');
    assert_int_equal(sl_buf_status(&request), 0);
    gate_test_send(g, request.p, replies);
    sl_buf_done(&request);
}

void gate_test_cut(struct gate_test *g, const char *before, const char *after, char *out, size_t cap)
{
    struct sl_str got = sl_buf_str(&g->got);
    ptrdiff_t at = sl_str_find(got, sl_str_c(before), 0);
    assert_true(at >= 0);
    size_t from = (size_t)at + strlen(before);
    ptrdiff_t to = sl_str_find(got, sl_str_c(after), from);
    assert_true(to >= 0 && (size_t)to - from < cap);
    snprintf(out, cap, "%.*s", SL_STR_ARG(sl_str_sub(got, from, (size_t)to)));
}

static void on_turn_over(struct sl_timer *timer)
{
    (void)timer;
}

void gate_test_turn(struct gate_test *g)
{
    struct sl_timer timer;
    sl_timer_init(&timer, on_turn_over);
    sl_timer_set(&g->engine.loop, &timer, sl_loop_now(&g->engine.loop) + (g->unsent ? 1 : 2000));
    uv_run(&g->engine.loop.uv, UV_RUN_ONCE);
    sl_timer_remove(&g->engine.loop, &timer);
    upstream_turn(g);
    if (g->client >= 0 && !take(g->client, &g->got)) {
        close(g->client);
        g->client = -1;
    }
}

/* Replaces the chunks by the body. */
static void chunks_join(struct sl_buf *got)
{
    struct sl_buf out = SL_BUF_INIT(64 << 20);
    struct sl_str text = sl_buf_str(got);
    ptrdiff_t head = sl_str_find(text, SL_STR("\r\n\r\n"), 0);
    if (head < 0 || sl_str_find(sl_str_sub(text, 0, (size_t)head), SL_STR("Transfer-Encoding: chunked"), 0) < 0) {
        return;
    }
    size_t at = (size_t)head + 4, n = 1;
    sl_buf_add_str(&out, sl_str_sub(text, 0, at));
    while (n > 0 && at < text.n) {
        char *end;
        n = strtoul(text.p + at, &end, 16);
        at = (size_t)(end - text.p) + 2;
        sl_buf_add_str(&out, sl_str_sub(text, at, SL_MIN(at + n, text.n)));
        at += n + 2;
    }
    sl_buf_add_char(&out, '\0');
    out.len--;
    assert_int_equal(sl_buf_status(&out), 0);
    sl_buf_done(got);
    *got = out;
}

struct sl_str gate_test_reply(struct gate_test *g)
{
    GATE_UNTIL(g, g->client < 0);
    sl_buf_add_char(&g->got, '\0'); /* for strtoul */
    g->got.len--;
    chunks_join(&g->got);
    return sl_buf_str(&g->got);
}

void gate_test_check(struct gate_test *g, const char *what, int status, const char *const *has, const char *hasnt)
{
    struct sl_str got = gate_test_reply(g);
    char line[32];
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    bool is_right = sl_str_has_prefix(got, sl_str_c(line)) && (!hasnt || sl_str_find(got, sl_str_c(hasnt), 0) < 0);
    for (; *has && is_right; has++) {
        is_right = sl_str_find(got, sl_str_c(*has), 0) >= 0;
    }
    if (!is_right) {
        fail_msg("%s: wanted %d, with '%s', without '%s'; got\n%.*s", what, status, *has ? *has : "",
                 hasnt ? hasnt : "", SL_STR_ARG(got));
    }
}

/* --- life --- */

/* `text` with the port in place of PORT. */
static void port_put(struct sl_buf *out, const char *text, unsigned port)
{
    const char *at;
    while ((at = strstr(text, "PORT")) != NULL) {
        sl_buf_add(out, text, (size_t)(at - text));
        sl_buf_printf(out, "%u", port);
        text = at + strlen("PORT");
    }
    sl_buf_add_c(out, text);
    sl_buf_add_char(out, '\0');
}

static struct loaded through_file(struct sl_str text)
{
    char path[] = "/tmp/sluice-gate-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    close(fd);
    struct loaded loaded = load_file(path);
    unlink(path);
    return loaded;
}

static void start(struct gate_test *g, const char *config, bool is_file)
{
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    struct sl_err err;
    signal(SIGPIPE, SIG_IGN);
    memset(g, 0, sizeof(*g));
    g->client = g->up = -1;
    g->upstream = listen_any(&g->port);
    sl_buf_init(&g->got, 64 << 20);
    sl_buf_init(&g->asked, 64 << 20);
    port_put(&text, config, g->port);
    assert_int_equal(sl_buf_status(&text), 0);
    g->loaded = is_file ? through_file(sl_str_c(text.p)) : load(text.p);
    sl_buf_done(&text);
    if (!g->loaded.config) {
        show(&g->loaded);
        fail_msg("the configuration is refused");
    }
    const struct sl_config *c = g->loaded.config;
    sl_gate_init(&g->gate);
    g->gate.publisher = &g->publisher;
    g->gate.events = &g->events;
    g->gate.counters = &g->counters;
    g->gate.notices = &g->notices;
    sl_publisher_init(&g->publisher);
    sl_events_init(&g->events, &g->publisher);
    assert_int_equal(sl_events_configure(&g->events, c->settings, c->routes, c->n_routes), 0);
    assert_int_equal(sl_limiter_new(100, &g->gate.limiter), 0);
    g->gate.factors = &g->factors;
    assert_int_equal(sl_retry_budget_new(&g->gate.retry_budget), 0);
    assert_int_equal(sl_metrics_new(&g->gate.metrics), 0);
    assert_int_equal(sl_ledger_new(&g->gate.ledger), 0);
    g->gate.sessions = sl_sessions_new();
    g->gate.logins = sl_logins_new();
    assert_true(g->gate.sessions && g->gate.logins);
    assert_int_equal(sl_accesslog_open("none", SL_LOG_AUTO, 1, &g->gate.access_log, &err), 0);
    g->gate.start_wall_usec = sl_clock_wall_usec();
    assert_int_equal(sl_loop_init(&g->engine.loop, &err), 0);
    static const struct sl_worker_service service = { &sl_front_server_cbs, &sl_api_paths };
    assert_int_equal(
        sl_worker_init(&g->worker, &g->engine, &g->gate, sl_accesslog_ring(g->gate.access_log, 0), &service), 0);
}

void gate_test_start(struct gate_test *g, const char *config)
{
    start(g, config, false);
}

void gate_test_start_file(struct gate_test *g, const char *config)
{
    start(g, config, true);
}

static int on_tick(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct sl_gate *gate = arg;
    struct sl_snapshot *snapshot = NULL;
    int r = sl_counters_tick(gate->counters, store, was_lost, err);
    r = r < 0 ? r : sl_ledger_tick(gate->ledger, store, was_lost, err);
    sl_publisher_refresh(gate->publisher, &snapshot);
    r = r < 0 ? r : sl_keys_used_write(snapshot->keys, store, true, err);
    sl_snapshot_unref(snapshot);
    return r;
}

static void store_open(struct gate_test *g)
{
    struct sl_err err = { 0 };
    bool is_ok = false;
    g->counters = (struct sl_counters){ .limiter = g->gate.limiter };
    const struct sl_store_conf conf = { .dir = g->dir,
                                        .cbs = { .on_events = sl_events_apply,
                                                 .describe = sl_definition_describe,
                                                 .on_load_begin = sl_events_load_begin,
                                                 .on_load = sl_events_load,
                                                 .on_load_end = sl_events_load_end,
                                                 .events_arg = &g->events,
                                                 .on_tick = on_tick,
                                                 .tick_arg = &g->gate } };
    int r = sl_store_open(&conf, &g->gate.store, &is_ok, &err);
    r = r < 0 ? r : sl_store_load(g->gate.store, &err);
    r = r < 0 ? r : sl_store_start(g->gate.store, &err);
    if (r < 0 || !is_ok) {
        fail_msg("no store: %s", err.text);
    }
}

void gate_test_store(struct gate_test *g)
{
    snprintf(g->dir, sizeof(g->dir), "/tmp/sluice-gate-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    store_open(g);
}

void gate_test_log(struct gate_test *g)
{
    struct sl_err err;
    snprintf(g->log, sizeof(g->log), "/tmp/sluice-log-XXXXXX");
    close(mkstemp(g->log));
    sl_accesslog_close(g->gate.access_log);
    assert_int_equal(sl_accesslog_open(g->log, SL_LOG_AUTO, 1, &g->gate.access_log, &err), 0);
    g->worker.log = g->worker.desk.log = g->worker.shadow_desk.log = sl_accesslog_ring(g->gate.access_log, 0);
}

static void store_remove(struct gate_test *g)
{
    char command[128];
    sl_store_close(g->gate.store);
    snprintf(command, sizeof(command), "rm -rf %s", g->dir);
    assert_int_equal(g->dir[0] ? system(command) : 0, 0);
}

static void is_empty(struct sl_hclient *client)
{
    *(bool *)client->user = true;
}

void gate_test_end(struct gate_test *g)
{
    bool is_client_empty = false;
    if (g->client >= 0) {
        close(g->client);
        g->client = -1;
    }
    GATE_UNTIL(g, g->engine.server.conns.n == 0 && g->worker.shadow_desk.xchgs.n == 0);
    sl_credentials_end(&g->worker);
    GATE_UNTIL(g, g->worker.n_questions == 0);
    g->engine.client.on_empty = is_empty;
    g->engine.client.user = &is_client_empty;
    sl_hclient_close(&g->engine.client);
    GATE_UNTIL(g, is_client_empty);
    sl_hserver_stop(&g->engine.server);
    assert_int_equal(atomic_load(&g->gate.spool.used), 0);
    sl_loop_stop(&g->engine.loop);
    sl_loop_run(&g->engine.loop);
    store_remove(g);
    sl_worker_done(&g->worker);
    assert_int_equal(atomic_load(&g->gate.memory.used), 0);
    assert_int_equal(atomic_load(&g->gate.shadows.used), 0);
    sl_loop_done(&g->engine.loop);
    sl_accesslog_close(g->gate.access_log);
    sl_events_done(&g->events);
    sl_publisher_done(&g->publisher);
    sl_limiter_free(g->gate.limiter);
    sl_retry_budget_free(g->gate.retry_budget);
    sl_credentials_done();
    sl_metrics_free(g->gate.metrics);
    sl_ledger_free(g->gate.ledger);
    sl_sessions_free(g->gate.sessions);
    sl_logins_free(g->gate.logins);
    unload(&g->loaded);
    close(g->upstream);
    if (g->up >= 0) {
        close(g->up);
    }
    sl_buf_done(&g->got);
    sl_buf_done(&g->asked);
}

struct sl_str gate_test_end_log(struct gate_test *g)
{
    static char text[65536];
    gate_test_end(g);
    FILE *file = fopen(g->log, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text), file);
    fclose(file);
    unlink(g->log);
    assert_in_range(n, 1, sizeof(text) - 1);
    return sl_str_make(text, n);
}

int gate_test_setup(void **state, const char *config)
{
    static struct gate_test world;
    gate_test_start(&world, config);
    *state = &world;
    return 0;
}

int gate_test_teardown(void **state)
{
    gate_test_end(*state);
    return 0;
}
