/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay.h"

#include "base/num.h"
#include "gate/call/headers.h"
#include "gate/call/relay_collect.h"
#include "gate/call/relay_translate.h"
#include "http/server.h"
#include "json/scan.h"
#include "llm/core/frames.h"

/* --- RAW --- */

static void scan_start(struct sl_relay *relay)
{
    const struct sl_language *language = relay->language;
    if (!language->reply_members) {
        return;
    }
    relay->scan = SL_ARENA_NEW(relay->x->arena, struct sl_json_scan);
    if (relay->scan) {
        sl_json_scan_init(relay->scan, language->reply_members, SL_REPLY_COUNT);
    }
}

static void usage_read(struct sl_relay *relay, struct sl_str raw)
{
    struct sl_json *doc = relay->x->desk->doc;
    if (sl_json_parse(doc, raw) == 0) {
        /* An upstream that counts strangely is not the client's problem. */
        SL_IGNORE(relay->language->read_usage(sl_json_root(doc), &relay->x->record.usage) < 0);
    }
}

static struct sl_verdict raw_end(struct sl_relay *relay, bool is_until_close)
{
    struct sl_str raw;
    if (is_until_close && relay->scan && sl_json_scan_is_cut(relay->scan)) {
        /* Nothing but the text itself tells that this was not its end. */
        return sl_relay_broken(relay, SL_ERR_PROVIDER_STREAM_BROKEN,
                               SL_STR("the upstream ended its reply inside a JSON object"));
    }
    if (relay->scan && sl_json_scan_value(relay->scan, SL_REPLY_USAGE, &raw)) {
        usage_read(relay, raw);
    }
    return SL_VERDICT(DONE);
}

/* --- EVENTS --- */

static bool event_passes(void *arg, struct sl_str event)
{
    struct sl_relay *relay = arg;
    const struct sl_language *language = relay->language;
    return !language->pass_event || language->pass_event(&relay->pass, event, relay->x->desk->doc) != SL_PASS_DROP;
}

static void event_send(void *arg, struct sl_str bytes)
{
    sl_relay_send(arg, bytes);
}

static void event_flush(void *arg)
{
    struct sl_relay *relay = arg;
    sl_hreq_flush(relay->x->req);
}

static const struct sl_events_sink events_sink = { event_passes, event_send, event_flush };

static struct sl_verdict events_push(struct sl_relay *relay, struct sl_str bytes)
{
    int r = sl_relay_events_push(&relay->events, bytes);
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    relay->x->record.usage = relay->pass.usage;
    return SL_VERDICT(ON);
}

/* The body ended as its framing says. Whole is a stream that said so ([DONE]) or told an error; one whose framing has
 * an end of its own may also have finished its choices: some upstreams never say [DONE]. */
static struct sl_verdict events_end(struct sl_relay *relay, bool is_until_close)
{
    const struct sl_pass_state *pass = &relay->pass;
    bool has_tail = false;
    int r = sl_relay_events_end(&relay->events, relay->x->desk->doc, &has_tail);
    bool is_whole = pass->is_done || pass->has_error || (!is_until_close && pass->has_finish);
    if (r < 0 || !is_whole) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_STREAM_BROKEN,
                               SL_STR("the upstream ended the stream before its end"));
    }
    if (has_tail) {
        sl_relay_send(relay, sl_buf_str(&relay->events.hold));
    }
    relay->x->record.usage = pass->usage;
    relay->x->record.error_type = pass->error_type;
    return SL_VERDICT(DONE);
}

/* --- the head --- */

static struct sl_verdict stream_head_send(struct sl_relay *relay)
{
    struct sl_xchg *x = relay->x;
    x->record.is_stream = true;
    if (relay->mode == SL_RELAY_TRANSLATE_EVENTS) {
        struct sl_headers kept = { 0 };
        for (uint32_t i = 0; i < relay->headers.n; i++) {
            struct sl_header h = relay->headers.v[i];
            if (!sl_header_is_of_body(h.name)) {
                SL_IGNORE(sl_headers_add(&kept, x->arena, h.name, h.value) < 0); /* one header fewer */
            }
        }
        SL_IGNORE(sl_headers_add(&kept, x->arena, SL_STR("content-type"), x->dialect->language->stream_type) < 0);
        relay->headers = kept;
    }
    return sl_relay_head_send(relay, 200, -1);
}

static struct sl_verdict translate_begin(struct sl_relay *relay)
{
    if (!relay->x->call->is_stream) {
        return sl_relay_broken(relay, SL_ERR_PROVIDER_BAD_RESPONSE,
                               SL_STR("the upstream streams where a whole reply was asked for"));
    }
    int r = sl_relay_translate_start(relay);
    return r < 0 ? sl_relay_refuse(relay, r) : stream_head_send(relay);
}

struct sl_verdict sl_relay_head(struct sl_relay *relay, int status, const struct sl_headers *headers, int64_t length)
{
    struct sl_xchg *x = relay->x;
    const struct sl_provider *provider = relay->target->provider;
    relay->length = length;
    relay->said = *headers; /* its texts are on the exchange's arena; the connection may be gone before it is read */
    x->env->upstream_headers = &relay->said;
    bool is_stream = sl_frames_is_stream(relay->language->framing, sl_headers_get(headers, "content-type"));
    relay->mode = sl_relay_mode_of(status, is_stream, sl_relay_is_same_language(relay));
    bool is_made_here = relay->mode == SL_RELAY_COLLECT || relay->mode == SL_RELAY_COLLECT_ERROR;
    x->beside = is_made_here ? &relay->headers : NULL;
    sl_xchg_set_state(x, SL_XS_RELAY);
    struct sl_headers_down_rules rules = { provider->hidden_headers, provider->request_id_header, provider->aliases,
                                           x->env->wall_usec };
    int r = sl_headers_down(&rules, headers, x->arena, &relay->headers, &x->record.upstream_request_id);
    if (r < 0) {
        return sl_relay_refuse(relay, r);
    }
    switch (relay->mode) {
    case SL_RELAY_RAW:
        scan_start(relay);
        return sl_relay_head_send(relay, status, length);
    case SL_RELAY_EVENTS:
        sl_relay_events_init(&relay->events, &events_sink, relay);
        return stream_head_send(relay);
    case SL_RELAY_TRANSLATE_EVENTS:
        return translate_begin(relay);
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        sl_relay_collect_start(relay);
        break;
    case SL_RELAY_NONE:
        break;
    }
    return SL_VERDICT(ON);
}

/* --- the body --- */

struct sl_verdict sl_relay_data(struct sl_relay *relay, struct sl_str bytes)
{
    switch (relay->mode) {
    case SL_RELAY_RAW:
        if (relay->scan) {
            sl_json_scan_push(relay->scan, bytes);
        }
        sl_relay_send(relay, bytes);
        break;
    case SL_RELAY_EVENTS:
        return events_push(relay, bytes);
    case SL_RELAY_TRANSLATE_EVENTS:
        return sl_relay_translate_push(relay, bytes);
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        return sl_relay_collect_push(relay, bytes);
    case SL_RELAY_NONE:
        break;
    }
    return SL_VERDICT(ON);
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
    switch (relay->mode) {
    case SL_RELAY_RAW:
        return raw_end(relay, is_until_close);
    case SL_RELAY_EVENTS:
        return events_end(relay, is_until_close);
    case SL_RELAY_TRANSLATE_EVENTS:
        return sl_relay_translate_end(relay);
    case SL_RELAY_COLLECT:
    case SL_RELAY_COLLECT_ERROR:
        return sl_relay_collect_end(relay);
    case SL_RELAY_NONE:
        break;
    }
    return SL_VERDICT(ON);
}

struct sl_verdict sl_relay_fault(struct sl_relay *relay, enum sl_error_type type, struct sl_str text)
{
    /* A whole reply that broke before anything left is an error of its own, not a broken stream. */
    bool is_whole = type == SL_ERR_PROVIDER_STREAM_BROKEN && !relay->is_head_sent;
    return sl_relay_broken(relay, is_whole ? SL_ERR_PROVIDER_BAD_RESPONSE : type, text);
}

/* --- its life --- */

static void relay_on_stop(struct sl_part *part)
{
    struct sl_relay *relay = SL_CONTAINER_OF(part, struct sl_relay, part);
    sl_buf_done(&relay->hold);
    sl_relay_events_done(&relay->events);
    sl_buf_done(&relay->out);
    SL_IGNORE(sl_relay_count(relay, 0) < 0); /* giving back always works */
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
        .language = target->languages[x->call->type],
        .request = request,
        .pass = { .usage = SL_USAGE_NONE, .is_asked = asks_usage },
    };
    x->record.is_stream = false;
    sl_part_begin(x, &relay->part, relay_on_stop);
}

void sl_relay_stop(struct sl_relay *relay)
{
    if (relay->part.link.list) {
        sl_part_end(relay->x, &relay->part);
        relay_on_stop(&relay->part);
    }
}
