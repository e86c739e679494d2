/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of texts: an event a token; the one with `generated_text` is the last. */
#include "llm/core/errbody.h"
#include "llm/tgi/tgi.h"

struct frame {
    struct sl_tgi_stream *st;
    struct sl_delta_sink *sink;
    int status; /* sticky */
};

static void push(struct frame *f, const struct sl_delta *delta)
{
    if (f->status == 0) {
        f->status = f->sink->push(f->sink->arg, delta);
    }
}

static void piece(struct frame *f, struct sl_str text)
{
    if (text.n == 0) {
        return;
    }
    if (!f->st->has_text) {
        f->st->has_text = true;
        push(f, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_START, .block_kind = SL_BLOCK_TEXT });
    }
    push(f, &(struct sl_delta){ .kind = SL_DELTA_BLOCK, .block_kind = SL_BLOCK_TEXT, .text = text });
}

static void token_push(struct frame *f, struct sl_json_val token)
{
    struct sl_str text = SL_STR_NONE;
    struct sl_json_val v = sl_json_get(token, "text");
    if (!f->st->has_start) {
        f->st->has_start = true;
        push(f, &(struct sl_delta){ .kind = SL_DELTA_START, .created = -1 });
    }
    if (f->status == 0 && sl_json_is(v, SL_JSON_STRING) && !sl_json_is(sl_json_get(token, "special"), SL_JSON_TRUE)) {
        f->status = sl_half_text(&f->st->half, v, f->sink->arena, &text);
        piece(f, text);
    }
}

static int64_t count_of(struct sl_json_val details, const char *key)
{
    int64_t n;
    return sl_json_int(sl_json_get(details, key), true, &n) == 0 && n >= 0 && n <= SL_USAGE_COUNT_MAX ? n : -1;
}

static void end_push(struct frame *f, const struct sl_call *call, struct sl_json_val details)
{
    struct sl_str word = SL_STR_NONE;
    struct sl_usage usage = SL_USAGE_NONE;
    struct sl_json_val reason = sl_json_get(details, "finish_reason");
    f->st->is_done = true;
    piece(f, sl_half_end(&f->st->half));
    if (f->st->has_text) {
        push(f, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_STOP, .block_kind = SL_BLOCK_TEXT });
    }
    if (f->status == 0 && sl_json_is(reason, SL_JSON_STRING)) {
        f->status = sl_json_text(reason, f->sink->arena, &word);
    }
    usage.input = count_of(details, "input_length");
    usage.output = count_of(details, "generated_tokens");
    if (usage.input >= 0 || usage.output >= 0) {
        push(f, &(struct sl_delta){ .kind = SL_DELTA_USAGE, .usage = usage });
    }
    enum sl_finish finish = word.n ? sl_tgi_finish(call, word) : SL_FINISH_STOP;
    push(f, &(struct sl_delta){ .kind = SL_DELTA_FINISH, .finish = finish, .finish_text = word });
}

static void error_push(struct frame *f, struct sl_str data)
{
    struct sl_errbody said;
    sl_errbody_read(data, f->sink->arena, &said);
    int status = sl_error_status_of(said.type, said.code);
    struct sl_llm_error error = {
        .type = sl_errbody_type(status, &said),
        .upstream_status = status,
        .code = said.type,
        .message = said.message.n ? said.message : SL_STR("the upstream reported an error"),
    };
    f->st->has_error = true;
    push(f, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

int sl_tgi_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err)
{
    struct frame f = { state, sink, 0 };
    if (sl_tgi_is_over(state) || sl_str_eq_c(frame->data, "[DONE]")) {
        return 0; /* nothing counts behind the end */
    }
    int r = sl_json_parse_at(sink->doc, frame->data, 0);
    if (r < 0) {
        return sl_fail(err, r, "an event is not JSON: %s at offset %zu", sl_json_fault_text(sink->doc->fault),
                       sink->doc->fault_offset);
    }
    struct sl_json_val root = sl_json_root(sink->doc), token = sl_json_get(root, "token");
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "an event is not a JSON object");
    }
    if (!sl_json_is_present(token) &&
        (!sl_json_is_nothing(sl_json_get(root, "error")) || sl_json_is(sl_json_get(root, "message"), SL_JSON_STRING))) {
        error_push(&f, frame->data);
        return f.status;
    }
    token_push(&f, token);
    if (sl_json_is(sl_json_get(root, "generated_text"), SL_JSON_STRING)) {
        end_push(&f, call, sl_json_get(root, "details"));
    }
    return f.status;
}

bool sl_tgi_is_over(const void *state)
{
    const struct sl_tgi_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_tgi_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_tgi_is_over(state) ? 0 : sl_fail(err, SL_E_TRUNCATED, "the upstream ended the stream before its end");
}
