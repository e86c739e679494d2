/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML, 9.2.6), two views of one stream.
 *
 * sl_sse_split finds where whole events end in a byte stream, for a relay that forwards them untouched.
 * sl_sse_decoder gives each event's name and data, for a translator.
 * Both take their input split anywhere: between CR and LF, inside a UTF-8 sequence, inside the BOM. */
#ifndef SL_WIRE_SSE_H
#define SL_WIRE_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* --- the splitter --- */

struct sl_sse_split {
    uint8_t state; /* private */
};

void sl_sse_split_init(struct sl_sse_split *split);
/* Scans `bytes` for the first event end (the blank line's last byte). Returns how many bytes, from the start of
 * `bytes`, end with it, or 0 when `bytes` has no event end; the state is kept between calls. LF, CR LF and CR line
 * ends, mixed too. A CR at the very end of the input ends its line; an LF that follows in the next piece belongs to it
 * (and to that event). */
size_t sl_sse_split_push(struct sl_sse_split *split, struct sl_str bytes);

/* True: the event, as the splitter cuts it, says nothing to any reader: it has only blank lines, comments, unknown
 * fields. */
bool sl_sse_is_silent(struct sl_str event);

/* --- the decoder --- */

struct sl_sse_event {
    struct sl_str name; /* "" when the stream gave none ("message") */
    struct sl_str data; /* data lines joined with LF; valid during the callback only */
};

/* Non-zero stops the decoder; sl_sse_push returns it. */
typedef int (*sl_sse_fn)(void *arg, const struct sl_sse_event *event);

/* One event's data and a line within it are at most this by default (images, whole tool arguments). */
#define SL_SSE_EVENT_MAX (16u << 20)

struct sl_sse_decoder {
    struct sl_buf data;
    struct sl_buf name;
    struct sl_buf line; /* a line that was not complete in one piece */
    sl_sse_fn on_event;
    int (*on_alive)(
        void *arg); /* called for a comment, or an event without data: the peer lives. May be NULL; the owner sets it */
    void *arg;
    size_t max_event;
    /* private */
    uint8_t state;
    uint8_t bom;
    bool has_data;
};

void sl_sse_decoder_init(struct sl_sse_decoder *dec, size_t max_event, sl_sse_fn on_event, void *arg);
void sl_sse_decoder_done(struct sl_sse_decoder *dec);
/* How many bytes of memory an incomplete event takes. */
size_t sl_sse_held(const struct sl_sse_decoder *dec);
/* 0, SL_E_LIMIT, SL_E_NOMEM, or the callback's result. When a whole event is in `bytes` and has one data line, `data`
 * is a slice of `bytes` (nothing is copied). Comments, id, retry and unknown fields are skipped; an event without data
 * is not reported. */
SL_MUST int sl_sse_push(struct sl_sse_decoder *dec, struct sl_str bytes);
/* The stream ended. An event that no blank line closed is reported as well (the standard drops it, but several
 * providers end that way; the caller decides by whether it can parse it). */
SL_MUST int sl_sse_finish(struct sl_sse_decoder *dec);

#endif
