/* SPDX-License-Identifier: Apache-2.0 */
/* Writes docs/errors.md from the table of error types and from the statuses that the dialects give them. */
#include "llm/error_docs.h"

#include "llm/dialects.h"

/* What a person who sees the error can do. */
static const char *const advice[SL_ERR_COUNT] = {
    [SL_ERR_CALLER_INVALID_REQUEST] = "Correct the request: the message names the member at fault.",
    [SL_ERR_CALLER_UNAUTHENTICATED] = "Send a valid API key.",
    [SL_ERR_CALLER_FORBIDDEN] = "Use a key whose role allows this.",
    [SL_ERR_CALLER_NOT_FOUND] = "Check the path and the route's name; the lists show what this key may use.",
    [SL_ERR_CALLER_METHOD_NOT_ALLOWED] = "Use a method that the `allow` header names.",
    [SL_ERR_CALLER_TIMEOUT] =
        "408: send the request faster, or raise `server.timeouts.head` or `body_idle`. 504: the call's own deadline "
        "(`x-sluice-timeout`) has passed; give it more time.",
    [SL_ERR_CALLER_CONFLICT] = "Read the current state, then decide again.",
    [SL_ERR_CALLER_RETIRED] = "This call is gone; the message names its successor.",
    [SL_ERR_CALLER_BODY_TOO_LARGE] = "Send less, or raise `server.limits.body`, for a form `server.limits.form`.",
    [SL_ERR_CALLER_HEAD_TOO_LARGE] = "Send fewer or shorter headers, or raise `server.limits.head`.",
    [SL_ERR_CALLER_UNSUPPORTED] = "Leave out what the provider cannot do, or use another route.",
    [SL_ERR_CALLER_UNSUPPORTED_MEDIA] =
        "Send the body in a coding that the `accept-encoding` header names, or in none.",
    [SL_ERR_CALLER_UPGRADE_REQUIRED] =
        "Send the call with POST: it is not served over a WebSocket. With `stream: true` the reply comes in pieces.",
    [SL_ERR_CALLER_CANCELLED] = "Nothing: the client went away; the attempt was aborted.",
    [SL_ERR_POLICY_RATE_LIMITED] = "Wait as long as `retry-after` or `x-ratelimit-reset-requests` says, or raise the "
                                   "route's limit.",
    [SL_ERR_POLICY_BUDGET_EXCEEDED] = "Wait for the budget's next period, or raise it; the message says whose it is. "
                                      "Asking again before does not help.",
    [SL_ERR_PROVIDER_AUTH_FAILED] = "The operator must correct the route's credential; asking again does not help.",
    [SL_ERR_PROVIDER_BILLING] = "The operator must settle the account at the provider.",
    [SL_ERR_PROVIDER_RATE_LIMITED] =
        "Wait, or ask the provider for a higher limit. A limit of the route can keep calls below it.",
    [SL_ERR_PROVIDER_OVERLOADED] = "Try again later.",
    [SL_ERR_PROVIDER_REJECTED] = "Correct the request as the provider's message says.",
    [SL_ERR_PROVIDER_SERVER_ERROR] = "Try again; if it goes on, ask the provider.",
    [SL_ERR_PROVIDER_BAD_RESPONSE] = "Check that the base URL leads to the API that the provider name means.",
    [SL_ERR_PROVIDER_CONNECT_FAILED] = "Check the base URL, name resolution, the network and `upstream.proxy`.",
    [SL_ERR_PROVIDER_TIMEOUT_CONNECT] =
        "Check the same as for `provider_connect_failed`, or raise the setting that the message names.",
    [SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE] = "Ask for less, stream, or raise the setting that the message names.",
    [SL_ERR_PROVIDER_TIMEOUT_IDLE] =
        "The provider stopped sending; try again, or raise the setting that the message names.",
    [SL_ERR_PROVIDER_TIMEOUT_TOTAL] = "Ask for less, or raise the setting that the message names.",
    [SL_ERR_PROVIDER_STREAM_BROKEN] = "Try again: the part before the error is incomplete.",
    [SL_ERR_SLUICE_OVERLOADED] = "Try again after `retry-after`; the operator can raise `server.limits.memory` or "
                                 "`connections` or a target's `max_concurrent`, or add machines.",
    [SL_ERR_SLUICE_DRAINING] = "Try again: another instance answers.",
    [SL_ERR_SLUICE_STORE_UNAVAILABLE] = "The operator must repair the data directory; calls are served meanwhile.",
    [SL_ERR_SLUICE_LIMIT_STORE_DOWN] =
        "Try again after `retry-after`. The operator must bring the server of `counters` "
        "back, or give the limit another `on_loss`.",
    [SL_ERR_SLUICE_INTERNAL] = "Report it with the request id.",
};

static const struct {
    const char *prefix, *heading, *whose;
} domains[] = {
    { "caller_", "caller_…", "The fault is in the program that called." },
    { "policy_", "policy_…", "It is nobody's fault: a rule of the operator refused the call." },
    { "provider_", "provider_…",
      "The fault is in the upstream, or on the way to it. \"The upstream's\" in the table means that the status which "
      "the upstream sent is passed on;\n"
      "the table shows an example. An error inside a reply of status 200 gets the status of its type, or 502 if the "
      "type has none." },
    { "sluice_", "sluice_…", "The fault is in the gateway, or in the machine on which it runs." },
};

const char *sl_error_advice(enum sl_error_type type)
{
    return advice[type];
}

/* A status of an upstream that gives that type; 0: there is none. */
static int upstream_status_of(enum sl_error_type type)
{
    static const int usual[] = { 400, 401, 402, 429, 500, 503 };
    for (size_t i = 0; i < SL_ARRAY_LEN(usual); i++) {
        if (sl_error_type_of(usual[i], SL_STR_NONE, SL_STR_NONE) == type) {
            return usual[i];
        }
    }
    return 0;
}

/* The status for a client of that dialect, as the dialect itself decides. */
static void status_write(const struct sl_dialect *dialect, enum sl_error_type type, struct sl_buf *out)
{
    struct sl_buf text = SL_BUF_INIT(65536);
    struct sl_llm_error error = { .type = type, .upstream_status = upstream_status_of(type), .message = SL_STR("") };
    dialect->language->write_error(&error, &text);
    sl_buf_done(&text);
    if (error.upstream_status && error.status == error.upstream_status) {
        sl_buf_printf(out, "the upstream's (%d)", error.status);
    } else {
        sl_buf_printf(out, "%d", error.status);
    }
}

/* Types with further statuses beside their own. */
static const struct {
    const char *mlflow, *openai;
} beside[SL_ERR_COUNT] = {
    [SL_ERR_CALLER_INVALID_REQUEST] = { "; 422 if MLflow's schemas refuse it", "" },
    [SL_ERR_CALLER_CONFLICT] = { "; 412 for `if-match`", "" },
    [SL_ERR_CALLER_HEAD_TOO_LARGE] = { "; 414 for the request line", "; 414 for the request line" },
    [SL_ERR_CALLER_UNSUPPORTED] = { "", "; 501 for a method that HTTP does not have" },
    [SL_ERR_PROVIDER_BAD_RESPONSE] = { "; 500 for JSON of another shape", "" },
};

static void type_write(enum sl_error_type type, struct sl_buf *out)
{
    sl_buf_printf(out, "| `%s` | ", sl_error_type_word(type));
    if (type == SL_ERR_CALLER_CANCELLED) {
        sl_buf_add_lit(out, "no reply (499 in the log) | no reply");
    } else {
        status_write(&sl_dialect_mlflow, type, out);
        sl_buf_printf(out, "%s | ", beside[type].mlflow ? beside[type].mlflow : "");
        status_write(&sl_dialect_openai, type, out);
        sl_buf_printf(out, "%s", beside[type].openai ? beside[type].openai : "");
    }
    sl_buf_printf(out, " | %s |\n", advice[type]);
}

void sl_error_docs_write(struct sl_buf *out)
{
    sl_buf_add_lit(out, "# Errors\n"
                        "\n"
                        "<!-- Generated from src/llm/core/error.h and src/llm/error_docs.c: `make docs`. A test fails "
                        "when this page is stale. -->\n"
                        "\n"
                        "Every error has a type that says whose fault it is. The same word is in the access log "
                        "(`error_type`), in the metrics' label\n"
                        "`error_type` (and `reason` of an attempt) and in the header `x-sluice-error-type`. The body "
                        "has the form of the API that was\n"
                        "called: MLflow's on its paths, OpenAI's under `/v1/`.\n");
    for (size_t d = 0; d < SL_ARRAY_LEN(domains); d++) {
        sl_buf_printf(out,
                      "\n## %s\n\n%s\n\n| type | status on MLflow's paths | status under /v1 | what to do "
                      "|\n|---|---|---|---|\n",
                      domains[d].heading, domains[d].whose);
        for (int t = SL_ERR_NONE + 1; t < SL_ERR_COUNT; t++) {
            enum sl_error_type type = (enum sl_error_type)t;
            if (sl_str_has_prefix(sl_str_c(sl_error_type_word(type)), sl_str_c(domains[d].prefix))) {
                type_write(type, out);
            }
        }
    }
}
