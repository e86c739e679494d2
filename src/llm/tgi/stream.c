/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the streams of text-generation-inference. Each event has one token. The event that has `generated_text` is the
 * last one. */
#include "llm/core/errbody.h"
#include "llm/core/reading.h"
#include "llm/tgi/tgi.h"

struct frame {
    struct sl_tgi_stream *st;
    struct sl_reading in;
};

static void piece(struct frame *f, struct sl_str text)
{
    if (text.n == 0) {
        return;
    }
    if (!f->st->has_text) {
        f->st->has_text = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_START, .block_kind = SL_BLOCK_TEXT });
    }
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK, .block_kind = SL_BLOCK_TEXT, .text = text });
}

static void token_push(struct frame *f, struct sl_json_val token)
{
    if (!f->st->has_start) {
        f->st->has_start = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_START, .created = -1 });
    }
    if (!sl_json_is(sl_json_get(token, "special"), SL_JSON_TRUE)) {
        piece(f, sl_reading_half(&f->in, &f->st->half, sl_json_get(token, "text")));
    }
}

static void end_push(struct frame *f, const struct sl_call *call, struct sl_json_val details)
{
    struct sl_str word = sl_reading_text(&f->in, sl_json_get(details, "finish_reason"));
    struct sl_delta usage = { .kind = SL_DELTA_USAGE, .usage = SL_USAGE_NONE };
    struct sl_delta finish = { .kind = SL_DELTA_FINISH, .finish_text = word };
    f->st->is_done = true;
    piece(f, sl_half_end(&f->st->half));
    if (f->st->has_text) {
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_STOP, .block_kind = SL_BLOCK_TEXT });
    }
    usage.usage.input = sl_count_get(details, "input_length");
    usage.usage.output = sl_count_get(details, "generated_tokens");
    if (usage.usage.input >= 0 || usage.usage.output >= 0) {
        sl_reading_push(&f->in, &usage);
    }
    finish.finish = word.n ? sl_tgi_finish(call, word) : SL_FINISH_STOP;
    sl_reading_push(&f->in, &finish);
}

static void error_push(struct frame *f, struct sl_str data)
{
    struct sl_errbody said;
    sl_errbody_read(data, f->in.arena, &said);
    struct sl_llm_error error = sl_errbody_event(&said);
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

int sl_tgi_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err)
{
    struct frame f = { state, SL_READING_STREAM(sink, err) };
    if (sl_tgi_is_over(state) || sl_str_eq_c(frame->data, "[DONE]")) {
        return 0; /* what comes after the end is ignored */
    }
    struct sl_json_val root;
    if (sl_reading_event(&f.in, frame->data, &root) < 0) {
        return f.in.status;
    }
    struct sl_json_val token = sl_json_get(root, "token");
    if (sl_json_is_nothing(token) &&
        (!sl_json_is_nothing(sl_json_get(root, "error")) || sl_json_is(sl_json_get(root, "message"), SL_JSON_STRING))) {
        error_push(&f, frame->data);
        return f.in.status;
    }
    token_push(&f, token);
    if (sl_json_is(sl_json_get(root, "generated_text"), SL_JSON_STRING)) {
        end_push(&f, call, sl_json_get(root, "details"));
    }
    return f.in.status;
}

bool sl_tgi_is_over(const void *state)
{
    const struct sl_tgi_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_tgi_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_tgi_is_over(state) ? 0 : sl_reading_cut(err);
}
