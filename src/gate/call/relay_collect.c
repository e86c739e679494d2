/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT and COLLECT_ERROR: replies that are read whole before anything is said to the client. */
#include "base/num.h"
#include "gate/call/relay.h"
#include "llm/core/errbody.h"

/* Taken at once for a reply that says how long it is. */
#define RESERVE_MAX 65536

void sl_relay_collect_start(struct sl_xchg *x, int64_t length)
{
    sl_buf_init(&x->hold, x->settings->upstream.reply_bytes);
    if (length > 0 && length <= RESERVE_MAX) {                   /* one that says more has to prove it */
        SL_IGNORE(sl_buf_reserve(&x->hold, (size_t)length) < 0); /* seen at the first append */
    }
}

/* What is collected counts into server.limits.memory. */
static int hold_push(struct sl_xchg *x, struct sl_str bytes)
{
    sl_buf_add_str(&x->hold, bytes);
    size_t grown = x->hold.cap - x->hold_counted;
    if (sl_buf_status(&x->hold) == 0 && grown) {
        if (!x->worker->server.cbs->on_memory(&x->worker->server, (ptrdiff_t)grown)) {
            return SL_E_AGAIN;
        }
        x->hold_counted += grown;
    }
    return sl_buf_status(&x->hold);
}

void sl_relay_collect_refuse(struct sl_xchg *x, int r)
{
    if (r == SL_E_LIMIT) {
        sl_relay_broken(x, SL_ERR_PROVIDER_BAD_RESPONSE,
                        SL_STR("the upstream's reply is larger than upstream.limits.reply allows"));
    } else if (r == SL_E_AGAIN) {
        sl_relay_broken(x, SL_ERR_SLUICE_OVERLOADED,
                        SL_STR("the gateway's memory for bodies (server.limits.memory) is used up"));
    } else {
        sl_relay_broken(x, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"));
    }
}

/* A 2xx that says it is something else than JSON: a proxy's page, most often. */
static bool type_is_readable(struct sl_xchg *x)
{
    struct sl_str type = sl_headers_get(&x->up_headers, "content-type");
    if (sl_str_find(type, SL_STR("json"), 0) >= 0 || sl_str_find(type, SL_STR("text/plain"), 0) >= 0) {
        return true;
    }
    type = type.n ? sl_str_sub(type, 0, 256) : SL_STR("None");
    sl_xchg_fail_text(x, SL_ERR_PROVIDER_BAD_RESPONSE,
                      "The returned data type from the route service is not supported. Received content type: %.*s",
                      SL_STR_ARG(type));
    return false;
}

static void collect_unreadable(struct sl_xchg *x, const char *why)
{
    struct sl_llm_error error = {
        .type = SL_ERR_PROVIDER_BAD_RESPONSE,
        .message = sl_arena_printf(&x->req->arena, "The upstream's reply could not be read: %s", why),
    };
    if (sl_json_parse(&x->worker->doc, sl_buf_str(&x->hold)) == 0) {
        error.code = SL_STR(SL_CODE_UNEXPECTED);
    }
    sl_xchg_fail(x, &error);
}

static int whole_push(void *arg, const struct sl_delta *delta)
{
    struct sl_xchg *x = arg;
    return x->dialect->language->write_delta(x->dialect_state, &x->call, &x->env, delta, &x->worker->text);
}

/* The client's words for a reply; a stream where it asked for one, though the upstream gave it whole. */
static int reply_write(struct sl_xchg *x, const struct sl_reply *reply)
{
    struct sl_buf *out = &x->worker->text;
    sl_buf_reset(out);
    if (!x->call.is_stream) {
        int r = x->dialect->language->write_reply(&x->call, reply, &x->env, out);
        return r < 0 ? r : sl_buf_status(out);
    }
    x->dialect_state = sl_arena_zalloc(&x->req->arena, SL_MAX(x->dialect->language->write_state_size, (size_t)1));
    if (!x->dialect_state) {
        return SL_E_NOMEM;
    }
    struct sl_delta_sink sink = { whole_push, x, &x->req->arena, &x->worker->scratch, &x->env };
    int r = sl_reply_push(reply, &sink);
    if (r == 0) {
        x->dialect->language->write_end(x->dialect_state, out);
    }
    return r < 0 ? r : sl_buf_status(out);
}

void sl_relay_collect_end(struct sl_xchg *x)
{
    if (!type_is_readable(x)) {
        return;
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct sl_err err = { 0 };
    int r = x->target->languages[x->call.type]->read_reply(&x->call, &x->env, sl_buf_str(&x->hold), &x->req->arena,
                                                           &reply, &err);
    struct sl_buf *out = &x->worker->text;
    if (r == 0) {
        x->usage = reply.usage;
        reply.model = reply.model.n ? reply.model : x->target->model;
        r = reply_write(x, &reply);
    }
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    if (r < 0) {
        collect_unreadable(x, err.text);
        return;
    }
    sl_xchg_reply(x, 200, x->call.is_stream ? x->dialect->language->stream_type : SL_STR("application/json"),
                  sl_buf_str(out));
}

/* --- COLLECT_ERROR --- */

/* An error travels on as it is when it is one: a redirect would send the client's key elsewhere, a page for people says
 * nothing to a program, and a refused credential is not the client's. */
static bool error_passes(struct sl_xchg *x, enum sl_error_type type, struct sl_str body)
{
    if (!sl_relay_is_same_language(x) || type == SL_ERR_PROVIDER_AUTH_FAILED || x->upstream_status < 400) {
        return false;
    }
    struct sl_json *doc = &x->worker->doc;
    return sl_json_parse(doc, body) == 0 && sl_json_is(sl_json_root(doc), SL_JSON_OBJECT);
}

static struct sl_str redirect_text(struct sl_xchg *x)
{
    return sl_arena_printf(&x->req->arena,
                           "the upstream answered with a redirect (%d), which is not followed: check "
                           "the provider's base URL",
                           x->upstream_status);
}

void sl_relay_error_end(struct sl_xchg *x)
{
    const struct sl_provider *provider = x->target->provider;
    sl_headers_mask(x->target->provider, &x->up, x->hold.p, x->hold.len);
    struct sl_str body = sl_buf_str(&x->hold);
    if (x->asked_usage && provider->refused_usage && provider->refused_usage(x->upstream_status, body)) {
        /* Asked again without; remembered when that works. Not a retry that the policy counts. */
        x->usage_was_refused = true;
        sl_attempt_again(x, SL_ERR_PROVIDER_REJECTED, 0);
        return;
    }
    struct sl_llm_error error = { 0 };
    x->target->languages[x->call.type]->read_error(x->upstream_status, &x->up_headers, body, &x->req->arena, &error);
    x->error_type = error.type;
    error.upstream_status = x->upstream_status;
    error.upstream_body = body;
    if (error_passes(x, error.type, body)) {
        if (sl_relay_head_send(x, x->upstream_status, (int64_t)body.n)) {
            sl_relay_send(x, body);
            sl_xchg_end(x);
        }
        return;
    }
    if (x->upstream_status < 400) {
        error.message = x->error_text = redirect_text(x);
        error.upstream_status = 0;
    }
    struct sl_str wait = sl_headers_get(&x->up_headers, "retry-after");
    if (wait.n && error.retry_after_sec == 0) {
        /* Unreadable: no wait is passed on. */
        SL_IGNORE(sl_parse_retry_after(wait, (int64_t)(x->env.wall_usec / 1000000), &error.retry_after_sec) < 0);
    }
    sl_xchg_fail(x, &error);
}

/* An error body that is too long to be read: passed on where it may be, else cut to what is there. */
static void error_overflow(struct sl_xchg *x, struct sl_str bytes)
{
    enum sl_error_type type = sl_error_type_of(x->upstream_status, SL_STR_NONE, SL_STR_NONE);
    if (!sl_relay_is_same_language(x) || type == SL_ERR_PROVIDER_AUTH_FAILED || x->upstream_status < 400) {
        sl_attempt_cancel(x);
        sl_relay_error_end(x);
        return;
    }
    x->error_type = type;
    x->mode = SL_RELAY_RAW;
    if (sl_relay_head_send(x, x->upstream_status, x->up_length)) {
        sl_headers_mask(x->target->provider, &x->up, x->hold.p, x->hold.len);
        sl_relay_send(x, sl_buf_str(&x->hold));
        sl_hreq_flush(x->req);
        sl_buf_done(&x->hold);
        sl_relay_send(x, bytes);
    }
}

void sl_relay_collect_push(struct sl_xchg *x, struct sl_str bytes)
{
    if (x->mode == SL_RELAY_COLLECT_ERROR && bytes.n > SL_RELAY_ERROR_MAX - x->hold.len) {
        error_overflow(x, bytes);
        return;
    }
    int r = hold_push(x, bytes);
    if (r < 0) {
        sl_relay_collect_refuse(x, r);
    }
}
