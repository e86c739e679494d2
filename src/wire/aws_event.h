/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's event stream (application/vnd.amazon.eventstream): binary frames with checksums, headers and a payload.
 * Input may be split anywhere; a frame is reported only when both its checksums are right. */
#ifndef SL_WIRE_AWS_EVENT_H
#define SL_WIRE_AWS_EVENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Limits of the protocol. */
#define SL_AWS_HEADERS_MAX (128u << 10)
#define SL_AWS_PAYLOAD_MAX (24u << 20)

struct sl_aws_event {
    struct sl_str message_type; /* :message-type: event, exception or error */
    struct sl_str type;         /* :event-type, :exception-type or :error-code */
    struct sl_str error;        /* :error-message */
    struct sl_str headers;      /* raw */
    struct sl_str payload;
};

/* Non-zero stops the decoder; sl_aws_push returns it. Texts are valid during the call. */
typedef int (*sl_aws_fn)(void *arg, const struct sl_aws_event *event);

struct sl_aws_decoder {
    struct sl_buf frame; /* an incomplete one */
    sl_aws_fn on_event;
    void *arg;
};

void sl_aws_decoder_init(struct sl_aws_decoder *dec, sl_aws_fn on_event, void *arg);
void sl_aws_decoder_done(struct sl_aws_decoder *dec);
/* 0; SL_E_INVAL (a checksum, a length or a header is wrong: nothing after it can be trusted), SL_E_LIMIT, SL_E_NOMEM,
 * or the callback's result. */
SL_MUST int sl_aws_push(struct sl_aws_decoder *dec, struct sl_str bytes);
/* SL_E_TRUNCATED when the stream ended inside a frame. */
SL_MUST int sl_aws_finish(struct sl_aws_decoder *dec);

/* --- whole frames --- */

/* The length of the frame that begins here; 0: too few bytes to know it. SL_E_INVAL, SL_E_LIMIT. */
SL_MUST int sl_aws_frame_length(struct sl_str bytes, size_t *ret);
/* One whole frame; its texts are slices of it. SL_E_INVAL: a checksum or a header is wrong. */
SL_MUST int sl_aws_frame_read(struct sl_str frame, struct sl_aws_event *ret);
/* True: the checksums of a whole frame are right. */
bool sl_aws_frame_is_sound(struct sl_str frame);
/* Call this after the payload or a value of a whole frame was changed in place: makes its checksum again. */
void sl_aws_frame_seal(char *frame, size_t n);

/* Begins a frame at the end of `out`; until its end, only its payload, JSON, may be appended. Returns where it begins.
 * `message_type`: "event" or "exception"; `type`: its kind. */
size_t sl_aws_frame_begin(struct sl_buf *out, const char *message_type, const char *type);
/* Writes length and checksums. If the payload is too large, the buffer's status becomes SL_E_LIMIT. */
void sl_aws_frame_end(struct sl_buf *out, size_t at);

#endif
