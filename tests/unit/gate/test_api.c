/* SPDX-License-Identifier: Apache-2.0 */
/* The management calls, one after the other on a gate with a store: each works with the results of those before it. */
#include "base/buf.h"
#include "gate/watch/metrics.h"
#include "gate_test.h"
#include "store/store.h"

#define ROUTES  "/api/2.0/gateway/routes/"
#define OWN     "/api/sluice/v1/routes"
#define KEYS    "/api/sluice/v1/keys"
#define LIMITS  "/api/2.0/gateway/limits/"
#define AUDIT   "/api/sluice/v1/audit"
#define SERVING "/api/2.0/serving-endpoints"

#define MOCKED(name) "- name: " name "\n  endpoint_type: llm/v1/chat\n  model: { provider: mock, name: m }\n"
#define CONFIG                                                                                                  \
    "upstream: { allow: [127.0.0.0/8] }\nendpoints:\n" MOCKED("filed") "- name: secretive\n  endpoint_type: "   \
                                                                       "llm/v1/chat\n  model: { provider: "     \
                                                                       "openai, name: gpt, config: { "          \
                                                                       "openai_api_key: sk-of-the-operator } }" \
                                                                       "\n"

struct step {
    const char *method, *path, *headers, *body;
    int status;
    const char *has[4], *hasnt; /* NULL ends the list */
};

static int begin(void **state)
{
    int r = gate_test_setup(state, CONFIG);
    gate_test_store(*state);
    return r;
}

static void steps_run(struct gate_test *g, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &steps[i];
        char what[256];
        snprintf(what, sizeof(what), "step %zu, %s %.100s %.100s", i, s->method, s->path, s->body ? s->body : "");
        gate_test_call(g, s->method, s->path, s->headers ? s->headers : "", s->body, NULL);
        gate_test_check(g, what, s->status, s->has, s->hasnt);
    }
}

#define RUN(state, steps) steps_run((state), (steps), SL_ARRAY_LEN(steps))

/* --- routes --- */

#define MODEL(more)       "\"model\":{\"provider\":\"mock\",\"name\":\"m\"" more "}"
#define ROUTE(name, more) "{\"name\":\"" name "\",\"route_type\":\"llm/v1/chat\"," MODEL("") more "}"
#define OPENAI(name, config)                                                                                     \
    "{\"name\":\"" name "\",\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"openai\",\"name\":\"gpt\"," \
    "\"config\":{" config "}}}"
#define ASK(name) "{\"model\":\"" name "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define V1        "/v1/chat/completions"

static void routes_are_made_read_changed_and_deleted(void **state)
{
    static const struct step steps[] = {
        { "POST", V1, NULL, ASK("a"), 404, { "model_not_found" }, NULL },
        { "POST", ROUTES, NULL, ROUTE("a", ""), 200, { "\"name\":\"a\"", "/gateway/a/invocations\"" }, NULL },
        { "POST", V1, NULL, ASK("a"), 200, { "You said: hi" }, NULL },
        { "POST", ROUTES, NULL, ROUTE("a", ""), 409, { "exists" }, NULL },
        { "POST",
          ROUTES,
          NULL,
          ROUTE("filed", ""),
          409,
          { "is defined in (embedded default), line 3,", "cannot be made" },
          NULL },
        { "POST", ROUTES, NULL, ROUTE("limits", ""), 400, { "cannot be a route's name" }, NULL },
        { "POST", ROUTES, NULL, ROUTE("a b", ""), 400, { "name" }, NULL },
        { "POST", ROUTES, NULL, "[]", 422, { "model_attributes_type" }, NULL },
        { "POST", ROUTES, NULL, "", 422, { "Field required" }, NULL },
        { "POST", ROUTES, NULL, "{\"name\":", 422, { "json_invalid" }, NULL },
        { "POST", ROUTES, NULL, "\xef\xbb\xbf" ROUTE("bom", ""), 200, { "\"bom\"" }, NULL },
        { "GET", OWN "/a", NULL, NULL, 200, { "etag: \"1\"", "\"owner\":\"api\"", "\"version\":1" }, NULL },
        { "GET", OWN "/none", NULL, NULL, 404, { "is not present or active" }, NULL },
        { "GET",
          OWN "/filed",
          NULL,
          NULL,
          200,
          { "\"owner\":\"file\"", "\"defined_at\":\"(embedded default):" },
          "\"version\"" },
        { "GET", OWN "/secretive", NULL, NULL, 200, { "\"openai_api_key\":{\"fingerprint\":\"" }, "sk-of-the" },
        { "GET", OWN, NULL, NULL, 200, { "\"name\":\"filed\"", "\"name\":\"a\"", "\"next_page_token\":null" }, NULL },
        { "GET", "/api/2.0/endpoints/a", NULL, NULL, 200, { "\"endpoint_type\":\"llm/v1/chat\"" }, NULL },
        /* a change needs the version that it was made for */
        { "PUT", OWN "/a", "If-Match: \"99\"\r\n", ROUTE("a", ""), 412, { "read it again" }, NULL },
        { "PUT", OWN "/a", "If-Match: nonsense\r\n", ROUTE("a", ""), 412, { "read it again" }, NULL },
        { "PUT", OWN "/a", "If-Match: \"1\"\r\n", ROUTE("a", ""), 200, { "\"version\":3" }, NULL },
        { "PUT", OWN "/a", "If-Match: *\r\n", ROUTE("a", ""), 200, { "etag: \"4\"" }, NULL },
        { "PUT", OWN "/new", NULL, ROUTE("new", ""), 201, { "\"version\":5" }, NULL },
        { "PUT", OWN "/new", NULL, ROUTE("other", ""), 400, { "name" }, NULL },
        { "PUT", OWN "/filed", NULL, ROUTE("filed", ""), 409, { "cannot be changed" }, NULL },
        { "DELETE", OWN "/new", "If-Match: \"4\"\r\n", NULL, 412, { "read it again" }, NULL },
        { "DELETE", OWN "/new", "If-Match: \"5\"\r\n", NULL, 200, { "{}" }, NULL },
        { "DELETE", OWN "/new", NULL, NULL, 404, { "is not present or active" }, NULL },
        { "DELETE", ROUTES "filed", NULL, NULL, 409, { "cannot be deleted" }, NULL },
        { "DELETE", ROUTES "a", NULL, NULL, 200, { "{}" }, NULL },
        { "POST", V1, NULL, ASK("a"), 404, { "model_not_found" }, NULL },
        { "GET", OWN "?page_token=!", NULL, NULL, 400, { "Invalid page_token" }, NULL },
        { "GET", ROUTES "?page_token=!", NULL, NULL, 400, { "Invalid page_token" }, NULL },
    };
    RUN(*state, steps);
}

static void credentials_stay_where_they_are(void **state)
{
    static const struct step steps[] = {
        { "POST", ROUTES, NULL, OPENAI("o", "\"openai_api_key\":\"sk-of-a-caller\""), 200, { "\"o\"" }, "sk-of" },
        { "GET", OWN "/o", NULL, NULL, 200, { "\"fingerprint\":\"" }, "sk-of" },
        /* a credential that is left out is kept, but not for another URL */
        { "PUT", OWN "/o", NULL, OPENAI("o", "\"openai_organization\":\"org\""), 200, { "\"org\"" }, "sk-of" },
        { "PUT", OWN "/fresh", NULL, OPENAI("fresh", ""), 400, { "openai_api_key" }, NULL },
        { "PUT",
          OWN "/o",
          NULL,
          OPENAI("o", "\"openai_api_base\":\"http://127.0.0.1:1/v1\""),
          400,
          { "differs from the stored one, and the stored credential is not sent to a new place" },
          NULL },
        { "POST",
          ROUTES,
          NULL,
          "{\"name\":\"pk\",\"route_type\":\"llm/v1/"
          "chat\",\"model\":{\"name\":\"m\",\"provider\":\"portkey\",\"config\":{"
          "\"api_key\":\"pk-a\",\"provider_api_key\":\"sk-behind\",\"portkey_provider\":\"openai\"}}}",
          200,
          { "\"pk\"" },
          "sk-behind" },
        { "PUT",
          OWN "/pk",
          NULL,
          "{\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\",\"provider\":\"portkey\",\"config\":{"
          "\"portkey_config\":\"pc-other\"}}}",
          400,
          { "portkey", "differs from the stored one" },
          NULL },
        /* a call must not lead to an address that the operator has not allowed */
        { "PUT",
          OWN "/o",
          NULL,
          OPENAI("o", "\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://10.0.0.1/v1\""),
          400,
          { "is a private, local or reserved address" },
          NULL },
        { "POST",
          ROUTES,
          NULL,
          OPENAI("p", "\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://0x0a000001/v1\""),
          400,
          { "is a private, local or reserved address" },
          NULL },
        { "POST",
          ROUTES,
          NULL,
          OPENAI("p", "\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://[::1%25lo]/v1\""),
          400,
          { "openai_api_base: malformed IPv6 address" },
          NULL },
        { "POST",
          ROUTES,
          NULL,
          OPENAI("p", "\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://me:pw@example.com/v1\""),
          400,
          { "openai_api_base" },
          NULL },
        { "POST",
          ROUTES,
          NULL,
          OPENAI("p", "\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://127.0.0.1:1/v1\""),
          200,
          { "\"p\"" },
          NULL },
        /* a caller of the route does not learn the address */
        { "PUT",
          OWN "/p",
          NULL,
          "{\"route_type\":\"llm/v1/chat\",\"sluice\":{\"retries\":0},\"model\":{\"provider\":\"openai\","
          "\"name\":\"gpt\",\"config\":{\"openai_api_key\":\"sk-b\",\"openai_api_base\":\"http://127.0.0.1:1/v1\"}}}",
          200,
          { "\"p\"" },
          NULL },
        { "POST",
          V1,
          NULL,
          ASK("p"),
          502,
          { "provider_connect_failed", "connection refused by its address" },
          "127.0.0.1:1" },
        { "POST", "/api/sluice/v1/secret/rotate", NULL, NULL, 200, { "{\"routes\":3}" }, NULL },
        { "GET", OWN "/o", NULL, NULL, 200, { "\"fingerprint\":\"" }, "sk-of" },
        { "GET", AUDIT, NULL, NULL, 200, { "\"action\":\"route.create\"", "\"target\":\"o\"" }, "sk-of" },
    };
    RUN(*state, steps);
}

/* --- limits --- */

#define LIMIT(calls) "{\"calls\":" #calls ",\"renewal_period\":\"hour\"}"

static void limits_are_set_and_told(void **state)
{
    static const struct step steps[] = {
        { "GET", LIMITS "filed", NULL, NULL, 200, { "{\"limits\":[]}" }, NULL },
        { "GET", LIMITS "none", NULL, NULL, 404, { "is not present or active" }, NULL },
        { "POST", LIMITS, NULL, "{\"route\":\"filed\",\"limits\":[" LIMIT(1) "]}", 200, { "\"calls\":1" }, NULL },
        { "GET", LIMITS "filed", NULL, NULL, 200, { "\"calls\":1,\"key\":\"route\"" }, NULL },
        { "GET", "/api/2.0/endpoints/limits/filed", NULL, NULL, 200, { "\"renewal_period\":\"hour\"" }, NULL },
        { "GET", OWN "/filed", NULL, NULL, 200, { "\"limits\":[{\"calls\":1" }, NULL },
        { "POST", V1, NULL, ASK("filed"), 200, { "x-ratelimit-remaining-requests: 0" }, NULL },
        { "POST", V1, NULL, ASK("filed"), 429, { "policy_rate_limited", "reset-requests: " }, "retry-after" },
        { "POST", LIMITS, NULL, "{\"route\":\"filed\",\"limits\":[]}", 200, { "{\"limits\":[]}" }, NULL },
        { "POST", V1, NULL, ASK("filed"), 200, { "You said" }, "x-ratelimit" },
        { "POST", LIMITS, NULL, "{\"route\":\"none\",\"limits\":[]}", 404, { "is not present or active" }, NULL },
        { "POST",
          LIMITS,
          NULL,
          "{\"route\":\"filed\",\"limits\":[{}]}",
          400,
          { "limits[0].calls: must be a whole" },
          NULL },
        { "POST", LIMITS, NULL, "{\"limits\":[]}", 422, { "\"loc\":[\"body\",\"route\"]" }, NULL },
        { "POST", LIMITS, NULL, "{\"route\":\"filed\",\"limits\":[" LIMIT(-1) "]}", 400, { "limits[0].calls" }, NULL },
        { "POST", ROUTES, NULL, ROUTE("l", ",\"limit\":" LIMIT(5)), 200, { "\"limit\":{\"calls\":5" }, NULL },
        { "POST", LIMITS, NULL, "{\"route\":\"l\",\"limits\":[" LIMIT(2) "]}", 200, { "\"calls\":2" }, NULL },
        { "GET", ROUTES "l", NULL, NULL, 200, { "\"limit\":{\"calls\":2" }, NULL },
        { "DELETE", ROUTES "l", NULL, NULL, 200, { "{}" }, NULL },
        { "POST", ROUTES, NULL, ROUTE("l", ""), 200, { "\"limit\":null" }, NULL },
    };
    RUN(*state, steps);
}

/* --- Databricks' words --- */

#define ENTITY(more)        "{\"external_model\":{\"provider\":\"mock\",\"name\":\"m\"" more "}}"
#define ENTITIES(list)      "\"served_entities\":[" list "]"
#define ENDPOINT(name, ...) "{\"name\":\"" name "\",\"config\":{" ENTITIES(ENTITY(__VA_ARGS__)) "}}"
#define TASK                ",\"task\":\"llm/v1/chat\""

static void routes_are_serving_endpoints(void **state)
{
    static const struct step steps[] = {
        { "POST", SERVING, NULL, ENDPOINT("s", TASK), 200, { "EXTERNAL_MODEL", "\"name\":\"s\"" }, "rate_limits" },
        { "POST", SERVING, NULL, ENDPOINT("s", TASK), 409, { "RESOURCE_ALREADY_EXISTS" }, NULL },
        { "POST", SERVING, NULL, ENDPOINT("t", ""), 400, { "external_model.task: must be" }, "route_type" },
        { "POST",
          SERVING "/",
          NULL,
          "{\"name\":\"t\",\"config\":{" ENTITIES("") "}}",
          400,
          { "config.served_entities: must be a list of one entity" },
          NULL },
        { "POST",
          SERVING,
          NULL,
          "{\"name\":\"t\",\"config\":{" ENTITIES(ENTITY(TASK) "," ENTITY(TASK)) "}}",
          400,
          { "must be a list of one entity" },
          NULL },
        { "POST",
          SERVING,
          NULL,
          "{\"name\":\"t\",\"rate_limits\":[{\"calls\":3,\"key\":\"endpoint\",\"renewal_period\":\"minute\"}],"
          "\"config\":{" ENTITIES(ENTITY(TASK)) "}}",
          200,
          { "\"rate_limits\":[{\"calls\":3,\"key\":\"endpoint\"" },
          NULL },
        { "GET", SERVING "/t", NULL, NULL, 200, { "\"key\":\"endpoint\"", "\"READY\"" }, NULL },
        { "GET", LIMITS "t", NULL, NULL, 200, { "\"key\":\"route\"" }, NULL },
        { "GET", SERVING, NULL, NULL, 200, { "\"name\":\"filed\"", "\"name\":\"s\"", "\"name\":\"t\"" }, NULL },
        { "GET", SERVING "/none", NULL, NULL, 404, { "RESOURCE_DOES_NOT_EXIST" }, NULL },
        { "PUT",
          SERVING "/s/rate-limits",
          NULL,
          "{\"rate_limits\":[" LIMIT(7) "]}",
          200,
          { "\"rate_limits\":[{\"calls\":7" },
          NULL },
        { "PUT", SERVING "/none/rate-limits", NULL, "{\"rate_limits\":[]}", 404, { "is not present" }, NULL },
        { "PUT", SERVING "/s/rate-limits", NULL, "{\"rate_limits\":5}", 400, { "rate_limits" }, NULL },
        { "PUT",
          SERVING "/s/config",
          NULL,
          "{" ENTITIES("{\"external_model\":{\"provider\":\"mock\",\"name\":\"other\"}}") "}",
          200,
          { "\"name\":\"other\"", "\"task\":\"llm/v1/chat\"", "\"calls\":7" },
          NULL },
        { "PUT", SERVING "/s/config", NULL, "{}", 400, { "served_entities: must be" }, "config.served" },
        { "PUT", SERVING "/none/config", NULL, "{}", 404, { "RESOURCE_DOES_NOT_EXIST" }, NULL },
        { "PUT",
          SERVING "/filed/config",
          NULL,
          "{" ENTITIES(ENTITY("")) "}",
          409,
          { "RESOURCE_CONFLICT", "cannot be changed" },
          NULL },
        { "PUT", SERVING "/s/ai-gateway", NULL, "{}", 501, { "NOT_IMPLEMENTED" }, NULL },
        { "PATCH", SERVING "/s/tags", NULL, "{}", 501, { "NOT_IMPLEMENTED" }, NULL },
        { "DELETE", SERVING "/s", NULL, NULL, 200, { "{}" }, NULL },
        { "DELETE", SERVING "/s", NULL, NULL, 404, { "RESOURCE_DOES_NOT_EXIST" }, NULL },
    };
    RUN(*state, steps);
}

/* --- keys --- */

#define KEY(more) "{\"name\":\"n\",\"principal\":\"p\"," more "}"

static void keys_are_made_told_and_revoked(void **state)
{
    static const char id[] = "\"id\":\"key-1\"";
    static const struct step steps[] = {
        { "POST",
          KEYS,
          NULL,
          KEY("\"role\":\"query\",\"routes\":[\"a\",\"b\"],\"expires_at\":\"2999-01-02T03:04:05Z\""),
          201,
          { id, "\"key\":\"sk-sluice-", "cache-control: no-store" },
          NULL },
        { "GET",
          KEYS,
          NULL,
          NULL,
          200,
          { id, "\"routes\":[\"a\",\"b\"],\"expires_at\":\"2999-01-02T03:04:05Z\"", "\"owner\":\"api\"" },
          "sk-sluice-" },
        { "POST", KEYS, NULL, KEY("\"role\":\"admin\""), 201, { "\"routes\":null,\"expires_at\":null" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"admin\",\"expires_at\":32503680000"), 201, { "3000-01-01T" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"query\",\"routes\":null"), 201, { "\"routes\":null" }, NULL },
        { "POST", KEYS, NULL, "{}", 400, { "name: is missing: a key needs name, principal and role" }, NULL },
        { "POST", KEYS, NULL, KEY("\"rolle\":\"query\""), 400, { "a key has no such member" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"root\""), 400, { "role: must be" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":7"), 400, { "role: must be" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"admin\",\"routes\":[]"), 400, { "routes: " }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"query\",\"routes\":\"a\""), 400, { "routes: must be a list" }, NULL },
        { "POST",
          KEYS,
          NULL,
          KEY("\"role\":\"query\",\"routes\":[\"a\",\"b c\"]"),
          400,
          { "routes[1] must be" },
          NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"query\",\"expires_at\":1"), 400, { "lies in the past" }, NULL },
        { "POST", KEYS, NULL, KEY("\"role\":\"query\",\"expires_at\":\"soon\""), 400, { "must be a time like" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\" n\"}", 400, { "without spaces around it" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\"a\\nb\"}", 400, { "without control characters" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\"\"}", 400, { "name: must be" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\"a\\u202eb\"}", 400, { "name: must be", "direction of writing" }, NULL },
        { "POST",
          KEYS,
          NULL,
          "{\"name\":\"a\xe2\x81\xa6"
          "b\"}",
          400,
          { "name: must be" },
          NULL },
        { "POST", KEYS, NULL, "{\"name\":\"a\\u200f\"}", 400, { "name: must be" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\"a\\u0085\"}", 400, { "name: must be" }, NULL },
        { "POST", KEYS, NULL, "{\"name\":\"n\",\"principal\":\"\\u061cp\"}", 400, { "principal: must be" }, NULL },
        { "GET", KEYS "?page_token=1", NULL, NULL, 200, { "\"id\":\"key-2\"" }, id },
        { "GET", KEYS "?page_token=x", NULL, NULL, 400, { "Invalid page_token" }, NULL },
        { "DELETE", KEYS "/key-1", NULL, NULL, 200, { "{}" }, NULL },
        { "DELETE", KEYS "/key-1", NULL, NULL, 404, { "There is no key with the id 'key-1'" }, NULL },
        { "DELETE", KEYS "/key-x", NULL, NULL, 404, { "There is no key" }, NULL },
        { "GET", KEYS, NULL, NULL, 200, { "\"id\":\"key-2\"", "\"enforced\":false" }, id },
        { "GET", AUDIT, NULL, NULL, 200, { "\"action\":\"key.revoke\",\"target\":\"key-1\"" }, "sk-sluice-" },
        { "GET", AUDIT "?page_token=2", NULL, NULL, 200, { "\"audit\":[{\"id\":1,", "_token\":null" }, "\"id\":2," },
        { "GET", AUDIT "?page_token=0", NULL, NULL, 400, { "Invalid page_token" }, NULL },
    };
    RUN(*state, steps);
}

/* The text between `before` and `after` of the last reply. */
static void a_key_opens_what_it_is_for(void **state)
{
    (void)state;
    static const char admin[] = "Authorization: Bearer sk-sluice-of-an-admin-0123456789\r\n";
    static const char config[] =
        "auth:\n  keys:\n  - { name: boss, role: admin, key: { sha256: "
        "b4f6eaab891067ea1809e8e474f5b5b7ae5b55e4f3829ac97ae3d105e323ae29 } }\nendpoints:\n" MOCKED("filed")
            MOCKED("other");
    struct gate_test g;
    gate_test_start(&g, config);
    gate_test_store(&g);
    const struct step make[] = {
        { "POST", KEYS, admin, KEY("\"role\":\"query\",\"routes\":[\"filed\"]"), 201, { "\"enforced\":true" }, NULL },
    };
    RUN(&g, make);
    char token[80], bearer[128];
    gate_test_cut(&g, "\"key\":\"", "\"", token, sizeof(token));
    snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s\r\n", token);
    const struct step steps[] = {
        { "POST", V1, bearer, ASK("filed"), 200, { "You said: hi" }, NULL },
        { "POST", V1, bearer, ASK("other"), 404, { "model_not_found" }, NULL },
        { "GET", "/v1/models", bearer, NULL, 200, { "filed" }, "other" },
        { "GET", ROUTES, bearer, NULL, 200, { "filed" }, "other" },
        { "GET", ROUTES "other", bearer, NULL, 404, { "is not present" }, NULL },
        { "GET", LIMITS "other", bearer, NULL, 404, { "is not present" }, NULL },
        { "GET", KEYS, bearer, NULL, 403, { "caller_forbidden" }, NULL },
        { "GET",
          KEYS,
          admin,
          NULL,
          200,
          { "\"owner\":\"file\",\"defined_at\":\"(embedded default):3\"", "\"last_used_at\":\"2" },
          NULL },
        { "DELETE",
          KEYS "/boss",
          admin,
          NULL,
          409,
          { "is the operator's", "it stands in (embedded default):3" },
          NULL },
        { "DELETE", KEYS "/key-1", admin, NULL, 200, { "{}" }, NULL },
        { "POST", V1, bearer, ASK("filed"), 401, { "www-authenticate: Bearer" }, NULL },
        { "GET", AUDIT, admin, NULL, 200, { "\"principal\":\"boss\",\"key_id\":\"file:boss\"" }, NULL },
    };
    RUN(&g, steps);
    gate_test_end(&g);
}

/* --- usage --- */

#define USAGE "/api/sluice/v1/usage"

/* What was answered is in the next report. */
static void usage_is_summed_up(void **state)
{
    static const char none[] = "{\"usage\":[],\"from\":null,\"to\":null,\"kept\":\"disk\"}";
    static const struct step steps[] = {
        { "GET", USAGE, NULL, NULL, 200, { none }, NULL },
        { "POST", V1, NULL, ASK("filed"), 200, { "You said: hi" }, NULL },
        { "POST", V1, NULL, ASK("filed"), 200, { "You said: hi" }, NULL },
        { "POST", V1, NULL, ASK("none"), 404, { "model_not_found" }, NULL },
        { "POST", V1, NULL, ASK("secretive"), 502, { "error" }, NULL },
        { "GET",
          USAGE "?by=route,model",
          NULL,
          NULL,
          200,
          { "{\"route\":\"filed\",\"model\":\"m\",\"requests\":2,\"errors\":0,\"unmetered\":0,\"input_tokens\":",
            "},{\"route\":\"secretive\",\"model\":\"gpt\",\"requests\":1,\"errors\":1,\"unmetered\":0,\"input_tokens\":"
            "0,\"" },
          "none" },
        { "GET", USAGE "?by=", NULL, NULL, 200, { "[{\"requests\":3,\"errors\":1," }, NULL },
        { "GET",
          USAGE "?by=day%2Cprincipal",
          NULL,
          NULL,
          200,
          { "[{\"day\":\"20", "\",\"principal\":\"127.0.0.1\"" },
          "Z\"" },
        { "GET", USAGE "?by=minute", NULL, NULL, 200, { "[{\"minute\":\"20", ":00Z\"," }, NULL },
        { "GET", USAGE "?from=2999-01-01T00:00:00Z", NULL, NULL, 200, { "\"usage\":[],\"from\":\"2999-01" }, NULL },
        { "GET", USAGE "?to=1000000000", NULL, NULL, 200, { "\"usage\":[]", "\"to\":\"2001-09-09T01:46:40Z\"" }, NULL },
        { "GET",
          USAGE "?by=route,target",
          "Accept: text/csv\r\n",
          NULL,
          200,
          { "content-type: text/csv",
            "route,target,requests,errors,unmetered,input_tokens,output_tokens,cached_tokens,cache_write_tokens,"
            "reasoning_tokens,unpriced,estimated,lost_attempts,lost_cost,cost\r\nfiled,model,2,0,0,",
            "\r\nsecretive,model,1,1,0,0,0,0,0,0,0,0,0,0,0\r\n" },
          NULL },
        { "GET",
          USAGE,
          NULL,
          NULL,
          200,
          { "\"unpriced\":2,\"estimated\":0,\"lost_attempts\":0,\"cost\":null,\"lost_cost\":0}" },
          NULL },
        { "GET", USAGE "?by=rout", NULL, NULL, 400, { "there is no 'rout'", "It takes route, target" }, NULL },
        { "GET", USAGE "?by=route,", NULL, NULL, 400, { "there is no ''" }, NULL },
        { "GET", USAGE "?by=route,route", NULL, NULL, 200, { "[{\"route\":\"filed\",\"requests\":2," }, NULL },
        { "GET",
          USAGE "?by=day,hour",
          NULL,
          NULL,
          200,
          { "[{\"day\":\"20", "\",\"hour\":\"20", ":00:00Z\",\"requests\":3," },
          NULL },
        { "GET", USAGE "?from=yesterday", NULL, NULL, 400, { "from: 'yesterday' is no time" }, NULL },
        { "GET", USAGE "?to=", NULL, NULL, 400, { "to: '' is no time" }, NULL },
        { "GET", USAGE "?from=2&to=2", NULL, NULL, 200, { "\"usage\":[]" }, NULL },
        { "POST", USAGE, NULL, "{}", 405, { "allow: GET, HEAD" }, NULL },
    };
    RUN(*state, steps);
}

static void a_key_sees_its_own_usage(void **state)
{
    (void)state;
    static const char admin[] = "Authorization: Bearer sk-sluice-of-an-admin-0123456789\r\n";
    struct gate_test g;
    gate_test_start(
        &g, "auth:\n  keys:\n  - { name: boss, role: admin, key: { sha256: "
            "b4f6eaab891067ea1809e8e474f5b5b7ae5b55e4f3829ac97ae3d105e323ae29 } }\nendpoints:\n" MOCKED("filed"));
    gate_test_store(&g);
    char bearers[2][128];
    static const char *const roles[] = { "\"role\":\"query\"", "\"role\":\"viewer\"" };
    for (size_t i = 0; i < 2; i++) {
        char body[128], token[80];
        snprintf(body, sizeof(body), KEY("%s"), roles[i]);
        const struct step make[] = { { "POST", KEYS, admin, body, 201, { "sk-sluice-" }, NULL } };
        RUN(&g, make);
        gate_test_cut(&g, "\"key\":\"", "\"", token, sizeof(token));
        snprintf(bearers[i], sizeof(bearers[i]), "Authorization: Bearer %s\r\n", token);
    }
    const struct step steps[] = {
        { "POST", V1, bearers[0], ASK("filed"), 200, { "You said: hi" }, NULL },
        { "POST", V1, admin, ASK("filed"), 200, { "You said: hi" }, NULL },
        { "GET", USAGE "?by=key", bearers[0], NULL, 200, { "[{\"key\":\"key-1\",\"requests\":1," }, "file:boss" },
        { "GET", USAGE, bearers[0], NULL, 200, { "[{\"requests\":1," }, NULL },
        { "GET",
          USAGE "?by=key",
          bearers[1],
          NULL,
          200,
          { "{\"key\":\"file:boss\",\"requests\":1,", "\"key-1\"" },
          NULL },
        { "GET", USAGE, admin, NULL, 200, { "[{\"requests\":2," }, NULL },
        { "GET", USAGE, NULL, NULL, 401, { "An API key is needed" }, NULL },
    };
    RUN(&g, steps);
    gate_test_end(&g);
}

static void usage_is_kept_without_a_store(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, CONFIG);
    static const struct step steps[] = {
        { "POST", V1, NULL, ASK("filed"), 200, { "You said: hi" }, NULL },
        { "GET", USAGE "?by=route", NULL, NULL, 200, { "[{\"route\":\"filed\",\"requests\":1,", "\"memory\"" }, NULL },
    };
    RUN(&g, steps);
    gate_test_end(&g);
}

/* --- pages --- */

static void lists_come_in_pages(void **state)
{
    (void)state;
    enum { N = 3100 };
    struct sl_buf config = SL_BUF_INIT(1 << 20);
    sl_buf_add_c(&config, "endpoints:\n");
    for (int i = 0; i < N; i++) {
        sl_buf_printf(&config, "- { name: r%04d, endpoint_type: llm/v1/chat, model: { provider: mock, name: m } }\n",
                      i);
    }
    sl_buf_add_char(&config, '\0');
    struct gate_test g;
    gate_test_start(&g, config.p);
    const char *const paths[] = { ROUTES, OWN, "/api/2.0/endpoints/" };
    for (size_t i = 0; i < SL_ARRAY_LEN(paths); i++) {
        char token[2048], path[4096];
        const struct step first[] = {
            { "GET", paths[i], NULL, NULL, 200, { "\"r0000\"", "\"r2999\"" }, "\"name\":\"r3000\"" },
        };
        RUN(&g, first);
        gate_test_cut(&g, "\"next_page_token\":\"", "\"", token, sizeof(token));
        snprintf(path, sizeof(path), "%s?page_token=%s", paths[i], token);
        const struct step second[] = {
            { "GET", path, NULL, NULL, 200, { "\"r3000\"", "\"r3099\"", "\"next_page_token\":null" }, "\"r2999\"" },
        };
        RUN(&g, second);
    }
    /* Where a token begins: an index as Python's int() takes one; the route behind which it stands, wherever that is
     * now; the whole page again where none of those it names is left. */
    static const struct {
        const char *token; /* base64 of the JSON next to it */
        const char *has;   /* NULL: refused */
    } tokens[] = {
        { "eyJpbmRleCI6IDMwOTl9", "[{\"name\":\"r3099\"" },     /* {"index": 3099} */
        { "eyJpbmRleCI6ICIzMDk5In0=", "[{\"name\":\"r3099\"" }, /* {"index": "3099"} */
        { "eyJpbmRleCI6IDMwOTkuOX0=", "[{\"name\":\"r3099\"" }, /* {"index": 3099.9} */
        { "eyJpbmRleCI6IHRydWV9", "[{\"name\":\"r0001\"" },     /* {"index": true} */
        { "eyJpbmRleCI6IDFlOTl9", "\"routes\":[]" },            /* {"index": 1e99} */
        { "eyJpbmRleCI6IC0xfQ==", NULL },                       /* {"index": -1} */
        { "eyJpbmRleCI6IG51bGx9", NULL },                       /* {"index": null} */
        { "e30=", NULL },                                       /* {} */
        { "eyJpbmRleCI6", NULL },                               /* {"index": */
        { "====", NULL },
        { "abc", NULL },
        { "", NULL },
        { "eyJpbmRleCI6IDUsICJhZnRlciI6ICJyMzA5OCJ9", "[{\"name\":\"r3099\"" }, /* {"index": 5, "after": "r3098"} */
        { "eyJpbmRleCI6IDUsICJhZnRlciI6ICJ4IiwgImJlZm9yZSI6IFsieSIsICJyMzA5NyJdfQ==",
          "[{\"name\":\"r3098\"" }, /* {"index": 5, "after": "x", "before": ["y", "r3097"]} */
        { "eyJpbmRleCI6IDMwMDIsICJhZnRlciI6ICJ4IiwgImJlZm9yZSI6IFsieSJdfQ==",
          "[{\"name\":\"r0002\"" }, /* {"index": 3002, "after": "x", "before": ["y"]} */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(tokens); i++) {
        char path[256];
        snprintf(path, sizeof(path), ROUTES "?page_token=%s", tokens[i].token);
        const struct step step[] = {
            { "GET", path, NULL, NULL, tokens[i].has ? 200 : 400, { tokens[i].has ? tokens[i].has : "Invalid" }, NULL },
        };
        RUN(&g, step);
    }
    gate_test_end(&g);
    sl_buf_done(&config);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, gate_test_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes_are_made_read_changed_and_deleted),
        TEST(credentials_stay_where_they_are),
        TEST(limits_are_set_and_told),
        TEST(routes_are_serving_endpoints),
        TEST(keys_are_made_told_and_revoked),
        cmocka_unit_test(a_key_opens_what_it_is_for),
        TEST(usage_is_summed_up),
        cmocka_unit_test(a_key_sees_its_own_usage),
        cmocka_unit_test(usage_is_kept_without_a_store),
        cmocka_unit_test(lists_come_in_pages),
    };
    return cmocka_run_group_tests_name("gate/api", tests, NULL, NULL);
}
