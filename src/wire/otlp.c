/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/otlp.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/word.h"

/* Numbers of fields, from opentelemetry/proto: trace/v1/trace.proto, common/v1/common.proto,
 * resource/v1/resource.proto, collector/trace/v1/trace_service.proto. */
enum {
    REQUEST_RESOURCE_SPANS = 1,
    RESOURCE_SPANS_RESOURCE = 1,
    RESOURCE_SPANS_SCOPE_SPANS = 2,
    SCOPE_SPANS_SCOPE = 1,
    SCOPE_SPANS_SPANS = 2,
    SCOPE_NAME = 1,
    SCOPE_VERSION = 2,
    RESOURCE_ATTRIBUTES = 1,
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_TRACE_STATE = 3,
    SPAN_PARENT = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_DROPPED_ATTRIBUTES = 10,
    SPAN_STATUS = 15,
    SPAN_FLAGS = 16,
    STATUS_MESSAGE = 2,
    STATUS_CODE = 3,
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    VALUE_STRING = 1,
    VALUE_BOOL = 2,
    VALUE_INT = 3,
    RESPONSE_PARTIAL = 1,
    PARTIAL_REJECTED = 1,
    PARTIAL_MESSAGE = 2,
};

/* Status.StatusCode */
#define STATUS_ERROR 2
/* SpanFlags: sampled, and two bits that say whether the parent is remote. */
#define FLAG_SAMPLED    0x01u
#define FLAG_HAS_REMOTE 0x100u
#define FLAG_IS_REMOTE  0x200u

/* Before the span, for the head of its field. */
#define FRONT (1 + 3)
/* Behind the attributes, for the rest: how many were left out. */
#define REST 16

static void put_be64(char *out, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8) {
        out[i] = (char)(v & 0xff);
    }
}

static bool is_ascii(struct sl_str s)
{
    uint64_t all = 0, word;
    if (s.n < 8) {
        for (size_t i = 0; i < s.n; i++) {
            all |= (unsigned char)s.p[i];
        }
        return !(all & 0x80);
    }
    for (size_t i = 0; i < s.n - 8; i += 8) {
        memcpy(&word, s.p + i, 8);
        all |= word;
    }
    memcpy(&word, s.p + s.n - 8, 8);
    return !((all | word) & 0x8080808080808080);
}

/* A text with at most SL_OTLP_TEXT_MAX bytes. Where it is not UTF-8, which a collector would refuse with all that
 * comes with it, each byte beyond ASCII becomes a '?' in `room`. */
static struct sl_str text_fit(struct sl_str s, char room[SL_OTLP_TEXT_MAX])
{
    if (SL_LIKELY(s.n <= SL_OTLP_TEXT_MAX && is_ascii(s))) {
        return s;
    }
    struct sl_str fit = sl_str_sub(s, 0, sl_utf8_fit(s, SL_OTLP_TEXT_MAX));
    if (sl_str_is_utf8(fit)) {
        return fit;
    }
    for (size_t i = 0; i < fit.n; i++) {
        room[i] = (unsigned char)fit.p[i] < 0x80 ? fit.p[i] : '?';
    }
    return sl_str_make(room, fit.n);
}

/* --- spans --- */

static void put_status(struct sl_pb *pb, const struct sl_span *span)
{
    char room[SL_OTLP_TEXT_MAX];
    struct sl_str message = text_fit(span->message, room);
    sl_pb_put_head(pb, SPAN_STATUS, (message.n ? sl_pb_bytes_size(message.n) : 0) + 2);
    if (message.n) {
        sl_pb_put_bytes(pb, STATUS_MESSAGE, message);
    }
    sl_pb_put_uint(pb, STATUS_CODE, STATUS_ERROR);
}

/* What is written here has room: three texts, and less than a hundred bytes. */
void sl_span_begin(struct sl_span_out *out, const struct sl_span *span)
{
    char id[16], room[SL_OTLP_TEXT_MAX];
    struct sl_pb *pb = &out->pb;
    *pb = (struct sl_pb){ out->bytes + FRONT, out->bytes + sizeof(out->bytes) - REST };
    out->n_left_out = 0;
    put_be64(id, span->trace[0]);
    put_be64(id + 8, span->trace[1]);
    sl_pb_put_bytes(pb, SPAN_TRACE_ID, sl_str_make(id, 16));
    put_be64(id, span->id);
    sl_pb_put_bytes(pb, SPAN_SPAN_ID, sl_str_make(id, 8));
    if (span->state.n) {
        sl_pb_put_bytes(pb, SPAN_TRACE_STATE, text_fit(span->state, room));
    }
    if (span->parent) {
        put_be64(id, span->parent);
        sl_pb_put_bytes(pb, SPAN_PARENT, sl_str_make(id, 8));
    }
    sl_pb_put_bytes(pb, SPAN_NAME, text_fit(span->name, room));
    sl_pb_put_uint(pb, SPAN_KIND, span->kind);
    sl_pb_put_fixed64(pb, SPAN_START, span->start_usec * 1000);
    sl_pb_put_fixed64(pb, SPAN_END, span->end_usec * 1000);
    if (span->is_error) {
        put_status(pb, span);
    }
    sl_pb_put_fixed32(pb, SPAN_FLAGS, FLAG_SAMPLED | FLAG_HAS_REMOTE | (span->is_remote ? FLAG_IS_REMOTE : 0));
}

/* Begins an attribute whose value has `n` bytes. False: it has no room. */
static bool attribute_begin(struct sl_span_out *out, struct sl_str key, size_t n)
{
    size_t whole = sl_pb_bytes_size(key.n) + sl_pb_bytes_size(n);
    if (!sl_pb_has_room(&out->pb, sl_pb_bytes_size(whole))) {
        out->n_left_out++;
        return false;
    }
    sl_pb_put_head(&out->pb, SPAN_ATTRIBUTES, whole);
    sl_pb_put_bytes(&out->pb, KEY_VALUE_KEY, key);
    sl_pb_put_head(&out->pb, KEY_VALUE_VALUE, n);
    return true;
}

void sl_span_text(struct sl_span_out *out, struct sl_str key, struct sl_str value)
{
    char room[SL_OTLP_TEXT_MAX];
    struct sl_str text = text_fit(value, room);
    if (text.n && attribute_begin(out, key, sl_pb_bytes_size(text.n))) {
        sl_pb_put_bytes(&out->pb, VALUE_STRING, text);
    }
}

void sl_span_number(struct sl_span_out *out, struct sl_str key, int64_t value)
{
    if (attribute_begin(out, key, 1 + sl_pb_varint_size((uint64_t)value))) {
        sl_pb_put_uint(&out->pb, VALUE_INT, (uint64_t)value);
    }
}

void sl_span_true(struct sl_span_out *out, struct sl_str key)
{
    if (attribute_begin(out, key, 2)) {
        sl_pb_put_uint(&out->pb, VALUE_BOOL, 1);
    }
}

struct sl_str sl_span_end(struct sl_span_out *out)
{
    out->pb.end += REST;
    if (out->n_left_out) {
        sl_pb_put_uint(&out->pb, SPAN_DROPPED_ATTRIBUTES, out->n_left_out);
    }
    size_t n = (size_t)(out->pb.at - out->bytes) - FRONT;
    size_t head = 1 + sl_pb_varint_size(n);
    struct sl_pb front = { out->bytes + FRONT - head, out->bytes + FRONT };
    sl_pb_put_head(&front, SCOPE_SPANS_SPANS, n);
    return sl_str_make(out->bytes + FRONT - head, n + head);
}

/* --- requests --- */

static void add_head(struct sl_buf *out, uint32_t number, size_t n)
{
    char bytes[SL_PB_TAG_MAX + SL_PB_VARINT_MAX];
    struct sl_pb pb = { bytes, bytes + sizeof(bytes) };
    sl_pb_put_head(&pb, number, n);
    sl_buf_add(out, bytes, (size_t)(pb.at - bytes));
}

static void add_bytes(struct sl_buf *out, uint32_t number, struct sl_str bytes)
{
    add_head(out, number, bytes.n);
    sl_buf_add_str(out, bytes);
}

void sl_otlp_resource_add(struct sl_buf *resource, struct sl_str key, struct sl_str value)
{
    char key_room[SL_OTLP_TEXT_MAX], room[SL_OTLP_TEXT_MAX];
    struct sl_str name = text_fit(key, key_room), text = text_fit(value, room);
    size_t n = sl_pb_bytes_size(text.n);
    add_head(resource, RESOURCE_ATTRIBUTES, sl_pb_bytes_size(name.n) + sl_pb_bytes_size(n));
    add_bytes(resource, KEY_VALUE_KEY, name);
    add_head(resource, KEY_VALUE_VALUE, n);
    add_bytes(resource, VALUE_STRING, text);
}

void sl_otlp_begin(struct sl_buf *out, struct sl_str resource, size_t n)
{
    static const struct sl_str name = SL_STR_INIT("sluice"), version = SL_STR_INIT(SL_VERSION);
    size_t scope = sl_pb_bytes_size(name.n) + sl_pb_bytes_size(version.n);
    size_t spans = sl_pb_bytes_size(scope) + n;
    add_head(out, REQUEST_RESOURCE_SPANS, sl_pb_bytes_size(resource.n) + sl_pb_bytes_size(spans));
    add_bytes(out, RESOURCE_SPANS_RESOURCE, resource);
    add_head(out, RESOURCE_SPANS_SCOPE_SPANS, spans);
    add_head(out, SCOPE_SPANS_SCOPE, scope);
    add_bytes(out, SCOPE_NAME, name);
    add_bytes(out, SCOPE_VERSION, version);
}

static int partial_read(struct sl_str rest, struct sl_otlp_answer *ret)
{
    struct sl_pb_field field;
    int r;
    while ((r = sl_pb_next(&rest, &field)) == 0) {
        if (field.number == PARTIAL_REJECTED && field.type == SL_PB_VARINT) {
            ret->n_rejected = field.value > INT64_MAX ? 0 : field.value; /* it is signed */
        } else if (field.number == PARTIAL_MESSAGE && field.type == SL_PB_BYTES) {
            ret->message = field.bytes;
        }
    }
    return r == SL_E_NOTFOUND ? 0 : r;
}

int sl_otlp_answer_read(struct sl_str body, struct sl_otlp_answer *ret)
{
    struct sl_pb_field field;
    int r;
    *ret = (struct sl_otlp_answer){ 0, SL_STR("") };
    while ((r = sl_pb_next(&body, &field)) == 0) {
        if (field.number == RESPONSE_PARTIAL && field.type == SL_PB_BYTES && partial_read(field.bytes, ret) < 0) {
            return SL_E_INVAL;
        }
    }
    return r == SL_E_NOTFOUND ? 0 : r;
}
