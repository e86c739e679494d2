/* SPDX-License-Identifier: Apache-2.0 */
/* Whole commands against prepared answers: the requests to the gateway, the output, the exit code. */
#include <unistd.h>

#include "cli_server.h"
#include "cli_test.h"

#define STREAM "200 OK\r\ncontent-type: text/event-stream\r\n"
#define ROUTE                                                                \
    "{\"name\":\"chat\",\"route_type\":\"llm/v1/"                            \
    "chat\",\"model\":{\"name\":\"m\",\"provider\":\"mock\"},\"route_url\":" \
    "\"/gateway/chat/invocations\",\"limit\":{\"calls\":5,\"key\":null,\"renewal_period\":\"minute\"}}"
#define KEY                                                                                                           \
    "{\"id\":\"key-1\",\"name\":\"ci\",\"principal\":\"team\",\"role\":\"query\",\"routes\":[\"a\",\"b\"],\"expires_" \
    "at\":"                                                                                                           \
    "null,\"last_used_at\":null,\"owner\":\"store\",\"group\":\"acme\",\"limits\":[{\"concurrent\":2}]}"
#define CHUNK(text)                                                                                               \
    "data: "                                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
    "\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}\n\n"
#define LAST                                                                                                      \
    "data: "                                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
    "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define REPLY                                                                                                    \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"      \
    "\"message\":{\"role\":\"assistant\",\"content\":\"Hi.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_" \
    "tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}"

static const struct cli_answer answers[] = {
    { "GET /api/2.0/gateway/routes/chat", NULL, ROUTE },
    { "GET /api/2.0/gateway/routes/", NULL, "{\"routes\":[" ROUTE "],\"next_page_token\":null}" },
    { "POST /api/2.0/gateway/routes/", NULL, ROUTE },
    { "DELETE /api/2.0/gateway/routes/chat", NULL, "{}" },
    { "GET /api/sluice/v1/routes/chat/limits", NULL,
      "{\"limits\":[{\"requests\":5,\"per\":\"minute\"},{\"tokens\":9,\"per\":\"day\"}],\"counts\":[{\"kind\":"
      "\"requests\",\"cap\":5,\"per\":\"minute\",\"used\":2,\"reserved\":0,\"reset\":30}]}" },
    { "PUT /api/sluice/v1/routes/chat/limits", NULL,
      "{\"limits\":[],\"counts\":[{\"kind\":\"requests\",\"cap\":7,\"per\":\"day\",\"each\":\"principal\",\"used\":"
      "null,\"reserved\":null,\"reset\":null}]}" },
    { "GET /api/sluice/v1/keys", NULL, "{\"keys\":[" KEY "],\"next_page_token\":null}" },
    { "POST /api/sluice/v1/keys", "201 Created\r\ncontent-type: application/json\r\n",
      "{\"id\":\"key-2\",\"key\":\"sk-made\",\"enforced\":false}" },
    { "PUT /api/sluice/v1/keys/key-1", NULL, KEY },
    { "DELETE /api/sluice/v1/keys/key-1", NULL, "{}" },
    { "GET /api/sluice/v1/usage*", NULL,
      "{\"usage\":[{\"route\":\"chat\",\"key\":\"key-1\",\"day\":\"2026-01-31\",\"requests\":3,\"errors\":1,"
      "\"input_tokens\":70,\"output_tokens\":9,\"cached_tokens\":5,\"cost\":0.0027625}],\"kept\":\"disk\"}" },
    { "GET /api/sluice/v1/groups/acme%2Fsearch", NULL,
      "{\"name\":\"acme/"
      "search\",\"limits\":[{\"concurrent\":5}],\"counts\":[{\"kind\":\"concurrent\",\"cap\":5,\"used\":1,\"reserved\":"
      "1,"
      "\"reset\":null}],\"children\":{\"limits\":[{\"tokens\":7,\"per\":\"day\"}]},"
      "\"updated_at\":\"U\",\"owner\":\"api\"}" },
    { "PUT /api/sluice/v1/groups/acme%2Fsearch", NULL, "{\"name\":\"acme/search\"}" },
    { "GET /api/sluice/v1/groups", NULL,
      "{\"groups\":[{\"name\":\"acme\",\"updated_at\":null,\"owner\":\"file\"},{\"name\":\"acme/"
      "search\",\"updated_at\":"
      "\"U\",\"owner\":\"api\"}],\"next_page_token\":null}" },
    { "POST /api/sluice/v1/groups", "201 Created\r\ncontent-type: application/json\r\n", "{\"name\":\"acme/search\"}" },
    { "DELETE /api/sluice/v1/groups/acme%2Fsearch", NULL, "{}" },
    { "GET /api/sluice/v1/audit", NULL,
      "{\"audit\":[{\"time\":\"T\",\"principal\":\"p\",\"action\":\"a\",\"target\":\"t\",\"request_id\":\"r\"}],\"next_"
      "page_token\":null}" },
    { "GET /api/sluice/v1/routes", NULL, "{\"routes\":[],\"next_page_token\":null}" },
    { "POST /api/sluice/v1/secret/rotate", NULL, "{\"routes\":3}" },
    { "POST /gateway/chat/invocations", NULL, REPLY },
    { "GET /metrics", "200 OK\r\ncontent-type: text/plain\r\n",
      "sluice_requests_in_flight 3\nsluice_config_version 7\n" },
    { "GET /ready", NULL, "{\"status\":\"OK\"}" },
    { NULL, NULL, NULL },
};

struct call {
    const char *line, *asked, *said; /* parts of the requests ("": none) and of both streams; NULL: not checked */
    int exit_code;
};

static bool has_asked(const char *asked, const char *part)
{
    return !part || (*part ? strstr(asked, part) != NULL : !*asked);
}

static void calls_check(const struct call *cases, size_t n, const struct cli_answer *prepared)
{
    for (size_t i = 0; i < n; i++) {
        struct cli_meaning m;
        cli_test_parse(cases[i].line, &m);
        assert_string_equal(cli_test_caught(), "");
        cli_server_prepare(prepared);
        cli_test_catch();
        int r = m.command->run(&m.args);
        const char *said = cli_test_caught(), *asked = cli_server_asked();
        if (r != cases[i].exit_code || (cases[i].said && !strstr(said, cases[i].said)) ||
            !has_asked(asked, cases[i].asked)) {
            fail_msg("%s: %d\n%s\nasked: %s", cases[i].line, r, said, asked);
        }
    }
}

static void what_works(void **state)
{
    (void)state;
    static const struct call cases[] = {
        { "routes list", "GET /api/2.0/gateway/routes/", "chat\tllm/v1/chat\tmock\tm\t5/minute", 0 },
        { "routes list --json", NULL, "{\"routes\":[{\"name\":\"chat\"", 0 },
        { "routes get chat", "GET /api/2.0/gateway/routes/chat", "provider\tmock", 0 },
        { "routes get chat --json", NULL, "\"route_type\":\"llm/v1/chat\"", 0 },
        { "routes create --name chat --provider mock --model m",
          "POST /api/2.0/gateway/routes/ "
          "{\"name\":\"chat\",\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\"",
          NULL, 0 },
        { "routes create --dry-run --name x --provider mock --model m", "", "{\"name\":\"x\"", 0 },
        { "routes delete chat --yes", "DELETE /api/2.0/gateway/routes/chat", NULL, 0 },
        { "routes export", "GET /api/sluice/v1/routes", "{\"routes\":[]}", 0 },
        { "limits get chat", NULL, "requests\t5\tminute\t\t\t2\t0\t30\n", 0 },
        { "limits get chat --json", NULL, "\"requests\":5", 0 },
        { "limits set chat 7/day --key user",
          "PUT /api/sluice/v1/routes/chat/limits {\"limits\":[{\"tokens\":9,\"per\":\"day\"},{\"requests\":7,\"per\":"
          "\"day\",\"each\":\"principal\"}]}",
          "requests\t7\tday\t\tprincipal\t\t\t\n", 0 },
        { "limits set chat tokens=7/day --zone UTC --dry-run", "GET /api/sluice/v1/routes/chat/limits",
          "{\"limits\":[{\"requests\":5,\"per\":\"minute\"},{\"tokens\":7,\"per\":\"day\",\"zone\":\"UTC\"}]}", 0 },
        { "limits clear chat --yes", "\"limits\":[]", NULL, 0 },
        { "keys list", "GET /api/sluice/v1/keys", "key-1\tci\tteam\tquery\ta,b\t\t\tstore\tacme\n", 0 },
        { "keys list --json", NULL, "{\"keys\":[{\"id\":\"key-1\"", 0 },
        { "keys create --name ci --routes a,b --expires-at T --principal p",
          "{\"name\":\"ci\",\"principal\":\"p\",\"role\":\"query\",\"routes\":[\"a\",\"b\"],\"expires_at\":\"T\"}",
          "sk-made\nmade key-2; the key is not shown again\nthis gateway asks nobody for a key", 0 },
        { "keys create --name ci --group acme/search --role admin",
          "{\"name\":\"ci\",\"group\":\"acme/search\",\"role\":\"admin\"}", NULL, 0 },
        { "groups list", "GET /api/sluice/v1/groups", "acme\t\tfile\nacme/search\tU\tapi\n", 0 },
        { "groups list --json", NULL, "{\"groups\":[{\"name\":\"acme\"", 0 },
        { "groups get acme/search", "GET /api/sluice/v1/groups/acme%2Fsearch", "name\tacme/search", 0 },
        { "groups get acme/search --json", NULL, "{\"name\":\"acme/search\"", 0 },
        { "groups create acme/search", "POST /api/sluice/v1/groups {\"name\":\"acme/search\"}",
          "made the group acme/search", 0 },
        { "groups create acme/search --dry-run", "", "{\"name\":\"acme/search\"}", 0 },
        { "groups limits acme/search", "GET /api/sluice/v1/groups/acme%2Fsearch", "concurrent\t5\t\t\t\t1\t1\t\n", 0 },
        { "groups limits acme/search --json", NULL, "[{\"concurrent\":5}]\n", 0 },
        { "groups limits acme/search tokens=7/day",
          "PUT /api/sluice/v1/groups/acme%2Fsearch "
          "{\"limits\":[{\"concurrent\":5},{\"tokens\":7,\"per\":\"day\"}],\"children\":{\"limits\":[{\"tokens\":7,"
          "\"per\":"
          "\"day\"}]}}",
          NULL, 0 },
        { "groups limits acme/search -d [{\"concurrent\":6}]",
          "PUT /api/sluice/v1/groups/acme%2Fsearch "
          "{\"limits\":[{\"concurrent\":6}],\"children\":{\"limits\":[{\"tokens\":7,\"per\":\"day\"}]}}",
          NULL, 0 },
        { "groups limits acme/search -d [] --dry-run", NULL, "{\"limits\":[],\"children\":{", 0 },
        { "groups limits none", NULL, "(404)", CLI_NOT_FOUND },
        { "groups delete acme/search --yes", "DELETE /api/sluice/v1/groups/acme%2Fsearch",
          "deleted the group acme/search", 0 },
        { "groups delete acme/search --dry-run", "", "would delete the group acme/search", 0 },
        { "keys create --name ci --json", NULL, "{\"id\":\"key-2\"", 0 },
        { "keys create --name ci --dry-run", "", "\"principal\":\"ci\"", 0 },
        { "keys move key-1 acme/search",
          "PUT /api/sluice/v1/keys/key-1 "
          "{\"name\":\"ci\",\"role\":\"query\",\"routes\":[\"a\",\"b\"],\"expires_at\":null,"
          "\"limits\":[{\"concurrent\":2}],\"principal\":\"team\",\"group\":\"acme/search\"}",
          "moved key-1 to acme/search", 0 },
        { "keys move key-1 none --dry-run", NULL, "\"principal\":\"team\",\"group\":null}", 0 },
        { "keys revoke key-1 --yes", "DELETE /api/sluice/v1/keys/key-1", "revoked key-1", 0 },
        { "keys revoke key-1 --dry-run", "", "would revoke key-1", 0 },
        { "audit", "GET /api/sluice/v1/audit", "T\tp\ta\tt\tr", 0 },
        { "usage", "GET /api/sluice/v1/usage?by=route", "chat\t3\t1\t70\t9\t5\t0.0027625\n", 0 },
        { "usage --by key,day", "GET /api/sluice/v1/usage?by=key%2Cday",
          "key-1\t2026-01-31\t3\t1\t70\t9\t5\t0.0027625\n", 0 },
        { "usage --since 2026-01-31T00:00:00Z", "usage?by=route&from=2026-01-31T00%3A00%3A00Z", NULL, 0 },
        { "usage --since 7d", "usage?by=route&from=1", NULL, 0 },
        { "usage --json", NULL, "{\"usage\":[{\"route\":\"chat\"", 0 },
        { "secret rotate", "POST /api/sluice/v1/secret/rotate", "3", 0 },
        { "query chat hello", "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]", "Hi.\n", 0 },
        { "query chat hello --json --system be --temperature 0.5 --max-tokens 9", "\"temperature\":0.5",
          "\"total_tokens\":3", 0 },
        { "status --json", "GET /metrics", "\"in_flight\":2", 0 },
        { "man-page", "", ".SH EXIT STATUS", 0 },
        { "completion bash", "", "complete ", 0 },
        { "completion zsh", "", "#compdef sluice", 0 },
        { "completion fish", "", "complete -c sluice", 0 },
        { "routes list", NULL, NULL, 0 },
    };
    calls_check(cases, sizeof(cases) / sizeof(cases[0]), answers);
}

static void what_does_not(void **state)
{
    (void)state;
    static const struct call cases[] = {
        { "routes get none", NULL, "it is not there (404)", CLI_NOT_FOUND },
        { "routes get chta", NULL, "did you mean 'chat'?", CLI_NOT_FOUND },
        { "routes create --name x", "", "it needs --data, or --name, --provider and --model", CLI_USAGE },
        { "routes create -d {} --name x", "", "exclude each other", CLI_USAGE },
        { "routes create -d @/nowhere/file", "", "/nowhere/file: No such file or directory", CLI_LOCAL },
        { "routes apply /nowhere/file", "", "/nowhere/file: No such file or directory", CLI_LOCAL },
        { "limits get none", NULL, "(404)", CLI_NOT_FOUND },
        { "limits set chat", "", "it needs limits such as 100/minute, or --data", CLI_USAGE },
        { "limits set chat x", "", "'x' is not a limit, such as 100/minute", CLI_USAGE },
        { "limits set chat 5/day -d []", "", "it takes either limits or --data", CLI_USAGE },
        { "keys create", "", "it needs --name, or --data", CLI_USAGE },
        { "keys move key-9 acme", "GET /api/sluice/v1/keys", "there is no key with the id 'key-9'", CLI_NOT_FOUND },
        { "keys revoke none --yes", NULL, "(404)", CLI_NOT_FOUND },
        { "groups get none", NULL, "(404)", CLI_NOT_FOUND },
        { "query none hello", NULL, "(404)", CLI_NOT_FOUND },
        { "query chat hello -d {}", "", "exclude each other", CLI_USAGE },
        { "query chat -d {bad", NULL, "is not JSON", CLI_LOCAL },
        { "--key-file /dev/null routes list", "", "/dev/null: there is no key in it", CLI_LOCAL },
        { "--ca /nowhere/ca routes list", "", "/nowhere/ca: No such file or directory", CLI_LOCAL },
    };
    calls_check(cases, sizeof(cases) / sizeof(cases[0]), answers);
}

/* One answer to every request. */
static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *head, *body, *said;
        int exit_code;
    } cases[] = {
        { "401 Unauthorized\r\nx-sluice-error-type: caller_unauthenticated\r\n",
          "{\"detail\":\"An API key is needed.\"}", "the gateway asks for an API key", CLI_NOT_ALLOWED },
        { "403 Forbidden\r\nx-sluice-error-type: caller_forbidden\r\n", "{\"detail\":\"not for you\"}",
          "not for you (403)", CLI_NOT_ALLOWED },
        { "429 Too Many Requests\r\nx-sluice-error-type: policy_budget_exceeded\r\n", "{\"detail\":\"spent\"}",
          "the gateway's budget is used up: spent (429)", CLI_LIMITED },
        { "502 Bad Gateway\r\nx-sluice-error-type: provider_auth_failed\r\n", "{\"detail\":\"no\"}",
          "the provider refused the gateway's own credential", CLI_FAILED },
        { "404 Not Found\r\ncontent-type: text/html\r\n", "<title>Nothing</title>",
          "no gateway's answer: Nothing (404)\nis unix:", CLI_FAILED },
        { "200 OK\r\ncontent-type: text/html\r\n", "<title>Shop</title>", "no gateway's answer", CLI_FAILED },
        { "422 Unprocessable Entity\r\nx-sluice-error-type: caller_invalid_request\r\n",
          "{\"detail\":[{\"loc\":[\"body\",\"a\"],\"msg\":\"bad\"}]}", "a: bad (422)", CLI_FAILED },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cli_answer all[] = { { "GET *", cases[i].head, cases[i].body },
                                          { "POST *", cases[i].head, cases[i].body },
                                          { NULL, NULL, NULL } };
        const struct call call = { "routes list", NULL, cases[i].said, cases[i].exit_code };
        calls_check(&call, 1, all);
    }
}

static void file_put(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char listed[] = "{\"routes\":[{\"name\":\"old\",\"owner\":\"api\"},{\"name\":\"fixed\",\"owner\":\"file\","
                             "\"defined_at\":\"s.yaml:3\"}],\"next_page_token\":null}";
static const char old[] =
    "{\"name\":\"old\",\"owner\":\"api\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\","
    "\"provider\":\"openai\",\"config\":{\"openai_organization\":\"o\"}},\"secrets\":{\"openai_api_key\":{}}}";
static const struct cli_answer declared[] = {
    { "GET /api/sluice/v1/routes/old", NULL, old },
    { "GET /api/sluice/v1/routes", NULL, listed },
    { "PUT /api/sluice/v1/routes/refused", "409 Conflict\r\nx-sluice-error-type: caller_conflict\r\n",
      "{\"error\":{\"message\":\"not now\"}}" },
    { "PUT *", NULL, ROUTE },
    { "DELETE *", NULL, "{}" },
    { NULL, NULL, NULL },
};

/* Files of routes against a gateway that has one route made by a call, and one of its own file. */
static void files_of_routes(void **state)
{
    (void)state;
    static const struct {
        const char *file, *options, *asked, *said;
        int exit_code;
    } cases[] = {
#define ONE(name, more) \
    "endpoints:\n  - { name: " name ", endpoint_type: llm/v1/chat, model: { provider: mock, name: m } " more " }\n"
#define OPENAI(name, config)                                                                                      \
    "routes:\n- { name: " name ", route_type: llm/v1/chat, model: { provider: openai, name: m, config: { " config \
    " } } }\n"
        { ONE("new", ""), "--dry-run", "GET /api/sluice/v1/routes", "+ new\nnothing was changed", 0 },
        { ONE("new", ""), "--yes",
          "PUT /api/sluice/v1/routes/new "
          "{\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\"",
          "+ new\napplied", 0 },
        { ONE("new", ""), "--yes --prune", "DELETE /api/sluice/v1/routes/old", "- old\napplied", 0 },
        { "server: {}\n" ONE("new", ""), "--yes", "PUT", "note: 'server' of f.yaml is left out", 0 },
        { ONE("new", ", limits: [{ calls: 1, renewal_period: day }]"), "--yes",
          "PUT /api/sluice/v1/routes/new/limits {\"limits\":[{\"calls\":1,\"renewal_period\":\"day\"}]}",
          "+ new\napplied", 0 },
        { ONE("new", ", sluice: { retries: 0 }, limit: null"), "--yes", ",\"sluice\":{\"retries\":0}}", "applied", 0 },
        { ONE("refused", ""), "--yes", "PUT", "1 failed; run it again when the reason is gone", CLI_FAILED },
        { ONE("fixed", ""), "--yes", "GET",
          "the route 'fixed' is the configuration file's (s.yaml:3): it cannot be changed from here", CLI_LOCAL },
        { OPENAI("old", "openai_organization: o"), "--yes", "GET /api/sluice/v1/routes/old", "nothing to change", 0 },
        { OPENAI("old", "openai_organization: p"), "--yes", "\"openai_organization\":\"p\"",
          "~ old\n    model.config.openai_organization: o -> p\napplied", 0 },
        { OPENAI("old", "openai_api_key: literal-key"), "--yes", "\"openai_api_key\":\"literal-key\"",
          "~ old (sets a secret)\n    model.config.openai_api_key: is set\n    model.config.openai_organization: o -> "
          "nothing\n",
          0 },
        { OPENAI("old", "openai_api_key: $WORDS_KEY"), "--yes", "\"openai_api_key\":\"from-the-environment\"",
          "~ old (sets a secret)", 0 },
        { OPENAI("old", "openai_api_key: { file: key.txt }"), "--yes", "\"openai_api_key\":\"from-a-file\"",
          "~ old (sets a secret)", 0 },
        { OPENAI("old", "openai_api_key: key.txt"), "--yes", "\"openai_api_key\":\"from-a-file\"", "sets a secret", 0 },
        { OPENAI("old", "openai_organization: o, openai_api_key: $WORDS_NONE"), "--yes", "GET", "nothing to change",
          0 },
        { OPENAI("new", "openai_api_key: $WORDS_NONE"), "--yes", "GET",
          "f.yaml: the route 'new' would be new, and its model.config.openai_api_key: $WORDS_NONE is not set",
          CLI_LOCAL },
        { OPENAI("new", "openai_api_key: { file: none.txt }"), "--yes", "GET", "there is no file none.txt", CLI_LOCAL },
        { "{\"routes\":[{\"name\":\"new\",\"route_type\":\"llm/v1/"
          "chat\",\"model\":{\"provider\":\"mock\",\"name\":\"m\"}}]}",
          "--yes", "PUT /api/sluice/v1/routes/new", "+ new\napplied", 0 },
        { "{\"routes\":[", "--yes", "", "f.yaml: ", CLI_LOCAL },
        { "endpoints: [\n", "--yes", "", "f.yaml:2:1: not valid YAML", CLI_LOCAL },
        { "5\n", "--yes", "", "f.yaml: it must be", CLI_LOCAL },
        { "endpoints: [5]\n", "--yes", "", "endpoints[0]: expected a route", CLI_LOCAL },
        { "endpoints: [{ name: a }]\n", "--yes", "", "endpoints[0].route_type: expected a string", CLI_LOCAL },
        { ONE("a", ", modle: 1"), "--yes", "", "endpoints[0].modle: no such member; did you mean 'model'?", CLI_LOCAL },
        { ONE("a", "") "  - { name: a, endpoint_type: llm/v1/chat, model: { provider: mock, name: m } }\n", "--yes", "",
          "f.yaml: the route 'a' is there twice", CLI_LOCAL },
    };
    setenv("WORDS_KEY", "from-the-environment", 1);
    unsetenv("WORDS_NONE");
    file_put("key.txt", "from-a-file\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "routes apply f.yaml %s", cases[i].options);
        file_put("f.yaml", cases[i].file);
        const struct call call = { line, cases[i].asked, cases[i].said, cases[i].exit_code };
        calls_check(&call, 1, declared);
    }
    static const struct call export = { "routes export", "GET /api/sluice/v1/routes/old", "OLD_OPENAI_API_KEY", 0 };
    calls_check(&export, 1, declared);
    unlink("f.yaml");
    unlink("key.txt");
}

static void streams(void **state)
{
    (void)state;
    static const struct {
        const char *line, *body, *said;
        int exit_code;
    } cases[] = {
        { "query chat hello --stream", CHUNK("Hel") CHUNK("lo") LAST "data: [DONE]\n\n", "Hello\n", 0 },
        { "query chat hello --stream --json", CHUNK("x") LAST "data: [DONE]\n\n", "\"content\":\"x\"}", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cli_answer all[] = { answers[0], { "POST *", STREAM, cases[i].body }, { NULL, NULL, NULL } };
        const struct call call = { cases[i].line, "\"stream\": true", cases[i].said, cases[i].exit_code };
        calls_check(&call, 1, all);
    }
}

static int begin(void **state)
{
    (void)state;
    cli_server_start();
    return 0;
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
        cmocka_unit_test(what_works),      cmocka_unit_test(what_does_not), cmocka_unit_test(refusals),
        cmocka_unit_test(files_of_routes), cmocka_unit_test(streams),
    };
    return cmocka_run_group_tests_name("calls", tests, begin, end);
}
