/* SPDX-License-Identifier: Apache-2.0 */
/* EVENTS: whole events pass untouched, the usage chunk that we asked for taken out. What stands behind the last blank
 * line waits for its end (`hold`), up to SL_RELAY_HOLD_MAX; then it flows, piece by piece, until that end. */
#include "gate/call/relay.h"

/* One whole event, contiguous. Returns whether it goes on. */
static bool event_passes(struct sl_xchg *x, struct sl_str event)
{
    const struct sl_language *language = x->target->languages[x->call.type];
    if (x->is_lf_due) {
        x->is_lf_due = false;
        if (event.n == 1 && event.p[0] == '\n') {
            return false; /* the LF behind the CR that ended a dropped event's last piece */
        }
    }
    if (!language->pass_event || language->pass_event(&x->pass, event, &x->worker->doc) != SL_PASS_DROP) {
        return true;
    }
    x->is_lf_due = event.p[event.n - 1] == '\r';
    return false;
}

/* Events are small, as a rule: what a large one took is given back, for the stream may be silent for an hour. */
#define HOLD_KEEP 4096

static void hold_empty(struct sl_xchg *x)
{
    if (x->hold.cap > HOLD_KEEP) {
        sl_buf_done(&x->hold);
    } else {
        sl_buf_reset(&x->hold);
    }
}

/* The end of the event that began in an earlier piece. Returns what is left of `bytes`. */
static struct sl_str events_finish_held(struct sl_xchg *x, struct sl_str bytes)
{
    size_t n = sl_sse_split_push(&x->split, bytes);
    struct sl_str piece = sl_str_sub(bytes, 0, n ? n : bytes.n);
    struct sl_str rest = sl_str_sub(bytes, piece.n, bytes.n);
    if (x->is_flowing) {
        sl_relay_send(x, piece);
        x->is_flowing = n == 0;
        return rest;
    }
    if (piece.n >= SL_RELAY_HOLD_MAX - x->hold.len) {
        /* Too large to wait, whether its end has come or not. */
        sl_relay_send(x, sl_buf_str(&x->hold));
        sl_hreq_flush(x->req);
        hold_empty(x);
        sl_relay_send(x, piece);
        x->is_flowing = n == 0;
        return rest;
    }
    sl_buf_add_str(&x->hold, piece);
    if (sl_buf_status(&x->hold) < 0) {
        sl_relay_broken(x, SL_ERR_SLUICE_OVERLOADED, SL_STR("out of memory"));
        return SL_STR("");
    }
    if (n) {
        if (event_passes(x, sl_buf_str(&x->hold))) {
            sl_relay_send(x, sl_buf_str(&x->hold));
            sl_hreq_flush(x->req);
        }
        hold_empty(x);
    }
    return rest;
}

void sl_relay_events_push(struct sl_xchg *x, struct sl_str bytes)
{
    while (bytes.n && (x->hold.len || x->is_flowing)) {
        bytes = events_finish_held(x, bytes);
    }
    if (x->state == SL_XS_DONE) {
        return;
    }
    size_t run = 0; /* whole events at the front that go on together */
    size_t at = 0;
    while (at < bytes.n) {
        size_t n = sl_sse_split_push(&x->split, sl_str_sub(bytes, at, bytes.n));
        if (n == 0) {
            break;
        }
        if (event_passes(x, sl_str_sub(bytes, at, at + n))) {
            at += n;
            continue;
        }
        sl_relay_send(x, sl_str_sub(bytes, run, at));
        at += n;
        run = at;
    }
    sl_relay_send(x, sl_str_sub(bytes, run, at));
    if (at < bytes.n) {
        struct sl_str tail = sl_str_sub(bytes, at, bytes.n);
        x->hold.max = SL_RELAY_HOLD_MAX;
        if (tail.n < SL_RELAY_HOLD_MAX) {
            sl_buf_add_str(&x->hold, tail);
        }
        if (tail.n >= SL_RELAY_HOLD_MAX || sl_buf_status(&x->hold) < 0) {
            sl_buf_reset(&x->hold);
            sl_relay_send(x, tail);
            x->is_flowing = true;
        }
    }
    x->usage = x->pass.usage;
}

/* What stands behind the last blank line at the end: some upstreams leave the last one out. Half an event is none. */
static bool tail_is_event(struct sl_xchg *x, struct sl_str tail)
{
    if (tail.p[0] == ':') {
        return true; /* a comment */
    }
    while (tail.n && (tail.p[tail.n - 1] == '\n' || tail.p[tail.n - 1] == '\r')) {
        tail.n--;
    }
    struct sl_str data = sl_str_has_prefix(tail, SL_STR("data:")) ? sl_str_trim(sl_str_sub(tail, 5, tail.n))
                                                                  : SL_STR("");
    return sl_str_eq(data, SL_STR("[DONE]")) || sl_json_parse(&x->worker->doc, data) == 0;
}

/* The body ended as its framing says. Whole is a stream that said so ([DONE]) or told an error; one whose framing has
 * an end of its own may also have finished its choices: some upstreams never say [DONE]. */
void sl_relay_events_end(struct sl_xchg *x, bool is_until_close)
{
    const struct sl_pass_state *pass = &x->pass;
    bool has_tail = x->hold.len && event_passes(x, sl_buf_str(&x->hold));
    bool is_whole = pass->is_done || pass->has_error || (!is_until_close && pass->has_finish);
    if (x->is_flowing || (has_tail && !tail_is_event(x, sl_buf_str(&x->hold)))) {
        is_whole = false;
    }
    if (!is_whole) {
        sl_relay_broken(x, SL_ERR_PROVIDER_STREAM_BROKEN, SL_STR("the upstream ended the stream before its end"));
        return;
    }
    if (has_tail) {
        sl_relay_send(x, sl_buf_str(&x->hold));
    }
    x->usage = pass->usage;
    x->error_type = pass->error_type;
    sl_xchg_end(x);
}
