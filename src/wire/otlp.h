/* SPDX-License-Identifier: Apache-2.0 */
/* OpenTelemetry's protocol (OTLP 1.x, protobuf): writes spans, and the request that carries them; reads the collector's
 * answer. Every text that comes from outside is bounded, and made valid UTF-8. */
#ifndef SL_WIRE_OTLP_H
#define SL_WIRE_OTLP_H

#include "wire/protobuf.h"

struct sl_buf;

/* The most bytes of a text in a span. */
#define SL_OTLP_TEXT_MAX 512
/* The most bytes of a whole span. Attributes that have no room are left out and counted in it. */
#define SL_OTLP_SPAN_MAX 8192

enum sl_span_kind { SL_SPAN_SERVER = 2, SL_SPAN_CLIENT = 3 };

struct sl_span {
    uint64_t trace[2]; /* the id, its first half first */
    uint64_t id;
    uint64_t parent;     /* 0: none */
    bool is_remote;      /* the parent is another process's */
    struct sl_str state; /* W3C's tracestate; "": none */
    struct sl_str name;
    enum sl_span_kind kind;
    uint64_t start_usec, end_usec; /* since 1970 */
    bool is_error;
    struct sl_str message; /* of the error; "": none */
};

/* A span while it is written. */
struct sl_span_out {
    struct sl_pb pb;
    uint32_t n_left_out;
    char bytes[SL_OTLP_SPAN_MAX];
};

void sl_span_begin(struct sl_span_out *out, const struct sl_span *span);
/* Adds an attribute; an empty text is none. */
void sl_span_text(struct sl_span_out *out, struct sl_str key, struct sl_str value);
void sl_span_number(struct sl_span_out *out, struct sl_str key, int64_t value);
void sl_span_true(struct sl_span_out *out, struct sl_str key);
/* The whole span, as it stands in a request; in `out`. */
struct sl_str sl_span_end(struct sl_span_out *out);

/* Adds an attribute to a resource. */
void sl_otlp_resource_add(struct sl_buf *resource, struct sl_str key, struct sl_str value);

/* Writes what stands before the spans in a request with `n` bytes of spans. */
void sl_otlp_begin(struct sl_buf *out, struct sl_str resource, size_t n);

/* What a collector says about a request that it took. */
struct sl_otlp_answer {
    uint64_t n_rejected;   /* spans */
    struct sl_str message; /* a part of the answer; "": none */
};
/* SL_E_INVAL: it is no such answer. */
SL_MUST int sl_otlp_answer_read(struct sl_str body, struct sl_otlp_answer *ret);

#endif
