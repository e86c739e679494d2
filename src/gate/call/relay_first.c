/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_first.h"

#include "gate/call/relay_out.h"
#include "gate/call/state.h"
#include "json/json.h"
#include "llm/core/language.h"
#include "wire/aws_event.h"
#include "wire/headers.h"
#include "wire/sse.h"

static int event_keep(void *arg, const struct sl_sse_event *event)
{
    struct sl_relay *relay = ((struct sl_relay **)arg)[0];
    struct sl_str *data = ((struct sl_str **)arg)[1];
    *data = sl_arena_dup(relay->x->arena, event->data);
    return data->p ? 0 : SL_E_NOMEM;
}

/* All languages have one of these in an error. */
static bool is_error(struct sl_json_val root)
{
    return !sl_json_is_nothing(sl_json_get(root, "error")) ||
           sl_json_str_eq(sl_json_get(root, "type"), SL_STR("error"));
}

/* A frame has its type in it. */
static enum sl_first aws_first(struct sl_relay *relay, struct sl_str bytes, struct sl_llm_error *ret_error)
{
    struct sl_aws_event event;
    size_t n = 0;
    int r = sl_aws_frame_length(bytes, &n);
    if (r == 0 && (n == 0 || n > bytes.n)) {
        return SL_FIRST_WAIT;
    }
    r = r < 0 ? r : sl_aws_frame_read(sl_str_sub(bytes, 0, n), &event);
    if (r < 0 || sl_str_eq_c(event.message_type, "event")) {
        return SL_FIRST_FINE;
    }
    struct sl_header name = { SL_STR("x-amzn-errortype"), event.type };
    struct sl_headers headers = { &name, 1, 1 };
    struct sl_str said = sl_arena_dup(relay->x->arena, event.error.p ? event.error : event.payload);
    relay->language->read_error(0, &headers, said, relay->x->arena, ret_error);
    sl_relay_error_mask(relay, ret_error);
    return SL_FIRST_ERROR;
}

enum sl_first sl_relay_first(struct sl_relay *relay, struct sl_str bytes, struct sl_llm_error *ret_error)
{
    if (relay->language->framing != SL_FRAMING_SSE) {
        return aws_first(relay, bytes, ret_error);
    }
    struct sl_json *doc = relay->x->desk->doc;
    struct sl_sse_split split;
    sl_sse_split_init(&split);
    size_t n = sl_sse_split_push(&split, bytes);
    struct sl_str event = sl_str_sub(bytes, 0, n);
    if (n == 0 || sl_sse_is_silent(event)) {
        return n == 0 ? SL_FIRST_WAIT : SL_FIRST_FINE;
    }
    struct sl_str data = SL_STR_NONE;
    void *arg[] = { relay, &data };
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, event.n, event_keep, arg);
    int r = sl_sse_push(&dec, event);
    sl_sse_decoder_done(&dec);
    if (r < 0 || !data.n || sl_json_parse(doc, data) < 0 || !is_error(sl_json_root(doc))) {
        return SL_FIRST_FINE;
    }
    relay->language->read_error(0, &relay->headers, data, relay->x->arena, ret_error);
    sl_relay_error_mask(relay, ret_error);
    return SL_FIRST_ERROR;
}
