/* SPDX-License-Identifier: Apache-2.0 */
/* Where a caller's route may lead: each way to write an inner address, in each place that takes a URL. */
#include "base/buf.h"
#include "gate/config/definition.h"
#include "gate/config/reach.h"
#include "help.h"
#include "json/json.h"
#include "net/cidr.h"

static struct loaded base; /* settings */

static int setup(void **state)
{
    (void)state;
    base = load("upstream: { allow: [10.9.0.0/16, 'fd09::/16'] }\n" HEAD);
    return !base.config;
}

static int teardown(void **state)
{
    (void)state;
    unload(&base);
    return 0;
}

/* Binds a body and checks where it leads, as create_route does. */
static int make(const char *body, struct sl_err *err)
{
    struct sl_json doc;
    struct sl_arena arena;
    struct sl_definition def;
    struct sl_body_fault fault = { 0 };
    struct sl_route *route = NULL;
    sl_json_init(&doc, NULL);
    sl_arena_init(&arena, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_str_c(body)), 0);
    int r = sl_definition_read(sl_json_root(&doc), SL_STR_NONE, &arena, &def, &fault, err);
    r = r < 0 ? r : sl_definition_bind(&def, base.config->settings, false, &route, err);
    r = r < 0 ? r : sl_reach_check(route, &base.config->settings->upstream.guard, err);
    sl_route_unref(route);
    sl_json_done(&doc);
    sl_arena_done(&arena);
    return r;
}

#define ROUTE(provider, config)                       \
    "{\"name\":\"a\",\"route_type\":\"llm/v1/chat\"," \
    "\"model\":{\"provider\":\"" provider "\",\"name\":\"m\",\"config\":{" config "}}}"
#define OPENAI "\"openai_api_key\":\"sk-k\",\"openai_api_base\":"
/* A user's refresh token: a credentials file that needs no valid key. */
#define CREDENTIALS(uri)                                                                                               \
    "\"vertex_project\":\"p\",\"vertex_location\":\"us-east1\",\"vertex_credentials\":\"{\\\"type\\\":\\\"authorized_" \
    "user\\\",\\\"client_id\\\":\\\"c\\\",\\\"client_secret\\\":\\\"s\\\",\\\"refresh_token\\\":\\\"r\\\",\\\"token_"  \
    "uri\\\":\\\"" uri "\\\"}\""
#define AWS(more) \
    "\"aws_config\":{\"aws_region\":\"us-east-1\",\"aws_access_key_id\":\"i\",\"aws_secret_access_key\":\"s\"," more "}"
#define ROLE "\"aws_role_arn\":\"arn:aws:iam::1:role/r\","
#define ENTRA                                                                                                        \
    "\"openai_api_type\":\"azuread\",\"openai_api_base\":\"https://r.openai.azure.com\",\"openai_deployment_name\":" \
    "\"d\",\"openai_api_version\":\"v\",\"azure_tenant_id\":\"t\",\"azure_client_id\":\"c\",\"openai_api_key\":"     \
    "\"s\",\"azure_authority\":"

static void each_spelling_of_an_inner_address_is_refused(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.", /* the root's dot */
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F.1",
        "0177.0.0.1",
        "127.0.0.0x1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "012.0.0.1", /* octal: 10 */
        "172.31.255.255",
        "192.168.257", /* 192.168.1.1 */
        "169.254.169.254",
        "0xa9fea9fe",
        "100.100.100.200",
        "168.63.129.16",
        "255.255.255.255",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:a00:1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2001:0:a00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fc00::1]",
        "[ff02::1]",
        "[2001:db8::1]",
    };
    static const char *const outside[] = {
        "api.example", "api.example.",     "1.1.1.1",          "0x08080808",        "134744072",
        "8.8.8.8.",    "10.9.255.1",       "0x0a.9.1",         "[2606:4700::1111]", "[64:ff9b::808:808]",
        "[fd09::1]",   "10.0.0.1.example", "127.0.0.1.nip.io", /* names are looked at when they are connected to */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(inside) + SL_ARRAY_LEN(outside); i++) {
        bool is_inside = i < SL_ARRAY_LEN(inside);
        const char *host = is_inside ? inside[i] : outside[i - SL_ARRAY_LEN(inside)];
        char body[1024];
        struct sl_err err = { 0 };
        snprintf(body, sizeof(body), ROUTE("openai", OPENAI "\"http://%s:8080/v1\""), host);
        int r = make(body, &err);
        if (is_inside ? r == 0 || !strstr(err.text, "openai_api_base: ") || !strstr(err.text, "upstream.allow has it")
                      : r < 0) {
            fail_msg("%s: %d %s", host, r, err.text);
        }
    }
}

static void no_url_leads_inside(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want; /* NULL: the body is right */
    } rows[] = {
        { ROUTE("openai", ENTRA "\"https://login.example\""), NULL },
        { ROUTE("openai", ENTRA "\"https://10.0.0.1\""), "config.azure_authority: 10.0.0.1 is a private" },
        { ROUTE("vertex_ai", CREDENTIALS("https://oauth.example/token")), NULL },
        { ROUTE("vertex_ai", CREDENTIALS("https://10.9.0.1/token")), NULL },
        { ROUTE("vertex_ai", CREDENTIALS("https://169.254.169.254/token")), "config.token_uri: 169.254.169.254 is a" },
        { ROUTE("vertex_ai", CREDENTIALS("http://0x7f.1/token")), "config.token_uri: 0x7f.1 is a private" },
        { ROUTE("vertex_ai", CREDENTIALS("http://[::ffff:10.0.0.1]/")), "config.token_uri: ::ffff:10.0.0.1 is" },
        { ROUTE("vertex_ai", "\"token_uri\":\"http://127.1/\"," CREDENTIALS("https://oauth.example/token")),
          "config.token_uri: 127.1 is a private" },
        { ROUTE("bedrock", AWS("\"aws_endpoint_url\":\"https://bedrock.example\"")), NULL },
        { ROUTE("bedrock", AWS("\"aws_endpoint_url\":\"http://10.0.0.1\"")),
          "config.aws_config.aws_endpoint_url: 10.0.0.1 is a private" },
        { ROUTE("bedrock", AWS(ROLE "\"sts_endpoint_url\":\"http://2130706433\"")),
          "config.aws_config.sts_endpoint_url: 2130706433 is a private" },
        { ROUTE("bedrock", AWS(ROLE "\"sts_endpoint_url\":\"http://10.9.0.1\"")), NULL },
        { ROUTE("sagemaker", AWS("\"aws_endpoint_url\":\"http://[fd00::1]\"")),
          "config.aws_config.aws_endpoint_url: fd00::1 is a private" },
        /* no credential in what is shown */
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?api-version=2024-10-21&deployment=x\""), NULL },
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?subscription-key=s3cret\""),
          "openai_api_base: 'subscription-key' in the URL's query looks like a credential" },
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?a=b&k%65y=s3cret\""), "'k%65y' in the URL's query" },
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?Access_Token=s3cret\""), "'Access_Token' in the URL's" },
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?X-Amz-Signature=s3cret\""), "looks like a credential" },
        { ROUTE("openai", OPENAI "\"https://gw.example/v1?code=s3cret\""), "looks like a credential" },
        { ROUTE("bedrock", AWS("\"aws_endpoint_url\":\"https://b.example?sig=s3cret\"")), "looks like a credential" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_err err = { 0 };
        int r = make(rows[i].body, &err);
        if (rows[i].want ? r == 0 || !strstr(err.text, rows[i].want) : r < 0) {
            fail_msg("row %zu: %s\nwants: %s\ngot: %d %s", i, rows[i].body, rows[i].want ? rows[i].want : "(fine)", r,
                     err.text);
        }
        assert_null(strstr(err.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_spelling_of_an_inner_address_is_refused),
        cmocka_unit_test(no_url_leads_inside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
