/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice serve` in a child of the test: what it tells its supervisor, serves, takes over from a changed file, and how
 * it ends. It listens on unix sockets only, and every step waits for the daemon's output. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_test.h"
#include "daemon/daemon.h"

#define DEADLINE_MSEC 60000 /* for a machine that is busy with other work */
#define ROUTE(name)   "  - { name: " name ", endpoint_type: llm/v1/chat, model: { provider: mock, name: m } }\n"
#define SLOW(name)                                                                                                   \
    "  - { name: " name ", endpoint_type: llm/v1/chat, model: { provider: mock, name: m, config: { latency: 1h } } " \
    "}\n"
#define SERVER(more) "server: { listen: 'unix:s', workers: 2, " more " }\nlog: { access: a.log }\n"
#define QUICK        SERVER("timeouts: { drain_delay: 0s }")

static char folder[] = "/tmp/sluice-serve-XXXXXX";

static void file_put(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "%s.new", name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(path, name), 0);
}

/* --- the daemon --- */

static struct child {
    pid_t pid;
    int notify;    /* what a supervisor gets */
    int errors[2]; /* its standard error */
} child;

static int unix_socket(const char *path, int type)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* `inherited`: a listening socket from a supervisor, or -1. */
static void child_start(const struct sl_serve_opts *opts, int inherited)
{
    char path[64], pid[16];
    snprintf(path, sizeof(path), "%s/notify", folder);
    child.notify = unix_socket("notify", SOCK_DGRAM);
    assert_int_equal(pipe2(child.errors, O_CLOEXEC), 0);
    fflush(NULL);
    child.pid = fork();
    if (child.pid == 0) {
        setenv("NOTIFY_SOCKET", path, 1);
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(child.errors[1], STDERR_FILENO);
        if (inherited >= 0) {
            snprintf(pid, sizeof(pid), "%ld", (long)getpid());
            setenv("LISTEN_PID", pid, 1);
            setenv("LISTEN_FDS", "1", 1);
            setenv("LISTEN_FDNAMES", "http", 1);
            if (inherited != 3) {
                dup2(inherited, 3);
            }
        }
        exit(sl_cmd_serve(opts));
    }
    close(child.errors[1]);
}

/* Its standard error until its end. */
static const char *child_errors(void)
{
    static char text[16384];
    size_t have = 0;
    struct pollfd fd = { child.errors[0], POLLIN, 0 };
    ssize_t n = 1;
    while (n > 0) {
        if (poll(&fd, 1, DEADLINE_MSEC) != 1) {
            kill(child.pid, SIGKILL);
        }
        n = read(child.errors[0], text + have, sizeof(text) - 1 - have);
        have += n > 0 ? (size_t)n : 0;
    }
    text[have] = '\0';
    return text;
}

/* Waits for the next message to the supervisor that has `want`. */
static void child_says(const char *want)
{
    char text[1024] = "";
    struct pollfd fd = { child.notify, POLLIN, 0 };
    while (!strstr(text, want)) {
        if (poll(&fd, 1, DEADLINE_MSEC) != 1) {
            kill(child.pid, SIGKILL);
            fail_msg("not told: %s; the last word: %s\n%s", want, text, child_errors());
        }
        ssize_t n = recv(child.notify, text, sizeof(text) - 1, 0);
        assert_true(n > 0);
        text[n] = '\0';
    }
}

/* Waits for its end. Returns the exit code, and in *said its output. */
static int child_end(const char **said)
{
    int status;
    const char *text = child_errors();
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    close(child.errors[0]);
    close(child.notify);
    unlink("notify");
    if (!WIFEXITED(status)) {
        fail_msg("it ended by signal %d:\n%s", WTERMSIG(status), text);
    }
    *said = text;
    return WEXITSTATUS(status);
}

static void child_stop(void)
{
    const char *said;
    kill(child.pid, SIGTERM);
    int r = child_end(&said);
    if (r != 0 || !strstr(said, "serve: ended")) {
        fail_msg("%d:\n%s", r, said);
    }
}

/* --- a client --- */

static int client_open(const char *request)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "s" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

/* Reads until the daemon closes. */
static const char *client_read(int fd)
{
    static char text[65536];
    size_t have = 0;
    struct pollfd in = { fd, POLLIN, 0 };
    ssize_t n = 1;
    while (n > 0 && poll(&in, 1, DEADLINE_MSEC) == 1) {
        n = recv(fd, text + have, sizeof(text) - 1 - have, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    text[have] = '\0';
    close(fd);
    return text;
}

#define GET(path) "GET " path " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
#define BODY      "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ASK(name)                                                                                           \
    "POST /gateway/" name "/invocations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: " \
    "application/json\r\ncontent-length: 45\r\n\r\n" BODY

static void client_gets(const char *request, const char *want)
{
    const char *text = client_read(client_open(request));
    if (!strstr(text, want)) {
        kill(child.pid, SIGKILL);
        fail_msg("%s\nwants %s, got %s", request, want, text);
    }
}

/* --- the tests --- */

static void it_serves_and_ends(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("chat"));
    child_start(&opts, -1);
    child_says("READY=1\nSTATUS=serving, 1 route\nMAINPID=");
    client_gets(GET("/health"), "HTTP/1.1 200 OK");
    client_gets(ASK("chat"), "\"finish_reason\"");
    client_gets(ASK("nope"), "HTTP/1.1 404");
    kill(child.pid, SIGTERM);
    child_says("STOPPING=1");
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "listening on unix:s, 2 workers, 1 route\n"));
    assert_int_equal(access("s", F_OK), -1);
}

static void a_changed_file_is_taken_over(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("one"));
    child_start(&opts, -1);
    child_says("READY=1");
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("one") ROUTE("two"));
    kill(child.pid, SIGHUP);
    child_says("RELOADING=1\nMONOTONIC_USEC=");
    child_says("READY=1\nSTATUS=serving, 2 routes");
    client_gets(ASK("two"), "\"finish_reason\"");
    file_put("c.yaml", "endpoints: 5\n");
    kill(child.pid, SIGHUP);
    child_says("READY=1\nSTATUS=serving; the changed configuration was refused");
    client_gets(ASK("two"), "\"finish_reason\"");
    /* Without a signal: the daemon watches the file itself. */
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("one") ROUTE("two") ROUTE("three"));
    child_says("READY=1\nSTATUS=serving, 3 routes");
    file_put("c.yaml", SERVER("workers: 1, timeouts: { drain_delay: 0s }") "endpoints: []\n");
    kill(child.pid, SIGHUP);
    child_says("READY=1\nSTATUS=serving; the changed configuration was refused"); /* workers twice */
    file_put("c.yaml", "server: { listen: 'unix:s', workers: 1, timeouts: { drain_delay: 0s } }\nendpoints: []\n");
    kill(child.pid, SIGHUP);
    child_says("READY=1\nSTATUS=serving, 0 routes");
    client_gets(ASK("one"), "HTTP/1.1 404");
    kill(child.pid, SIGTERM);
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "endpoints: must be a list"));
    assert_non_null(strstr(said, "server.workers has changed: that takes a restart"));
}

static void a_log_file_is_opened_again(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("one"));
    child_start(&opts, -1);
    child_says("READY=1");
    client_gets(ASK("one"), "200 OK");
    assert_int_equal(rename("a.log", "old.log"), 0);
    kill(child.pid, SIGUSR1);
    while (access("a.log", F_OK) < 0) { /* only the file shows it */
        usleep(1000);
    }
    client_gets(ASK("one"), "200 OK");
    child_stop();
    struct stat st;
    assert_true(stat("a.log", &st) == 0 && st.st_size > 0);
    assert_true(stat("old.log", &st) == 0 && st.st_size > 0);
    unlink("old.log");
}

static void a_second_signal_ends_at_once(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", SERVER("timeouts: { drain_delay: 1h }") "endpoints:\n" SLOW("slow"));
    child_start(&opts, -1);
    child_says("READY=1");
    int fd = client_open(ASK("slow"));
    client_gets(GET("/ready"), "HTTP/1.1 200");
    kill(child.pid, SIGTERM);
    child_says("STOPPING=1");
    client_gets(GET("/ready"), "HTTP/1.1 503"); /* new connections are accepted for another hour */
    kill(child.pid, SIGHUP);                    /* too late */
    kill(child.pid, SIGINT);
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "/ready answers 503"));
    assert_non_null(strstr(said, "second signal: ending at once"));
    assert_null(strstr(said, "a new configuration"));
    client_read(fd);
}

static void what_outlives_the_drain_gets_an_error(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", SERVER("timeouts: { drain_delay: 1ms, drain: 1ms }") "endpoints:\n" SLOW("slow"));
    child_start(&opts, -1);
    child_says("READY=1");
    int fd = client_open(ASK("slow"));
    while (!strstr(client_read(client_open(GET("/metrics"))), "sluice_requests_in_flight 2\n")) {
    }
    kill(child.pid, SIGTERM);
    assert_non_null(strstr(client_read(fd), "The gateway is shutting down"));
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "server.timeouts.drain is over"));
}

static void a_socket_can_be_handed_over(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "none" };
    file_put("c.yaml", QUICK "endpoints:\n" ROUTE("one"));
    int fd = unix_socket("s", SOCK_STREAM);
    assert_int_equal(listen(fd, 16), 0);
    child_start(&opts, fd);
    child_says("READY=1");
    client_gets(ASK("one"), "200 OK");
    kill(child.pid, SIGTERM);
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "listening on unix:s (handed over), 2 workers"));
    assert_int_equal(access("s", F_OK), 0); /* it belongs to its owner */
    close(fd);
    unlink("s");
    fd = unix_socket("s", SOCK_DGRAM);
    child_start(&opts, fd);
    assert_int_equal(child_end(&said), SL_EXIT_LOCAL);
    assert_non_null(strstr(said, "LISTEN_FDS: descriptor 3 (http) must be a listening stream socket"));
    close(fd);
    unlink("s");
    fd = open("c.yaml", O_RDONLY);
    child_start(&opts, fd);
    assert_int_equal(child_end(&said), SL_EXIT_LOCAL);
    assert_non_null(strstr(said, "LISTEN_FDS: descriptor 3 (http) is no socket"));
    close(fd);
}

static void a_start_that_fails_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *file, *listen, *data, *said;
        int exit_code;
    } cases[] = {
        { "endpoints: 5\n", NULL, "none", "endpoints: must be a list", SL_EXIT_LOCAL },
        { "endpoints: []\n", "unix:/nowhere/s", "none", "/nowhere/s", SL_EXIT_LOCAL },
        { "endpoints: []\n", "256.0.0.1:1", "none", "256.0.0.1", SL_EXIT_LOCAL },
        { "endpoints: []\n", "0.0.0.0:0", "none", "no auth is configured", SL_EXIT_LOCAL },
        { "endpoints: []\nlog: { access: /nowhere/a.log }\n", "unix:s", "none", "/nowhere/a.log", SL_EXIT_LOCAL },
        { "endpoints: []\nauth: {}\n", "unix:s", "none", "set SLUICE_ADMIN_KEY", SL_EXIT_LOCAL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sl_serve_opts opts = { .config = "c.yaml",
                                      .listen = cases[i].listen,
                                      .workers = -1,
                                      .data = cases[i].data,
                                      .bad_config_exit = SL_EXIT_LOCAL };
        const char *said;
        file_put("c.yaml", cases[i].file);
        child_start(&opts, -1);
        int r = child_end(&said);
        if (r != cases[i].exit_code || !strstr(said, cases[i].said)) {
            fail_msg("case %zu: %d\n%s", i, r, said);
        }
        unlink("s");
    }
}

static void a_data_directory_is_kept(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .data = "data" };
    file_put("c.yaml", "auth: {}\n" QUICK "endpoints:\n" ROUTE("one"));
    for (int i = 0; i < 2; i++) {
        child_start(&opts, -1);
        child_says("READY=1");
        client_gets(ASK("one"), "HTTP/1.1 401");
        /* One directory can have only one daemon. */
        bool is_running = false;
        cli_test_catch();
        int check = sl_cmd_db_check("data"), rotate = sl_cmd_secret_rotate("data", &is_running);
        const char *text = cli_test_caught();
        if (check != 0 || !is_running) {
            fail_msg("%d, %d: %s", check, rotate, text);
        }
        child_stop();
    }
    bool is_running = true;
    cli_test_catch();
    assert_int_equal(sl_cmd_db_check("data"), 0);
    assert_int_equal(sl_cmd_db_backup("data", "copy.db"), 0);
    assert_int_equal(sl_cmd_secret_rotate("data", &is_running), 0);
    cli_test_caught();
    assert_false(is_running);
    assert_int_equal(access("copy.db", F_OK), 0);
    assert_int_equal(system("rm -r data copy.db"), 0);
}

static void without_a_file_the_mocks_serve(void **state)
{
    (void)state;
    struct sl_serve_opts opts = { .listen = "unix:s", .workers = 1, .data = "none" };
    child_start(&opts, -1);
    child_says("READY=1\nSTATUS=serving, 3 routes");
    client_gets(ASK("chat"), "\"finish_reason\"");
    kill(child.pid, SIGHUP);
    kill(child.pid, SIGINT);
    const char *said;
    assert_int_equal(child_end(&said), 0);
    assert_non_null(strstr(said, "the embedded default: provider mock"));
}

static int begin(void **state)
{
    (void)state;
    unsetenv("SLUICE_ADMIN_KEY");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    unlink("c.yaml");
    unlink("a.log");
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_serves_and_ends),
        cmocka_unit_test(a_changed_file_is_taken_over),
        cmocka_unit_test(a_log_file_is_opened_again),
        cmocka_unit_test(a_second_signal_ends_at_once),
        cmocka_unit_test(what_outlives_the_drain_gets_an_error),
        cmocka_unit_test(a_socket_can_be_handed_over),
        cmocka_unit_test(a_start_that_fails_says_why),
        cmocka_unit_test(a_data_directory_is_kept),
        cmocka_unit_test(without_a_file_the_mocks_serve),
    };
    return cmocka_run_group_tests_name("serve", tests, begin, end);
}
