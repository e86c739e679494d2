/* SPDX-License-Identifier: Apache-2.0 */
/* What lies on a worker's desk while it serves an exchange: scratch that is only used within one turn and never holds
 * anything across a callback, and whom to tell what happened. */
#ifndef SL_GATE_DESK_H
#define SL_GATE_DESK_H

#include "base/list.h"

struct sl_budget;
struct sl_buf;
struct sl_call_count;
struct sl_json;
struct sl_log_ring;
struct sl_loop;
struct sl_metrics_worker;

SL_LIST_HEAD(sl_xchg_list);

struct sl_desk {
    struct sl_loop *loop;
    struct sl_budget *memory; /* server.limits.memory, or a part of it */
    struct sl_json *doc;      /* the request as it was parsed */
    struct sl_json *scratch;  /* what the translation layer reads with */
    struct sl_buf *text;
    struct sl_log_ring *log;
    struct sl_metrics_worker *metrics; /* the gate's */
    struct sl_call_count *n_calls;     /* that began here */
    struct sl_xchg_list xchgs;         /* running ones */
};

#endif
