/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts an upstream's stream into frames, in any framing: bytes go in, split anywhere; whole frames come out. */
#ifndef SL_LLM_FRAMES_H
#define SL_LLM_FRAMES_H

#include "llm/core/llm.h"
#include "wire/aws_event.h"
#include "wire/sse.h"

/* A non-zero result stops the cutter, which returns it. Texts are valid during the call. */
typedef int (*sl_frame_fn)(void *arg, const struct sl_frame *frame);

struct sl_frames {
    enum sl_framing framing;
    sl_frame_fn on_frame;
    int (*on_alive)(void *arg); /* called for a heartbeat between frames; may be NULL; the owner sets it after init */
    void *arg;
    struct sl_sse_decoder sse;
    struct sl_aws_decoder aws;
    struct sl_buf line; /* NDJSON: an incomplete line */
};

/* What a body is, by its first bytes: some servers and proxies label streams as JSON, and pages as streams. */
enum sl_sniffed {
    SL_SNIFFED_TOO_FEW, /* more bytes are needed */
    SL_SNIFFED_STREAM,
    SL_SNIFFED_WHOLE, /* anything else */
};
/* `bytes`: the whole body so far. */
enum sl_sniffed sl_frames_sniff(enum sl_framing framing, struct sl_str bytes);

/* True: this content type announces a stream of that framing. */
bool sl_frames_is_stream(enum sl_framing framing, struct sl_str content_type);

/* A frame of more than `max_frame` bytes is SL_E_LIMIT. */
void sl_frames_init(struct sl_frames *frames, enum sl_framing framing, size_t max_frame, sl_frame_fn on_frame,
                    void *arg);
void sl_frames_done(struct sl_frames *frames);
/* How many bytes of memory an incomplete frame takes. */
size_t sl_frames_held(const struct sl_frames *frames);
/* 0, SL_E_INVAL (broken framing), SL_E_LIMIT, SL_E_NOMEM, or what the callback returned. */
SL_MUST int sl_frames_push(struct sl_frames *frames, struct sl_str bytes);
/* The body ended. SL_E_TRUNCATED: it ended inside a frame that needs its rest. */
SL_MUST int sl_frames_finish(struct sl_frames *frames);

#endif
