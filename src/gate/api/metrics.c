/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics. */
#include <stdlib.h>

#include "gate/call/access.h"
#include "gate/call/part.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/watch/metrics_write.h"
#include "gate/watch/readings.h"
#include "gate/worker.h"
#include "net/loop.h"

/* A scrape of a gateway with a thousand busy routes is about 2 MB; with metrics.histogram_routes set to as many, 20
 * MB. */
#define METRICS_TEXT_MAX (256u << 20)

/* A scrape, which the thread pool formats: a large one would stop the loop for too long. */
struct scrape {
    uv_work_t work;
    struct sl_part part;
    struct sl_xchg *x; /* NULL: the client went away */
    struct sl_gate *gate;
    struct sl_snapshot *snapshot; /* held, for the limits in force */
    struct sl_buf text;
};

static void scrape_run(uv_work_t *work)
{
    struct scrape *scrape = SL_CONTAINER_OF(work, struct scrape, work);
    struct sl_reading_source source = { scrape->gate, scrape->snapshot };
    sl_metrics_write(scrape->gate->metrics, sl_readings, &source, &scrape->text);
}

static void scrape_free(struct scrape *scrape)
{
    sl_snapshot_unref(scrape->snapshot);
    sl_buf_done(&scrape->text);
    free(scrape);
}

static void scrape_done(uv_work_t *work, int status)
{
    struct scrape *scrape = SL_CONTAINER_OF(work, struct scrape, work);
    struct sl_xchg *x = scrape->x;
    if (x) {
        sl_part_end(&x->parts, &scrape->part);
        if (status < 0 || sl_buf_status(&scrape->text) < 0) {
            sl_xchg_fail_nomem(x);
        } else {
            sl_xchg_reply(x, 200, SL_STR("text/plain; version=0.0.4; charset=utf-8"), sl_buf_str(&scrape->text));
        }
    }
    scrape_free(scrape);
}

/* The exchange ends first: nobody reads the scrape. */
static void scrape_on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct scrape, part)->x = NULL;
}

static void handle_metrics(struct sl_xchg *x)
{
    struct scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape) {
        sl_xchg_fail_nomem(x);
        return;
    }
    scrape->x = x;
    scrape->gate = x->worker->gate;
    scrape->snapshot = sl_snapshot_ref(x->worker->snapshot);
    sl_buf_init(&scrape->text, METRICS_TEXT_MAX);
    if (uv_queue_work(&x->desk->loop->uv, &scrape->work, scrape_run, scrape_done) < 0) {
        scrape_free(scrape);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway cannot read its metrics now");
        return;
    }
    sl_part_begin(&x->parts, &scrape->part, scrape_on_stop);
}

const struct sl_path sl_metrics_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/metrics",
      .is_watch = true,
      .handle = handle_metrics,
      .access = SL_ACCESS_METRICS,
      .told = SL_TOLD("Counters, as Prometheus reads them.", .media = "text/plain") },
    { 0 },
};
