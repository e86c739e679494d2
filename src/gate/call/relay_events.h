/* SPDX-License-Identifier: Apache-2.0 */
/* EVENTS: whole events pass untouched, those that the client is not to see taken out. What has no end yet (behind the
 * last blank line, or of Amazon's last frame) waits for it, however large: only a whole event tells whether it is an
 * error, and nobody can read half of one. Knows neither client nor upstream: bytes in, bytes out. */
#ifndef SL_GATE_RELAY_EVENTS_H
#define SL_GATE_RELAY_EVENTS_H

#include "base/buf.h"
#include "llm/core/frame.h"
#include "wire/sse.h"

struct sl_json;

struct sl_events_sink {
    /* What goes on of this event: all of it, nothing (an empty text), or another in its place, which lives until the
     * flush. One whole event, contiguous; it is asked for each in order. */
    struct sl_str (*pass)(void *arg, struct sl_str event);
    /* Bytes that go on; they live until the flush. */
    void (*send)(void *arg, struct sl_str bytes);
    void (*flush)(void *arg);
};

struct sl_relay_events {
    const struct sl_events_sink *sink;
    void *arg;
    bool is_frames; /* Amazon's, not lines of text */
    struct sl_sse_split split;
    size_t frame;       /* all bytes of the frame that is not complete; 0: not known yet */
    struct sl_buf hold; /* an incomplete event */
    bool is_lf_due;     /* the next LF belongs to an event that was not passed on */
};

/* An event is at most `max` bytes. */
void sl_relay_events_init(struct sl_relay_events *events, enum sl_framing framing, size_t max,
                          const struct sl_events_sink *sink, void *arg);
void sl_relay_events_done(struct sl_relay_events *events);
/* SL_E_LIMIT: an event is too large. SL_E_INVAL: a frame is not sound. SL_E_NOMEM. Behind any nothing more may be
 * pushed. */
SL_MUST int sl_relay_events_push(struct sl_relay_events *events, struct sl_str bytes);
/* The body ended: what waits is shown to `pass`, and *ret_tail is what goes on of it; "" where there is none.
 * SL_E_TRUNCATED: an event is cut. `doc` to read with. */
SL_MUST int sl_relay_events_end(struct sl_relay_events *events, struct sl_json *doc, struct sl_str *ret_tail);
#endif
