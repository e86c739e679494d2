/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_collect.h"

#include "base/num.h"
#include "base/word.h"
#include "gate/call/headers.h"
#include "gate/call/reply.h"
#include "gate/config/settings.h"
#include "http/server.h"
#include "llm/core/errbody.h"

/* Taken at once for a reply that says how long it is. */
#define RESERVE_MAX 65536
/* An upstream's error body beyond this is passed on unread, or cut where it must be translated. */
#define ERROR_MAX 262144

void sl_relay_collect_start(struct sl_relay *relay)
{
    if (relay->mode == SL_RELAY_COLLECT_ERROR) {
        sl_buf_init(&relay->hold, ERROR_MAX);
        return;
    }
    sl_buf_init(&relay->hold, relay->x->settings->upstream.reply_bytes);
    if (relay->length > 0 && relay->length <= RESERVE_MAX) {                /* one that says more has to prove it */
        SL_IGNORE(sl_buf_reserve(&relay->hold, (size_t)relay->length) < 0); /* seen at the first append */
    }
}

/* What is collected counts into server.limits.memory. */
static int hold_push(struct sl_relay *relay, struct sl_str bytes)
{
    sl_buf_add_str(&relay->hold, bytes);
    int r = sl_buf_status(&relay->hold);
    return r < 0 ? r : sl_relay_count(relay, relay->hold.cap);
}

/* --- COLLECT --- */

/* A 2xx that says it is something else than JSON: a proxy's page, most often. */
static bool is_readable(struct sl_str type)
{
    return sl_str_find(type, SL_STR("json"), 0) >= 0 || sl_str_find(type, SL_STR("text/plain"), 0) >= 0;
}

static struct sl_verdict type_refuse(struct sl_relay *relay, struct sl_str type)
{
    type = type.n ? sl_str_sub(type, 0, 256) : SL_STR("None");
    sl_xchg_fail_text(relay->x, SL_ERR_PROVIDER_BAD_RESPONSE,
                      "The returned data type from the route service is not supported. Received content type: %.*s",
                      SL_STR_ARG(type));
    return SL_VERDICT(TOLD);
}

static struct sl_verdict unreadable(struct sl_relay *relay, const char *why)
{
    struct sl_xchg *x = relay->x;
    struct sl_llm_error error = {
        .type = SL_ERR_PROVIDER_BAD_RESPONSE,
        .message = sl_arena_printf(x->arena, "The upstream's reply could not be read: %s", why),
    };
    if (sl_json_parse(x->desk->doc, sl_buf_str(&relay->hold)) == 0) {
        error.code = SL_STR(SL_CODE_UNEXPECTED);
    }
    sl_xchg_fail(x, &error);
    return SL_VERDICT(TOLD);
}

static int whole_push(void *arg, const struct sl_delta *delta)
{
    struct sl_relay *relay = arg;
    struct sl_xchg *x = relay->x;
    return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, delta, x->desk->text);
}

/* The client's words for a reply; a stream where it asked for one, though the upstream gave it whole. */
static int reply_write(struct sl_relay *relay, const struct sl_reply *reply)
{
    struct sl_xchg *x = relay->x;
    struct sl_buf *out = x->desk->text;
    sl_buf_reset(out);
    if (!x->call->is_stream) {
        int r = x->dialect->language->write_reply(x->call, reply, x->env, out);
        return r < 0 ? r : sl_buf_status(out);
    }
    relay->dialect_state = sl_arena_zalloc(x->arena, SL_MAX(x->dialect->language->write_state_size, (size_t)1));
    if (!relay->dialect_state) {
        return SL_E_NOMEM;
    }
    struct sl_delta_sink sink = { whole_push, relay, x->arena, x->desk->scratch, x->env };
    int r = sl_reply_push(reply, &sink);
    if (r == 0) {
        x->dialect->language->write_end(relay->dialect_state, out);
    }
    return r < 0 ? r : sl_buf_status(out);
}

static struct sl_verdict reply_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    struct sl_str type = sl_headers_get(&relay->headers, "content-type");
    if (!is_readable(type)) {
        return type_refuse(relay, type);
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct sl_err err = { 0 };
    int r = relay->language->read_reply(x->call, x->env, sl_buf_str(&relay->hold), x->arena, &reply, &err);
    if (r == 0) {
        x->record.usage = reply.usage;
        reply.model = reply.model.n ? reply.model : relay->target->model;
        if (reply.dropped.n) {
            struct sl_str before = x->record.dropped;
            x->record.dropped = sl_arena_printf(x->arena, "%.*s%s%.*s", SL_STR_ARG(before), before.n ? "," : "",
                                                SL_STR_ARG(reply.dropped));
        }
        r = reply_write(relay, &reply);
    }
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return SL_VERDICT(TOLD);
    }
    if (r < 0) {
        return unreadable(relay, err.text);
    }
    sl_xchg_reply(x, 200, x->call->is_stream ? x->dialect->language->stream_type : SL_STR("application/json"),
                  sl_buf_str(x->desk->text));
    return SL_VERDICT(TOLD);
}

/* --- COLLECT_ERROR --- */

/* May an error of that status and type go to the client as it is? A redirect would send the client's key elsewhere, and
 * a refused credential or an empty account is not the client's. */
static bool may_pass(const struct sl_relay *relay, enum sl_error_type type)
{
    bool is_operators = type == SL_ERR_PROVIDER_AUTH_FAILED || type == SL_ERR_PROVIDER_BILLING;
    return sl_relay_is_same_language(relay) && !is_operators && relay->x->record.upstream_status >= 400;
}

/* A page for people says nothing to a program. */
static bool is_object(struct sl_json *doc, struct sl_str body)
{
    return sl_json_parse(doc, body) == 0 && sl_json_is(sl_json_root(doc), SL_JSON_OBJECT);
}

static struct sl_str redirect_text(struct sl_xchg *x)
{
    return sl_arena_printf(x->arena,
                           "the upstream answered with a redirect (%d), which is not followed: check "
                           "the provider's base URL",
                           x->record.upstream_status);
}

static struct sl_verdict error_tell(struct sl_relay *relay, struct sl_llm_error *error)
{
    struct sl_xchg *x = relay->x;
    if (x->record.upstream_status < 400) {
        error->message = x->record.error_text = redirect_text(x);
        error->upstream_status = 0;
    }
    struct sl_str wait = sl_headers_get(&relay->headers, "retry-after");
    if (wait.n && error->retry_after_sec == 0) {
        /* Unreadable: no wait is passed on. */
        SL_IGNORE(sl_parse_retry_after(wait, (int64_t)(x->env->wall_usec / 1000000), &error->retry_after_sec) < 0);
    }
    sl_xchg_fail(x, error);
    return SL_VERDICT(TOLD);
}

static void hold_mask(struct sl_relay *relay)
{
    const struct sl_provider *provider = relay->target->provider;
    struct sl_headers_secrets secrets = { provider->credential_headers, &relay->request->headers,
                                          provider->secret_query, relay->request->target };
    sl_headers_mask(&secrets, relay->hold.p, relay->hold.len);
}

/* A word as APIs have them for their errors: fit for a log, where a sentence would not be. */
static bool is_code(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!sl_is_word((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '.') {
            return false;
        }
    }
    return s.n >= 1 && s.n <= 64;
}

static struct sl_verdict error_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    const struct sl_provider *provider = relay->target->provider;
    int status = x->record.upstream_status;
    hold_mask(relay);
    struct sl_str body = sl_buf_str(&relay->hold);
    if (relay->pass.is_asked && provider->refused_usage && provider->refused_usage(status, body)) {
        return (struct sl_verdict){ SL_VERDICT_AGAIN, SL_ERR_PROVIDER_REJECTED, 0, true };
    }
    struct sl_llm_error error = { 0 };
    relay->language->read_error(status, &relay->headers, body, x->arena, &error);
    x->record.error_type = error.type;
    x->record.upstream_code = is_code(error.code) ? sl_arena_dup(x->arena, error.code) : SL_STR_NONE;
    error.upstream_status = status;
    error.upstream_body = body;
    if (!may_pass(relay, error.type) || !is_object(x->desk->doc, body)) {
        return error_tell(relay, &error);
    }
    struct sl_verdict verdict = sl_relay_head_send(relay, status, (int64_t)body.n);
    if (verdict.kind == SL_VERDICT_ON) {
        sl_relay_send(relay, body);
        verdict = SL_VERDICT(DONE);
    }
    return verdict;
}

/* An error body that is too long to be read: passed on where it may be, else cut to what is there. */
static struct sl_verdict error_overflow(struct sl_relay *relay, struct sl_str bytes)
{
    struct sl_xchg *x = relay->x;
    enum sl_error_type type = sl_error_type_of(x->record.upstream_status, SL_STR_NONE, SL_STR_NONE);
    if (!may_pass(relay, type)) {
        return error_end(relay);
    }
    x->record.error_type = type;
    relay->mode = SL_RELAY_RAW;
    x->beside = NULL;
    struct sl_verdict verdict = sl_relay_head_send(relay, x->record.upstream_status, relay->length);
    if (verdict.kind == SL_VERDICT_ON) {
        hold_mask(relay);
        sl_relay_send(relay, sl_buf_str(&relay->hold));
        sl_hreq_flush(x->req);
        sl_buf_done(&relay->hold);
        sl_relay_send(relay, bytes);
    }
    return verdict;
}

/* --- both --- */

struct sl_verdict sl_relay_collect_push(struct sl_relay *relay, struct sl_str bytes)
{
    if (relay->mode == SL_RELAY_COLLECT_ERROR && bytes.n > ERROR_MAX - relay->hold.len) {
        return error_overflow(relay, bytes);
    }
    int r = hold_push(relay, bytes);
    return r < 0 ? sl_relay_refuse(relay, r) : SL_VERDICT(ON);
}

struct sl_verdict sl_relay_collect_end(struct sl_relay *relay)
{
    return relay->mode == SL_RELAY_COLLECT_ERROR ? error_end(relay) : reply_end(relay);
}
