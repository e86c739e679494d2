/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert says: to people in the operator's log, to programs in the webhook. */
#ifndef SL_GATE_ALERT_WORDS_H
#define SL_GATE_ALERT_WORDS_H

struct sl_alert;
struct sl_alerts;
struct sl_buf;

/* Writes the line of the log. */
void sl_alert_log(const struct sl_alert *alert);
/* Takes all alerts that wait, and only logs them: nobody else will be told. */
void sl_alerts_log_rest(struct sl_alerts *alerts);
/* Appends the JSON of the webhook's body. */
void sl_alert_write(const struct sl_alert *alert, struct sl_buf *out);

#endif
