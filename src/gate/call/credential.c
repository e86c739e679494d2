/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/credential.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "gate/call/attempt.h"
#include "gate/call/cred_table.h"
#include "gate/call/mask.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/engine.h"
#include "gate/worker.h"
#include "llm/core/call.h"
#include "llm/core/cred.h"
#include "wire/uri.h"

/* Endpoints for credentials answer at once or not at all. A route may allow less time. */
#define CONNECT_USEC    (5 * SL_USEC_PER_SEC)
#define FIRST_BYTE_USEC (10 * SL_USEC_PER_SEC)
#define TOTAL_USEC      (15 * SL_USEC_PER_SEC)
#define ANSWER_MAX      65536
/* The most steps of one fetch: with more, the source goes in circles. */
#define STEPS_MAX 16

static struct sl_cred_table table = SL_CRED_TABLE_INIT;
static const struct sl_cred_failure no_memory = { SL_ERR_SLUICE_OVERLOADED, "out of memory" };

/* A waiter, which is called on its worker's loop. It frees itself after that call, or when it leaves before. */
struct sl_cred_wait {
    struct sl_cred_waiter waiter;
    struct sl_post post;
    struct sl_worker *worker;
    struct sl_str identity; /* on the heap, behind this struct */
    void (*on_answer)(void *arg);
    void *arg;
    bool is_gone; /* the asker does not want it any more; for the worker's thread */
};

/* A running fetch. A thread of libuv's pool reads files: the fetch's memory stays until it is back. */
struct sl_cred_fetch {
    struct sl_link link;
    struct sl_worker *worker;
    struct sl_route *route;       /* held */
    struct sl_settings *settings; /* held */
    const struct sl_cred_source *source;
    struct sl_arena arena;
    struct sl_env env;
    struct sl_json scratch;
    struct sl_hcall hcall;
    struct sl_timer timer; /* the first step starts from the loop */
    struct sl_cred_step step;
    struct sl_buf body;
    void *state;
    uv_work_t work;
    int status;
    enum sl_error_type fault; /* of the last step, if no answer came */
    unsigned n_steps;
    bool is_reading, is_over;
};
SL_LIST_FUNCTIONS(sl_cred_fetches, struct sl_cred_fetch, link);

/* --- waking those who wait --- */

static void wait_tell(void *arg)
{
    struct sl_cred_wait *wait = arg;
    struct sl_worker *worker = wait->worker;
    if (!wait->is_gone) {
        wait->on_answer(wait->arg);
    }
    free(wait);
    sl_worker_answered(worker);
}

static struct sl_cred_wait *wait_new(const struct sl_cred_want *want)
{
    size_t n = want->source->identity.n;
    struct sl_cred_wait *wait = calloc(1, sizeof(*wait) + n);
    if (!wait) {
        return NULL;
    }
    memcpy(wait + 1, want->source->identity.p, n);
    wait->identity = sl_str_make((char *)(wait + 1), n);
    wait->waiter.owner = wait;
    wait->worker = want->worker;
    wait->on_answer = want->on_answer;
    wait->arg = want->arg;
    return wait;
}

void sl_credential_cancel(struct sl_cred_wait *wait)
{
    if (!wait) {
        return;
    }
    wait->is_gone = true;
    if (sl_cred_table_leave(&table, &wait->waiter, wait->identity)) {
        /* It was not called, and never will be. */
        struct sl_worker *worker = wait->worker;
        free(wait);
        sl_worker_answered(worker);
    }
}

/* --- fetching --- */

static void fetch_free(struct sl_cred_fetch *fetch)
{
    if (fetch->is_reading) {
        fetch->is_over = true;
        return; /* file_done comes later */
    }
    if (fetch->body.p) {
        sl_wipe(fetch->body.p, fetch->body.len);
    }
    sl_buf_done(&fetch->body);
    sl_json_done(&fetch->scratch);
    sl_arena_wipe(&fetch->arena);
    sl_arena_done(&fetch->arena);
    sl_route_unref(fetch->route);
    sl_settings_unref(fetch->settings);
    free(fetch);
}

/* Gives the result to the table, and makes those who wait ask again. `cred` NULL: it failed. */
static void outcome_tell(struct sl_str identity, const struct sl_cred *cred, uint64_t life_usec,
                         const struct sl_cred_failure *failure)
{
    struct sl_cred_waiters waiters;
    struct sl_cred_waiter *waiter;
    sl_cred_table_done_fetch(&table, identity, sl_clock_usec(), cred, life_usec, failure, &waiters);
    while ((waiter = sl_cred_waiters_take_first(&waiters)) != NULL) {
        struct sl_cred_wait *wait = waiter->owner;
        sl_loop_post(&wait->worker->engine->loop, &wait->post, wait_tell, wait);
    }
}

static void fetch_done(struct sl_cred_fetch *fetch, const struct sl_cred *cred, uint64_t life_usec,
                       const struct sl_cred_failure *failure)
{
    sl_timer_remove(&fetch->worker->engine->loop, &fetch->timer);
    sl_cred_fetches_remove(&fetch->worker->fetches, fetch);
    outcome_tell(fetch->source->identity, cred, life_usec, failure);
    fetch_free(fetch);
}

static void fetch_fail(struct sl_cred_fetch *fetch, enum sl_error_type type, const char *text)
{
    struct sl_cred_failure failure = { .type = type };
    struct sl_str host = fetch->step.kind == SL_CRED_HTTP ? fetch->step.base.authority : SL_STR("");
    snprintf(failure.text, sizeof(failure.text), "%.*s%s%s", SL_STR_ARG(sl_str_sub(host, 0, 128)), host.n ? ": " : "",
             text);
    sl_log(SL_LOG_WARNING, "credential", "%s: %s: %s", fetch->source->ops->name, sl_error_type_word(type),
           failure.text);
    fetch_done(fetch, NULL, 0, &failure);
}

static void fetch_succeed(struct sl_cred_fetch *fetch, const struct sl_cred *cred)
{
    uint64_t wall = sl_clock_wall_usec();
    uint64_t life = cred->expires_usec == UINT64_MAX ? UINT64_MAX
                                                     : cred->expires_usec - SL_MIN(cred->expires_usec, wall);
    if (life < SL_USEC_PER_SEC) {
        fetch_fail(fetch, SL_ERR_PROVIDER_AUTH_FAILED, "the credential had expired when it came");
    } else {
        fetch_done(fetch, cred, life, NULL);
    }
}

static void step_take(struct sl_cred_fetch *fetch, const struct sl_cred_answer *last);

static void net_on_head(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length)
{
    (void)headers, (void)length;
    struct sl_cred_fetch *fetch = call->user;
    fetch->status = status;
}

static void net_on_data(struct sl_hcall *call, struct sl_str bytes)
{
    struct sl_cred_fetch *fetch = call->user;
    sl_buf_add_str(&fetch->body, bytes); /* errors are sticky when it is too large */
}

static void net_on_end(struct sl_hcall *call)
{
    struct sl_cred_fetch *fetch = call->user;
    if (sl_buf_status(&fetch->body) < 0) {
        fetch_fail(fetch, SL_ERR_PROVIDER_BAD_RESPONSE, "the answer is too large");
        return;
    }
    step_take(fetch, &(struct sl_cred_answer){ .status = fetch->status, .body = sl_buf_str(&fetch->body) });
}

static void net_on_error(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    struct sl_cred_fetch *fetch = call->user;
    fetch->fault = sl_attempt_fault_type(fault);
    if (fault == SL_HF_TIMEOUT_FIRST_BYTE || fault == SL_HF_TIMEOUT_IDLE || fault == SL_HF_TIMEOUT_TOTAL) {
        fetch->fault = SL_ERR_PROVIDER_TIMEOUT_CONNECT; /* the call was not sent: it may be tried again */
    } else if (fault == SL_HF_BROKEN) {
        fetch->fault = SL_ERR_PROVIDER_BAD_RESPONSE;
    }
    step_take(fetch, &(struct sl_cred_answer){ .status = -1, .body = sl_str_c(text) });
}

static void net_on_turn(struct sl_hcall *call)
{
    (void)call;
}

static const struct sl_hcall_cbs net_cbs = {
    .on_head = net_on_head,
    .on_data = net_on_data,
    .on_end = net_on_end,
    .on_error = net_on_error,
    .on_turn = net_on_turn,
};

static int http_start(struct sl_cred_fetch *fetch)
{
    const struct sl_cred_step *step = &fetch->step;
    struct sl_hcall_req req = {
        .method = step->req.method,
        .target = step->req.target,
        .headers = step->req.headers,
        /* Callers who make routes must not reach the inner network. */
        .guard = fetch->route->incarnation ? &fetch->settings->upstream.guard : NULL,
        .way = fetch->route->way,
        .slices = step->req.slices,
        .n_slices = step->req.n_slices,
        .body_len = step->req.body_len,
    };
    const struct sl_upstream_timeouts *t = &fetch->route->conf.timeouts;
    struct sl_hcall_timeouts timeouts = {
        .connect_usec = SL_MIN(t->connect_usec, (uint64_t)CONNECT_USEC),
        .first_byte_usec = t->first_byte_usec ? SL_MIN(t->first_byte_usec, (uint64_t)FIRST_BYTE_USEC) : FIRST_BYTE_USEC,
        .idle_usec = FIRST_BYTE_USEC,
        .total_usec = SL_MIN(t->total_usec, (uint64_t)TOTAL_USEC),
    };
    return sl_hcall_start(&fetch->hcall, &fetch->worker->engine->client, &step->base, &req, &timeouts, &fetch->arena,
                          &net_cbs, fetch);
}

static void file_read(uv_work_t *work)
{
    struct sl_cred_fetch *fetch = SL_CONTAINER_OF(work, struct sl_cred_fetch, work);
    char room[4096];
    int fd = open(fetch->step.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && (n = read(fd, room, sizeof(room))) > 0) {
        sl_buf_add(&fetch->body, room, (size_t)n); /* errors are sticky when it is too large */
    }
    if (fd >= 0) {
        close(fd);
    }
    sl_wipe(room, sizeof(room));
    fetch->status = n < 0 || sl_buf_status(&fetch->body) < 0 ? -1 : 0;
}

static void file_done(uv_work_t *work, int status)
{
    (void)status; /* it is never cancelled */
    struct sl_cred_fetch *fetch = SL_CONTAINER_OF(work, struct sl_cred_fetch, work);
    struct sl_worker *worker = fetch->worker;
    fetch->is_reading = false;
    if (fetch->is_over) {
        fetch_free(fetch);
    } else {
        fetch->fault = SL_ERR_PROVIDER_AUTH_FAILED; /* a fault of this machine: no server was asked */
        struct sl_str body = fetch->status < 0 ? SL_STR("the file cannot be read") : sl_buf_str(&fetch->body);
        step_take(fetch, &(struct sl_cred_answer){ .status = fetch->status, .body = body });
    }
    sl_worker_answered(worker);
}

static int file_start(struct sl_cred_fetch *fetch)
{
    if (uv_queue_work(&fetch->worker->engine->loop.uv, &fetch->work, file_read, file_done) < 0) {
        return SL_E_NOMEM;
    }
    fetch->is_reading = true;
    fetch->worker->n_questions++;
    return 0;
}

static void fetch_on_timer(struct sl_timer *timer)
{
    struct sl_cred_fetch *fetch = SL_CONTAINER_OF(timer, struct sl_cred_fetch, timer);
    step_take(fetch, NULL);
}

/* The error type of a step that failed with this answer: a server that gives credentials refuses with 4xx. */
static enum sl_error_type answer_fault(const struct sl_cred_fetch *fetch, const struct sl_cred_answer *last)
{
    int status = last ? last->status : 0;
    if (status < 0) {
        return fetch->fault;
    }
    if (status == 429 || status >= 500) {
        return status == 429 ? SL_ERR_PROVIDER_RATE_LIMITED : SL_ERR_PROVIDER_SERVER_ERROR;
    }
    return status >= 400 || status == 0 ? SL_ERR_PROVIDER_AUTH_FAILED : SL_ERR_PROVIDER_BAD_RESPONSE;
}

/* Finds the secrets in the form or in the query that was sent. */
static void form_find(struct sl_secrets *secrets, struct sl_str form, struct sl_arena *arena)
{
    static const struct sl_str names[] = { SL_STR_INIT("assertion"),
                                           SL_STR_INIT("client_assertion"),
                                           SL_STR_INIT("client_secret"),
                                           SL_STR_INIT("refresh_token"),
                                           SL_STR_INIT("subject_token"),
                                           SL_STR_INIT("WebIdentityToken"),
                                           SL_STR_NONE };
    struct sl_str pair, value;
    while (sl_str_next(&form, '&', &pair)) {
        ptrdiff_t equals = sl_str_find_char(pair, '=', 0);
        if (equals > 0 && sl_header_is_listed(sl_str_sub(pair, 0, (size_t)equals), names) &&
            sl_percent_decode(sl_str_sub(pair, (size_t)equals + 1, pair.n), arena, &value) == 0) {
            sl_secrets_add(secrets, value);
        }
    }
}

/* Masks secrets in an endpoint's text, which may quote the request. */
static void text_mask(struct sl_cred_fetch *fetch, const struct sl_http_req *req, char *text)
{
    static const struct sl_str headers[] = { SL_STR_INIT("authorization"), SL_STR_INIT("x-amz-security-token"),
                                             SL_STR_INIT("x-aws-ec2-metadata-token"), SL_STR_INIT("x-identity-header"),
                                             SL_STR_NONE };
    struct sl_secrets secrets = { .names = headers, .headers = &req->headers };
    sl_secrets_find(&secrets);
    if (req->n_slices) {
        form_find(&secrets, req->slices[0], &fetch->arena);
    }
    SL_IGNORE(!sl_mask_bytes(&secrets, text, strlen(text))); /* it mostly has none */
}

static void step_take(struct sl_cred_fetch *fetch, const struct sl_cred_answer *last)
{
    struct sl_err err = { 0 };
    struct sl_cred_step next = { 0 };
    fetch->env.wall_usec = sl_clock_wall_usec();
    int r = fetch->n_steps++ == STEPS_MAX ? sl_fail(&err, SL_E_LIMIT, "more than %d steps", STEPS_MAX) : 0;
    if (r == 0) {
        r = fetch->source->ops->step(fetch->source->conf, fetch->state, last, &fetch->env, &fetch->arena, &next, &err);
    }
    if (r < 0) {
        text_mask(fetch, &fetch->step.req, err.text);
        fetch_fail(fetch, r == SL_E_NOMEM ? SL_ERR_SLUICE_OVERLOADED : answer_fault(fetch, last),
                   r == SL_E_NOMEM ? "out of memory" : err.text);
        return;
    }
    sl_buf_reset(&fetch->body);
    fetch->step = next;
    switch (fetch->step.kind) {
    case SL_CRED_HTTP:
        if (http_start(fetch) < 0) {
            fetch_fail(fetch, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        }
        return;
    case SL_CRED_FILE:
        if (file_start(fetch) < 0) {
            fetch_fail(fetch, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        }
        return;
    case SL_CRED_DONE:
        fetch_succeed(fetch, &fetch->step.cred);
        return;
    }
}

static int fetch_start(const struct sl_cred_want *want)
{
    struct sl_cred_fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch) {
        return SL_E_NOMEM;
    }
    sl_arena_init(&fetch->arena, NULL);
    fetch->state = sl_arena_zalloc(&fetch->arena, SL_MAX(want->source->ops->state_size, (size_t)1));
    if (!fetch->state) {
        free(fetch);
        return SL_E_NOMEM;
    }
    fetch->worker = want->worker;
    fetch->step.kind = SL_CRED_DONE; /* nothing was asked yet */
    fetch->route = sl_route_ref(want->route);
    fetch->settings = sl_settings_ref(want->settings);
    fetch->source = want->source;
    sl_json_init(&fetch->scratch, NULL);
    sl_buf_init(&fetch->body, ANSWER_MAX);
    sl_timer_init(&fetch->timer, fetch_on_timer);
    fetch->env = (struct sl_env){
        .random = { sl_rng_next(&want->worker->engine->loop.rng), sl_rng_next(&want->worker->engine->loop.rng) },
        .scratch = &fetch->scratch,
    };
    sl_cred_fetches_add(&want->worker->fetches, fetch);
    sl_timer_set(&want->worker->engine->loop, &fetch->timer, sl_loop_now(&want->worker->engine->loop) + 1);
    return 0;
}

int sl_credential_get(const struct sl_cred_want *want, struct sl_cred *ret_cred, struct sl_cred_wait **ret_wait,
                      struct sl_cred_failure *ret_failure)
{
    struct sl_str identity = want->source->identity;
    struct sl_cred_wait *wait = NULL;
    enum sl_cred_verdict verdict = sl_cred_table_ask(&table, identity, sl_clock_usec(), NULL, want->arena, ret_cred,
                                                     ret_failure);
    if (verdict == SL_CRED_WAIT) {
        wait = wait_new(want);
        if (!wait) {
            *ret_failure = no_memory;
            return SL_E_NOMEM;
        }
        want->worker->n_questions++; /* before another worker can call it */
        verdict = sl_cred_table_ask(&table, identity, sl_clock_usec(), &wait->waiter, want->arena, ret_cred,
                                    ret_failure);
    }
    bool waits = verdict == SL_CRED_FETCH || verdict == SL_CRED_WAIT;
    if (wait && !waits) {
        want->worker->n_questions--;
        free(wait);
    }
    if ((verdict == SL_CRED_FETCH || verdict == SL_CRED_REFRESH) && fetch_start(want) < 0) {
        outcome_tell(identity, NULL, 0, &no_memory); /* those who wait are told that it failed */
    }
    if (waits) {
        *ret_wait = wait;
        return SL_E_AGAIN;
    }
    return verdict == SL_CRED_FAILED ? SL_E_IO : 0;
}

void sl_credential_refused(const struct sl_cred_source *source, const struct sl_cred *cred)
{
    sl_cred_table_refused(&table, source->identity, cred);
}

void sl_credentials_end(struct sl_worker *worker)
{
    struct sl_cred_fetch *fetch;
    while ((fetch = sl_cred_fetches_first(&worker->fetches)) != NULL) {
        sl_hcall_cancel(&fetch->hcall);
        fetch_fail(fetch, SL_ERR_SLUICE_DRAINING, "the gateway is shutting down");
    }
}

void sl_credentials_done(void)
{
    sl_cred_table_done(&table);
}
