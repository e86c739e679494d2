/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay.h"

#include "gate/call/headers.h"
#include "gate/call/mask.h"
#include "gate/call/noted.h"
#include "gate/call/part.h"
#include "gate/call/relay_collect.h"
#include "gate/call/relay_events.h"
#include "gate/call/relay_first.h"
#include "gate/call/relay_out.h"
#include "gate/call/relay_translate.h"
#include "gate/call/relay_usage.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "http/hreq.h"
#include "json/scan.h"
#include "llm/core/call.h"
#include "llm/core/frame.h"
#include "llm/core/frames.h"
#include "llm/core/gather.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/sealed.h"
#include "llm/core/target.h"
#include "net/stream.h"
#include "wire/aws_event.h"

/* --- HELD, RAW --- */

/* The longest reply that is held to send a length to a client of HTTP/1.0. */
#define LENGTH_HELD_MAX 65536

static int held_start(struct sl_relay *relay)
{
    const struct sl_language *language = relay->language;
    sl_buf_init(&relay->hold, relay->x->settings->upstream.reply_bytes);
    if (language->reply_members) {
        relay->scan = SL_ARENA_NEW(relay->x->arena, struct sl_json_scan);
        if (!relay->scan) {
            return SL_E_NOMEM;
        }
        /* Only prices need the tier, which is the last member. */
        sl_json_scan_init(relay->scan, language->reply_members, relay->target->price ? SL_REPLY_COUNT : SL_REPLY_TIER);
        relay->scan->ends = relay->bond ? &sl_sealed_ends : NULL;
    }
    return 0;
}

/* Sends the head and the held bytes; the rest is passed on as it comes. */
static struct sl_verdict raw_begin(struct sl_relay *relay, struct sl_str more)
{
    struct sl_verdict verdict = sl_relay_head_send(relay, relay->x->record.upstream_status, relay->length);
    if (verdict.kind != SL_VERDICT_ON) {
        return verdict;
    }
    relay->mode = SL_RELAY_RAW;
    relay->x->beside = NULL;
    relay->is_plain = relay->scan && relay->scan->first == '{' && !relay->scan->has_end; /* all of that was scanned */
    sl_relay_send(relay, sl_buf_str(&relay->hold));
    sl_relay_send(relay, more);
    relay->is_plain = false;
    return verdict;
}

/* True: a client of HTTP/1.0 wants to keep its connection, so it needs the length in the head. */
static bool is_length_wanted(const struct sl_relay *relay)
{
    const struct sl_msg *msg = &relay->x->req->msg;
    return relay->length < 0 && msg->minor == 0 && msg->keep_alive;
}

/* True: an error was seen. Null and false are none: each of OpenAI's responses has a null. */
static bool is_error_seen(const struct sl_json_scan *scan)
{
    char first = scan->members[SL_REPLY_ERROR].first;
    return first && first != 'n' && first != 'f';
}

static bool is_answer_seen(const struct sl_relay *relay)
{
    const struct sl_json_scan *scan = relay->scan;
    return !scan || (scan->first == '{' && !is_error_seen(scan) &&
                     (scan->members[SL_REPLY_ANSWER].is_filled || scan->members[SL_REPLY_DATA].is_filled));
}

/* Finds the response's id before the client has it and can ask for it again. */
static void scan_push(struct sl_relay *relay, struct sl_str bytes)
{
    struct sl_str id;
    sl_json_scan_push(relay->scan, bytes);
    if (relay->scan->members[SL_REPLY_ID].is_whole && sl_json_scan_value(relay->scan, SL_REPLY_ID, &id)) {
        sl_noted_id(relay->x, sl_str_sub(id, 1, id.n - 1));
    }
}

static struct sl_verdict held_push(struct sl_relay *relay, struct sl_str bytes)
{
    if (relay->scan) {
        scan_push(relay, bytes);
    }
    bool is_long = bytes.n > LENGTH_HELD_MAX - SL_MIN(relay->hold.len, (size_t)LENGTH_HELD_MAX);
    bool is_all = relay->length >= 0 && relay->hold.len + bytes.n >= (uint64_t)relay->length;
    /* If another target can answer, a short reply is held until its end, so that a broken one can be replaced. */
    bool waits = is_length_wanted(relay) || ((relay->moves || relay->waits_for_cost) && !is_all);
    bool is_edited = relay->waits_for_cost && sl_relay_tells_cost(relay->x); /* all of it is needed */
    if (is_answer_seen(relay) && !is_edited && (is_long || !waits)) {
        if (relay->waits_for_cost && is_all) {
            sl_relay_cost_read(relay);
        }
        return raw_begin(relay, bytes);
    }
    if (is_long && relay->scan->first != '{') {
        return sl_relay_no_answer_tell(relay, &(struct sl_reply_judgement){ 0 });
    }
    /* It may be an error, which may quote the credential. */
    sl_buf_add_str(&relay->hold, bytes);
    int r = sl_buf_status(&relay->hold);
    size_t held = relay->hold.cap;
    r = r < 0 ? r : sl_relay_count(relay, held > SL_RELAY_COUNTED_MIN ? held : 0);
    return r < 0 ? sl_relay_refuse(relay, r) : SL_VERDICT(ON);
}

/* Notes an error that came too late for the client: for the log and the metrics. */
static void late_error_note(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    struct sl_str raw;
    if (!relay->scan || !is_error_seen(relay->scan) || !relay->scan->members[SL_REPLY_ERROR].is_filled ||
        !sl_json_scan_value(relay->scan, SL_REPLY_ERROR, &raw) || x->record.error_type) {
        return;
    }
    struct sl_llm_error said = { 0 };
    relay->language->read_error(0, &relay->headers, raw, x->arena, &said);
    x->record.error_type = said.type;
}

static struct sl_verdict raw_end(struct sl_relay *relay, bool is_until_close)
{
    if (is_until_close && relay->scan && sl_json_scan_is_cut(relay->scan)) {
        /* Only the text shows that its end is missing. */
        return sl_relay_broken(relay, SL_ERR_PROVIDER_STREAM_BROKEN,
                               SL_STR("the upstream ended its reply inside a JSON object"));
    }
    sl_relay_usage_read(relay);
    late_error_note(relay);
    return SL_VERDICT(DONE);
}

/* A short reply is complete. */
static struct sl_verdict held_end(struct sl_relay *relay, bool is_until_close)
{
    struct sl_xchg *x = relay->x;
    if (relay->scan && sl_json_scan_is_cut(relay->scan)) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                               SL_STR("the upstream ended its reply inside a JSON object"));
    }
    struct sl_reply_judgement judgement = { .is_object = true, .has_answer = true };
    if (relay->language->judge_reply && !is_answer_seen(relay)) {
        relay->language->judge_reply(sl_buf_str(&relay->hold), x->call->type, x->desk->doc, &judgement);
    } else if (relay->scan && relay->scan->first != '{' && !x->call->passage) { /* a page: no language has these */
        judgement = (struct sl_reply_judgement){ .is_object = false };
    }
    if (!judgement.has_answer && !judgement.is_told) {
        return sl_relay_no_answer_tell(relay, &judgement);
    }
    if (judgement.is_error) {
        x->record.error_type = judgement.error_type;
    }
    if (relay->waits_for_cost) {
        sl_relay_cost_read(relay);
        sl_relay_cost_tell(relay);
    }
    relay->length = (int64_t)relay->hold.len;
    struct sl_verdict verdict = raw_begin(relay, SL_STR(""));
    return verdict.kind == SL_VERDICT_ON ? raw_end(relay, is_until_close) : verdict;
}

/* --- EVENTS --- */

/* Masks a credential that the event may quote. */
static struct sl_str event_mask(struct sl_relay *relay, struct sl_str event, bool is_replaced)
{
    struct sl_buf *edited = &relay->edited;
    if (!is_replaced) {
        sl_buf_reset(edited);
        sl_buf_add_str(edited, event);
    }
    if (sl_buf_status(edited) < 0) {
        return SL_STR("");
    }
    bool is_masked = sl_mask_bytes(&relay->secrets, edited->p, edited->len);
    if (is_masked && relay->language->framing == SL_FRAMING_AWS) {
        sl_aws_frame_seal(edited->p, edited->len);
    }
    return is_masked || is_replaced ? sl_buf_str(edited) : event;
}

static struct sl_str event_pass(void *arg, struct sl_str event)
{
    struct sl_relay *relay = arg;
    const struct sl_language *language = relay->language;
    relay->x->record.n_events++;
    if (language->framing == SL_FRAMING_SSE && sl_sse_is_silent(event)) {
        return relay->x->call->is_silent ? SL_STR("") : event;
    }
    if (!language->pass_event) {
        return event;
    }
    bool had_error = relay->pass.has_error;
    relay->pass.has_error = relay->pass.is_unread = false;
    enum sl_pass pass = language->pass_event(&relay->pass, event, relay->x->desk->doc);
    if (relay->pass.n_id) {
        sl_noted_id(relay->x, sl_str_make(relay->pass.id, relay->pass.n_id));
    }
    bool is_error = relay->pass.has_error; /* every error event, not only the first */
    relay->pass.has_error = is_error || had_error;
    if (is_error || relay->pass.is_unread) {
        return event_mask(relay, event, pass == SL_PASS_REPLACE);
    }
    if (SL_UNLIKELY(relay->waits_for_cost) && pass == SL_PASS_FORWARD && sl_relay_event_cost(relay, event)) {
        pass = SL_PASS_REPLACE;
    }
    return pass == SL_PASS_DROP ? SL_STR("") : pass == SL_PASS_REPLACE ? sl_buf_str(&relay->edited) : event;
}

static void event_send(void *arg, struct sl_str bytes)
{
    sl_relay_send(arg, bytes);
}

/* The most bytes of an edited event's buffer that are kept. */
#define EDITED_KEPT 4096

static void event_flush(void *arg)
{
    struct sl_relay *relay = arg;
    sl_hreq_flush(relay->x->req);
    sl_buf_shrink(&relay->edited, EDITED_KEPT);
}

static const struct sl_events_sink events_sink = { event_pass, event_send, event_flush };

static struct sl_verdict events_push(struct sl_relay *relay, struct sl_str bytes)
{
    int r = sl_relay_events_push(&relay->events, bytes);
    if (r == SL_E_LIMIT) {
        return sl_relay_event_refuse(relay);
    }
    if (r == SL_E_INVAL) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE, SL_STR("the upstream's stream could not be read"));
    }
    size_t held = relay->events.hold.cap;
    r = r < 0 ? r : sl_relay_count(relay, held > SL_RELAY_COUNTED_MIN ? held : 0);
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    relay->x->record.usage = relay->pass.usage;
    return SL_VERDICT(ON);
}

/* The body ended as its framing says. The stream is complete if it said so ([DONE]) or had an error. With a framing
 * that has an end, finished choices are enough too: some upstreams never send [DONE]. */
static struct sl_verdict events_end(struct sl_relay *relay, bool is_until_close)
{
    const struct sl_pass_state *pass = &relay->pass;
    struct sl_record *record = &relay->x->record;
    struct sl_str tail = SL_STR("");
    int r = sl_relay_events_end(&relay->events, relay->x->desk->doc, &tail);
    bool is_whole = pass->is_done || pass->has_error ||
                    (!is_until_close && (pass->has_finish || relay->x->call->passage));
    if (r < 0 || !is_whole) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_STREAM_BROKEN,
                               SL_STR("the upstream ended the stream before its end"));
    }
    sl_relay_send(relay, tail);
    record->usage = pass->usage;
    record->error_type = pass->error_type;
    if (pass->is_done || pass->has_error || relay->x->call->passage) {
        return SL_VERDICT(DONE);
    }
    /* The stream is complete, but clients wait for the event that says so. */
    if (tail.n) {
        sl_relay_send(relay, SL_STR("\n\n"));
    }
    sl_buf_init(&relay->out, SL_RELAY_OUT_MAX);
    return sl_relay_stream_finish(relay);
}

/* --- the head --- */

/* Prepares what the mode needs. Streams send their head, if it was not sent yet. */
static struct sl_verdict mode_begin(struct sl_relay *relay, enum sl_relay_mode mode)
{
    struct sl_xchg *x = relay->x;
    int r = 0;
    relay->mode = mode;
    x->beside = mode == SL_RELAY_EVENTS || mode == SL_RELAY_TRANSLATE_EVENTS ? NULL : &relay->headers;
    switch (mode) {
    case SL_RELAY_HELD:
        if (x->call->passage && sl_str_find(sl_headers_get(&relay->headers, "content-type"), SL_STR("json"), 0) < 0) {
            relay->language = &sl_language_raw; /* a sound or a file: it is not searched */
        }
        r = held_start(relay);
        if (r == 0 && x->call->passage) { /* the raw passage passes everything */
            return raw_begin(relay, SL_STR(""));
        }
        break;
    case SL_RELAY_EVENTS:
        sl_relay_events_init(&relay->events, relay->language->framing, x->settings->upstream.event_bytes, &events_sink,
                             relay);
        sl_buf_init(&relay->edited, (size_t)x->settings->upstream.event_bytes * 2);
        relay->pass.edited = &relay->edited;
        relay->pass.is_asked = relay->pass.is_asked && !sl_relay_tells_cost(x);
        break;
    case SL_RELAY_TRANSLATE_EVENTS:
    case SL_RELAY_GATHER:
        r = sl_relay_translate_start(relay);
        break;
    case SL_RELAY_COLLECT:
        r = relay->is_head_sent ? sl_relay_writer_start(relay) : 0;
        sl_buf_init(&relay->out, (size_t)x->settings->upstream.event_bytes * 2); /* an error */
        sl_relay_collect_start(relay);
        break;
    case SL_RELAY_COLLECT_ERROR:
        sl_relay_collect_start(relay);
        break;
    case SL_RELAY_RAW:
    case SL_RELAY_NONE:
    case SL_RELAY_MODE_COUNT:
        break;
    }
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    bool is_head_due = (mode == SL_RELAY_EVENTS || mode == SL_RELAY_TRANSLATE_EVENTS) && !relay->is_head_sent;
    return is_head_due ? sl_relay_stream_head_send(relay) : SL_VERDICT(ON);
}

/* True: Amazon's frames, which need no guess. */
static bool is_framed(const struct sl_relay *relay)
{
    return relay->language->framing == SL_FRAMING_AWS || relay->language->framing == SL_FRAMING_AWS_SSE;
}

/* With more white space at its beginning it is no stream. */
#define UNSURE_MAX 4096

struct sl_verdict sl_relay_head(struct sl_relay *relay, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_xchg *x = relay->x;
    const struct sl_provider *provider = relay->target->provider;
    bool is_same = sl_relay_is_same_form(relay), is_asked = x->call->is_stream;
    relay->length = length;
    relay->secrets = (struct sl_secrets){ provider->credential_headers, &relay->request->headers,
                                          provider->secret_query, relay->request->target,
                                          x->at.route->own->secret_names };
    sl_secrets_find(&relay->secrets);
    relay->said = *headers; /* its texts are on the exchange's arena: the connection may be gone before they are read */
    x->env->upstream_headers = &relay->said;
    sl_xchg_set_state(x, SL_XS_RELAY);
    struct sl_headers_down_rules rules = { provider->hidden_headers, provider->request_id_header, provider->aliases,
                                           &relay->secrets, x->env->wall_usec };
    int r = sl_headers_down(&rules, headers, x->arena, &relay->headers, &x->record.upstream_request_id);
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    bool is_stream = sl_frames_is_stream(relay->language->framing, sl_headers_get(headers, "content-type"));
    if (x->call->passage) { /* the upstream's head decides */
        is_asked = x->call->is_stream = is_stream;
    }
    enum sl_relay_mode mode = sl_relay_mode_of(status, is_stream, is_asked, is_same);
    /* A reply whose head says that it is a stream is passed on at once: a model may think for minutes before its first
     * word. In all other cases the first bytes decide, because the head may be wrong. */
    bool is_sniffed = relay->language->framing == SL_FRAMING_SSE;
    bool is_awaited = relay->moves && is_stream && is_asked; /* another target may answer, so no head is sent yet */
    relay->is_unsure = status < 300 && !x->call->passage && (is_sniffed || (is_awaited && is_framed(relay)));
    relay->is_in_time = is_stream && is_asked && !relay->moves;
    if (relay->is_unsure && !relay->is_in_time) {
        sl_buf_init(&relay->hold, UNSURE_MAX + SL_READ_BUFFER * 2);
        return SL_VERDICT(ON);
    }
    return mode_begin(relay, mode);
}

/* --- the body --- */

static struct sl_verdict mode_push(struct sl_relay *relay, struct sl_str bytes)
{
    switch (relay->mode) {
    case SL_RELAY_HELD:
        return held_push(relay, bytes);
    case SL_RELAY_RAW:
        if (relay->scan) {
            scan_push(relay, bytes);
        }
        sl_relay_send(relay, bytes);
        break;
    case SL_RELAY_EVENTS:
        return events_push(relay, bytes);
    case SL_RELAY_TRANSLATE_EVENTS:
    case SL_RELAY_GATHER:
        return sl_relay_translate_push(relay, bytes);
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        return sl_relay_collect_push(relay, bytes);
    case SL_RELAY_NONE:
    case SL_RELAY_MODE_COUNT:
        break;
    }
    return SL_VERDICT(ON);
}

/* Now it is known whether it is a stream; `bytes` are its first ones. */
static struct sl_verdict sure(struct sl_relay *relay, bool is_stream, struct sl_str bytes)
{
    relay->is_unsure = false;
    bool is_as_said = relay->is_in_time && is_stream;
    if (!is_as_said) {
        if (relay->is_in_time) { /* the head said that it is a stream, and the client has it */
            sl_relay_events_done(&relay->events);
        }
        enum sl_relay_mode mode = sl_relay_mode_of(200, is_stream, relay->x->call->is_stream,
                                                   sl_relay_is_same_form(relay));
        struct sl_verdict verdict = mode_begin(relay, mode);
        if (verdict.kind != SL_VERDICT_ON) {
            return verdict;
        }
    }
    return bytes.n ? mode_push(relay, bytes) : SL_VERDICT(ON);
}

/* Takes bytes while it is not known whether they are a stream. Bytes that do not show it yet are kept; mostly these are
 * very few. */
static struct sl_verdict unsure_push(struct sl_relay *relay, struct sl_str bytes, bool is_end)
{
    struct sl_buf kept = relay->hold;
    bool was_empty = kept.len == 0;
    if (!was_empty || is_end) {
        sl_buf_add_str(&kept, bytes);
        bytes = sl_buf_str(&kept);
    }
    enum sl_sniffed sniffed = is_framed(relay) ? SL_SNIFFED_STREAM : sl_frames_sniff(relay->language->framing, bytes);
    struct sl_llm_error error = { 0 };
    enum sl_first first = sniffed == SL_SNIFFED_TOO_FEW                  ? SL_FIRST_WAIT
                          : sniffed == SL_SNIFFED_STREAM && relay->moves ? sl_relay_first(relay, bytes, &error)
                                                                         : SL_FIRST_FINE;
    if (first == SL_FIRST_WAIT && !is_end && bytes.n < UNSURE_MAX) {
        if (was_empty) {
            kept.max = UNSURE_MAX + SL_READ_BUFFER * 2;
            sl_buf_add_str(&kept, bytes);
        }
        relay->hold = kept;
        return sl_buf_status(&relay->hold) < 0 ? sl_relay_refuse(relay, SL_E_NOMEM) : SL_VERDICT(ON);
    }
    relay->hold = (struct sl_buf){ 0 };
    if (first == SL_FIRST_WAIT && is_end && relay->moves && sniffed == SL_SNIFFED_STREAM) {
        first = SL_FIRST_ERROR; /* it ended within its first event */
        error = (struct sl_llm_error){ .type = SL_ERR_PROVIDER_BAD_RESPONSE,
                                       .message = SL_STR("the upstream ended the stream before its first event") };
    }
    if (first == SL_FIRST_ERROR && sl_relay_moves(relay, &error)) {
        sl_buf_done(&kept);
        return (struct sl_verdict){ .kind = SL_VERDICT_AGAIN, .why = error.type };
    }
    /* A reply that ends after a few comments is a stream; for an empty one the head decides. */
    bool is_stream = sniffed == SL_SNIFFED_STREAM || (sniffed == SL_SNIFFED_TOO_FEW && relay->is_in_time);
    struct sl_hreq *req = relay->x->req;
    struct sl_verdict verdict = sure(relay, is_stream, bytes);
    if (verdict.kind != SL_VERDICT_TOLD && kept.len) {
        sl_hreq_flush(req); /* the kept bytes may be among those that are sent */
    }
    sl_buf_done(&kept);
    return verdict;
}

struct sl_verdict sl_relay_data(struct sl_relay *relay, struct sl_str bytes)
{
    if (SL_UNLIKELY(relay->is_unsure)) {
        return unsure_push(relay, bytes, false);
    }
    return mode_push(relay, bytes);
}

bool sl_relay_turn(struct sl_relay *relay)
{
    struct sl_hreq *req = relay->x->req;
    if (relay->mode == SL_RELAY_TRANSLATE_EVENTS) {
        sl_relay_out_send(relay);
    }
    sl_hreq_flush(req);
    return sl_hreq_queued(req) > SL_STREAM_HIGH;
}

struct sl_verdict sl_relay_end(struct sl_relay *relay, bool is_until_close)
{
    if (relay->is_unsure) {
        struct sl_verdict verdict = unsure_push(relay, SL_STR(""), true);
        if (verdict.kind != SL_VERDICT_ON) {
            return verdict;
        }
    }
    switch (relay->mode) {
    case SL_RELAY_HELD:
        return held_end(relay, is_until_close);
    case SL_RELAY_RAW:
        return raw_end(relay, is_until_close);
    case SL_RELAY_EVENTS:
        return events_end(relay, is_until_close);
    case SL_RELAY_TRANSLATE_EVENTS:
        return sl_relay_translate_end(relay);
    case SL_RELAY_GATHER:
        return sl_relay_gather_end(relay);
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        return sl_relay_collect_end(relay);
    case SL_RELAY_NONE:
    case SL_RELAY_MODE_COUNT:
        break;
    }
    return SL_VERDICT(ON);
}

struct sl_verdict sl_relay_fault(struct sl_relay *relay, enum sl_error_type type, struct sl_str text)
{
    /* A whole reply that broke before anything was sent is a bad response, not a broken stream. */
    bool is_whole = type == SL_ERR_PROVIDER_STREAM_BROKEN && !relay->is_head_sent;
    return sl_relay_broken(relay, is_whole ? SL_ERR_PROVIDER_BAD_RESPONSE : type, text);
}

/* --- start and stop --- */

static void relay_on_stop(struct sl_part *part)
{
    struct sl_relay *relay = SL_CONTAINER_OF(part, struct sl_relay, part);
    sl_timer_remove(relay->x->desk->loop, &relay->heartbeat);
    sl_buf_done(&relay->hold);
    sl_relay_events_done(&relay->events);
    sl_buf_done(&relay->edited);
    sl_buf_done(&relay->out);
    sl_relay_writer_stop(relay);
    if (relay->gather) {
        sl_gather_done(relay->gather);
        relay->gather = NULL;
    }
    SL_IGNORE(sl_relay_count(relay, 0) < 0); /* giving memory back cannot fail */
    if (relay->frames) {
        sl_frames_done(relay->frames);
        relay->frames = NULL;
    }
    if (relay->scan) {
        sl_json_scan_done(relay->scan);
        relay->scan = NULL;
    }
    relay->x->beside = NULL;
}

void sl_relay_start(struct sl_relay *relay, struct sl_xchg *x, const struct sl_target *target,
                    const struct sl_http_req *request, bool asks_usage)
{
    *relay = (struct sl_relay){
        .x = x,
        .target = target,
        .language = sl_target_language(target, x->call),
        .request = request,
        .pass = { .usage = SL_USAGE_NONE, .is_asked = asks_usage, .n_choices = x->call->n_choices },
    };
    x->record.is_stream = false;
    relay->waits_for_cost = target->price && (x->settings->server.headers || x->asks_cost);
    sl_timer_init(&relay->heartbeat, sl_relay_on_heartbeat);
    sl_part_begin(&x->parts, &relay->part, relay_on_stop);
}

void sl_relay_init(struct sl_relay *relay)
{
    relay->part = (struct sl_part){ 0 };
    relay->is_head_sent = relay->is_unsure = false;
}

void sl_relay_stop(struct sl_relay *relay)
{
    if (relay->part.link.list) {
        sl_part_end(&relay->x->parts, &relay->part);
        relay_on_stop(&relay->part);
    }
}
