/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the process from a file, flags and the environment: which are accepted and which are refused, with
 * the messages. */
#include "help.h"

#include <unistd.h>

#include "net/noproxy.h"

static struct loaded text_load(const char *text, const struct sl_config_overrides *over)
{
    char path[] = "/tmp/sluice-settings-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct loaded l = { .config = NULL };
    struct sl_conf_files files = { .arena = &l.arena };
    sl_arena_init(&l.arena, NULL);
    sl_problems_init(&l.problems, &l.arena);
    if (sl_config_load(path, over, &l.arena, &l.problems, &files, &l.config) < 0) {
        l.config = NULL;
    }
    l.problems.arena = NULL;
    unlink(path);
    return l;
}

static const struct sl_config_overrides none = { .workers = -1 };

static void values_are_taken_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said; /* NULL: it is right and nothing is reported */
    } rows[] = {
        { "server: { listen: 127.0.0.1:8080, workers: auto, timeouts: { drain_delay: auto } }\n", NULL },
        { "server: { listen: ['127.0.0.1:1', 'unix:/tmp/x', { address: '[::1]:2', proxy_protocol: true }], workers: "
          "256, "
          "timeouts: { drain_delay: 5s } }\n",
          NULL },
        { "server: { workers: 0 }\n", "server.workers: must be auto or a number from 1 to 256" },
        { "server: { workers: 257 }\n", "must be auto or a number from 1 to 256" },
        { "server: { workers: [1] }\n", "must be auto or a number from 1 to 256" },
        { "server: { listen: [] }\n", "must name at least one address" },
        { "server: { listen: 5 }\n", "must be host:port, [v6]:port, unix:/path, or { address" },
        { "server: { listen: nonsense }\n", "server.listen: " },
        { "server: { listen: { proxy_protocol: true } }\n", "address" },
        { "server: { listen: ['127.0.0.1:1', '127.0.0.1:1'] }\n", "\"127.0.0.1:1\" is there twice" },
        { "server: { timeouts: { drain_delay: 5 } }\n", "must be auto or a duration from 0s to 24h" },
        { "server: { timeouts: { drain_delay: 25h } }\n", "must be auto or a duration from 0s to 24h" },
        { "server: { trusted_proxies: [10.0.0.0/8, '::1'] }\n", NULL },
        { "server: { trusted_proxies: [10.0.0.0/33] }\n", "\"10.0.0.0/33\" is not an address or a network" },
        { "upstream: { allow: [x] }\n", "\"x\" is not an address or a network" },
        { "server: { public_url: 'https://a.example' }\n", NULL },
        { "server: { public_url: nonsense }\n", "is not a URL: " },
        { "server: { cors: https://app.example }\n"
          "auth: {}\n",
          NULL },
        { "server: { cors: ['https://App.Example:443', 'http://[::1]:3000', 'http://127.0.0.1', "
          "'chrome-extension://abc'] }\n",
          NULL },
        { "server: { cors: ['*'] }\n"
          "auth: {}\n",
          NULL },
        { "server: { cors: ['*', 'https://a.example'] }\n", "\"*\" has all origins: it stands alone" },
        { "server: { cors: ['https://*.a.example'] }\n", "is no origin: a * stands alone, for all of them; else name" },
        { "server: { cors: ['null'] }\n", "\"null\" is the origin of every file" },
        { "server: { cors: ['https://a.example/'] }\n", "\"https://a.example/\" is no origin: scheme and host" },
        { "server: { cors: ['a.example'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://u@a.example'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://a.example:0'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://a.example:65536'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://a.example:'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['1://a.example'] }\n", "is no origin: scheme and host" },
        { "server: { cors: ['https://[::1'] }\n", "is no origin: scheme and host" },
        { "server: { cors: { a: b } }\n", "server.cors: " },
        { "server: { tls: { cert: /nowhere.pem } }\n", "server.tls: needs both cert and key" },
        { "server: { tls: { cert: /nowhere.pem, key: /nowhere.pem } }\n", "server.tls: " },
        { "server: { tls: { cert: /tmp, key: /tmp } }\n", "/tmp is no regular file" },
        { "upstream: { ca: /nowhere.pem }\n", "upstream.ca: " },
        { "upstream: { ca: /tmp }\n", "upstream.ca: /tmp is no regular file" },
        { "upstream: { proxy: 'http://u:p@h:1' }\n", NULL },
        { "upstream: { proxy: { url: 'http://h:1', except: [a.example, .b.example, 10.0.0.0/8, 'h:8443'] } }\n", NULL },
        { "upstream: { proxy: [a] }\n", "must be a URL, or { url" },
        { "upstream: { proxy: { except: [a] } }\n", "url" },
        { "upstream: { proxy: { url: 'http://h:1', except: ['a b'] } }\n", "\"a b\" is not a host, a domain like" },
        { "auth: { admin_key: a-key-of-sixteen-or-more }\n", NULL },
        { "auth: { admin_key: $SLUICE_TEST_ADMIN }\n", NULL },
        { "auth: { admin_key: $SLUICE_TEST_ADMIN, keys: [{ name: n, key: $SLUICE_TEST_ADMIN }] }\n",
          "is in another entry already" },
    };
    assert_int_equal(setenv("SLUICE_TEST_ADMIN", "a-key-of-the-environment-0123456789", 1), 0);
    size_t n_wrong = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%s%s", rows[i].text, HEAD);
        struct loaded l = text_load(text, &none);
        bool is_right = rows[i].said ? says(&l, rows[i].said) : l.problems.n == 0 && l.config;
        if (!is_right || (rows[i].said && l.config)) {
            printf("row %zu: %s wanted %s\n", i, rows[i].text, rows[i].said ? rows[i].said : "(nothing)");
            show(&l);
            n_wrong++;
        }
        unload(&l);
    }
    assert_int_equal(n_wrong, 0);
}

static void files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        { "", "the file is empty: `endpoints:` is needed" },
        { "[a]\n", "the file must be a map with `endpoints:`" },
        { "log: {}\n", "endpoints: missing: a list, it may be []" },
        { "endpoints: {}\n", "endpoints: must be a list (it may be [])" },
        { "routes: 5\n", "routes: must be a list" },
        { "endpoints: []\nroutes: []\n", "routes: is ignored: there is `endpoints:`" },
        { "a: [\n", "is not a valid yaml file: " },
        { HEAD "  - name: a\n    endpoint_type: llm/v1/chat\n    model: " MOCK "\n",
          "Duplicate names found in endpoint configurations. Please remove the duplicate endpoint name: 'a' (the "
          "first" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct loaded l = text_load(rows[i].text, &none);
        if (!says(&l, rows[i].said)) {
            show(&l);
            fail_msg("row %zu: %s", i, rows[i].said);
        }
        unload(&l);
    }
    struct loaded l = load_file("/nowhere/sluice.yaml");
    assert_true(says(&l, "/nowhere/sluice.yaml does not exist") && !l.config);
    unload(&l);
    l = load_file("/tmp"); /* a folder */
    assert_true(l.problems.n == 1 && !l.config);
    unload(&l);
}

static void flags_win(void **state)
{
    (void)state;
    const struct sl_config_overrides over = {
        .listen = SL_STR("127.0.0.1:99"), .workers = 3, .total_sec = "7", .total_name = "THE_TIME"
    };
    struct loaded l = text_load("server: { listen: 127.0.0.1:1, workers: 2, public_url: 'http://a.example' }\n" HEAD,
                                &over);
    assert_non_null(l.config);
    const struct sl_settings *s = l.config->settings;
    assert_int_equal(s->server.workers, 3);
    assert_int_equal(s->server.n_listen, 1);
    assert_true(sl_str_eq_c(s->server.listen[0].address, "127.0.0.1:99"));
    assert_true(sl_str_eq_c(s->server.public_url, "http://a.example"));
    assert_int_equal(s->upstream.route.timeouts.total_usec, 7000000);
    unload(&l);
    /* a time of the file's stays */
    l = text_load("upstream: { timeouts: { total: 3s } }\n" HEAD, &over);
    assert_int_equal(l.config->settings->upstream.route.timeouts.total_usec, 3000000);
    unload(&l);
    const struct sl_config_overrides bad = {
        .workers = -1, .listen = SL_STR("x"), .total_sec = "soon", .total_name = "THE_TIME"
    };
    l = text_load(HEAD, &bad);
    assert_true(says(&l, "THE_TIME: error: must be a number of seconds from 1 to 604800"));
    assert_true(says(&l, "--listen: ") && !l.config);
    unload(&l);
}

static void the_environment_adds(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text, *said; /* of SLUICE_AUTH */
        enum sl_auth_mode mode;
    } rows[] = {
        { "", "", NULL, SL_AUTH_ABSENT },
        { "none", "", NULL, SL_AUTH_NONE },
        { "none", "auth: { admin_key: $SLUICE_TEST_ADMIN }\n", "none is ignored: the file's auth section asks for keys",
          SL_AUTH_KEYS },
        { "keys", "", "the only value is none", SL_AUTH_ABSENT },
    };
    assert_int_equal(setenv("SLUICE_TEST_ADMIN", "a-key-of-the-environment-0123456789", 1), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", rows[i].text, HEAD);
        assert_int_equal(setenv("SLUICE_AUTH", rows[i].value, 1), 0);
        struct loaded l = text_load(text, &none);
        assert_true(rows[i].said ? says(&l, rows[i].said) : l.problems.n == 0);
        assert_true(!l.config || l.config->settings->auth.mode == rows[i].mode);
        unload(&l);
    }
    unsetenv("SLUICE_AUTH");
    assert_int_equal(setenv("NO_PROXY", "a.example, ,10.0.0.0/8,not a host", 1), 0);
    struct loaded l = text_load("upstream: { proxy: { url: 'http://h:1', except: [b.example] } }\n" HEAD, &none);
    const struct sl_noproxy *except = l.config->settings->upstream.proxy.rules;
    assert_int_equal(except->n, 3); /* the file's, and the entries of the variable that are hosts or networks */
    unload(&l);
    l = text_load(HEAD, &none);
    assert_null(l.config->settings->upstream.proxy.url.p); /* without a proxy there are no exceptions */
    unload(&l);
    unsetenv("NO_PROXY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken_or_refused),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(flags_win),
        cmocka_unit_test(the_environment_adds),
    };
    return cmocka_run_group_tests_name("gate/settings", tests, NULL, NULL);
}
