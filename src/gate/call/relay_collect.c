/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_collect.h"

#include "base/word.h"
#include "gate/call/bond.h"
#include "gate/call/keep.h"
#include "gate/call/mask.h"
#include "gate/call/relay_out.h"
#include "gate/call/relay_usage.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/call/verdict.h"
#include "gate/config/settings.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/errbody.h"
#include "llm/core/frame.h"
#include "llm/core/language.h"
#include "llm/core/lost.h"
#include "llm/core/provider.h"
#include "llm/core/reply.h"
#include "llm/core/target.h"
#include "llm/form/wrap.h"

/* The most bytes that are allocated at once for a reply with a length. */
#define RESERVE_MAX 65536
/* The most bytes of an error body that are read. */
#define ERROR_MAX 262144

void sl_relay_collect_start(struct sl_relay *relay)
{
    if (relay->mode == SL_RELAY_COLLECT_ERROR) {
        sl_buf_init(&relay->hold, ERROR_MAX);
        return;
    }
    sl_buf_init(&relay->hold, relay->x->settings->upstream.reply_bytes);
    /* For a larger length, memory grows with the bytes that come. */
    if (relay->length > 0 && relay->length <= RESERVE_MAX) {
        SL_IGNORE(sl_buf_reserve(&relay->hold, (size_t)relay->length) < 0); /* the first append returns the error */
    }
}

/* Adds bytes, and counts them into server.limits.memory. */
static int hold_push(struct sl_relay *relay, struct sl_str bytes)
{
    sl_buf_add_str(&relay->hold, bytes);
    int r = sl_buf_status(&relay->hold);
    return r < 0 ? r : sl_relay_count(relay, relay->hold.cap);
}

/* Masks credentials, because the body is shown as an error from now on. */
static void hold_mask(struct sl_relay *relay)
{
    SL_IGNORE(sl_mask_bytes(&relay->secrets, relay->hold.p, relay->hold.len)); /* it need not have one */
}

/* True: a word like the error codes of APIs. The log takes it, but no sentence. */
static bool is_code(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!sl_is_word((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '.') {
            return false;
        }
    }
    return s.n >= 1 && s.n <= 64;
}

/* The most bytes of an upstream's message that the log keeps. */
#define SAID_MAX 192

/* Notes code and message for the operator, because the client may get another text. Credentials are masked, even if the
 * whole body was masked before. */
static void said_note(struct sl_relay *relay, const struct sl_llm_error *error)
{
    struct sl_record *record = &relay->x->record;
    struct sl_arena *arena = relay->x->arena;
    struct sl_str message = sl_mask_text(&relay->secrets, error->message, arena);
    record->upstream_code = is_code(error->code) ? sl_arena_dup(arena, error->code) : SL_STR_NONE;
    record->upstream_said = sl_arena_dup(arena, sl_str_sub(message, 0, sl_utf8_fit(message, SAID_MAX)));
}

/* --- COLLECT --- */

static int whole_push(void *arg, const struct sl_delta *delta)
{
    struct sl_relay *relay = arg;
    struct sl_xchg *x = relay->x;
    return x->dialect->language->write_delta(relay->dialect_state, x->call, x->env, delta, x->desk->text);
}

/* Writes the whole reply as a stream. */
static int stream_write(struct sl_relay *relay, const struct sl_reply *reply)
{
    struct sl_xchg *x = relay->x;
    int r = relay->dialect_state ? 0 : sl_relay_writer_start(relay);
    struct sl_delta_sink sink = { whole_push, relay, x->arena, x->desk->scratch, x->env };
    r = r < 0 ? r : sl_reply_push(reply, &sink);
    if (r == 0) {
        x->dialect->language->write_end(relay->dialect_state, x->desk->text);
    }
    return r;
}

struct sl_verdict sl_relay_reply_tell(struct sl_relay *relay, const struct sl_reply *reply)
{
    struct sl_xchg *x = relay->x;
    struct sl_buf *out = x->desk->text;
    struct sl_reply named = *reply;
    named.model = reply->model.n ? reply->model : relay->target->model;
    x->record.lost |= reply->lost | sl_lost_of_reply(x->dialect->language, x->call->type, reply);
    sl_buf_reset(out);
    sl_relay_clock(relay);
    int r = x->call->is_stream ? stream_write(relay, &named)
                               : x->dialect->language->write_reply(x->call, &named, x->env, out);
    r = r < 0 ? r : sl_buf_status(out);
    if (r == SL_E_INVAL) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                               SL_STR("a tool call in the upstream's reply has arguments that are no JSON object"));
    }
    if (r < 0) {
        return sl_relay_refuse(relay, SL_E_NOMEM);
    }
    sl_keep_answer(x, sl_buf_str(out));
    if (!x->call->is_stream) {
        if (relay->bond) {
            sl_bond_see(relay->bond, sl_buf_str(out), false);
        }
        sl_xchg_reply(x, 200, SL_STR("application/json"), sl_buf_str(out));
        return SL_VERDICT(TOLD);
    }
    struct sl_verdict verdict = relay->is_head_sent ? SL_VERDICT(ON) : sl_relay_stream_head_send(relay);
    if (verdict.kind == SL_VERDICT_ON) {
        sl_relay_send(relay, sl_buf_str(out));
        sl_hreq_flush(x->req); /* the next exchange uses this text after this turn */
        verdict = SL_VERDICT(DONE);
    }
    return verdict;
}

#define NO_REPLY   "the upstream answered 200 with something else than a reply"
#define UNREADABLE "The upstream's reply could not be read"
#define NO_BODY    "the upstream answered 200 with an empty body"

/* The title or the first words of a page for people. */
static struct sl_str page_text(struct sl_relay *relay, struct sl_str body)
{
    struct sl_errbody said;
    sl_errbody_read(body, relay->x->arena, &said);
    return said.message.n ? sl_arena_printf(relay->x->arena, NO_REPLY ": %.*s", SL_STR_ARG(said.message))
                          : SL_STR(NO_BODY);
}

/* The message for a reply that is not JSON, as its content-type says: mostly a proxy's page. The words are MLflow's. */
static struct sl_str type_text(struct sl_relay *relay, struct sl_str type)
{
    type = type.n ? sl_str_sub(type, 0, 256) : SL_STR("None");
    return sl_arena_printf(
        relay->x->arena, "The returned data type from the route service is not supported. Received content type: %.*s",
        SL_STR_ARG(type));
}

struct sl_verdict sl_relay_no_answer_tell(struct sl_relay *relay, const struct sl_reply_judgement *judgement)
{
    struct sl_xchg *x = relay->x;
    hold_mask(relay);
    struct sl_str body = sl_buf_str(&relay->hold);
    if (judgement->is_error) {
        struct sl_llm_error error = { 0 };
        relay->language->read_error(judgement->error_status, &relay->headers, body, x->arena, &error);
        error.type = judgement->error_type;
        error.upstream_status = judgement->error_status;
        said_note(relay, &error);
        return sl_relay_error_tell(relay, &error);
    }
    struct sl_str type = sl_headers_get(&relay->headers, "content-type");
    bool is_json_said = sl_str_find(type, SL_STR("json"), 0) >= 0 || !type.n;
    struct sl_llm_error error = {
        .type = SL_ERR_PROVIDER_BAD_RESPONSE,
        .message = judgement->is_object ? SL_STR("the upstream answered 200 with an object that is no reply")
                   : is_json_said || sl_relay_is_same_language(relay) ? page_text(relay, body)
                                                                      : type_text(relay, type),
    };
    if (judgement->is_object) {
        error.code = SL_STR(SL_CODE_UNEXPECTED);
    }
    x->record.error_text = judgement->is_object ? error.message : body.n ? SL_STR(NO_REPLY) : SL_STR(NO_BODY);
    return sl_relay_error_tell(relay, &error);
}

/* `r`: SL_E_TRUNCATED: the reply has the right shape, but no answer. */
static struct sl_verdict unreadable(struct sl_relay *relay, int r, const char *why)
{
    bool is_other_shape = r != SL_E_TRUNCATED && sl_json_parse(relay->x->desk->doc, sl_buf_str(&relay->hold)) == 0;
    struct sl_llm_error error = {
        .type = SL_ERR_PROVIDER_BAD_RESPONSE,
        .message = sl_arena_printf(relay->x->arena, UNREADABLE ": %s", why),
        .code = is_other_shape ? SL_STR(SL_CODE_UNEXPECTED) : SL_STR_NONE,
    };
    relay->x->record.error_text = SL_STR(UNREADABLE);
    return sl_relay_error_tell(relay, &error);
}

static struct sl_verdict reply_end(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    struct sl_str body = sl_buf_str(&relay->hold);
    struct sl_reply_judgement judgement = { .is_object = true, .has_answer = true };
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct sl_err err = { 0 };
    int r = relay->language->read_reply(x->call, x->env, body, x->arena, &reply, &err);
    if (r == SL_E_NOMEM) {
        return sl_relay_refuse(relay, r);
    }
    bool is_answer = r == 0 && (reply.n_choices || reply.n_embeddings);
    if (!is_answer && relay->language->judge_reply) { /* an answer needs no second reading */
        relay->language->judge_reply(body, x->call->type, x->desk->doc, &judgement);
    }
    if (judgement.is_error && !judgement.has_answer) {
        return sl_relay_no_answer_tell(relay, &judgement);
    }
    if (r < 0 && !judgement.is_object && (!body.n || (body.p[0] != '{' && body.p[0] != '['))) {
        return sl_relay_no_answer_tell(relay, &judgement);
    }
    if (r < 0) {
        return unreadable(relay, r, err.text);
    }
    x->record.usage = reply.usage;
    sl_relay_cost_show(x, &reply.usage);
    r = x->call->is_wrapped ? sl_unwrap_reply(&reply, x->arena) : 0;
    return r < 0 ? sl_relay_refuse(relay, r) : sl_relay_reply_tell(relay, &reply);
}

/* --- COLLECT_ERROR --- */

/* True: the client may get this error unchanged. Not a redirect, which would send the client's key elsewhere; and not a
 * refused credential or an empty account, which is not the client's fault. */
static bool may_pass(const struct sl_relay *relay, enum sl_error_type type)
{
    bool is_operators = type == SL_ERR_PROVIDER_AUTH_FAILED || type == SL_ERR_PROVIDER_BILLING;
    return sl_relay_is_same_language(relay) && !is_operators && relay->x->record.upstream_status >= 400;
}

/* True: the body is an error in this language. A page is useless to a program, and clients look for the error only at
 * its place in their language. */
static bool is_error_of(const struct sl_language *language, struct sl_json *doc, struct sl_str body)
{
    if (sl_json_parse(doc, body) < 0 || !sl_json_is(sl_json_root(doc), SL_JSON_OBJECT)) {
        return false;
    }
    return !language->error_member || sl_json_is_present(sl_json_get(sl_json_root(doc), language->error_member));
}

static struct sl_str redirect_text(struct sl_xchg *x)
{
    return sl_arena_printf(x->arena,
                           "the upstream answered with a redirect (%d), which is not followed: check "
                           "the provider's base URL",
                           x->record.upstream_status);
}

#define NO_SUCH_PATH "the upstream has nothing at this path (404): "
#define NO_VERSION   NO_SUCH_PATH "the provider's base URL may lack its version, as in /v1"
#define WRONG_NAME   NO_SUCH_PATH "check the provider's base URL, and the names in it"

/* Makes the error for a 404 of a server that is no API, or of a wrong path: its own text does not help to find the
 * mistake. */
static void path_404_tell(struct sl_relay *relay, struct sl_llm_error *error, bool is_json)
{
    struct sl_arena *arena = relay->x->arena;
    struct sl_str path = relay->request->target, rest = path;
    SL_IGNORE(!sl_str_next(&rest, '?', &path)); /* a query may hold a key */
    struct sl_str hint = sl_errbody_lacks_version(path) ? SL_STR(NO_VERSION) : SL_STR(WRONG_NAME);
    struct sl_str said = error->message;
    struct sl_str told = said.n ? sl_arena_printf(arena, "%.*s: %.*s", SL_STR_ARG(said), SL_STR_ARG(hint)) : hint;
    struct sl_str logged = sl_arena_printf(arena, "%.*s; it was asked for %.*s", SL_STR_ARG(hint),
                                           SL_STR_ARG(sl_mask_text(&relay->secrets, path, arena)));
    error->message = told.p ? told : hint;
    /* in MLflow's other form */
    bool is_text = !is_json && sl_str_find(error->upstream_content_type, SL_STR("text/plain"), 0) >= 0;
    error->upstream_body = is_text ? error->message : SL_STR_NONE;
    error->upstream_content_type = is_text ? error->upstream_content_type : SL_STR_NONE;
    relay->x->record.error_text = logged.p ? logged : hint;
}

struct sl_verdict sl_relay_error_tell(struct sl_relay *relay, struct sl_llm_error *error)
{
    struct sl_xchg *x = relay->x;
    sl_relay_error_mask(relay, error); /* it comes from a reply that looked like a success */
    x->record.error_type = error->type;
    x->record.upstream_code = is_code(error->code) ? sl_arena_dup(x->arena, error->code) : SL_STR_NONE;
    if (relay->is_head_sent) { /* the stream began already: the error is its end */
        return sl_relay_stream_fail(relay, error);
    }
    sl_relay_usage_save(relay);
    if (sl_relay_moves(relay, error)) {
        return (struct sl_verdict){ .kind = SL_VERDICT_AGAIN, .why = error->type };
    }
    if (x->record.upstream_status >= 300 && x->record.upstream_status < 400) {
        error->message = x->record.error_text = redirect_text(x);
        error->upstream_status = 0;
    }
    struct sl_str wait = sl_headers_get(&relay->headers, "retry-after");
    if (wait.n && error->retry_after_sec == 0) {
        /* If it cannot be read, the client gets no wait. */
        SL_IGNORE(sl_parse_retry_after(wait, (int64_t)(x->env->wall_usec / 1000000), &error->retry_after_sec) < 0);
    }
    sl_xchg_fail(x, error);
    return SL_VERDICT(TOLD);
}

static struct sl_verdict error_end(struct sl_relay *relay)
{
    bool is_cut = relay->hold.len == ERROR_MAX;
    struct sl_xchg *x = relay->x;
    const struct sl_provider *provider = relay->target->provider;
    int status = x->record.upstream_status;
    hold_mask(relay);
    struct sl_str body = sl_buf_str(&relay->hold);
    if (relay->pass.is_asked && provider->refused_usage && provider->refused_usage(status, body)) {
        return (struct sl_verdict){ SL_VERDICT_AGAIN, SL_ERR_PROVIDER_REJECTED, 0, true };
    }
    struct sl_llm_error error = { 0 };
    sl_relay_usage_save(relay);
    relay->language->read_error(status, &relay->headers, body, x->arena, &error);
    x->record.error_type = error.type;
    said_note(relay, &error);
    /* The body may have a status of its own. */
    error.upstream_status = error.upstream_status ? error.upstream_status : status;
    error.upstream_body = body;
    bool is_json = sl_json_parse(x->desk->doc, body) == 0; /* Gemini's is an array */
    bool is_path = status == 404 && (!is_json || sl_errbody_is_no_path(error.message));
    if (is_path) {
        path_404_tell(relay, &error, is_json);
    }
    if (is_cut || is_path || !may_pass(relay, error.type) ||
        !is_error_of(sl_dialect_errors(x->dialect), x->desk->doc, body)) {
        return sl_relay_error_tell(relay, &error);
    }
    struct sl_str said = error.message;
    if (sl_relay_moves(relay, &error)) {
        return (struct sl_verdict){ .kind = SL_VERDICT_AGAIN, .why = error.type };
    }
    if (error.message.p != said.p) { /* the message has more than the upstream's text */
        return sl_relay_error_tell(relay, &error);
    }
    struct sl_verdict verdict = sl_relay_head_send(relay, status, (int64_t)body.n);
    if (verdict.kind == SL_VERDICT_ON) {
        sl_relay_send(relay, body);
        verdict = SL_VERDICT(DONE);
    }
    return verdict;
}

/* --- both modes --- */

struct sl_verdict sl_relay_collect_push(struct sl_relay *relay, struct sl_str bytes)
{
    if (relay->mode == SL_RELAY_COLLECT_ERROR && bytes.n > ERROR_MAX - relay->hold.len) {
        sl_buf_add_str(&relay->hold, sl_str_sub(bytes, 0, ERROR_MAX - relay->hold.len));
        return error_end(relay); /* the rest is not needed */
    }
    int r = hold_push(relay, bytes);
    return r < 0 ? sl_relay_refuse(relay, r) : SL_VERDICT(ON);
}

struct sl_verdict sl_relay_collect_end(struct sl_relay *relay)
{
    return relay->mode == SL_RELAY_COLLECT_ERROR ? error_end(relay) : reply_end(relay);
}
