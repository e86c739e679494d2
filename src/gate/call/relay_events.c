/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_events.h"

#include "json/json.h"
#include "wire/aws_event.h"

void sl_relay_events_init(struct sl_relay_events *events, enum sl_framing framing, size_t max,
                          const struct sl_events_sink *sink, void *arg)
{
    *events = (struct sl_relay_events){ .sink = sink, .arg = arg, .is_frames = framing == SL_FRAMING_AWS };
    sl_sse_split_init(&events->split);
    sl_buf_init(&events->hold, max);
}

void sl_relay_events_done(struct sl_relay_events *events)
{
    sl_buf_done(&events->hold);
}

#define PRELUDE 12 /* the head of a frame, which has its length */

/* Like sl_sse_split_push, but for frames; earlier bytes of the frame are in `hold`. */
static int frame_split(struct sl_relay_events *events, struct sl_str bytes, size_t *ret)
{
    size_t held = events->hold.len;
    *ret = 0;
    if (!events->frame && held + bytes.n >= PRELUDE) {
        char prelude[PRELUDE];
        size_t n = SL_MIN(held, (size_t)PRELUDE);
        memcpy(prelude, events->hold.len ? events->hold.p : "", n);
        memcpy(prelude + n, bytes.p, PRELUDE - n);
        int r = sl_aws_frame_length(sl_str_make(prelude, PRELUDE), &events->frame);
        r = r == 0 && events->frame > events->hold.max ? SL_E_LIMIT : r;
        if (r < 0) {
            return r;
        }
    }
    if (events->frame && held + bytes.n >= events->frame) {
        *ret = events->frame - held;
        events->frame = 0;
    }
    return 0;
}

/* How many bytes reach to the end of the event, which may have begun earlier; 0: its end is not there yet. */
static int event_split(struct sl_relay_events *events, struct sl_str bytes, size_t *ret)
{
    if (events->is_frames) {
        return frame_split(events, bytes, ret);
    }
    *ret = sl_sse_split_push(&events->split, bytes);
    return 0;
}

/* Passes one whole event on, in one piece. Returns what is sent in its place, mostly the event itself. */
static struct sl_str event_pass(struct sl_relay_events *events, struct sl_str event)
{
    if (events->is_lf_due) {
        events->is_lf_due = false;
        if (event.n == 1 && event.p[0] == '\n') {
            return SL_STR(""); /* the LF after the CR at the end of an event that was dropped or replaced */
        }
    }
    struct sl_str passed = events->sink->pass(events->arg, event);
    events->is_lf_due = !events->is_frames && passed.p != event.p && event.p[event.n - 1] == '\r';
    return passed;
}

static void send(struct sl_relay_events *events, struct sl_str bytes)
{
    if (bytes.n) {
        events->sink->send(events->arg, bytes);
    }
}

/* Events are mostly small. A larger buffer is freed, because the stream may be silent for an hour. */
#define HOLD_KEEP 4096

static void hold_empty(struct sl_relay_events *events)
{
    if (events->hold.cap > HOLD_KEEP) {
        sl_buf_done(&events->hold);
    } else {
        sl_buf_reset(&events->hold);
    }
}

/* False: the frame's checksum is wrong, so nothing after it can be trusted. */
static bool is_sound(const struct sl_relay_events *events, struct sl_str event)
{
    return !events->is_frames || sl_aws_frame_is_sound(event);
}

/* Takes the rest of an event that began in an earlier piece, and leaves the other bytes in *io_bytes. */
static int held_finish(struct sl_relay_events *events, struct sl_str *io_bytes)
{
    struct sl_str bytes = *io_bytes;
    size_t n;
    int r = event_split(events, bytes, &n);
    if (r < 0) {
        return r;
    }
    struct sl_str piece = sl_str_sub(bytes, 0, n ? n : bytes.n);
    *io_bytes = sl_str_sub(bytes, piece.n, bytes.n);
    sl_buf_add_str(&events->hold, piece);
    r = sl_buf_status(&events->hold);
    if (r == 0 && n && !is_sound(events, sl_buf_str(&events->hold))) {
        return SL_E_INVAL;
    }
    if (r == 0 && n) {
        struct sl_str passed = event_pass(events, sl_buf_str(&events->hold));
        if (passed.n) {
            send(events, passed);
            events->sink->flush(events->arg);
        }
        hold_empty(events);
    }
    return r;
}

int sl_relay_events_push(struct sl_relay_events *events, struct sl_str bytes)
{
    while (bytes.n && events->hold.len) {
        int r = held_finish(events, &bytes);
        if (r < 0) {
            return r;
        }
    }
    size_t run = 0; /* where the whole events begin that are sent together */
    size_t at = 0;
    while (at < bytes.n) {
        size_t n;
        int r = event_split(events, sl_str_sub(bytes, at, bytes.n), &n);
        struct sl_str event = sl_str_sub(bytes, at, at + n);
        if (r < 0 || (n && !is_sound(events, event))) {
            send(events, sl_str_sub(bytes, run, at)); /* what came before it is right */
            events->sink->flush(events->arg);
            return r < 0 ? r : SL_E_INVAL;
        }
        if (n == 0) {
            break;
        }
        struct sl_str passed = event_pass(events, event);
        if (passed.p != event.p) {
            send(events, sl_str_sub(bytes, run, at));
            if (passed.n) {
                send(events, passed);
                events->sink->flush(events->arg);
            }
            run = at + n;
        }
        at += n;
    }
    send(events, sl_str_sub(bytes, run, at));
    sl_buf_add_str(&events->hold, sl_str_sub(bytes, at, bytes.n)); /* its end is not there yet */
    return sl_buf_status(&events->hold);
}

/* True: the text after the last blank line is an event, because some upstreams leave out the last blank line. Half an
 * event does not count. */
static bool tail_is_event(struct sl_str tail, struct sl_json *doc)
{
    if (tail.p[0] == ':') {
        return true; /* a comment */
    }
    while (tail.n && (tail.p[tail.n - 1] == '\n' || tail.p[tail.n - 1] == '\r')) {
        tail.n--;
    }
    struct sl_str data = sl_str_has_prefix(tail, SL_STR("data:")) ? sl_str_trim(sl_str_sub(tail, 5, tail.n))
                                                                  : SL_STR("");
    return sl_str_eq(data, SL_STR("[DONE]")) || sl_json_parse(doc, data) == 0;
}

int sl_relay_events_end(struct sl_relay_events *events, struct sl_json *doc, struct sl_str *ret_tail)
{
    if (events->is_frames) {
        *ret_tail = SL_STR("");
        return events->hold.len ? SL_E_TRUNCATED : 0;
    }
    struct sl_str tail = events->hold.len ? event_pass(events, sl_buf_str(&events->hold)) : SL_STR("");
    if (tail.n && !tail_is_event(tail, doc)) {
        return SL_E_TRUNCATED;
    }
    *ret_tail = tail;
    return 0;
}
