/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with very many tools, tool calls and results: the cost grows with their number, not with its square. */
#include "help.h"

#include <time.h>

static void body_begin(struct sl_buf *out)
{
    sl_buf_add_lit(out, "{\"model\":\"r\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}");
}

static void calls_add(struct sl_buf *out, unsigned n)
{
    sl_buf_add_lit(out, ",{\"role\":\"assistant\",\"tool_calls\":[");
    for (unsigned i = 0; i < n; i++) {
        sl_buf_printf(out,
                      "%s{\"id\":\"c%u\",\"type\":\"function\",\"function\":{\"name\":\"f%u\",\"arguments\":\"\"}}",
                      i ? "," : "", i, i);
    }
    sl_buf_add_lit(out, "]}");
}

/* The results come in the reverse of the order of their calls. */
static void results_write(struct sl_buf *out, unsigned n)
{
    body_begin(out);
    calls_add(out, n);
    for (unsigned i = n; i-- > 0;) {
        sl_buf_printf(out, ",{\"role\":\"tool\",\"tool_call_id\":\"c%u\",\"content\":\"r\"}", i);
    }
    sl_buf_add_lit(out, "]}");
}

/* Names that have to be changed, with parameters. */
static void tools_add(struct sl_buf *out, unsigned n)
{
    sl_buf_add_lit(out, "],\"tools\":[");
    for (unsigned i = 0; i < n; i++) {
        sl_buf_printf(out,
                      "%s{\"type\":\"function\",\"function\":{\"name\":\"f %u\",\"parameters\":{\"type\":\"object\","
                      "\"properties\":{\"a\":{\"type\":\"string\"}}}}}",
                      i ? "," : "", i);
    }
    sl_buf_add_lit(out, "]");
}

static void tools_write(struct sl_buf *out, unsigned n)
{
    body_begin(out);
    tools_add(out, n);
    sl_buf_add_lit(out, "}");
}

static void allowed_write(struct sl_buf *out, unsigned n)
{
    body_begin(out);
    tools_add(out, n);
    sl_buf_add_lit(out,
                   ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[");
    for (unsigned i = n; i-- > 0;) {
        sl_buf_printf(out, "%s{\"type\":\"function\",\"function\":{\"name\":\"f %u\"}}", i + 1 < n ? "," : "", i);
    }
    sl_buf_add_lit(out, "]}}}");
}

/* Messages that lose a member each where a host does not know it. */
static void thoughts_write(struct sl_buf *out, unsigned n)
{
    body_begin(out);
    for (unsigned i = 0; i < n; i++) {
        sl_buf_add_lit(out, ",{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"t\"}");
    }
    sl_buf_add_lit(out, ",{\"role\":\"user\",\"content\":\"x\"}]}");
}

/* Documents of one name. */
static void documents_write(struct sl_buf *out, unsigned n)
{
    body_begin(out);
    sl_buf_add_lit(out, ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}");
    for (unsigned i = 0; i < n; i++) {
        sl_buf_add_lit(out, ",{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
                            "\"data:application/pdf;base64,aGk=\"}}");
    }
    sl_buf_add_lit(out, "]}]}");
}

static uint64_t cpu_usec(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* 16 times as much may cost 40 times as much, because it does not fit into a cache; a square would cost 256 times. If a
 * busy machine spoils the measurement, it is repeated, which does not help a square. */
enum { FEW = 1000, TIMES = 16, LIMIT = 40, ROUNDS = 10 };

typedef void write_fn(struct sl_buf *out, unsigned n);

/* The fastest of three builds: another process may use the machine in between. */
static uint64_t cost(const struct sl_target *target, write_fn *write, unsigned n)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        struct help h;
        help_init(&h);
        struct sl_buf body = SL_BUF_INIT(1 << 24);
        write(&body, n);
        sl_buf_add_char(&body, '\0');
        assert_int_equal(sl_buf_status(&body), 0);
        struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, body.p);
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        uint64_t from = cpu_usec();
        int r = target->provider->build(&call, target, &h.env, false, &h.arena, &req, &error);
        best = SL_MIN(best, cpu_usec() - from);
        if (r < 0) {
            fail_msg("%s: %.*s", target->provider->name, SL_STR_ARG(error.message));
        }
        sl_buf_done(&body);
        help_done(&h);
    }
    return best;
}

static void costs_grow_in_step(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *model, *config;
    } providers[] = {
        { "gemini", "gemini-2.5-flash", "{\"gemini_api_key\":\"k\"}" },
        { "anthropic", "claude-sonnet-4-5", "{\"anthropic_api_key\":\"k\"}" },
        { "cohere", "command-a-03-2025", "{\"cohere_api_key\":\"k\"}" },
        { "mistral", "mistral-large-latest", "{\"mistral_api_key\":\"k\"}" },
        { "bedrock", "anthropic.claude-sonnet-4-5",
          "{\"aws_config\":{\"aws_access_key_id\":\"a\",\"aws_secret_access_key\":\"s\",\"aws_region\":\"us-east-1\"}"
          "}" },
    };
    static const struct {
        const char *name;
        write_fn *write;
        const char *only; /* of this provider; NULL: of all */
    } cases[] = { { "results", results_write, NULL },
                  { "tools", tools_write, NULL },
                  { "allowed", allowed_write, NULL },
                  { "thoughts", thoughts_write, NULL },
                  { "documents", documents_write, "bedrock" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(providers); i++) {
        struct help h;
        help_init(&h);
        struct sl_target target;
        assert_int_equal(help_target(&h, providers[i].provider, providers[i].model, providers[i].config, &target), 0);
        for (size_t k = 0; k < SL_ARRAY_LEN(cases); k++) {
            if (cases[k].only && strcmp(cases[k].only, providers[i].provider) != 0) {
                continue;
            }
            uint64_t few = 0, many = UINT64_MAX;
            for (int round = 0; round < ROUNDS && many > few * LIMIT; round++) {
                few = cost(&target, cases[k].write, FEW);
                many = cost(&target, cases[k].write, FEW * TIMES);
            }
            if (many > few * LIMIT) {
                fail_msg("%s, %s: %llu us, of %d times as many %llu us", providers[i].provider, cases[k].name,
                         (unsigned long long)few, TIMES, (unsigned long long)many);
            }
        }
        help_target_done(&target);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_grow_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
