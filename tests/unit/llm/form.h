/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of form share: small calls of OpenAI's language, and the body that goes up. */
#ifndef SL_TEST_LLM_FORM_H
#define SL_TEST_LLM_FORM_H

#include "help.h"
#include "llm/core/cred.h"
#include "llm/core/target.h"
#include "llm/core/types.h"

struct row {
    const char *provider; /* NULL: anthropic */
    const char *model;    /* NULL: claude-sonnet-4-5 */
    const char *body;
    const char *has, *hasnt; /* pieces of what goes up */
    const char *dropped;     /* x-sluice-dropped; NULL: nothing */
    const char *refused;     /* or: a piece of the refusal's text */
};

#define MODEL   "claude-sonnet-4-5-20250929"
#define ROUTE   "{\"model\":\"r\","
#define X       ROUTE "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define SAYS(t) ROUTE "\"messages\":[" t "]}"
#define USER(t) "{\"role\":\"user\",\"content\":\"" t "\"}"
#define BOT(t)  "{\"role\":\"assistant\",\"content\":\"" t "\"}"
#define SYS(t)  "{\"role\":\"system\",\"content\":\"" t "\"}"
#define CALL(id, name, args) \
    "{\"id\":" id ",\"type\":\"function\",\"function\":{\"name\":" name ",\"arguments\":\"" args "\"}}"
#define CALLS(c)         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" c "]}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":" id ",\"content\":\"" text "\"}"
#define USE(id, name)    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}}"
#define USED(id, text)   "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"" text "\"}"
#define T(name, schema)  "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"parameters\":" schema "}}"
#define TEXT(t)          "{\"type\":\"text\",\"text\":\"" t "\"}"
#define IMAGE(url)       "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define WITH(parts)      "{\"role\":\"user\",\"content\":[" parts "]}"
#define THINKING         "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}"
#define EFFORT           ",\"reasoning_effort\":\"medium\""
#define NATIVE           ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"

static inline const char *config_of(const char *provider)
{
    return strcmp(provider, "gemini") == 0 ? "{\"gemini_api_key\":\"k\"}"
           : strcmp(provider, "vertex_ai") == 0
               ? "{\"vertex_project\":\"p\",\"vertex_credentials\":\"{\\\"type\\\":\\\"authorized_user\\\",\\\"client_"
                 "id\\\":"
                 "\\\"c\\\",\\\"client_secret\\\":\\\"s\\\",\\\"refresh_token\\\":\\\"r\\\"}\"}"
               : "{\"anthropic_api_key\":\"k\"}";
}

static inline void row_check(const char *table, size_t i, const struct row *row, const struct sl_dialect *dialect)
{
    struct help h;
    help_init(&h);
    struct sl_target target;
    const char *provider = row->provider ? row->provider : "anthropic";
    assert_int_equal(help_target(&h, provider, row->model ? row->model : MODEL, config_of(provider), &target), 0);
    static const struct sl_cred fetched = { .parts = { SL_STR_INIT("Bearer t") } };
    h.env.credential = target.cred ? &fetched : NULL;
    struct sl_call call = help_call(&h, dialect, SL_LLM_CHAT, row->body);
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    int r = target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error);
    struct sl_str got = r == 0 ? help_body(&h, &req) : error.message;
    const char *has = row->refused ? row->refused : row->has;
    bool is_right = (r < 0) == (row->refused != NULL) && (!has || sl_str_find(got, sl_str_c(has), 0) >= 0) &&
                    (!row->hasnt || sl_str_find(got, sl_str_c(row->hasnt), 0) < 0) &&
                    (r < 0 || sl_str_eq_c(req.dropped, row->dropped ? row->dropped : ""));
    if (r == 0 && is_right) { /* what goes up is JSON */
        is_right = sl_json_parse(&h.scratch, got) == 0;
    }
    if (!is_right) {
        fail_msg("%s[%zu]: %s\n gave %d %.*s\n dropped %.*s\n want %s, not %s", table, i, row->body, r, SL_STR_ARG(got),
                 SL_STR_ARG(req.dropped), has, row->hasnt);
    }
    help_target_done(&target);
    help_done(&h);
}

static inline void table_check(const char *table, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        row_check(table, i, &rows[i], &sl_dialect_openai);
    }
}
#define CHECK(rows) table_check(#rows, rows, SL_ARRAY_LEN(rows))

#endif
