/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice check`, the commands for a data directory, and where the admin key comes from: files in, messages and exit
 * codes out. */
#include <sys/stat.h>
#include <unistd.h>

#include "cli_test.h"
#include "daemon/admin_key.h"
#include "daemon/daemon.h"
#include "gate/config/keyring.h"

static char folder[] = "/tmp/sluice-daemon-XXXXXX";

static void file_put(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(name, 0600), 0);
}

#define CHAT "endpoints:\n  - { name: chat, endpoint_type: llm/v1/chat, model: { provider: mock, name: m } }\n"
#define KEY  "a-key-of-some-length-0123"

static void a_file_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
        int exit_code, strict;
    } cases[] = {
        { CHAT, "c.yaml: 1 route, 0 warnings: ok", 0, 0 },
        { "endpoints: []\n", "c.yaml: 0 routes, 0 warnings: ok", 0, 0 },
        { "endpoints: 5\n", "c.yaml: 1 error, 0 warnings", 1, 1 },
        { "odd: 1\n" CHAT, "c.yaml: 1 route, 1 warning: ok", 0, 1 },
        { "log: { access: stderr }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "log: { access: new.log }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "log: { access: ./c.yaml }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "log: { access: /nowhere/a.log }\n" CHAT,
          "c.yaml: error: log.access: cannot make /nowhere/a.log: No such file", 1, 1 },
        { "log: { access: /tmp }\n" CHAT, "log.access: cannot write /tmp: Is a directory", 1, 1 },
        { "server: { listen: '0.0.0.0:1' }\n" CHAT, "no auth is configured", 1, 1 },
        { "server: { listen: ['127.0.0.1:1', 'unix:/tmp/s'] }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "auth: { keys: [ { name: a, key: " KEY ", routes: [none] } ] }\n" CHAT,
          "c.yaml:1: warning: auth.keys: the key 'a' may use no route of this file: \"none\" is not there", 0, 1 },
        { "auth: { keys: [ { name: a, key: " KEY ", routes: [none, no] } ] }\n" CHAT,
          "\"none\" and the others are not there", 0, 1 },
        { "auth: { keys: [ { name: a, key: " KEY ", routes: [none, chat] } ] }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "auth: { keys: [ { name: a, key: " KEY ", routes: [] } ] }\n" CHAT, "0 warnings: ok", 0, 0 },
        { "auth: { keys: [ { name: a, key: " KEY ", expires_at: 2001-01-01T00:00:00Z } ] }\n" CHAT,
          "c.yaml:1: warning: auth.keys: the key 'a' is refused: it expired at 2001-01-01T00:00:00Z", 0, 1 },
        { "auth: { keys: [ { name: a, key: " KEY ", expires_at: 2901-01-01T00:00:00Z } ] }\n" CHAT, "0 warnings: ok", 0,
          0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        file_put("c.yaml", cases[i].text);
        for (int strict = 0; strict < 2; strict++) {
            struct sl_serve_opts opts = { .config = "c.yaml", .workers = -1, .is_strict = strict };
            cli_test_catch();
            int r = sl_cmd_check(&opts);
            const char *said = cli_test_caught();
            if (r != (strict ? cases[i].strict : cases[i].exit_code) || (r == 0 && !strstr(said, ": ok\n")) ||
                (strict == 0 && !strstr(said, cases[i].said)) || strstr(said, KEY)) {
                fail_msg("%s: %d, %s", cases[i].text, r, said);
            }
        }
    }
    unlink("c.yaml");
    assert_int_equal(access("new.log", F_OK), -1); /* nothing was made */
    struct sl_serve_opts embedded = { .workers = -1 };
    cli_test_catch();
    assert_int_equal(sl_cmd_check(&embedded), 0);
    assert_non_null(strstr(cli_test_caught(), "3 routes, 0 warnings: ok"));
}

static void a_data_directory_is_looked_at(void **state)
{
    (void)state;
    bool is_running = true;
    static const char *const places[] = { "/nowhere/data", "none" };
    static const char *const said[] = { "/nowhere/data/sluice.db: No such file or directory",
                                        "`--data none` has no database" };
    for (int i = 0; i < 2; i++) {
        cli_test_catch();
        int check = sl_cmd_db_check(places[i]), backup = sl_cmd_db_backup(places[i], "copy.db"),
            rotate = sl_cmd_secret_rotate(places[i], &is_running);
        const char *text = cli_test_caught(), *second = strstr(text, said[i]);
        assert_int_equal(check, SL_EXIT_LOCAL);
        assert_int_equal(backup, SL_EXIT_LOCAL);
        assert_int_equal(rotate, SL_EXIT_LOCAL);
        assert_false(is_running);
        if (!second || !strstr(second + 1, said[i])) {
            fail_msg("%s", text);
        }
    }
    assert_int_equal(access("copy.db", F_OK), -1);
}

static void the_admin_keys_way_in(void **state)
{
    (void)state;
    static const struct {
        enum sl_auth_mode mode;
        bool has_admin_key, has_data;
        const char *env, *file; /* admin.key before; "": a directory */
        int r;
        const char *text; /* of the error */
        const char *key;  /* NULL: none; "": one that was made */
    } cases[] = {
        { SL_AUTH_NONE, false, true, NULL, NULL, 0, NULL, NULL },
        { SL_AUTH_KEYS, true, true, NULL, NULL, 0, NULL, NULL },
        { SL_AUTH_KEYS, false, true, NULL, KEY "\r\n", 0, NULL, KEY },
        { SL_AUTH_KEYS, false, true, NULL, "short\n", SL_E_INVAL, "admin.key is too short", NULL },
        { SL_AUTH_KEYS, false, true, NULL, "", SL_E_INVAL, "is a directory", NULL },
        { SL_AUTH_KEYS, false, true, NULL, NULL, 0, NULL, "" },
        { SL_AUTH_KEYS, false, false, NULL, NULL, SL_E_INVAL, "there is no key: set SLUICE_ADMIN_KEY", NULL },
        /* From here on it is set: a secret of the environment is read only once. */
        { SL_AUTH_KEYS, false, true, KEY, "another-key-of-some-length", 0, NULL, KEY },
        { SL_AUTH_KEYS, true, true, KEY, NULL, 0, NULL, NULL },
        { SL_AUTH_ABSENT, false, true, KEY, NULL, 0, NULL, NULL },
    };
    unsetenv("SLUICE_ADMIN_KEY");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sl_keyring ring = { 0 };
        struct sl_settings settings = {
            .auth = { .mode = cases[i].mode, .has_admin_key = cases[i].has_admin_key, .ring = &ring }
        };
        struct sl_err err = { 0 };
        struct sl_key *key = NULL;
        unlink("admin.key");
        if (cases[i].env) {
            setenv("SLUICE_ADMIN_KEY", cases[i].env, 1);
        }
        if (cases[i].file && !*cases[i].file) {
            assert_int_equal(mkdir("admin.key", 0700), 0);
        } else if (cases[i].file) {
            file_put("admin.key", cases[i].file);
        }
        int r = sl_admin_key_open(&settings, cases[i].has_data ? "." : NULL, &key, &err);
        if (r != cases[i].r || (r < 0 && !strstr(err.text, cases[i].text)) || !key != !cases[i].key) {
            fail_msg("case %zu: %d, %s", i, r, err.text);
        }
        if (key && *cases[i].key) {
            unsigned char hash[SL_KEY_HASH_BYTES];
            sl_key_hash(sl_str_c(cases[i].key), hash);
            assert_memory_equal(key->hash, hash, sizeof(hash));
        } else if (key) {
            struct stat st;
            assert_int_equal(stat("admin.key", &st), 0);
            assert_int_equal(st.st_mode & 0777, 0600);
        }
        sl_key_unref(key);
        rmdir("admin.key");
    }
    unlink("admin.key");
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_checked),
        cmocka_unit_test(a_data_directory_is_looked_at),
        cmocka_unit_test(the_admin_keys_way_in),
    };
    return cmocka_run_group_tests_name("check", tests, begin, end);
}
