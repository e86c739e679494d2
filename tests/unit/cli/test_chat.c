/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice chat` and `sluice top`: from a pipe, and on a terminal of the test, which types and reads there. */
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_server.h"
#include "cli_test.h"

#define DEADLINE_MSEC 60000 /* for a machine that is busy with other work */
#define ROUTE(name, type)                                                                                         \
    "{\"name\":\"" name "\",\"route_type\":\"llm/v1/" type "\",\"model\":{\"name\":\"m\",\"provider\":\"mock\"}," \
    "\"route_url\":\"/gateway/" name "/invocations\",\"limit\":null}"
#define CHUNK(text)                                                                                               \
    "data: "                                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
    "\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}\n\n"
#define LAST                                                                                                      \
    "data: "                                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
    "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define STREAM "200 OK\r\ncontent-type: text/event-stream\r\n"

static const struct cli_answer answers[] = {
    { "GET /api/2.0/gateway/routes/chat", NULL, ROUTE("chat", "chat") },
    { "GET /api/2.0/gateway/routes/embed", NULL, ROUTE("embed", "embeddings") },
    { "GET /api/2.0/gateway/routes/busy", NULL, ROUTE("busy", "chat") },
    { "POST /gateway/chat/invocations", STREAM, CHUNK("Hel") CHUNK("lo.") LAST },
    { "POST /gateway/busy/invocations", "429 Too Many Requests\r\nx-sluice-error-type: policy_budget_exceeded\r\n",
      "{\"detail\":\"spent\"}" },
    { "GET /metrics", "200 OK\r\ncontent-type: text/plain\r\n",
      "sluice_requests_in_flight 3\nsluice_config_version 7\n"
      "sluice_requests_total{route=\"chat\",dialect=\"mlflow\",status=\"200\",error_type=\"\",stream=\"false\"} 41\n" },
    { "GET /ready", NULL, "{\"status\":\"OK\"}" },
    { NULL, NULL, NULL },
};

/* --- from a pipe --- */

static int chat_pipe(const char *line, const char *input, const char **said)
{
    struct cli_meaning m;
    FILE *real = stdin;
    cli_test_parse(line, &m);
    assert_string_equal(cli_test_caught(), "");
    cli_server_prepare(answers);
    stdin = fmemopen((void *)(uintptr_t)input, strlen(input), "r");
    assert_non_null(stdin);
    cli_test_catch();
    int r = m.command->run(&m.args);
    *said = cli_test_caught();
    fclose(stdin);
    stdin = real;
    return r;
}

static void lines_are_turns(void **state)
{
    (void)state;
#define USER(text)  "{\"role\":\"user\",\"content\":\"" text "\"}"
#define HELLO       "{\"role\":\"assistant\",\"content\":\"Hello.\"}"
#define ASKED(list) "\"messages\":[" list "]"
    static const struct {
        const char *line, *input, *asked, *said;
        int exit_code;
    } cases[] = {
        { "chat chat", "hi\n", ASKED(USER("hi")), "Hello.\n", 0 },
        { "chat chat", "hi", ASKED(USER("hi")), "Hello.\n", 0 },
        { "chat chat", "\n  \nhi\r\n", ASKED(USER("hi")), "Hello.\n", 0 },
        { "chat chat", "hi\nmore\n", ASKED(USER("hi") "," HELLO "," USER("more")), "Hello.\nHello.\n", 0 },
        { "chat chat --system be", "hi\n", ASKED("{\"role\":\"system\",\"content\":\"be\"}," USER("hi")), "Hello.", 0 },
        { "chat chat --temperature 0.5 --max-tokens 9", "hi\n", "\"temperature\":0.5,\"max_tokens\":9", "Hello.", 0 },
        { "chat chat", "hi\n/reset\nmore\n", ASKED(USER("more")), "forgotten: the next line begins", 0 },
        { "chat chat", "/reset\nhi\n/new\n", ASKED(USER("hi")), "forgotten", 0 },
        { "chat chat -q", "/clear\nhi\n", ASKED(USER("hi")), "Hello.\n", 0 },
        { "chat chat", "/help\n", "", "//text   send /text to the route", 0 },
        { "chat chat", "/?\n", "", "/reset   forget what was said", 0 },
        { "chat chat", "exit\nhi\n", "", "", 0 },
        { "chat chat", "/quit\nhi\n", "", "", 0 },
        { "chat chat", "exit now\n", ASKED(USER("exit now")), "Hello.", 0 },
        { "chat chat", "//exit\n", ASKED(USER("/exit")), "Hello.", 0 },
        { "chat chat", "/etc/passwd is a path\n", ASKED(USER("/etc/passwd is a path")), "Hello.", 0 },
        { "chat chat", "/\n", ASKED(USER("/")), "Hello.", 0 },
        { "chat chat", "/hlep\nhi\n", "", "there is no /hlep here, did you mean /help?", CLI_USAGE },
        { "chat chat", "/something\n", "", "there is no /something here: /help lists", CLI_USAGE },
        { "chat chat", "", "", "", 0 },
        { "chat busy", "hi\nmore\n", "POST /gateway/busy/invocations", "the gateway's budget is used up: spent (429)",
          CLI_LIMITED },
        { "chat embed", "hi\n", "", "of type llm/v1/embeddings: it can be asked with sluice query", CLI_USAGE },
        { "chat none", "hi\n", "", "it is not there (404)", CLI_NOT_FOUND },
        { "chat chat --system @/nowhere", "hi\n", "", "/nowhere: No such file", CLI_LOCAL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said;
        int r = chat_pipe(cases[i].line, cases[i].input, &said);
        const char *asked = cli_server_asked(), *post = strstr(asked, "POST ");
        bool is_asked = *cases[i].asked ? strstr(asked, cases[i].asked) != NULL : !post;
        if (r != cases[i].exit_code || !strstr(said, cases[i].said) || !is_asked) {
            fail_msg("%s < %s: %d\n%s\nasked: %s", cases[i].line, cases[i].input, r, said, asked);
        }
    }
}

/* --- on a terminal --- */

static struct {
    pid_t pid;
    int fd;
    char text[65536]; /* what it wrote so far */
    size_t n, seen;
} screen;

static void screen_start(const char *line)
{
    struct cli_meaning m;
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    cli_test_parse(line, &m);
    assert_string_equal(cli_test_caught(), "");
    cli_server_prepare(answers);
    screen.n = screen.seen = 0;
    fflush(NULL);
    screen.pid = forkpty(&screen.fd, NULL, NULL, &size);
    if (screen.pid == 0) {
        exit(m.command->run(&m.args));
    }
    assert_true(screen.pid > 0);
}

static void screen_type(const char *keys)
{
    assert_int_equal(write(screen.fd, keys, strlen(keys)), strlen(keys));
}

/* Reads until `want` comes, after the text that was waited for before. */
static void screen_shows(const char *want)
{
    struct pollfd fd = { screen.fd, POLLIN, 0 };
    for (;;) {
        screen.text[screen.n] = '\0';
        const char *found = strstr(screen.text + screen.seen, want);
        if (found) {
            screen.seen = (size_t)(found - screen.text) + strlen(want);
            return;
        }
        ssize_t got = poll(&fd, 1, DEADLINE_MSEC) == 1
                          ? read(screen.fd, screen.text + screen.n, sizeof(screen.text) - 1 - screen.n)
                          : -1;
        if (got <= 0) {
            kill(screen.pid, SIGKILL);
            fail_msg("not shown: %s; but\n%s", want, screen.text);
        }
        screen.n += (size_t)got;
    }
}

static int screen_end(void)
{
    int status;
    char rest[4096];
    while (read(screen.fd, rest, sizeof(rest)) > 0) {
    }
    assert_int_equal(waitpid(screen.pid, &status, 0), screen.pid);
    close(screen.fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define PASTES "\033[?2004h" /* the line editor reads now */

static void a_person_talks(void **state)
{
    (void)state;
    setenv("TERM", "vt100", 1);
    setenv("XDG_STATE_HOME", "state", 1);
    assert_true(chdir("/tmp") == 0);
    char folder[] = "/tmp/sluice-chat-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    screen_start("chat chat");
    screen_shows("talking to chat: /help lists");
    screen_shows(PASTES);
    screen_type("hi\r");
    screen_shows("Hello.");
    screen_shows(PASTES);
    screen_type("/hlep\r"); /* the user can try again */
    screen_shows("did you mean /help?");
    screen_shows(PASTES);
    screen_type("\033[200~two\rlines\r\033[201~\r"); /* one message: its last line break is not Enter */
    screen_shows("Hello.");
    if (!strstr(cli_server_asked(), "\"content\":\"two\\u000alines\"}")) {
        fail_msg("asked: %s", cli_server_asked());
    }
    screen_shows(PASTES);
    screen_type("\004");
    assert_int_equal(screen_end(), 0);
    /* The messages are the history of the next chat. */
    screen_start("chat chat --quiet");
    screen_shows(PASTES);
    screen_type("\020\r"); /* Ctrl-P: the message before */
    screen_shows("Hello.");
    assert_non_null(strstr(cli_server_asked(), "\"messages\":[{\"role\":\"user\",\"content\":\"two\\u000alines\"}]"));
    screen_shows(PASTES);
    screen_type("/exit\r");
    assert_int_equal(screen_end(), 0);
    assert_int_equal(system("rm -r state"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_person_looks(void **state)
{
    (void)state;
    static const struct cli_answer away[] = { { "GET *", "503 Service Unavailable\r\n", "{}" }, { NULL, NULL, NULL } };
    screen_start("top --interval 10ms");
    screen_shows("sluice top   every 0.0 s, by traffic   s sorts, / filters, q ends");
    screen_shows("chat   0        41");
    cli_server_prepare(away);
    screen_shows("waiting for the server at unix:");
    cli_server_prepare(answers);
    screen_shows("sluice top   every");
    screen_type("s");
    screen_shows("by errors ");
    screen_type("/cx\177"); /* Backspace */
    screen_shows("only /c_");
    screen_type("\r");
    screen_shows("only /c ");
    screen_shows("chat   0        41");
    screen_type("/zzz\r");
    screen_shows("only /zzz ");
    screen_type("\033");
    screen_shows("by errors   s sorts");
    screen_type("q");
    assert_int_equal(screen_end(), 0);
}

static int begin(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    cli_server_start();
    /* The terminal of a user who runs the test must not be used. */
    int null = open("/dev/null", O_RDONLY);
    return null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cli_server_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_turns),
        cmocka_unit_test(a_person_talks),
        cmocka_unit_test(a_person_looks),
    };
    return cmocka_run_group_tests_name("chat", tests, begin, end);
}
