/* SPDX-License-Identifier: Apache-2.0 */
/* Problems of a configuration as JSON. */
#ifndef SL_GATE_PROBLEMS_H
#define SL_GATE_PROBLEMS_H

struct sl_jw;
struct sl_problems;

/* Writes the member "problems", a list, and how many more there were: "problems_left_out". */
void sl_api_problems_write(struct sl_jw *w, const struct sl_problems *problems);

#endif
