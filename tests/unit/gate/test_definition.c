/* SPDX-License-Identifier: Apache-2.0 */
/* Makes routes from bodies: members that no row knows are not taken, kept or shown. */
#include "base/buf.h"
#include "gate/config/definition.h"
#include "help.h"
#include "json/write.h"
#include "store/seal.h"
#include "store/store.h"

static struct loaded base; /* settings */

static int setup(void **state)
{
    (void)state;
    base = load(HEAD);
    return !base.config;
}

static int teardown(void **state)
{
    (void)state;
    unload(&base);
    return 0;
}

/* Reads and binds a body as create_route does. 0, or the code with its text. */
static int make(const char *body, struct sl_arena *arena, struct sl_definition *ret, struct sl_err *err)
{
    struct sl_json doc;
    struct sl_body_fault fault = { 0 };
    struct sl_route *route = NULL;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, sl_str_c(body));
    assert_int_equal(r, 0);
    r = sl_definition_read(sl_json_root(&doc), SL_STR_NONE, arena, ret, &fault, err);
    if (r == SL_E_TYPE) {
        sl_fail(err, SL_E_TYPE, "%s: %s: %s", fault.loc, fault.type, fault.msg);
    }
    if (r == 0) {
        r = sl_definition_bind(ret, base.config->settings, false, &route, err);
    }
    sl_route_unref(route);
    sl_json_done(&doc);
    return r;
}

#define OPENAI(config)                         \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/" \
    "chat\",\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":" config "}}"
#define CLAUDE(config)                         \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/" \
    "chat\",\"model\":{\"provider\":\"anthropic\",\"name\":\"m\",\"config\":" config "}}"
#define PLAY(more)                             \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/" \
    "chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\",\"config\":{}}" more "}"
#define PLAY_MODEL(more)                       \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/" \
    "chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\",\"config\":{}" more "}}"
#define KEY "\"openai_api_key\":\"sk-good-good-good\""

static void what_no_row_knows_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *want; /* NULL: the body is right */
    } cases[] = {
        { OPENAI("{" KEY "}"), NULL },
        { OPENAI("{" KEY ",\"openai_api_kee\":\"sk-secret-secret\"}"),
          "model.config: unknown key \"openai_api_kee\": did you mean \"openai_api_key\"?" },
        { OPENAI("{" KEY ",\"openai_api_bsae\":\"https://x\"}"), "did you mean \"openai_api_base\"?" },
        { OPENAI("{" KEY ",\"OPENAI_API_KEY\":\"sk-secret-secret\"}"), "unknown key \"OPENAI_API_KEY\"" },
        { OPENAI("{" KEY ",\"anthropic_api_key\":\"sk-secret-secret\"}"), "unknown key \"anthropic_api_key\"" },
        { OPENAI("{" KEY ",\"api_key\":\"sk-secret-secret\"}"), "unknown key \"api_key\"" },
        { OPENAI("{" KEY ",\"note\":\"x\"}"), "unknown key \"note\"" },
        { OPENAI("{" KEY ",\"\":\"sk-secret-secret\"}"), "unknown key \"\"" },
        { OPENAI("{" KEY ",\"openai_organization\":{\"secret\":\"sk-secret-secret\"}}"), "must be a string" },
        { OPENAI("{" KEY ",\"openai_organization\":[\"sk-secret-secret\"]}"), "must be a string" },
        { OPENAI("{" KEY ",\"openai_organization\":5}"), "openai_organization: must be a string, not a number" },
        { OPENAI("{\"openai_api_key\":true}"), "openai_api_key: must be a string, not a boolean" },
        { CLAUDE("{\"anthropic_api_key\":\"sk-ant\",\"anthropic_verion\":\"2023-06-01\"}"),
          "did you mean \"anthropic_version\"?" },
        { CLAUDE("{\"anthropic_api_key\":\"sk-ant\",\"anthropic_key\":\"sk-secret-secret\"}"),
          "unknown key \"anthropic_key\"" },
        { PLAY(""), NULL },
        { PLAY_MODEL(",\"api_key\":\"sk-secret-secret\""), "model: unknown key \"api_key\"" },
        { PLAY_MODEL(",\"tempalte\":\"x\""), "model: unknown key \"tempalte\"" },
        { PLAY_MODEL(",\"template\":\"x\""), "model: \"template\" belongs into model.config" },
        { PLAY_MODEL(",\"mock_config\":{}"), "model: unknown key \"mock_config\"" }, /* `config` exists already */
        { PLAY_MODEL(",\"task\":\"llm/v1/chat\""), NULL },
        { PLAY(",\"limit\":{\"calls\":1,\"renewal_period\":\"minute\",\"token\":\"sk-secret-secret\"}"),
          "limit: unknown key \"token\"" },
        { PLAY(",\"limit\":{\"calls\":1,\"renewal_period\":\"minute\",\"keey\":\"user\"}"), "did you mean \"key\"?" },
        { PLAY(",\"sluice\":{\"api_key\":\"sk-secret-secret\"}"), "sluice: unknown key \"api_key\"" },
        { PLAY(",\"sluice\":{\"timeouts\":{\"idel\":\"1s\"}}"), "did you mean \"idle\"?" },
        { PLAY(",\"limts\":[]"), "unknown key \"limts\"" },
        { PLAY(",\"modle\":{}"), "did you mean \"model\"?" },
        { PLAY(",\"description\":\"mine\""), NULL }, /* ignored, as by MLflow */
        { PLAY(",\"owner\":\"api\",\"version\":3,\"secrets\":{},\"route_url\":\"/x\""), NULL }, /* members of a GET */
        { "{\"name\":5,\"route_type\":\"llm/v1/chat\",\"model\":{}}", "name: string_type" },
        { "{\"name\":\"a\",\"model\":{}}", "route_type: missing" },
        { "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\"}", "model: missing" },
        { "[]", "model_attributes_type" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_definition def;
        struct sl_err err = { 0 };
        sl_arena_init(&arena, NULL);
        int r = make(cases[i].body, &arena, &def, &err);
        if (cases[i].want ? r == 0 || !strstr(err.text, cases[i].want) : r < 0) {
            fail_msg("case %zu: %s\nwants: %s\ngot: %d %s", i, cases[i].body, cases[i].want ? cases[i].want : "(fine)",
                     r, err.text);
        }
        assert_null(strstr(err.text, "secret-secret"));
        if (r == 0) {
            char text[4096];
            snprintf(text, sizeof(text), "%.*s%.*s", SL_STR_ARG(def.spec), SL_STR_ARG(def.config));
            assert_null(strstr(text, "secret-secret"));
            assert_null(strstr(text, "description"));
            assert_null(strstr(text, "route_url"));
        }
        sl_arena_done(&arena);
    }
}

static void only_the_last_of_a_repeated_name_is_kept(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_definition def;
    struct sl_err err = { 0 };
    sl_arena_init(&arena, NULL);
    assert_int_equal(
        make(OPENAI("{\"openai_api_key\":\"sk-first\",\"openai_api_key\":\"sk-last\"}"), &arena, &def, &err), 0);
    assert_true(sl_str_eq_c(def.config, "{\"openai_api_key\":\"sk-last\"}"));
    sl_arena_done(&arena);
}

/* A definition of another version is served, and members that no row knows are never shown. */
static void shown(const char *spec, const char *config, struct sl_buf *out)
{
    struct sl_seal seal;
    struct sl_err err = { 0 };
    assert_int_equal(sl_seal_set(&seal, SL_STR("a key of sixteen bytes"), &err), 0);
    struct sl_store_route row = { .name = SL_STR("a"), .spec = sl_str_c(spec), .config = sl_str_c(config) };
    sl_definition_describe(&row, &seal, out);
    sl_seal_done(&seal);
}

static void nothing_unknown_is_shown(void **state)
{
    (void)state;
    static const char spec[] =
        "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\",\"provider\":\"openai\"}}";
    static const char mock[] =
        "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\",\"provider\":\"mock\"}}";
    static const char gone[] =
        "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\",\"provider\":\"gone\"}}";
    static const struct {
        const char *spec, *config;
        const char *has, *lacks;
    } cases[] = {
        { spec, "{" KEY "}", "\"secrets\":{\"openai_api_key\":{\"fingerprint\":", "good" },
        { spec, "{" KEY ",\"openai_api_kee\":\"sk-secret\"}", "\"config\":{}", "kee" },
        { spec, "{" KEY ",\"openai_api_base\":\"https://x\"}", "\"openai_api_base\":\"https://x\"", "good" },
        { spec, "{" KEY ",\"note\":\"hello\"}", "\"config\":{}", "hello" },
        { spec, "{" KEY ",\"note\":{\"x\":\"hello\"}}", "\"config\":{}", "hello" },
        { spec, "{" KEY ",\"token\":\"hello\"}", "\"openai_api_key\"", "token" },
        { mock, "{\"template\":\"hi\"}", "\"template\":\"hi\"", "fingerprint" },
        { mock, "{\"error\":{\"status\":429,\"secret\":\"hello\"}}", "\"error\":{\"status\":429}", "hello" },
        { mock, "{\"error\":{\"status\":429,\"deep\":{\"a\":[1]}}}", "\"error\":{\"status\":429}", "deep" },
        { gone, "{\"gone_key\":\"sk-secret\",\"base\":\"https://x\"}", "\"provider\":\"gone\"", "base" },
        { gone, "{\"gone_key\":\"sk-secret\"}", "\"config\":{}", "gone_key" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_buf out = SL_BUF_INIT(1 << 20);
        shown(cases[i].spec, cases[i].config, &out);
        sl_buf_add_char(&out, '\0');
        if (!strstr(out.p, cases[i].has) || strstr(out.p, cases[i].lacks)) {
            fail_msg("case %zu: %s", i, out.p);
        }
        sl_buf_done(&out);
    }
    struct sl_route *route;
    struct sl_err err = { 0 };
    struct sl_definition stored = { SL_STR("a"), sl_str_c(spec), SL_STR("{" KEY ",\"openai_api_kee\":\"sk-x\"}") };
    assert_int_equal(sl_definition_bind(&stored, base.config->settings, true, &route, &err), 0);
    sl_route_unref(route);
}

static void a_put_keeps_only_credentials_that_rows_know(void **state)
{
    (void)state;
    static const struct {
        const char *now, *old, *want; /* want "": refused */
    } cases[] = {
        { "{}", "{" KEY "}", "{" KEY "}" },
        { "{\"openai_organization\":\"o\"}", "{" KEY "}", "{\"openai_organization\":\"o\"," KEY "}" },
        { "{\"openai_api_key\":\"sk-new\"}", "{" KEY "}", "{\"openai_api_key\":\"sk-new\"}" },
        { "{}", "{" KEY ",\"openai_api_kee\":\"sk-x\"}", "{" KEY "}" },
        { "{}", "{" KEY ",\"auth_token\":\"t\"}", "{" KEY "}" },
        { "{}", "{" KEY ",\"openai_organization\":\"o\"}", "{" KEY "}" },
        { "{\"openai_api_key\":null}", "{" KEY "}", "{" KEY "}" },
        { "{\"openai_api_base\":\"https://evil\"}", "{" KEY "}", "" },
        { "{\"openai_api_base\":\"https://x\"}", "{" KEY ",\"openai_api_base\":\"https://x\"}",
          "{\"openai_api_base\":\"https://x\"," KEY "}" },
        { "{}", "{" KEY ",\"openai_api_base\":\"https://x\"}", "" },
    };
    static const char spec[] =
        "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\",\"provider\":\"openai\"}}";
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_definition def = { SL_STR("a"), sl_str_c(spec), sl_str_c(cases[i].now) };
        struct sl_store_route old = { .name = def.name, .spec = def.spec, .config = sl_str_c(cases[i].old) };
        struct sl_buf out = SL_BUF_INIT(1 << 20);
        struct sl_err err = { 0 };
        int r = sl_definition_keep(&def, &old, &out, &err);
        if (*cases[i].want ? r < 0 || !sl_str_eq_c(sl_buf_str(&out), cases[i].want) : r != SL_E_INVAL) {
            fail_msg("case %zu: %d %.*s %s", i, r, SL_STR_ARG(sl_buf_str(&out)), err.text);
        }
        sl_buf_done(&out);
    }
}

#define TARGET(name, config) \
    "{\"name\":\"" name "\",\"model\":{\"name\":\"m\",\"provider\":\"openai\",\"config\":" config "},\"tier\":1}"
#define WITH(targets) "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\",\"sluice\":{\"targets\":[" targets "]}}"
#define WITH_MODEL(config, targets)                                               \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/"                                    \
    "chat\",\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":" config \
    "},\"sluice\":{\"targets\":[" targets "]}}"
#define CLOUD "\"openai_api_base\":\"https://x\""

/* Seals the secrets of a body with targets; none of them may be in what is shown. */
static void targets_are_sealed(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        { WITH_MODEL("{" KEY "}", "{\"name\":\"model\"}," TARGET("t", "{" KEY "," CLOUD "}")),
          "{\"sluice.model\":{" KEY "},\"sluice.targets\":[null,{" KEY "," CLOUD "}]}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_definition def;
        struct sl_err err = { 0 };
        sl_arena_init(&arena, NULL);
        int r = make(cases[i].body, &arena, &def, &err);
        if (r < 0 || !sl_str_eq_c(def.config, cases[i].want) || sl_str_find(def.spec, SL_STR("good-good"), 0) >= 0) {
            fail_msg("case %zu: %d %s\n%.*s\n%.*s", i, r, err.text, SL_STR_ARG(def.spec), SL_STR_ARG(def.config));
        }
        sl_arena_done(&arena);
    }
}

static void a_put_keeps_a_targets_credential_by_its_name(void **state)
{
    (void)state;
    static const char both[] = WITH(
        TARGET("t", "{" KEY "," CLOUD "}") "," TARGET("u", "{\"openai_api_key\":\"sk-u\"}"));
    static const struct {
        const char *now, *old, *want; /* want "": refused */
    } cases[] = {
        { WITH(TARGET("u", "{}") "," TARGET("t", "{" CLOUD "}")), both,
          "{\"sluice.model\":{},\"sluice.targets\":[{\"openai_api_key\":\"sk-u\"},{" CLOUD "," KEY "}]}" },
        { WITH(TARGET("t", "{}")), both, "" }, /* its address is another */
        { WITH(TARGET("v", "{}")), both, "{\"sluice.model\":{},\"sluice.targets\":[{}]}" },
        /* from one model to several, and back: secrets of the targets are not the model's */
        { WITH_MODEL("{}", TARGET("t", "{}")), OPENAI("{" KEY "}"),
          "{\"sluice.model\":{" KEY "},\"sluice.targets\":[{}]}" },
        { OPENAI("{}"), WITH_MODEL("{" KEY "}", TARGET("t", "{}")), "{" KEY "}" },
        { OPENAI("{}"), both, "{}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_definition def, old;
        struct sl_err err = { 0 };
        sl_arena_init(&arena, NULL);
        /* A secret that it leaves out is missing there, and kept here. */
        SL_IGNORE(make(cases[i].now, &arena, &def, &err) < 0);
        SL_IGNORE(make(cases[i].old, &arena, &old, &err) < 0);
        struct sl_store_route row = { .name = old.name, .spec = old.spec, .config = old.config };
        struct sl_buf out = SL_BUF_INIT(1 << 20);
        int r = sl_definition_keep(&def, &row, &out, &err);
        if (*cases[i].want ? r < 0 || !sl_str_eq_c(sl_buf_str(&out), cases[i].want) : r != SL_E_INVAL) {
            fail_msg("case %zu: %d %.*s %s", i, r, SL_STR_ARG(sl_buf_str(&out)), err.text);
        }
        sl_buf_done(&out);
        sl_arena_done(&arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_row_knows_is_refused), TEST(only_the_last_of_a_repeated_name_is_kept),
        TEST(nothing_unknown_is_shown),     TEST(a_put_keeps_only_credentials_that_rows_know),
        TEST(targets_are_sealed),           TEST(a_put_keeps_a_targets_credential_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
