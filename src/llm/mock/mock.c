/* SPDX-License-Identifier: Apache-2.0 */
/* Provider mock: answers here, without network or key, with the bytes that an OpenAI upstream would send. The same
 * request gets the same reply (except `created`, the time). One rule counts tokens: a text has one for every four bytes
 * of its UTF-8, rounded up.
 *
 * The caller chooses how large a reply is, so large parts are made in steps of a bounded length, straight into the
 * bytes that leave. For a whole reply a frame is made first, with a mark for each text or embedding. */
#include <inttypes.h>
#include <stdio.h>

#include "llm/core/local.h"
#include "llm/core/request.h"
#include "llm/mock/answer.h"
#include "llm/mock/embed.h"
#include "llm/mock/read.h"
#include "llm/mock/stream.h"
#include "llm/mock/whole.h"
#include "llm/openai/openai.h"

static int replies_make(struct sl_mock_state *st, const struct sl_target *target, struct sl_json *doc,
                        struct sl_arena *arena, int *ret_status)
{
    struct sl_mock_refusal refusal = { 0 };
    int r = sl_mock_read(st, target, arena, doc, &refusal);
    if (r == SL_E_INVAL && refusal.message.p) {
        *ret_status = 400;
        return sl_mock_error_make(st, arena, SL_STR("invalid_request_error"), &refusal);
    }
    if (r < 0) {
        return r;
    }
    struct sl_mock_reader rd = { .arena = arena, .root = sl_json_root(doc) };
    rd.status = sl_mock_check(st->call.type, rd.root, arena, &rd.refusal);
    if (rd.status == 0 && st->call.type == SL_LLM_EMBEDDINGS) {
        sl_mock_embeddings_make(&rd, st);
    } else if (rd.status == 0) {
        sl_mock_answers_make(&rd, st);
    }
    if (rd.status == SL_E_INVAL && rd.refusal.message.p) {
        *ret_status = 400;
        return sl_mock_error_make(st, arena, SL_STR("invalid_request_error"), &rd.refusal);
    }
    return rd.status < 0 || st->call.is_stream ? rd.status : sl_mock_frame_make(st, arena);
}

static int mock_start(void *state, const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      struct sl_arena *arena, struct sl_local_head *ret_head)
{
    struct sl_mock_state *st = state;
    st->call = *call;
    st->env = *env;
    st->conf = target->conf;
    st->model = target->model.n ? target->model : SL_STR("mock");
    /* Like an upstream that was asked for usage; the relay asks when the client did not say. */
    st->call.wants_usage = call->wants_usage || !call->has_stream_options;
    int n = snprintf(st->id, sizeof(st->id), "%s-mock%016" PRIx64, call->type == SL_LLM_CHAT ? "chatcmpl" : "cmpl",
                     sl_mock_hash(call->body, 1));
    st->id_str = sl_str_make(st->id, (size_t)n);

    struct sl_local_head head = { .delay_usec = st->conf->latency_usec, .status = 200 };
    int r = 0;
    if (st->conf->error.status) {
        head.status = (int)st->conf->error.status;
        r = sl_mock_error_told(st, arena);
    } else {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        r = replies_make(st, target, &doc, arena, &head.status);
        sl_json_done(&doc);
    }
    if (r == 0) {
        struct sl_str type = st->call.is_stream ? SL_STR("text/event-stream; charset=utf-8")
                                                : SL_STR("application/json");
        r = sl_headers_add(&head.headers, arena, SL_STR("content-type"), type);
    }
    if (r == 0) {
        *ret_head = head;
    }
    return r;
}

static int mock_step(void *state, struct sl_buf *out, struct sl_local_step *ret_step)
{
    struct sl_mock_state *st = state;
    struct sl_local_step step = { 0 };
    int r = 0;
    if (st->call.is_stream) {
        r = sl_mock_stream_step(st, out, &step);
    } else {
        sl_mock_whole_step(st, out, &step);
    }
    r = r < 0 ? r : sl_buf_status(out);
    if (r == 0) {
        *ret_step = step;
    }
    return r;
}

static int mock_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                      struct sl_llm_error *ret_error)
{
    (void)target, (void)env, (void)ask_usage, (void)arena, (void)ret_req;
    return sl_unsupported(call, ret_error, SL_STR("The provider mock answers by itself and has no upstream."));
}

static const struct sl_local mock_local = { sizeof(struct sl_mock_state), mock_start, mock_step };

extern const struct sl_provider sl_provider_mock;
const struct sl_provider sl_provider_mock = {
    .name = "mock",
    .label = "Mock",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai },
    .stream_usage = SL_USAGE_ASK,
    .opts = sl_mock_opts,
    .conf_size = sizeof(struct sl_mock_conf),
    .prepare = sl_mock_prepare,
    .build = mock_build,
    .local = &mock_local,
};
