/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics. */
#include "gate/api/offload.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/watch/metrics_write.h"
#include "gate/watch/readings.h"

/* A scrape of a gateway with a thousand busy routes is about 2 MB; with metrics.histogram_routes set to as many, 20
 * MB. */
#define METRICS_TEXT_MAX (256u << 20)

static void scrape_run(struct sl_offload *scrape)
{
    struct sl_reading_source source = { scrape->gate, scrape->snapshot };
    sl_metrics_write(scrape->gate->metrics, sl_readings, &source, &scrape->text);
}

static void handle_metrics(struct sl_xchg *x)
{
    struct sl_offload *scrape = sl_offload_new(x, scrape_run, SL_STR("text/plain; version=0.0.4; charset=utf-8"),
                                               METRICS_TEXT_MAX);
    if (scrape) {
        sl_offload_start(scrape, NULL, NULL);
    }
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
