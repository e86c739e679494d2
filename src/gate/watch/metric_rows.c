/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/metric_rows.h"

const struct sl_metric_label_row sl_metric_label_rows[LB_COUNT] = {
    [LB_ROUTE] = { "route", "the route's name; `other`: an unknown route, or one beyond `metrics.max_routes`; `none`: "
                            "the request names no route" },
    [LB_DIALECT] = { "dialect", "the dialect of the path" },
    [LB_STATUS] = { "status", "the reply's status; 499: the client went away" },
    [LB_ERROR] = { "error_type", "the type of the error (docs/errors.md); empty: none" },
    [LB_STREAM] = { "stream", "`true` or `false`" },
    [LB_OPERATION] = { "gen_ai_operation_name", "`chat`, `text_completion`, `embeddings`, `images`, `speech`, "
                                                "`moderations`, `rerank`, `transcriptions`" },
    [LB_GEN_AI_PROVIDER] = { "gen_ai_provider_name", "as in the configuration" },
    [LB_ORIGINAL_MODEL] = { "gen_ai_original_model",
                            "the route, which is what the client asks for; `other` (also in the other labels from the "
                            "configuration) beyond `metrics.histogram_routes`" },
    [LB_REQUEST_MODEL] = { "gen_ai_request_model", "the model in the upstream's request" },
    [LB_RESPONSE_MODEL] = { "gen_ai_response_model", "the same, because the names in replies are unlimited" },
    [LB_TOKEN_TYPE] = { "gen_ai_token_type", "`input` or `output`" },
    [LB_PROVIDER] = { "provider", "as in the configuration" },
    [LB_MODEL] = { "model", "the model in the upstream's request" },
    [LB_TARGET] = { "target", "the target's name; `model`: the route's own `model:`" },
    [LB_OUTCOME] = { "outcome", "`ok`, `error`, `cancelled` (the client went away, its own deadline passed, or another "
                                "attempt of the call was faster)" },
    [LB_HEDGED] = { "outcome", "for hedges: `won` (its token came first, or the first attempt failed), `lost`, "
                               "`failed`, `refused` (none was made, because of `at_most`, the retry budget, overload, "
                               "or because no target was left)" },
    [LB_SHADOWED] = { "outcome",
                      "for shadows: `ok`, `error` (its upstream failed), `refused` (a limit of its route is reached, "
                      "or none of its targets takes the call), `missing` (its route does not exist), `dropped` (not "
                      "begun, or cut: too many run, memory or descriptors are short, or the gateway shuts down), "
                      "`unfit` (an upload, or a call that continues a response of its own upstream)" },
    [LB_REASON] = { "reason", "the error type of a failed attempt; empty: it did not fail" },
    [LB_DECISION] = { "decision", "`allowed` or `refused`" },
    [LB_SOURCE] = { "source", "who decided: `local` (this process), `shared` (the counters that all nodes share), "
                              "`lease` (this process, by a part of those that it has for a moment), "
                              "`share` (this process, because those could not be reached)" },
    [LB_STATE] = { "state", "`active` or `idle`" },
    [LB_CANCELLED] = { "upstream_cancelled", "`true`: an attempt was running and was stopped" },
    [LB_RESULT] = { "result", "`ok` or `refused`" },
    [LB_VERSION] = { "version", "of the daemon" },
    [LB_FILE] = { "file", "the file's path, as in the configuration" },
    [LB_HANDSHAKE] = { "reason", "for TLS handshakes: `version`, `cipher`, `refused` (the client sent an alert; mostly "
                                 "it does not trust the certificate), `closed` (before it was complete), `other`" },
    [LB_WHOSE] = { "owner", "whose limit it is: `route`, `key` or `group`" },
    [LB_ACCOUNT] = { "owner", "whose limits they are: `group/PATH`, `key/ID` or `route/NAME`" },
    [LB_KIND] = { "kind", "what a limit counts: `requests`, `tokens`, `input_tokens`, `output_tokens`, `money`, "
                          "`concurrent`" },
    [LB_AT] = { "at", "the threshold in percent, as in `alerts.at`" },
    [LB_FATE] = { "outcome", "for alerts: `delivered`, `failed` (an attempt that will be repeated), `dropped` (given "
                             "up: older than a day, too many, the webhook answered 410, or the gateway shut down)" },
    [LB_SPAN] = { "outcome", "for spans: `sent`, `rejected` (the collector refused them for good), `dropped` (too many "
                             "came at a time, the collector took none for minutes, or the gateway shut down)" },
};

/* Microseconds. */
static const uint64_t request_buckets[] = { 10000,    20000,    40000,     80000,    160000,   320000,
                                            640000,   1280000,  2560000,   5120000,  10240000, 20480000,
                                            40960000, 81920000, 163840000, 327680000 };
static const uint64_t first_token_buckets[] = { 1000,    5000,    10000,   20000,    40000,    60000,
                                                80000,   100000,  250000,  500000,   750000,   1000000,
                                                2500000, 5000000, 7500000, 10000000, 30000000, 60000000 };
static const uint64_t per_token_buckets[] = { 1000,   2500,   5000,   10000,  25000,  50000,  75000,   100000,
                                              150000, 200000, 300000, 400000, 500000, 750000, 1000000, 2500000 };
static const uint64_t overhead_buckets[] = { 25,   50,    100,   250,   500,    1000,   2500,
                                             5000, 10000, 25000, 50000, 100000, 250000, 1000000 };
static const uint64_t queue_buckets[] = { 1000,   5000,    10000,   25000,   50000,    100000,   250000,
                                          500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };
static const uint64_t token_buckets[] = { 1,     4,     16,     64,      256,     1024,     4096,
                                          16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864 };

#define HISTOGRAM(name_, kind_, buckets_, help_, ...)                            \
    {                                                                            \
        name_, kind_, (buckets_), SL_ARRAY_LEN(buckets_), { __VA_ARGS__ }, help_ \
    }
#define COUNTER(name_, help_, ...)                                   \
    {                                                                \
        name_, SL_METRIC_IS_COUNTER, NULL, 0, { __VA_ARGS__ }, help_ \
    }
#define GEN_AI LB_OPERATION, LB_GEN_AI_PROVIDER, LB_ORIGINAL_MODEL, LB_REQUEST_MODEL, LB_RESPONSE_MODEL

const struct sl_metric_family sl_metric_families[SL_METRIC_COUNT] = {
    [SL_METRIC_SERVER_DURATION] = HISTOGRAM(
        "gen_ai_server_request_duration_seconds", SL_METRIC_IS_SECONDS, request_buckets,
        "Time from a call's first byte to the last byte of its reply.", GEN_AI, LB_ERROR),
    [SL_METRIC_FIRST_TOKEN] = HISTOGRAM(
        "gen_ai_server_time_to_first_token_seconds", SL_METRIC_IS_SECONDS, first_token_buckets,
        "Streams: time from the call's first byte to the first event sent to the client.", GEN_AI),
    [SL_METRIC_PER_TOKEN] = HISTOGRAM("gen_ai_server_time_per_output_token_seconds", SL_METRIC_IS_SECONDS,
                                      per_token_buckets,
                                      "Streams: time after the first event, for each further output token.", GEN_AI),
    [SL_METRIC_CLIENT_DURATION] = HISTOGRAM(
        "gen_ai_client_operation_duration_seconds", SL_METRIC_IS_SECONDS, request_buckets,
        "Time of one attempt at an upstream; a call that is repeated has several.", GEN_AI, LB_ERROR),
    [SL_METRIC_TOKENS] = HISTOGRAM("gen_ai_client_token_usage", SL_METRIC_IS_TOKENS, token_buckets,
                                   "Tokens of a call as the upstream counted them.", GEN_AI, LB_TOKEN_TYPE),
    [SL_METRIC_REQUESTS] = COUNTER("sluice_requests_total", "Requests answered.", LB_ROUTE, LB_DIALECT, LB_STATUS,
                                   LB_ERROR, LB_STREAM),
    [SL_METRIC_OVERHEAD] = HISTOGRAM(
        "sluice_overhead_seconds", SL_METRIC_IS_SECONDS, overhead_buckets,
        "The gateway's own time in a call with one attempt: from the last byte of the client's request to the last "
        "byte of the upstream request, without connecting, and from the last byte of the upstream's reply to the last "
        "byte of the gateway's reply.",
        LB_END),
    [SL_METRIC_ATTEMPTS] = COUNTER("sluice_attempts_total", "Attempts at upstreams.", LB_ROUTE, LB_PROVIDER, LB_TARGET,
                                   LB_OUTCOME, LB_REASON),
    [SL_METRIC_RETRY_BUDGET_REFUSED] = COUNTER(
        "sluice_retry_budget_refused_total",
        "Repeats at a target and hedges that were not made because `upstream.retry_budget` was spent.", LB_ROUTE),
    [SL_METRIC_QUEUE_WAIT] = HISTOGRAM(
        "sluice_queue_wait_seconds", SL_METRIC_IS_SECONDS, queue_buckets,
        "How long calls waited for a place at a target, also those that got none and those that left.", LB_ROUTE),
    [SL_METRIC_HEDGES] = COUNTER(
        "sluice_hedges_total",
        "Calls whose first token did not come within `hedge.after`, by the result of a second attempt.", LB_ROUTE,
        LB_HEDGED),
    [SL_METRIC_SHADOWS] = COUNTER(
        "sluice_shadows_total",
        "Calls that should also go to the route of `shadow`, by result. No other counter has them.", LB_ROUTE,
        LB_SHADOWED),
    [SL_METRIC_LIMITS] = COUNTER("sluice_limit_decisions_total",
                                 "Calls to routes with limits, by the limit's decision.", LB_ROUTE, LB_DECISION,
                                 LB_SOURCE),
    [SL_METRIC_COUNTERS] = HISTOGRAM("sluice_counters_seconds", SL_METRIC_IS_SECONDS, overhead_buckets,
                                     "How long calls waited for the shared counters (docs/many-machines.md).", LB_END),
    [SL_METRIC_CLIENT_GONE] = COUNTER("sluice_client_gone_total", "Clients that went away before their reply's end.",
                                      LB_CANCELLED),
    [SL_METRIC_USAGE_MISSING] = COUNTER("sluice_usage_missing_total",
                                        "Calls that succeeded, but the upstream did not say how many tokens they took.",
                                        LB_END),
    [SL_METRIC_COST] = { "sluice_cost_usd_total",
                         SL_METRIC_IS_DOLLARS,
                         NULL,
                         0,
                         { LB_ROUTE, LB_PROVIDER, LB_MODEL },
                         "What calls cost, in US dollars, as far as it is known (docs/usage.md)." },
};
