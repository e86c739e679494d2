/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls: pull and push on the machine of call.c, and the blocking ones, which start, wait and finish. */
#include "client/priv.h"

#include <string.h>

/* A gateway's page has 3,000 routes; with more pages than this the server never ends. */
#define PAGES_MAX 10000

/* --- start, next, finish --- */

static int call_start(sluice_client *client, const sluice_request *request, const sluice_callbacks *callbacks,
                      void *arg, sluice_call **call, sluice_error **err)
{
    int r = slc_need(call, "call", err);
    r = r ? r : slc_enter(client, true, err);
    if (r == 0) {
        /* only its counts change */
        r = slc_call_start(client, (struct sluice_request *)(uintptr_t)request, callbacks, arg, call, err);
        slc_leave(client);
    }
    return r;
}

int sluice_start(sluice_client *client, const sluice_request *request, sluice_call **call, sluice_error **err)
{
    return call_start(client, request, NULL, NULL, call, err);
}

int sluice_start_stream(sluice_client *client, const sluice_request *request, const sluice_callbacks *callbacks,
                        void *arg, sluice_call **call, sluice_error **err)
{
    static const sluice_callbacks none = SLUICE_CALLBACKS_INIT;
    return call_start(client, request, callbacks ? callbacks : &none, arg, call, err);
}

int sluice_next(sluice_call *call, const sluice_event **event)
{
    struct sluice_client *client = call ? call->client : NULL;
    if (!call || !event || (client && slc_enter(client, true, NULL) < 0)) {
        return SLUICE_EUSAGE;
    }
    slc_event_free(call->current, &call->alloc);
    call->current = call->is_pushed ? NULL : client ? slc_call_pop(call) : slc_events_pop(&call->events);
    int r = call->current ? SLUICE_EVENT : slc_call_is_over(call) ? SLUICE_END : SLUICE_AGAIN;
    if (r == SLUICE_EVENT) {
        *event = call->current;
    } else if (r == SLUICE_END && !call->is_pushed) {
        slc_call_unlink(call);
    }
    if (client) {
        slc_leave(client);
    }
    return r;
}

static void outcome_give(struct sluice_call *call, sluice_result **result, sluice_error **err)
{
    if (err && call->err) {
        *err = call->err;
        call->err = NULL;
    }
    if (result && call->result) {
        *result = call->result;
        call->result = NULL;
    }
}

int sluice_finish(sluice_call *call, sluice_result **result, sluice_error **err)
{
    int r = slc_need(call, "call", err);
    struct sluice_client *client = r ? NULL : call->client;
    r = client ? slc_enter(client, true, err) : r;
    if (r < 0) {
        return r;
    }
    if (call->is_blocking) {
        r = slc_fail(&call->alloc, err, SLUICE_EUSAGE, "a blocking call finishes itself");
    } else {
        slc_call_abort(call, false);
        r = call->code;
        outcome_give(call, result, err);
        slc_call_delete(call);
    }
    if (client) {
        slc_leave(client);
    }
    return r;
}

void sluice_call_free(sluice_call *call)
{
    if (call) {
        SL_IGNORE(sluice_finish(call, NULL, NULL) < 0); /* nobody wants to know how it ended */
    }
}

void sluice_resume(sluice_call *call)
{
    if (call) {
        atomic_fetch_add(&call->resumes, 1);
        slc_waker_wake(call->waker);
    }
}

void sluice_cancel(sluice_call *call)
{
    if (call) {
        atomic_store(&call->is_cancelled, 1);
        slc_waker_wake(call->waker);
    }
}

/* --- blocking --- */

static int perform(sluice_client *client, const sluice_request *request, const sluice_callbacks *callbacks, void *arg,
                   sluice_result **result, sluice_error **err)
{
    static const sluice_callbacks none = SLUICE_CALLBACKS_INIT;
    int r = slc_enter(client, false, err);
    if (r < 0) {
        return r;
    }
    /* A stream without callbacks is read too, because otherwise it would wait for its reader. */
    callbacks = callbacks || !request || !request->wants_stream ? callbacks : &none;
    struct sluice_call *call;
    r = slc_call_start(client, (struct sluice_request *)(uintptr_t)request, callbacks, arg, &call, err);
    if (r == 0) {
        call->is_blocking = true;
        slc_run(client, call);
        r = call->code;
        outcome_give(call, result, err);
        slc_call_delete(call);
    }
    slc_leave(client);
    return r;
}

int sluice_perform(sluice_client *client, const sluice_request *request, sluice_result **result, sluice_error **err)
{
    return perform(client, request, NULL, NULL, result, err);
}

/* Performs the request of a constructor, unless that failed with `made`. */
static int perform_made(sluice_client *client, int made, sluice_request *request, sluice_result **result,
                        sluice_error **err)
{
    if (made < 0) {
        return made;
    }
    int r = perform(client, request, NULL, NULL, result, err);
    sluice_request_free(request);
    return r;
}

int sluice_get_route(sluice_client *client, const char *name, sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_get_route(client, name, &rq, err);
    return perform_made(client, r, rq, result, err);
}

int sluice_search_routes(sluice_client *client, const char *page_token, sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_search_routes(client, page_token, &rq, err);
    return perform_made(client, r, rq, result, err);
}

/* Returns an error if there was a cancel since `before`, also between two pages. */
static int walk_check(const sluice_client *client, unsigned before, sluice_error **err)
{
    return atomic_load(&client->waker->cancelled) == before
               ? 0
               : slc_fail(&client->alloc, err, SLUICE_ECANCELLED, "the walk over the routes was cancelled");
}

/* Gives one page to the program; *ret_stop when it wants no more. */
static int page_give(sluice_client *client, const sluice_result *page, unsigned before,
                     int (*on_route)(void *arg, const sluice_route *route), void *arg, int *ret_stop,
                     sluice_error **err)
{
    int r = 0;
    for (size_t i = 0; i < sluice_result_route_count(page) && !*ret_stop && r == 0; i++) {
        *ret_stop = on_route(arg, sluice_result_route(page, i));
        r = *ret_stop ? 0 : walk_check(client, before, err);
    }
    return r;
}

int sluice_routes_each(sluice_client *client, int (*on_route)(void *arg, const sluice_route *route), void *arg,
                       sluice_error **err)
{
    sluice_result *page = NULL;
    int r = slc_need(client, "client", err);
    r = r ? r : slc_need((const void *)(uintptr_t)on_route, "callback", err);
    if (r < 0) {
        return r;
    }
    unsigned before = atomic_load(&client->waker->cancelled);
    r = sluice_search_routes(client, NULL, &page, err);
    for (unsigned n_pages = 1; r == 0; n_pages++) {
        int stop = 0;
        r = page_give(client, page, before, on_route, arg, &stop, err);
        const char *token = sluice_result_next_page_token(page);
        if (r < 0 || stop || !token) {
            break;
        }
        sluice_result *next = NULL;
        r = sluice_search_routes(client, token, &next, err);
        r = r ? r : walk_check(client, before, err);
        const char *next_token = sluice_result_next_page_token(next);
        if (r == 0 && next_token && (n_pages >= PAGES_MAX || strcmp(token, next_token) == 0)) {
            r = slc_fail(&client->alloc, err, SLUICE_EPROTOCOL,
                         "the list of routes does not end: page %u has the token '%.*s'", n_pages + 1,
                         SL_STR_ARG(slc_text_cut(sl_str_c(next_token), 100)));
        }
        sluice_result_free(page);
        page = next;
    }
    sluice_result_free(page);
    return r;
}

int sluice_create_route(sluice_client *client, const char *name, const char *route_type, const char *model,
                        size_t model_len, sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_create_route(client, name, route_type, model, model_len, &rq, err);
    return perform_made(client, r, rq, result, err);
}

int sluice_delete_route(sluice_client *client, const char *name, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_delete_route(client, name, &rq, err);
    return perform_made(client, r, rq, NULL, err);
}

int sluice_set_limits(sluice_client *client, const char *route, const char *limits, size_t limits_len,
                      sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_set_limits(client, route, limits, limits_len, &rq, err);
    return perform_made(client, r, rq, result, err);
}

int sluice_get_limits(sluice_client *client, const char *route, sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_get_limits(client, route, &rq, err);
    return perform_made(client, r, rq, result, err);
}

int sluice_query(sluice_client *client, const char *route, const char *json, size_t len, sluice_result **result,
                 sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_query(client, route, json, len, 0, &rq, err);
    return perform_made(client, r, rq, result, err);
}

int sluice_query_stream(sluice_client *client, const char *route, const char *json, size_t len,
                        const sluice_callbacks *callbacks, void *arg, sluice_result **result, sluice_error **err)
{
    sluice_request *rq = NULL;
    int r = sluice_request_query(client, route, json, len, 1, &rq, err);
    r = r ? r : perform(client, rq, callbacks, arg, result, err);
    sluice_request_free(rq);
    return r;
}
