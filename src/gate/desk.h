/* SPDX-License-Identifier: Apache-2.0 */
/* Things of the worker that an exchange uses: buffers that are used within one turn of the loop and hold nothing across
 * a callback, and where its log lines and metrics go. */
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
struct sl_ring;
struct sl_tally;
struct sl_rlog_ring;

SL_LIST_HEAD(sl_xchg_list);

struct sl_desk {
    struct sl_loop *loop;
    struct sl_budget *memory; /* server.limits.memory, or a part of it */
    struct sl_json *doc;      /* the parsed request */
    struct sl_json *scratch;  /* for the parser of the translation layer */
    struct sl_buf *text;
    struct sl_log_ring *log;
    struct sl_rlog_ring *requests;     /* NULL: there is no request log */
    struct sl_ring *spans;             /* belongs to the gate's spans; NULL: no call was traced yet */
    struct sl_metrics_worker *metrics; /* belongs to the gate's metrics */
    struct sl_tally *tally;            /* belongs to the gate's ledger; NULL: there is none */
    struct sl_call_count *n_calls;     /* counts the calls that began here */
    struct sl_xchg_list xchgs;         /* the running ones */
    const char *pending;               /* while a change is answered: the nodes that have it not yet (api/question.h) */
};

#endif
