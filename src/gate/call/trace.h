/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of a call, for OpenTelemetry: one span for the call, and one below it for each attempt. Spans are written
 * when the call ends. Everything is on the exchange's arena. */
#ifndef SL_GATE_TRACE_H
#define SL_GATE_TRACE_H

#include "llm/core/error.h"
#include "wire/traceparent.h"

struct sl_headers;
struct sl_target;
struct sl_xchg;

/* An attempt that was sent. */
struct sl_trace_try {
    struct sl_trace_try *next;
    uint64_t span;
    const struct sl_target *target;
    struct sl_str target_name, route;
    uint64_t start_usec, end_usec; /* end 0: it runs */
    int status;
    enum sl_error_type error_type;
    struct sl_str error; /* for the operator */
    bool is_beaten;      /* another attempt of the call was faster */
};

struct sl_trace {
    struct sl_traceparent own; /* its `span` is the call's */
    uint64_t parent;           /* the caller's span; 0: none */
    struct sl_str state;       /* the caller's tracestate */
    struct sl_trace_try *first, **end;
};

/* Decides whether the call is traced. Call it for a model's call, where the settings have `otel`. */
void sl_trace_begin(struct sl_xchg *x);
/* The attempt that the record is about is sent. */
void sl_trace_try_begin(struct sl_xchg *x, const struct sl_target *target);
/* Puts the attempt's span in the place of the caller's traceparent. */
SL_MUST int sl_trace_headers(struct sl_xchg *x, struct sl_headers *io_headers);
/* That attempt has ended. */
void sl_trace_try_end(struct sl_xchg *x, enum sl_error_type type, bool is_beaten, uint64_t now_usec);
/* The call has ended, with this status for its client: writes its spans. */
void sl_trace_end(struct sl_xchg *x, int status);

#endif
