/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of metrics; docs/metrics.md is made from it. */
#include "gate/watch/metrics_priv.h"

const struct sl_metric_label_row sl_metric_label_rows[LB_COUNT] = {
    [LB_ROUTE] = { "route", "the route's name; `other`: not a configured one, or beyond `metrics.max_routes`; `none`: "
                            "the request asks for no route" },
    [LB_DIALECT] = { "dialect", "how the client speaks: `openai`, `mlflow`, …" },
    [LB_STATUS] = { "status", "of the reply; 499: the client went away" },
    [LB_ERROR] = { "error_type", "whose fault (docs/errors.md); empty: none" },
    [LB_STREAM] = { "stream", "`true` or `false`" },
    [LB_OPERATION] = { "gen_ai_operation_name", "`chat`, `text_completion`, `embeddings`" },
    [LB_GEN_AI_PROVIDER] = { "gen_ai_provider_name", "as in the configuration" },
    [LB_ORIGINAL_MODEL] = { "gen_ai_original_model", "what the client asks for: the route" },
    [LB_REQUEST_MODEL] = { "gen_ai_request_model", "what the upstream is asked for" },
    [LB_RESPONSE_MODEL] = { "gen_ai_response_model", "the same: the name in a reply has no bound" },
    [LB_TOKEN_TYPE] = { "gen_ai_token_type", "`input` or `output`" },
    [LB_PROVIDER] = { "provider", "as in the configuration" },
    [LB_OUTCOME] = { "outcome", "`ok`, `error`, `cancelled` (the client went away)" },
    [LB_REASON] = { "reason", "the error type of an attempt that failed; empty: none" },
    [LB_DECISION] = { "decision", "`allowed` or `refused`" },
    [LB_STATE] = { "state", "`active` or `idle`" },
    [LB_CANCELLED] = { "upstream_cancelled", "`true`: an attempt was running and was aborted" },
    [LB_RESULT] = { "result", "`ok` or `refused`" },
    [LB_VERSION] = { "version", "of the daemon" },
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
static const uint64_t token_buckets[] = { 1,     4,     16,     64,      256,     1024,     4096,
                                          16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864 };

#define BUCKETS(array) (array), SL_ARRAY_LEN(array)
#define GEN_AI         LB_OPERATION, LB_GEN_AI_PROVIDER, LB_ORIGINAL_MODEL, LB_REQUEST_MODEL, LB_RESPONSE_MODEL

const struct sl_metric_family sl_metric_families[SL_METRIC_COUNT] = {
    [SL_METRIC_SERVER_DURATION] = { "gen_ai_server_request_duration_seconds",
                                    SL_METRIC_IS_SECONDS,
                                    BUCKETS(request_buckets),
                                    { GEN_AI, LB_ERROR },
                                    "Time from a call's first byte to its reply's last one." },
    [SL_METRIC_FIRST_TOKEN] = { "gen_ai_server_time_to_first_token_seconds",
                                SL_METRIC_IS_SECONDS,
                                BUCKETS(first_token_buckets),
                                { GEN_AI },
                                "Streams: time from the call's first byte to the first event sent to the client." },
    [SL_METRIC_PER_TOKEN] = { "gen_ai_server_time_per_output_token_seconds",
                              SL_METRIC_IS_SECONDS,
                              BUCKETS(per_token_buckets),
                              { GEN_AI },
                              "Streams: time after the first event, for each further output token." },
    [SL_METRIC_CLIENT_DURATION] = { "gen_ai_client_operation_duration_seconds",
                                    SL_METRIC_IS_SECONDS,
                                    BUCKETS(request_buckets),
                                    { GEN_AI, LB_ERROR },
                                    "Time of one attempt at an upstream; a call that is tried again has several." },
    [SL_METRIC_TOKENS] = { "gen_ai_client_token_usage",
                           SL_METRIC_IS_TOKENS,
                           BUCKETS(token_buckets),
                           { GEN_AI, LB_TOKEN_TYPE },
                           "Tokens of a call as the upstream counted them." },
    [SL_METRIC_REQUESTS] = { "sluice_requests_total",
                             SL_METRIC_IS_COUNTER,
                             NULL,
                             0,
                             { LB_ROUTE, LB_DIALECT, LB_STATUS, LB_ERROR, LB_STREAM },
                             "Requests answered." },
    [SL_METRIC_IN_FLIGHT] = { "sluice_requests_in_flight",
                              SL_METRIC_IS_GAUGE,
                              NULL,
                              0,
                              { LB_END },
                              "Requests that are being answered." },
    [SL_METRIC_OVERHEAD] = { "sluice_overhead_seconds",
                             SL_METRIC_IS_SECONDS,
                             BUCKETS(overhead_buckets),
                             { LB_END },
                             "The gateway's own time in a call that one attempt answered: from the body's last byte to "
                             "the upstream request's, without connecting, and from the upstream's last byte to ours." },
    [SL_METRIC_ATTEMPTS] = { "sluice_attempts_total",
                             SL_METRIC_IS_COUNTER,
                             NULL,
                             0,
                             { LB_ROUTE, LB_PROVIDER, LB_OUTCOME, LB_REASON },
                             "Attempts at upstreams." },
    [SL_METRIC_LIMITS] = { "sluice_limit_decisions_total",
                           SL_METRIC_IS_COUNTER,
                           NULL,
                           0,
                           { LB_ROUTE, LB_DECISION },
                           "Calls to limited routes that the limit let pass or refused." },
    [SL_METRIC_LIMIT_USED] = { "sluice_limit_used_ratio",
                               SL_METRIC_IS_GAUGE,
                               NULL,
                               0,
                               { LB_ROUTE },
                               "How much of a route's limit is used up in the windows that are open: of its fullest "
                               "counter, the route's own or one user's; 1 refuses." },
    [SL_METRIC_UPSTREAM_CONNECTIONS] = { "sluice_upstream_connections",
                                         SL_METRIC_IS_GAUGE,
                                         NULL,
                                         0,
                                         { LB_STATE },
                                         "Connections to upstreams." },
    [SL_METRIC_CLIENT_GONE] = { "sluice_client_gone_total",
                                SL_METRIC_IS_COUNTER,
                                NULL,
                                0,
                                { LB_CANCELLED },
                                "Clients that went away before their reply's end." },
    [SL_METRIC_USAGE_MISSING] = { "sluice_usage_missing_total",
                                  SL_METRIC_IS_COUNTER,
                                  NULL,
                                  0,
                                  { LB_END },
                                  "Calls that succeeded although the upstream did not say how many tokens they took." },
    [SL_METRIC_LOG_DROPPED] = { "sluice_log_dropped_total",
                                SL_METRIC_IS_COUNTER,
                                NULL,
                                0,
                                { LB_END },
                                "Access log lines lost: the writer did not keep up, or the file could not be "
                                "written." },
    [SL_METRIC_CONFIG_RELOAD] = { "sluice_config_reload_total",
                                  SL_METRIC_IS_COUNTER,
                                  NULL,
                                  0,
                                  { LB_RESULT },
                                  "Reloads of the configuration." },
    [SL_METRIC_CONFIG_VERSION] = { "sluice_config_version",
                                   SL_METRIC_IS_GAUGE,
                                   NULL,
                                   0,
                                   { LB_END },
                                   "Number of the configuration in force: it grows by one with each change." },
    [SL_METRIC_BUILD_INFO] = { "sluice_build_info",
                               SL_METRIC_IS_GAUGE,
                               NULL,
                               0,
                               { LB_VERSION },
                               "1; the label says what runs." },
    [SL_METRIC_PROCESS_CPU] = { "process_cpu_seconds_total",
                                SL_METRIC_IS_COUNTER,
                                NULL,
                                0,
                                { LB_END },
                                "User and system CPU time." },
    [SL_METRIC_PROCESS_RESIDENT] = { "process_resident_memory_bytes",
                                     SL_METRIC_IS_GAUGE,
                                     NULL,
                                     0,
                                     { LB_END },
                                     "Resident memory." },
    [SL_METRIC_PROCESS_VIRTUAL] = { "process_virtual_memory_bytes",
                                    SL_METRIC_IS_GAUGE,
                                    NULL,
                                    0,
                                    { LB_END },
                                    "Virtual memory." },
    [SL_METRIC_PROCESS_FDS] = { "process_open_fds", SL_METRIC_IS_GAUGE, NULL, 0, { LB_END }, "Open file descriptors." },
    [SL_METRIC_PROCESS_MAX_FDS] = { "process_max_fds",
                                    SL_METRIC_IS_GAUGE,
                                    NULL,
                                    0,
                                    { LB_END },
                                    "Limit of open file descriptors." },
    [SL_METRIC_PROCESS_START] = { "process_start_time_seconds",
                                  SL_METRIC_IS_GAUGE,
                                  NULL,
                                  0,
                                  { LB_END },
                                  "When the process started, in seconds since 1970." },
};

const char *sl_metric_type_word(const struct sl_metric_family *family)
{
    return family->buckets ? "histogram" : family->kind == SL_METRIC_IS_COUNTER ? "counter" : "gauge";
}

size_t sl_metric_value_count(enum sl_metric metric)
{
    return sl_metric_families[metric].buckets ? sl_metric_families[metric].n_buckets + 2 : 1;
}

void sl_metrics_write_docs(struct sl_buf *out)
{
    sl_buf_add_lit(
        out, "# Metrics\n\n<!-- Generated from src/gate/watch/metrics_table.c: `make docs`. A test fails when this "
             "page is stale. -->\n\n"
             "`GET /metrics` answers in Prometheus' text format 0.0.4. Names that begin with `gen_ai_` are the "
             "OpenTelemetry GenAI ones in their\nPrometheus spelling. A series appears when it is first counted; "
             "sums are over all workers.\n\n| name | type | labels | what |\n|---|---|---|---|\n");
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        const struct sl_metric_family *family = &sl_metric_families[m];
        sl_buf_printf(out, "| `%s` | %s | ", family->name, sl_metric_type_word(family));
        for (size_t i = 0; i < SL_METRIC_LABELS_MAX && family->labels[i] != LB_END; i++) {
            sl_buf_printf(out, "%s`%s`", i ? ", " : "", sl_metric_label_rows[family->labels[i]].name);
        }
        sl_buf_printf(out, " | %s |\n", family->help);
    }
    sl_buf_add_lit(out, "\n## Labels\n\n| label | value |\n|---|---|\n");
    for (size_t i = LB_END + 1; i < LB_COUNT; i++) {
        sl_buf_printf(out, "| `%s` | %s |\n", sl_metric_label_rows[i].name, sl_metric_label_rows[i].help);
    }
    sl_buf_add_lit(out, "\n## Buckets\n\n");
    for (size_t m = 0; m < SL_METRIC_COUNT; m++) {
        const struct sl_metric_family *family = &sl_metric_families[m];
        if (family->buckets) {
            sl_buf_printf(out, "- `%s`:", family->name);
            for (size_t i = 0; i < family->n_buckets; i++) {
                sl_buf_printf(out, "%s %.10g", i ? "," : "",
                              (double)family->buckets[i] / (family->kind == SL_METRIC_IS_SECONDS ? 1000000 : 1));
            }
            sl_buf_add_char(out, '\n');
        }
    }
}
