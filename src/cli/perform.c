/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: makes them, repeats them after a wait that the server asks for, and reports their errors. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perform.h"

/* As many as the library has. */
#define RETRIES_DEFAULT 3
#define TIMEOUT_DEFAULT 3600000
#define BACKOFF_MSEC    250
/* When the server asks for a longer wait, the program says so and ends. */
#define WAIT_MAX_MSEC 120000

static int64_t now_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void perform_begin(const struct cli_args *args, struct perform *p)
{
    *p = (struct perform){ .deadline = now_msec() + (args->timeout_msec ? args->timeout_msec : TIMEOUT_DEFAULT) };
}

int64_t perform_rest_msec(const struct perform *p)
{
    int64_t rest = p->deadline - now_msec();
    return rest > 1 ? rest : 1;
}

/* False when a signal ended the wait. */
static bool wait_msec(int64_t msec)
{
    int64_t end = now_msec() + msec, rest = msec;
    while (rest > 0 && !cli_is_interrupted()) {
        poll(NULL, 0, (int)rest);
        rest = end - now_msec();
    }
    return !cli_is_interrupted();
}

bool perform_again(const struct cli_args *args, struct perform *p, const sluice_error *err)
{
    int status = sluice_error_http_status(err), n_max = args->retries ? (int)args->retries - 1 : RETRIES_DEFAULT;
    int64_t wait = sluice_error_retry_after_msec(err), backoff = (int64_t)BACKOFF_MSEC << p->n;
    const char *reason = cli_wait_reason(sluice_error_type(err), status);
    if (!reason || wait < 0 || wait > WAIT_MAX_MSEC || p->n >= n_max) {
        return false;
    }
    wait = wait > backoff ? wait : backoff;
    if (wait >= perform_rest_msec(p)) {
        return false;
    }
    p->n++;
    if (!args->is_quiet) {
        cli_print(stderr, "sluice: %s; trying again in %lld s (%d of %d; Ctrl-C ends)", reason,
                  (long long)(wait + 999) / 1000, p->n, n_max);
    }
    p->is_interrupted = !wait_msec(wait);
    return !p->is_interrupted;
}

int cli_perform(const struct cli_args *args, sluice_client *client, const char *route, sluice_request *request,
                sluice_error *err, sluice_result **result)
{
    struct perform p;
    perform_begin(args, &p);
    int r = request ? SLUICE_OK : SLUICE_EUSAGE;
    while (request) {
        r = sluice_perform(client, request, result, &err);
        if (r == SLUICE_OK || !perform_again(args, &p, err)) {
            break;
        }
        sluice_error_free(err);
        err = NULL;
        if (result) {
            sluice_result_free(*result);
            *result = NULL;
        }
        if (sluice_request_set_msec(request, "timeout", perform_rest_msec(&p), &err) < 0) {
            break;
        }
    }
    sluice_request_free(request);
    if (r == SLUICE_OK) {
        return CLI_DONE;
    }
    if (p.is_interrupted) {
        sluice_error_free(err);
        return CLI_INTERRUPTED;
    }
    return cli_report(args, client, route, err);
}

/* Makes one try. *has_begun: an event came. */
static int stream_once(sluice_client *client, const sluice_request *request,
                       int (*fn)(void *arg, const sluice_event *event), void *arg, bool *has_begun,
                       sluice_result **result, sluice_error **err)
{
    sluice_call *call = NULL;
    int r = sluice_start(client, request, &call, err), next;
    const sluice_event *event;
    if (r < 0) {
        return r;
    }
    while ((next = sluice_next(call, &event)) != SLUICE_END) {
        if (next == SLUICE_EVENT) {
            *has_begun = true;
            if (fn(arg, event)) {
                sluice_cancel(call);
            }
        } else if (next != SLUICE_AGAIN || sluice_wait(client, -1, NULL) < 0 || cli_is_interrupted()) {
            break; /* finishing a call that is not over cancels it */
        }
    }
    return sluice_finish(call, result, err);
}

int perform_events(const struct cli_args *args, sluice_client *client, sluice_request *request,
                   int (*fn)(void *arg, const sluice_event *event), void *arg, bool *io_begun, sluice_result **result,
                   sluice_error **err)
{
    struct perform p;
    int r = SLUICE_OK;
    perform_begin(args, &p);
    while (r == SLUICE_OK) {
        r = stream_once(client, request, fn, arg, io_begun, result, err);
        if (r == SLUICE_OK || *io_begun || !perform_again(args, &p, *err)) {
            break;
        }
        sluice_error_free(*err);
        *err = NULL;
        r = sluice_request_set_msec(request, "timeout", perform_rest_msec(&p), err);
    }
    if (p.is_interrupted) {
        sluice_error_free(*err);
        *err = NULL;
        return SLUICE_ECANCELLED;
    }
    return r;
}

int perform_stream(const struct cli_args *args, sluice_client *client, const char *json,
                   int (*fn)(void *arg, const sluice_event *event), void *arg, sluice_result **result,
                   sluice_error **err)
{
    sluice_request *request = NULL;
    bool has_begun = false;
    int r = sluice_request_query(client, args->words[0], json, SLUICE_NUL_TERMINATED, 1, &request, err);
    r = r < 0 ? r : perform_events(args, client, request, fn, arg, &has_begun, result, err);
    sluice_request_free(request);
    return r;
}

int cli_call(const struct cli_args *args, sluice_client *client, const char *method, const char *path, const char *json,
             sluice_result **result)
{
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    int r = sluice_request_http(client, method, path, json, json ? SLUICE_NUL_TERMINATED : 0, &request, &err);
    return cli_perform(args, client, NULL, r < 0 ? NULL : request, err, result);
}

int cli_route_get(const struct cli_args *args, sluice_client *client, const char *name, sluice_result **result)
{
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    int r = sluice_request_get_route(client, name, &request, &err);
    return cli_perform(args, client, name, r < 0 ? NULL : request, err, result);
}

/* Pages of the audit log have 100 rows; with more pages than this the server never ends. */
#define PAGES_MAX 100000

bool cli_is_endless(const sluice_result *before, const sluice_result *page, unsigned n_pages)
{
    const char *token = sluice_result_next_page_token(page), *same = sluice_result_next_page_token(before);
    return token && (n_pages >= PAGES_MAX || (same && strcmp(token, same) == 0));
}

int cli_routes_each(const struct cli_args *args, sluice_client *client, int (*fn)(void *arg, const sluice_route *route),
                    void *arg)
{
    sluice_result *page = NULL;
    unsigned n_pages = 0;
    int r, stop = 0;
    do {
        sluice_request *request = NULL;
        sluice_error *err = NULL;
        sluice_result *next = NULL;
        r = sluice_request_search_routes(client, sluice_result_next_page_token(page), &request, &err);
        r = cli_perform(args, client, NULL, r < 0 ? NULL : request, err, &next);
        if (r == 0 && cli_is_endless(page, next, ++n_pages)) {
            r = cli_fail(CLI_FAILED, "the server's list of routes does not end");
        }
        sluice_result_free(page);
        page = next;
        for (size_t i = 0; r == 0 && !stop && i < sluice_result_route_count(page); i++) {
            stop = fn(arg, sluice_result_route(page, i));
        }
    } while (r == 0 && !stop && sluice_result_next_page_token(page));
    sluice_result_free(page);
    return r;
}
