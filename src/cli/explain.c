/* SPDX-License-Identifier: Apache-2.0 */
/* sluice explain: the story of one call, in plain words. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "declare.h"

#define OWN_REQUESTS "/api/sluice/v1/requests"

/* Text or number at a path below `at`; NULL: there is none. */
static const char *value_of(const sluice_result *row, const char *at, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "%s%s%s", at, *at ? "." : "", name);
    int kind = sluice_json_kind(row, path);
    return kind == 0 || kind == '0' ? NULL : sluice_json_get(row, path, NULL);
}

/* A time for people; "" if there is none. */
static const char *msec_of(const sluice_result *row, const char *at, const char *name, char out[40])
{
    char path[96];
    double msec;
    snprintf(path, sizeof(path), "%s%s%s", at, *at ? "." : "", name);
    if (!sluice_json_double(row, path, &msec)) {
        return "";
    }
    if (msec < 10000) {
        snprintf(out, 40, "%.*f ms", msec < 10 ? 1 : 0, msec);
        return out;
    }
    return cli_duration((int64_t)msec, out);
}

static void who_tell(const sluice_result *row)
{
    const char *principal = value_of(row, "", "principal"), *key = value_of(row, "", "key"),
               *group = value_of(row, "", "group"), *session = value_of(row, "", "session"),
               *client = value_of(row, "", "client"), *route = value_of(row, "", "route");
    int is_stream = 0;
    sluice_json_bool(row, "stream", &is_stream);
    cli_print(stdout, "%s: %s%s%s%s%s%s called %s%s%s%s%s", value_of(row, "", "time"),
              principal ? principal : "somebody", key ? " (key " : "", key ? key : "", group ? ", group " : "",
              group ? group : "", key ? ")" : "", value_of(row, "", "path"), client ? ", from " : "",
              client ? client : "", session ? ", in the session " : "", session ? session : "");
    if (route) {
        cli_print(stdout, "It went to the route %s%s.", route, is_stream ? ", as a stream" : "");
    } else {
        cli_print(stdout, "It went to no route.");
    }
}

static const char *why_words(const char *why)
{
    return !why                           ? ""
           : strcmp(why, "first") == 0    ? ""
           : strcmp(why, "retry") == 0    ? ", again, because the attempt before failed"
           : strcmp(why, "fallback") == 0 ? ", because the attempt before failed"
           : strcmp(why, "hedge") == 0    ? ", because the answer took long"
                                          : "";
}

/* What its provider bills for an attempt without a whole answer. */
static void billed_tell(const sluice_result *row, const char *at)
{
    char name[48];
    int is_estimated = 0;
    const char *input = value_of(row, at, "input_tokens"), *output = value_of(row, at, "output_tokens"),
               *cost = value_of(row, at, "cost");
    snprintf(name, sizeof(name), "%s.estimated", at);
    sluice_json_bool(row, name, &is_estimated);
    if (input || output) {
        cli_print(stdout, "  its provider bills it: %s tokens of input, %s of output%s%s%s", input ? input : "unknown",
                  output ? output : "unknown", cost ? ", $" : "", cost ? cost : "",
                  is_estimated ? " (an estimate)" : "");
    }
}

static void attempt_tell(const sluice_result *row, size_t i, size_t n)
{
    char at[32], total[40], first[40], connect[40];
    int is_beaten = 0;
    snprintf(at, sizeof(at), "attempts[%zu]", i);
    const char *target = value_of(row, at, "target"), *provider = value_of(row, at, "provider"),
               *model = value_of(row, at, "model"), *status = value_of(row, at, "status"),
               *type = value_of(row, at, "error_type"), *error = value_of(row, at, "error");
    const char *first_text = msec_of(row, at, "first_byte_ms", first),
               *total_text = msec_of(row, at, "total_ms", total),
               *connect_text = msec_of(row, at, "connect_ms", connect);
    char beaten[48];
    snprintf(beaten, sizeof(beaten), "%s.beaten", at);
    sluice_json_bool(row, beaten, &is_beaten);
    cli_print(stdout, "Attempt %zu of %zu: %s%s%s %s%s", i + 1, n, target ? target : "", target ? ": " : "",
              provider ? provider : "", model ? model : "", why_words(value_of(row, at, "why")));
    cli_print(stdout, "  %s%s%s%s%s%s%s%s%s%s%s", status ? "it answered " : "no answer came", status ? status : "",
              *first_text ? ", the first byte after " : "", first_text, *total_text ? ", all of it after " : "",
              total_text, *connect_text ? ", connecting took " : "", connect_text, type ? ": " : "", type ? type : "",
              is_beaten ? " (another attempt was faster)" : "");
    if (error) {
        cli_print(stdout, "  it said: %s", error);
    }
    billed_tell(row, at);
}

static void attempts_tell(const sluice_result *row)
{
    char waited[40];
    const char *text = msec_of(row, "", "queue_ms", waited);
    size_t n = sluice_json_count(row, "attempts");
    int64_t n_all = 0;
    sluice_json_int(row, "n_attempts", &n_all);
    if (*text) {
        cli_print(stdout, "It waited %s for a place at a target.", text);
    }
    for (size_t i = 0; i < sluice_json_count(row, "passed"); i++) {
        char at[32];
        snprintf(at, sizeof(at), "passed[%zu]", i);
        const char *target = value_of(row, at, "target"), *why = value_of(row, at, "why");
        cli_print(stdout, "The target %s was passed over: %s", target ? target : "", why ? why : "");
    }
    if (n_all == 0) {
        cli_print(stdout, "No provider was asked.");
    } else if (n == 1 && n_all > 1) {
        cli_print(stdout, "There were %lld attempts; the log has the last one.", (long long)n_all);
    }
    for (size_t i = 0; i < n; i++) {
        attempt_tell(row, i, n);
    }
}

static const char *kind_words(const char *kind)
{
    return !kind                                ? ""
           : strcmp(kind, "input_tokens") == 0  ? " input tokens"
           : strcmp(kind, "output_tokens") == 0 ? " output tokens"
           : strcmp(kind, "tokens") == 0        ? " tokens"
           : strcmp(kind, "concurrent") == 0    ? " calls at a time"
           : strcmp(kind, "requests") == 0      ? " calls"
                                                : "";
}

/* Limits that were nearly reached, and those that refused the call. */
static void limits_tell(const sluice_result *row)
{
    for (size_t i = 0; i < sluice_json_count(row, "limits"); i++) {
        char at[32], refused[48];
        int is_refused = 0;
        snprintf(at, sizeof(at), "limits[%zu]", i);
        snprintf(refused, sizeof(refused), "%s.refused", at);
        sluice_json_bool(row, refused, &is_refused);
        const char *owner = value_of(row, at, "owner"), *name = value_of(row, at, "name"),
                   *kind = value_of(row, at, "kind"), *cap = value_of(row, at, "cap"), *per = value_of(row, at, "per"),
                   *zone = value_of(row, at, "zone"), *used = value_of(row, at, "used_percent"),
                   *each = value_of(row, at, "each");
        bool is_money = kind && strcmp(kind, "money") == 0;
        cli_print(stdout, "%s of the %s %s: %s%s%s%s%s%s%s%s; %s%% of it was used%s.",
                  is_refused ? "Refused by a limit" : "Near a limit", owner ? owner : "", name ? name : "",
                  is_money ? "$" : "", cap ? cap : "", kind_words(kind), per ? " per " : "", per ? per : "",
                  zone ? " in " : "", zone ? zone : "", each ? " for each caller" : "", used ? used : "?",
                  is_refused ? "" : " with this call");
    }
}

static void end_tell(const sluice_result *row)
{
    char total[40], first[40];
    const char *status = value_of(row, "", "status"), *type = value_of(row, "", "error_type"),
               *message = value_of(row, "", "message"), *error = value_of(row, "", "error"),
               *said = value_of(row, "", "upstream_error"), *their_id = value_of(row, "", "upstream_request_id"),
               *dropped = value_of(row, "", "dropped");
    const char *first_text = msec_of(row, "", "first_byte_ms", first),
               *total_text = msec_of(row, "", "duration_ms", total);
    if (type && strcmp(type, "caller_cancelled") == 0) {
        cli_print(stdout, "The client went away after %s.", total_text);
    } else {
        cli_print(stdout, "The client got %s%s%s after %s%s%s%s.", status ? status : "nothing", type ? ", " : "",
                  type ? type : "", total_text, *first_text ? " (the first byte after " : "", first_text,
                  *first_text ? ")" : "");
    }
    /* There the client got the gateway's own words: the provider's are about the operator's key. */
    bool is_theirs = said && type && strcmp(type, "provider_auth_failed") == 0;
    if (message && !is_theirs) {
        cli_print(stdout, "It was told: %s", message);
    }
    if (error) {
        int64_t n_all = 0;
        sluice_json_int(row, "n_attempts", &n_all);
        cli_print(stdout, "%s: %s", n_all ? "What the provider did" : "Why", error);
    }
    if (said) {
        cli_print(stdout, "What the provider said: %s", said);
    }
    if (their_id) {
        cli_print(stdout, "The provider's request id: %s", their_id);
    }
    if (dropped) {
        cli_print(stdout, "Left out, because the provider or the client cannot express it: %s", dropped);
    }
}

static void usage_tell(const sluice_result *row)
{
    const char *in = value_of(row, "", "input_tokens"), *out = value_of(row, "", "output_tokens"),
               *cached = value_of(row, "", "cached_tokens"), *reasoning = value_of(row, "", "reasoning_tokens"),
               *cost = value_of(row, "", "cost");
    if (in || out) {
        cli_print(stdout, "Tokens: %s in%s%s%s, %s out%s%s%s.", in ? in : "?", cached ? " (" : "", cached ? cached : "",
                  cached ? " of them cached)" : "", out ? out : "?", reasoning ? " (" : "", reasoning ? reasoning : "",
                  reasoning ? " of them reasoning)" : "");
    }
    if (cost) {
        cli_print(stdout, "Cost: $%s.", cost);
    }
}

static void row_tell(const sluice_result *row)
{
    const char *id = value_of(row, "", "id"), *request_id = value_of(row, "", "request_id");
    bool is_ours = id && request_id && strcmp(id, request_id) == 0;
    cli_print(stdout, "Request %s%s%s%s", id ? id : "", is_ours ? "" : " (x-request-id ",
              is_ours || !request_id ? "" : request_id, is_ours ? "" : ")");
    who_tell(row);
    limits_tell(row);
    attempts_tell(row);
    end_tell(row);
    usage_tell(row);
}

int cli_explain(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *path = declare_path(OWN_REQUESTS, args->words[0]);
    int r = path ? cli_open(args, &client) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_call(args, client, "GET", path, NULL, &result);
    size_t n = sluice_json_count(result, "requests");
    if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0 && n == 0) {
        row_tell(result);
    }
    for (size_t i = 0; i < n && r == 0 && !args->is_json; i++) {
        char at[32];
        size_t len;
        sluice_result *row = NULL;
        snprintf(at, sizeof(at), "requests[%zu]", i);
        const char *json = sluice_json_get(result, at, &len);
        if (json && sluice_json_parse(json, len, &row, NULL) == SLUICE_OK) {
            cli_print(stdout, "%s", i ? "" : "Several requests have this id; the newest comes first.");
            row_tell(row);
        }
        sluice_result_free(row);
    }
    sluice_result_free(result);
    sluice_close(client);
    free(path);
    return r;
}
