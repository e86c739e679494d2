/* SPDX-License-Identifier: Apache-2.0 */
/* The program under the wire tests of libsluice: makes the calls that its standard input asks for, in the way it asks
 * for, and writes what came of each as one line of JSON. It uses the public interface only.
 *
 * usage: driver OPTION=VALUE…          options of the client; control=FD: see below; env=1: sluice_open(NULL)
 * a line: MODE OP ARG… separated by tabs; MODE is block, push, pull or loop.
 *   query ROUTE JSON · stream ROUTE JSON · get_route NAME · search TOKEN · each · create NAME TYPE MODEL · delete NAME
 * · set_limits ROUTE LIMITS · get_limits ROUTE · http METHOD PATH BODY;  "-" is NULL then NAME=VALUE: retries, timeout,
 * idle_timeout, idempotency_key of the request; cancel_at=N cancels at the Nth event, pause=1 pauses at every event. A
 * byte on the control descriptor, from any thread's view at any time: c cancels the call, a all calls, r resumes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/client.h>
#include <sluice/poll.h>

#define PARTS_MAX 16

static sluice_client *client;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sluice_call *current; /* guarded by lock */
static int control = -1;

struct outcome {
    int code;
    sluice_result *result;
    sluice_error *err;
    char *text;
    size_t text_len;
    int n_events, n_ends, n_usages;
    int end_code;
    sluice_usage usage;
    int cancel_at, pauses;
};

static void *control_run(void *arg)
{
    char c;
    (void)arg;
    while (read(control, &c, 1) == 1) {
        pthread_mutex_lock(&lock);
        if (c == 'a') {
            sluice_cancel_all(client);
        } else if (current && c == 'c') {
            sluice_cancel(current);
        } else if (current && c == 'r') {
            sluice_resume(current);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void current_set(sluice_call *call)
{
    pthread_mutex_lock(&lock);
    current = call;
    pthread_mutex_unlock(&lock);
}

/* --- output --- */

static void json_put(const char *text, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void member_put(const char *name, const char *text)
{
    printf(", \"%s\": ", name);
    if (text) {
        json_put(text, strlen(text));
    } else {
        printf("null");
    }
}

static void number_put(const char *name, long long n)
{
    printf(", \"%s\": %lld", name, n);
}

static void limit_put(const sluice_limit *limit)
{
    printf("{\"calls\": %lld", (long long)sluice_limit_calls(limit));
    member_put("key", sluice_limit_key(limit));
    member_put("renewal_period", sluice_limit_renewal_period(limit));
    putchar('}');
}

static void route_put(const sluice_route *route)
{
    size_t len;
    const char *json = sluice_route_json(route, &len);
    printf("{\"json\": %.*s", (int)len, json);
    member_put("name", sluice_route_name(route));
    member_put("type", sluice_route_type(route));
    member_put("model_name", sluice_route_model_name(route));
    member_put("model_provider", sluice_route_model_provider(route));
    member_put("url", sluice_route_url(route));
    if (sluice_route_limit(route)) {
        printf(", \"limit\": ");
        limit_put(sluice_route_limit(route));
    }
    putchar('}');
}

static void result_put(const sluice_result *result)
{
    size_t len;
    sluice_usage usage;
    const char *json = sluice_result_json(result, &len);
    number_put("status", sluice_result_status(result));
    printf(", \"body\": ");
    json_put(json, len);
    member_put("request_id", sluice_result_request_id(result));
    member_put("x_test", sluice_result_header(result, "X-Test"));
    member_put("token", sluice_result_next_page_token(result));
    member_put("content", sluice_json_get(result, "choices[0].message.content", NULL));
    if (sluice_result_usage(result, &usage)) {
        number_put("usage", usage.total_tokens);
    }
    printf(", \"routes\": [");
    for (size_t i = 0; i < sluice_result_route_count(result); i++) {
        printf("%s", i ? ", " : "");
        route_put(sluice_result_route(result, i));
    }
    printf("], \"limits\": [");
    for (size_t i = 0; i < sluice_result_limit_count(result); i++) {
        printf("%s", i ? ", " : "");
        limit_put(sluice_result_limit(result, i));
    }
    printf("]");
}

static void outcome_put(struct outcome *o)
{
    printf("{\"code\": \"%s\"", sluice_code_name(o->code));
    if (o->err) {
        member_put("name", sluice_error_name(o->err));
        member_put("error", sluice_error_text(o->err));
        member_put("detail", sluice_error_detail(o->err));
        member_put("type", sluice_error_type(o->err));
        member_put("request_id", sluice_error_request_id(o->err));
        number_put("status", sluice_error_http_status(o->err));
        number_put("retry_after", sluice_error_retry_after_msec(o->err));
        number_put("retriable", sluice_error_is_retriable(o->err));
    }
    if (o->result) {
        result_put(o->result);
    }
    printf(", \"text\": ");
    json_put(o->text, o->text_len);
    number_put("events", o->n_events);
    number_put("ends", o->n_ends);
    number_put("usages", o->n_usages);
    if (o->n_ends) {
        member_put("end_code", sluice_code_name(o->end_code));
    }
    puts("}");
    fflush(stdout);
    sluice_error_free(o->err);
    sluice_result_free(o->result);
    free(o->text);
}

/* --- the four ways to call --- */

static void text_add(struct outcome *o, const char *text, size_t len)
{
    o->text = realloc(o->text, o->text_len + len + 1);
    memcpy(o->text + o->text_len, text, len);
    o->text_len += len;
}

static int on_event(void *arg, sluice_call *call, const sluice_event *event)
{
    struct outcome *o = arg;
    size_t len;
    if (!current) {
        current_set(call); /* a blocking call has no other handle */
    }
    if (strlen(sluice_event_json(event, &len)) != len) {
        abort();
    }
    if (++o->n_events == o->cancel_at) {
        return SLUICE_CANCEL;
    }
    if (o->pauses) {
        write(STDERR_FILENO, "p", 1);
        return SLUICE_PAUSE;
    }
    return 0;
}

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    (void)call;
    text_add(arg, text, len);
    return 0;
}

static int on_usage(void *arg, sluice_call *call, const sluice_usage *usage)
{
    struct outcome *o = arg;
    (void)call;
    o->usage = *usage;
    o->n_usages++;
    return 0;
}

static void on_end(void *arg, sluice_call *call, int code)
{
    struct outcome *o = arg;
    (void)call;
    o->n_ends++;
    o->end_code = code;
    current_set(NULL);
}

static const sluice_callbacks callbacks = { sizeof(callbacks), on_event, on_text, on_usage, on_end };

static void pull(const sluice_request *request, struct outcome *o)
{
    sluice_call *call;
    o->code = sluice_start(client, request, &call, &o->err);
    if (o->code < 0) {
        return;
    }
    current_set(call);
    const sluice_event *event;
    int r;
    while ((r = sluice_next(call, &event)) != SLUICE_END) {
        if (r == SLUICE_AGAIN) {
            r = sluice_wait(client, -1, NULL);
        } else {
            size_t len;
            const char *text = sluice_event_text(event, &len);
            if (text) {
                text_add(o, text, len);
            }
            o->n_usages += sluice_event_usage(event, &o->usage);
            if (++o->n_events == o->cancel_at) {
                sluice_cancel(call);
                r = sluice_wait(client, 0, NULL);
            }
        }
        if (r < 0) {
            break;
        }
    }
    current_set(NULL);
    o->code = sluice_finish(call, &o->result, &o->err);
}

static void loop(const sluice_request *request, struct outcome *o)
{
    sluice_call *call;
    o->code = sluice_start_stream(client, request, &callbacks, o, &call, &o->err);
    if (o->code < 0) {
        return;
    }
    current_set(call);
    while (!o->n_ends) {
        struct pollfd fds[SLUICE_POLL_MAX];
        size_t n = sluice_poll_add(client, fds, SLUICE_POLL_MAX); /* one call: there is enough room */
        poll(fds, (nfds_t)n, sluice_poll_timeout(client, -1));
        if (sluice_poll_drive(client, fds, n, NULL) < 0) {
            break;
        }
    }
    o->code = sluice_finish(call, &o->result, &o->err);
}

static int on_route(void *arg, const sluice_route *route)
{
    struct outcome *o = arg;
    o->n_events++;
    text_add(o, sluice_route_name(route), strlen(sluice_route_name(route)));
    text_add(o, " ", 1);
    return o->n_events == o->cancel_at;
}

/* --- commands on stdin --- */

static const char *arg_of(char **parts, int i)
{
    return parts[i] && strcmp(parts[i], "-") != 0 ? parts[i] : NULL;
}

static int request_make(char **p, sluice_request **rq, sluice_error **err)
{
    const char *op = p[1], *a = arg_of(p, 2), *b = a ? arg_of(p, 3) : NULL;
    const size_t nul = SLUICE_NUL_TERMINATED;
    if (strcmp(op, "query") == 0 || strcmp(op, "stream") == 0) {
        return sluice_request_query(client, a, p[3], nul, strcmp(op, "stream") == 0, rq, err);
    } else if (strcmp(op, "get_route") == 0) {
        return sluice_request_get_route(client, a, rq, err);
    } else if (strcmp(op, "search") == 0) {
        return sluice_request_search_routes(client, a, rq, err);
    } else if (strcmp(op, "create") == 0) {
        return sluice_request_create_route(client, a, b, b ? arg_of(p, 4) : NULL, nul, rq, err);
    } else if (strcmp(op, "delete") == 0) {
        return sluice_request_delete_route(client, a, rq, err);
    } else if (strcmp(op, "set_limits") == 0) {
        return sluice_request_set_limits(client, a, b, nul, rq, err);
    } else if (strcmp(op, "get_limits") == 0) {
        return sluice_request_get_limits(client, a, rq, err);
    } else if (strcmp(op, "http") == 0) {
        return sluice_request_http(client, a, b, arg_of(p, 4), nul, rq, err);
    }
    abort();
}

static int extras_set(char **parts, sluice_request *rq, struct outcome *o)
{
    int r = 0;
    for (int i = 2; parts[i] && r == 0; i++) {
        char *eq = strchr(parts[i], '=');
        size_t n = eq ? (size_t)(eq - parts[i]) : 0;
        if (n == 7 && memcmp(parts[i], "retries", n) == 0) {
            r = sluice_request_set_int(rq, "retries", atoll(eq + 1), &o->err);
        } else if (n == 7 && memcmp(parts[i], "timeout", n) == 0) {
            r = sluice_request_set_msec(rq, "timeout", atoll(eq + 1), &o->err);
        } else if (n == 12 && memcmp(parts[i], "idle_timeout", n) == 0) {
            r = sluice_request_set_msec(rq, "idle_timeout", atoll(eq + 1), &o->err);
        } else if (n == 15 && memcmp(parts[i], "idempotency_key", n) == 0) {
            r = sluice_request_set_str(rq, "idempotency_key", eq + 1, &o->err);
        } else if (n == 9 && memcmp(parts[i], "cancel_at", n) == 0) {
            o->cancel_at = atoi(eq + 1);
        } else if (n == 5 && memcmp(parts[i], "pause", n) == 0) {
            o->pauses = 1;
        }
    }
    return r;
}

static void line_run(char **parts)
{
    struct outcome o = { 0 };
    sluice_request *rq = NULL;
    const char *mode = parts[0];
    if (strcmp(parts[1], "each") == 0) {
        char *eq = parts[2] ? strchr(parts[2], '=') : NULL;
        o.cancel_at = eq ? atoi(eq + 1) : 0;
        o.code = sluice_routes_each(client, on_route, &o, &o.err);
        outcome_put(&o);
        return;
    }
    o.code = request_make(parts, &rq, &o.err);
    o.code = o.code ? o.code : extras_set(parts, rq, &o);
    if (o.code < 0) {
        ;
    } else if (strcmp(mode, "pull") == 0) {
        pull(rq, &o);
    } else if (strcmp(mode, "loop") == 0) {
        loop(rq, &o);
    } else if (strcmp(mode, "push") == 0 && strcmp(parts[1], "stream") == 0) {
        o.code = sluice_query_stream(client, parts[2], parts[3], SLUICE_NUL_TERMINATED, &callbacks, &o, &o.result,
                                     &o.err);
    } else {
        o.code = sluice_perform(client, rq, &o.result, &o.err);
    }
    current_set(NULL);
    sluice_request_free(rq);
    outcome_put(&o);
}

static int option_set(sluice_opts *opts, char *arg, sluice_error **err)
{
    char *eq = strchr(arg, '=');
    if (!eq) {
        return SLUICE_EUSAGE;
    }
    *eq = '\0';
    const char *value = eq + 1;
    if (strcmp(arg, "control") == 0) {
        control = atoi(value);
        return 0;
    }
    static const char *const times[] = { "connect_timeout", "idle_timeout", "timeout",
                                         "backoff",         "backoff_max",  "retry_after_max" };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (strcmp(arg, times[i]) == 0) {
            return sluice_opts_set_msec(opts, arg, atoll(value), err);
        }
    }
    int r = sluice_opts_set_int(opts, arg, atoll(value), err);
    if (r < 0) {
        sluice_error_free(*err);
        *err = NULL;
        r = sluice_opts_set_str(opts, arg, value, err);
    }
    return r;
}

int main(int argc, char **argv)
{
    sluice_opts *opts = sluice_opts_new();
    sluice_error *err = NULL;
    int is_env = argc > 1 && strcmp(argv[1], "env=1") == 0;
    int r = 0;
    for (int i = 1 + is_env; i < argc && r == 0; i++) {
        r = option_set(opts, argv[i], &err);
    }
    r = r ? r : sluice_open(is_env ? NULL : opts, &client, &err);
    sluice_opts_free(opts);
    if (r < 0) {
        struct outcome o = { .code = r, .err = err };
        outcome_put(&o);
        return 1;
    }
    pthread_t thread;
    if (control >= 0) {
        pthread_create(&thread, NULL, control_run, NULL);
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        char *parts[PARTS_MAX + 1] = { NULL };
        int n_parts = 0;
        line[n - 1] = '\0';
        char *rest = line;
        while (rest && n_parts < PARTS_MAX) {
            parts[n_parts++] = strsep(&rest, "\t");
        }
        line_run(parts);
    }
    free(line);
    if (control >= 0) {
        pthread_join(thread, NULL); /* the test closes its end together with standard input */
    }
    sluice_close(client);
    return 0;
}
