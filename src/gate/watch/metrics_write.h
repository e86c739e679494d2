/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the page of metrics as Prometheus text (sums over all workers, and readings), and the documentation of all
 * metrics. */
#ifndef SL_GATE_METRICS_WRITE_H
#define SL_GATE_METRICS_WRITE_H

struct sl_buf;
struct sl_metrics;
struct sl_reading;

/* Prometheus text 0.0.4. `readings` ends with a row without `read`; NULL: none. They get `source`. Any thread. Errors
 * stay in the buffer's status. */
void sl_metrics_write(struct sl_metrics *metrics, const struct sl_reading *readings, const void *source,
                      struct sl_buf *out);
/* Writes docs/metrics.md. */
void sl_metrics_write_docs(const struct sl_reading *readings, struct sl_buf *out);

#endif
