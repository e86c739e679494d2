/* SPDX-License-Identifier: Apache-2.0 */
/* Writes events of streams whose data is an object that repeats the event's name as `type`. */
#ifndef SL_LLM_EVENT_H
#define SL_LLM_EVENT_H

#include "json/write.h"

/* The object stays open. */
void sl_event_begin(struct sl_jw *w, struct sl_buf *out, const char *type);
/* Closes everything that is open. */
void sl_event_end(struct sl_jw *w);

#endif
