/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/frames.h"

bool sl_frames_is_stream(enum sl_framing framing, struct sl_str content_type)
{
    static const struct {
        enum sl_framing framing;
        struct sl_str type;
    } types[] = {
        { SL_FRAMING_SSE, SL_STR_INIT("text/event-stream") },
        { SL_FRAMING_NDJSON, SL_STR_INIT("application/x-ndjson") },
        { SL_FRAMING_NDJSON, SL_STR_INIT("application/stream+json") },
        { SL_FRAMING_AWS, SL_STR_INIT("application/vnd.amazon.eventstream") },
        { SL_FRAMING_AWS_SSE, SL_STR_INIT("application/vnd.amazon.eventstream") },
    };
    ptrdiff_t semi = sl_str_find_char(content_type, ';', 0);
    struct sl_str type = sl_str_trim(semi < 0 ? content_type : sl_str_sub(content_type, 0, (size_t)semi));
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        if (types[i].framing == framing && sl_str_case_eq(type, types[i].type)) {
            return true;
        }
    }
    return false;
}

/* For an event stream: its first line that is not empty begins with a field's name or a comment. */
enum sl_sniffed sl_frames_sniff(enum sl_framing framing, struct sl_str bytes)
{
    static const struct sl_str begins[] = {
        SL_STR_INIT(":"), SL_STR_INIT("data:"), SL_STR_INIT("event:"), SL_STR_INIT("id:"), SL_STR_INIT("retry:"),
    };
    static const struct sl_str bom = SL_STR_INIT("\xef\xbb\xbf");
    if (framing != SL_FRAMING_SSE) {
        return SL_SNIFFED_WHOLE;
    }
    if (sl_str_has_prefix(bytes, bom)) {
        bytes = sl_str_sub(bytes, bom.n, bytes.n);
    } else if (sl_str_has_prefix(bom, bytes)) {
        return SL_SNIFFED_TOO_FEW;
    }
    while (bytes.n && sl_char_is_blank(bytes.p[0])) {
        bytes = sl_str_sub(bytes, 1, bytes.n);
    }
    bool may_be = bytes.n == 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        if (sl_str_has_prefix(bytes, begins[i])) {
            return SL_SNIFFED_STREAM;
        }
        may_be |= sl_str_has_prefix(begins[i], bytes);
    }
    return may_be ? SL_SNIFFED_TOO_FEW : SL_SNIFFED_WHOLE;
}

static int on_sse_alive(void *arg)
{
    struct sl_frames *frames = arg;
    return frames->on_alive ? frames->on_alive(frames->arg) : 0;
}

static int on_sse(void *arg, const struct sl_sse_event *event)
{
    struct sl_frames *frames = arg;
    return frames->on_frame(frames->arg, &(struct sl_frame){ .name = event->name, .data = event->data });
}

static int on_aws(void *arg, const struct sl_aws_event *event)
{
    struct sl_frames *frames = arg;
    if (frames->framing == SL_FRAMING_AWS_SSE && sl_str_eq_c(event->message_type, "event")) {
        return sl_sse_push(&frames->sse, event->payload);
    }
    struct sl_frame frame = { event->type, event->error.p ? event->error : event->payload, event->message_type };
    return frames->on_frame(frames->arg, &frame);
}

void sl_frames_init(struct sl_frames *frames, enum sl_framing framing, size_t max_frame, sl_frame_fn on_frame,
                    void *arg)
{
    *frames = (struct sl_frames){ .framing = framing, .on_frame = on_frame, .arg = arg };
    sl_sse_decoder_init(&frames->sse, max_frame, on_sse, frames);
    frames->sse.on_alive = on_sse_alive;
    sl_aws_decoder_init(&frames->aws, on_aws, frames);
    sl_buf_init(&frames->line, max_frame);
}

void sl_frames_done(struct sl_frames *frames)
{
    sl_sse_decoder_done(&frames->sse);
    sl_aws_decoder_done(&frames->aws);
    sl_buf_done(&frames->line);
}

size_t sl_frames_held(const struct sl_frames *frames)
{
    return sl_sse_held(&frames->sse) + frames->aws.frame.cap + frames->line.cap;
}

/* Between frames, at most this much memory is kept. */
#define KEPT 65536

static int line_give(struct sl_frames *frames, struct sl_str line)
{
    if (line.n && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    line = sl_str_trim(line);
    return line.n ? frames->on_frame(frames->arg, &(struct sl_frame){ .name = SL_STR(""), .data = line }) : 0;
}

static int lines_push(struct sl_frames *frames, struct sl_str bytes)
{
    ptrdiff_t at;
    int r = 0;
    while (r == 0 && (at = sl_str_find_char(bytes, '\n', 0)) >= 0) {
        struct sl_str line = sl_str_sub(bytes, 0, (size_t)at);
        if (frames->line.len) {
            sl_buf_add_str(&frames->line, line);
            line = sl_buf_str(&frames->line);
        }
        r = sl_buf_status(&frames->line);
        r = r < 0 ? r : line_give(frames, line);
        sl_buf_shrink(&frames->line, KEPT);
        bytes = sl_str_sub(bytes, (size_t)at + 1, bytes.n);
    }
    sl_buf_add_str(&frames->line, r == 0 ? bytes : SL_STR_NONE);
    return r < 0 ? r : sl_buf_status(&frames->line);
}

int sl_frames_push(struct sl_frames *frames, struct sl_str bytes)
{
    switch (frames->framing) {
    case SL_FRAMING_SSE:
        return sl_sse_push(&frames->sse, bytes);
    case SL_FRAMING_NDJSON:
        return lines_push(frames, bytes);
    case SL_FRAMING_AWS:
    case SL_FRAMING_AWS_SSE:
        return sl_aws_push(&frames->aws, bytes);
    }
    return SL_E_INVAL;
}

int sl_frames_finish(struct sl_frames *frames)
{
    switch (frames->framing) {
    case SL_FRAMING_SSE:
        return sl_sse_finish(&frames->sse);
    case SL_FRAMING_NDJSON:
        return line_give(frames, sl_buf_str(&frames->line));
    case SL_FRAMING_AWS:
        return sl_aws_finish(&frames->aws);
    case SL_FRAMING_AWS_SSE: {
        int r = sl_aws_finish(&frames->aws);
        return r < 0 ? r : sl_sse_finish(&frames->sse);
    }
    }
    return SL_E_INVAL;
}
