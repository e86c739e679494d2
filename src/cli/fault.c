/* SPDX-License-Identifier: Apache-2.0 */
/* Errors to messages and exit codes, by whose fault they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"

/* The gateway's words for whose fault it was (docs/errors.md). `exit_code` -1: the status decides. `says`: text before
 * the server's message; "": the message is enough. `waits`: the reason to wait, if waiting helps. */
static const struct fault {
    const char *type;
    int exit_code;
    const char *says, *waits;
} faults[] = {
    { "caller_", -1, "", NULL },
    { "policy_rate_limited", CLI_LIMITED, "the gateway's limit is reached", "the gateway's limit is reached" },
    { "policy_budget_exceeded", CLI_LIMITED, "the gateway's budget is used up", NULL },
    { "provider_auth_failed", CLI_FAILED,
      "the provider refused the gateway's own credential (the route's, not your key)", NULL },
    { "provider_billing", CLI_FAILED, "the provider refused the gateway's account for its bill or quota (not your key)",
      NULL },
    { "provider_rate_limited", CLI_LIMITED, "the provider's limit is reached (not the gateway's)",
      "the provider's limit is reached" },
    { "provider_overloaded", CLI_FAILED, "the provider is overloaded", "the provider is overloaded" },
    { "provider_rejected", CLI_FAILED, "the provider refused the request", NULL },
    { "provider_content_filter", CLI_FAILED, "the provider's content filter refused it", NULL },
    { "provider_context_length", CLI_FAILED, "it is too long for the provider's model", NULL },
    { "provider_server_error", CLI_FAILED, "the provider failed", "the provider failed" },
    { "provider_bad_response", CLI_FAILED, "the gateway does not understand the provider's answer", NULL },
    { "provider_connect_failed", CLI_FAILED, "the gateway cannot reach the provider",
      "the gateway cannot reach the provider" },
    { "provider_timeout_", CLI_FAILED, "the provider did not answer in time", NULL },
    { "provider_stream_broken", CLI_FAILED, "the provider broke off its answer", NULL },
    { "sluice_overloaded", CLI_FAILED, "the gateway is overloaded", "the gateway is overloaded" },
    { "sluice_draining", CLI_FAILED, "the gateway is ending", "the gateway is ending" },
    { "sluice_store_unavailable", CLI_FAILED, "", NULL },
    { "sluice_limit_store_down", CLI_FAILED, "", "the gateway cannot count for its limits" },
    { "sluice_internal", CLI_FAILED, "the gateway failed; that is a bug to report", NULL },
};

static const struct fault *fault_find(const char *type)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        size_t len = strlen(faults[i].type);
        bool is_prefix = faults[i].type[len - 1] == '_';
        if (is_prefix ? strncmp(type, faults[i].type, len) == 0 : strcmp(type, faults[i].type) == 0) {
            return &faults[i];
        }
    }
    return NULL;
}

const char *cli_wait_reason(const char *type, int status)
{
    const struct fault *f = fault_find(type);
    if (f) {
        return f->waits;
    }
    return status == 429 ? "a limit is reached" : status == 503 ? "the server takes no calls" : NULL;
}

int cli_exit_code(const char *type, int code, int status)
{
    static const struct {
        int code, exit_code;
    } rows[] = {
        { SLUICE_EUSAGE, CLI_LOCAL },        { SLUICE_ENOMEM, CLI_LOCAL },      { SLUICE_ECONNECT, CLI_UNREACHABLE },
        { SLUICE_ETLS, CLI_UNREACHABLE },    { SLUICE_EAUTH, CLI_NOT_ALLOWED }, { SLUICE_EPERM, CLI_NOT_ALLOWED },
        { SLUICE_ENOTFOUND, CLI_NOT_FOUND }, { SLUICE_ELIMIT, CLI_LIMITED },    { SLUICE_ECANCELLED, CLI_INTERRUPTED },
        { SLUICE_ESTREAM, CLI_BROKEN },
    };
    const struct fault *f = fault_find(type);
    if (f && f->exit_code >= 0 && code != SLUICE_ECANCELLED && code != SLUICE_ESTREAM) {
        return f->exit_code;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == code) {
            return rows[i].exit_code;
        }
    }
    return code == SLUICE_ETIMEOUT && status == 0 ? CLI_UNREACHABLE : CLI_FAILED;
}

/* --- the server's message --- */

/* "model.provider: Field required" for one entry of FastAPI's list. */
static void entry_put(FILE *out, const sluice_result *body, size_t i)
{
    char at[96];
    int n = 0;
    snprintf(at, sizeof(at), "detail[%zu].loc", i);
    size_t count = sluice_json_count(body, at);
    for (size_t k = 0; k < count; k++) {
        snprintf(at, sizeof(at), "detail[%zu].loc[%zu]", i, k);
        const char *part = sluice_json_get(body, at, NULL);
        if (!part || (k == 0 && strcmp(part, "body") == 0)) {
            continue;
        }
        bool is_index = sluice_json_kind(body, at) == 'n';
        fprintf(out, is_index ? "[%s]" : n ? ".%s" : "%s", part);
        n++;
    }
    snprintf(at, sizeof(at), "detail[%zu].msg", i);
    const char *msg = sluice_json_kind(body, at) == 's' ? sluice_json_get(body, at, NULL) : "not accepted";
    fprintf(out, "%s%s", n ? ": " : "", msg);
}

char *cli_fault_text(const char *body)
{
    sluice_result *json = NULL;
    char *text = NULL;
    size_t len;
    if (sluice_json_parse(body, SLUICE_NUL_TERMINATED, &json, NULL) < 0) {
        return NULL;
    }
    size_t n = sluice_json_kind(json, "detail") == 'l' ? sluice_json_count(json, "detail") : 0;
    FILE *out = n ? open_memstream(&text, &len) : NULL;
    for (size_t i = 0; i < n && out; i++) {
        fputs(i ? "; " : "", out);
        entry_put(out, json, i);
    }
    if (out && fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    sluice_result_free(json);
    return text;
}

/* For a page: its title. For a text: its first line. The caller frees it; NULL: nothing. */
static char *page_text(const char *body)
{
    const char *title = strcasestr(body, "<title>");
    const char *from = title ? title + 7 : body + strspn(body, " \t\r\n");
    size_t len = strcspn(from, title ? "<" : "\r\n");
    bool is_html = !title && from[0] == '<';
    return len && !is_html ? strndup(from, len < 200 ? len : 200) : NULL;
}

/* The text behind libsluice's "API request to URL failed with exception". */
static const char *transport_text(const sluice_error *err)
{
    static const char mark[] = " failed with exception ";
    const char *text = sluice_error_text(err), *at = strstr(text, mark);
    return at ? at + sizeof(mark) - 1 : text;
}

/* Why nobody answers on a socket file. */
static const char *socket_text(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(addr.sun_path)) {
        return "the path is too long for a socket";
    }
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    const char *text = r < 0 ? strerror(errno) : "the connection broke";
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

/* --- printing --- */

struct search {
    const char *wanted;
    char nearest[256];
    int distance;
};

static int on_route(void *arg, const sluice_route *route)
{
    struct search *s = arg;
    const char *nearest = NULL;
    cli_nearest(s->wanted, sluice_route_name(route), &nearest, &s->distance);
    if (nearest) {
        snprintf(s->nearest, sizeof(s->nearest), "%s", nearest);
    }
    return 0;
}

bool cli_is_proxys(const char *server, const char *why)
{
    static const char mark[] = "Failed to connect to ";
    char want[300];
    const char *host = strstr(server, "://"), *at = strstr(why, mark);
    host = host ? host + 3 : server;
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    n = n > strlen(host) ? strlen(host) : n;
    if (!at || n >= sizeof(want) - 30) {
        return false;
    }
    bool is_v6 = host[0] == '[';
    int digits = host[n] == ':' ? (int)strcspn(host + n + 1, "/?#") : 0;
    snprintf(want, sizeof(want), "%.*s port %.*s", (int)n - (is_v6 ? 2 : 0), host + is_v6, digits < 6 ? digits : 6,
             host + n + (digits > 0));
    return strncasecmp(at + sizeof(mark) - 1, want, strlen(want)) != 0;
}

/* There was no reply. */
static void unreachable_tell(const struct cli_args *args, const sluice_error *err, int exit_code)
{
    const char *server = cli_server(args), *why = transport_text(err);
    if (strncmp(server, "unix:", 5) == 0 && sluice_error_code(err) == SLUICE_ECONNECT) {
        why = socket_text(server + 5);
    }
    cli_fail(exit_code, "%s", args->is_verbose ? sluice_error_text(err) : why);
    if (sluice_error_code(err) == SLUICE_ETLS && strstr(why, "wrong version number")) {
        cli_print(stderr, "it does not speak TLS there: is it http:// in place of https://?");
    } else if (sluice_error_code(err) == SLUICE_ETLS && (strstr(why, "issuer") || strstr(why, "self-signed"))) {
        cli_print(stderr, "--ca FILE (SLUICE_CA) trusts an authority of your own; --insecure checks no certificate");
    }
    if (sluice_error_code(err) == SLUICE_ECONNECT && cli_is_proxys(server, why)) {
        cli_print(stderr, "the environment names this proxy; NO_PROXY lists what is reached without it");
    } else if (exit_code == CLI_UNREACHABLE && sluice_error_code(err) != SLUICE_ETLS) { /* TLS: something answers */
        cli_print(stderr, "is a gateway running at %s? (--server, SLUICE_SERVER)", server);
    }
}

/* The server asked for a key, or refused one: says what to do about it here. */
static void key_tell(const struct cli_args *args, const sluice_error *err)
{
    const char *env = getenv("SLUICE_KEY"), *detail = sluice_error_detail(err);
    const char *where = args->key_file ? args->key_file : env && *env ? "SLUICE_KEY" : NULL;
    int status = sluice_error_http_status(err);
    if (!where) {
        cli_fail(CLI_NOT_ALLOWED, "the gateway asks for an API key: SLUICE_KEY, or --key-file FILE (%d)", status);
    } else if (strstr(detail, "expired")) { /* only the server's first sentence; the next one is about headers */
        cli_fail(CLI_NOT_ALLOWED, "the gateway refuses the key in %s: %.*s (%d)", where, (int)strcspn(detail, "."),
                 detail, status);
    } else {
        cli_fail(CLI_NOT_ALLOWED, "the gateway does not know the key in %s (%d)", where, status);
    }
}

/* True: a page or a text of another server; it is neither MLflow's error nor any gateway's. */
static bool is_foreign(const sluice_error *err)
{
    char *made = cli_fault_text(sluice_error_body(err, NULL));
    bool is = sluice_error_http_status(err) >= 300 && !*sluice_error_type(err) && !made &&
              sluice_error_detail(err) == sluice_error_text(err);
    free(made);
    return is;
}

/* True: not a route is missing, but the path that was asked for below the server's URL. */
static bool is_no_path(const char *server, const sluice_error *err)
{
    const char *host = strstr(server, "://"), *path = strchr(host ? host + 3 : server, '/');
    return path && path[1] && sluice_error_http_status(err) == 404 &&
           strncmp(sluice_error_detail(err), "Not Found", 9) == 0;
}

/* Prints what the server said, and before it who said it. */
static void reply_tell(const struct cli_args *args, const sluice_error *err, const char *nearest)
{
    const struct fault *f = fault_find(sluice_error_type(err));
    int status = sluice_error_http_status(err);
    const char *detail = sluice_error_detail(err), *says = f ? f->says : "";
    bool has_detail = detail != sluice_error_text(err);
    char *made = cli_fault_text(sluice_error_body(err, NULL)), *page = NULL;
    char more[600] = "";
    if (*nearest) {
        snprintf(more, sizeof(more), "; did you mean '%s'?", nearest);
    }
    if (made) {
        detail = made;
    } else if (!has_detail && status >= 300) {
        page = page_text(sluice_error_body(err, NULL));
        detail = page ? page : "no message";
        says = *says ? says : "no gateway's answer";
    } else if (!has_detail) {
        detail = transport_text(err);
        says = *says || sluice_error_code(err) != SLUICE_EPROTOCOL ? says : "no gateway's answer";
    }
    detail = args->is_verbose ? sluice_error_text(err) : detail;
    if (status >= 300 && !args->is_verbose) {
        cli_fail(0, "%s%s%s (%d)%s", says, *says ? ": " : "", detail, status, more);
    } else {
        cli_fail(0, "%s%s%s%s", says, *says ? ": " : "", detail, more);
    }
    free(made);
    free(page);
}

static void wait_tell(const sluice_error *err)
{
    int64_t msec = sluice_error_retry_after_msec(err);
    char text[32];
    if (msec > 0 && cli_wait_reason(sluice_error_type(err), sluice_error_http_status(err))) {
        cli_print(stderr, "try again in %s", cli_duration(msec, text));
    }
}

int cli_no_gateway(const struct cli_args *args)
{
    cli_fail(CLI_FAILED, "no gateway's answer: it has not what was asked for");
    cli_print(stderr, "is %s a gateway's URL? (--server, SLUICE_SERVER)", cli_server(args));
    return CLI_FAILED;
}

int cli_report(const struct cli_args *args, sluice_client *client, const char *route, sluice_error *err)
{
    int status = sluice_error_http_status(err);
    const char *type = sluice_error_type(err);
    int exit_code = cli_exit_code(type, sluice_error_code(err), status);
    if (exit_code == CLI_INTERRUPTED) {
        sluice_error_free(err);
        return exit_code;
    }
    /* When another server does not have the path, that is no missing route. */
    exit_code = exit_code == CLI_NOT_FOUND && is_foreign(err) ? CLI_FAILED : exit_code;
    struct search s = { route, "", -1 };
    if (exit_code == CLI_NOT_FOUND && route) {
        sluice_routes_each(client, on_route, &s, NULL); /* it only helps, so its own failure is not reported */
    }
    if (status == 0) {
        unreachable_tell(args, err, exit_code);
    } else if (strcmp(type, "caller_unauthenticated") == 0 && !args->is_verbose) {
        key_tell(args, err);
    } else {
        reply_tell(args, err, s.nearest);
        if (is_foreign(err) || is_no_path(cli_server(args), err)) {
            cli_print(stderr, "is %s a gateway's URL? (--server, SLUICE_SERVER)", cli_server(args));
        }
    }
    wait_tell(err);
    if (args->is_verbose && *sluice_error_request_id(err)) {
        cli_print(stderr, "request id %s, %s", sluice_error_request_id(err), *type ? type : "no error type");
    }
    sluice_error_free(err);
    return exit_code;
}
