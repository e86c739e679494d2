/* SPDX-License-Identifier: Apache-2.0 */
/* The mode EVENTS: whole events are passed on unchanged, except those that the client must not see. An event without
 * its end (after the last blank line, or in Amazon's last frame) is held, however large it is: only a whole event shows
 * whether it is an error, and nobody can read half of one. It knows neither client nor upstream, only bytes. */
#ifndef SL_GATE_RELAY_EVENTS_H
#define SL_GATE_RELAY_EVENTS_H

#include "base/buf.h"
#include "llm/core/frame.h"
#include "wire/sse.h"

struct sl_json;

struct sl_events_sink {
    /* Returns what is sent for this event: the event, nothing (an empty text), or another text, which must live until
     * the flush. The event is whole and in one piece; the events come in order. */
    struct sl_str (*pass)(void *arg, struct sl_str event);
    /* Sends bytes, which live until the flush. */
    void (*send)(void *arg, struct sl_str bytes);
    void (*flush)(void *arg);
};

struct sl_relay_events {
    const struct sl_events_sink *sink;
    void *arg;
    bool is_frames; /* Amazon's frames, not lines of text */
    struct sl_sse_split split;
    size_t frame;       /* the length of the incomplete frame; 0: not known yet */
    struct sl_buf hold; /* an incomplete event */
    bool is_lf_due;     /* the next LF belongs to an event that was not passed on */
};

/* An event has at most `max` bytes. */
void sl_relay_events_init(struct sl_relay_events *events, enum sl_framing framing, size_t max,
                          const struct sl_events_sink *sink, void *arg);
void sl_relay_events_done(struct sl_relay_events *events);
/* SL_E_LIMIT: an event is too large. SL_E_INVAL: a frame is damaged. SL_E_NOMEM. After an error nothing more may be
 * pushed. */
SL_MUST int sl_relay_events_push(struct sl_relay_events *events, struct sl_str bytes);
/* The body ended: passes the rest to `pass`, and *ret_tail is what must be sent of it; "": nothing. SL_E_TRUNCATED: an
 * event is cut. `doc` is for parsing. */
SL_MUST int sl_relay_events_end(struct sl_relay_events *events, struct sl_json *doc, struct sl_str *ret_tail);
#endif
