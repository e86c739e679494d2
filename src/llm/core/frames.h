/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream's stream cut into frames, whatever its framing: bytes in at any split, whole frames out. */
#ifndef SL_LLM_FRAMES_H
#define SL_LLM_FRAMES_H

#include "llm/core/llm.h"
#include "wire/aws_event.h"
#include "wire/sse.h"

/* Non-zero stops the cutter, which returns it. Texts are valid during the call. */
typedef int (*sl_frame_fn)(void *arg, const struct sl_frame *frame);

struct sl_frames {
    enum sl_framing framing;
    sl_frame_fn on_frame;
    int (*on_alive)(void *arg); /* a sign of life between frames; may be NULL, the owner's to set after init */
    void *arg;
    struct sl_sse_decoder sse;
    struct sl_aws_decoder aws;
    struct sl_buf line; /* NDJSON: one that is not complete */
};

/* What a body is, by its first bytes: servers and proxies label streams as JSON and pages as streams. */
enum sl_sniffed {
    SL_SNIFFED_TOO_FEW, /* not to be told yet */
    SL_SNIFFED_STREAM,
    SL_SNIFFED_WHOLE, /* anything else */
};
/* `bytes`: all of the body so far. */
enum sl_sniffed sl_frames_sniff(enum sl_framing framing, struct sl_str bytes);

/* Does this content type say that a stream of that framing follows? */
bool sl_frames_is_stream(enum sl_framing framing, struct sl_str content_type);

/* A frame of more than `max_frame` bytes is SL_E_LIMIT. */
void sl_frames_init(struct sl_frames *frames, enum sl_framing framing, size_t max_frame, sl_frame_fn on_frame,
                    void *arg);
void sl_frames_done(struct sl_frames *frames);
/* Bytes of memory that a frame that is not complete takes. */
size_t sl_frames_held(const struct sl_frames *frames);
/* 0, SL_E_INVAL (broken framing), SL_E_LIMIT, SL_E_NOMEM, or what the callback returned. */
SL_MUST int sl_frames_push(struct sl_frames *frames, struct sl_str bytes);
/* The body ended. SL_E_TRUNCATED: inside a frame that cannot do without its rest. */
SL_MUST int sl_frames_finish(struct sl_frames *frames);

#endif
