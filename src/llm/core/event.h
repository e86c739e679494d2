/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a stream being written whose data is an object that says again, as `type`, what the event's name is. */
#ifndef SL_LLM_EVENT_H
#define SL_LLM_EVENT_H

#include "json/write.h"

/* The object is open behind it. */
void sl_event_begin(struct sl_jw *w, struct sl_buf *out, const char *type);
/* Closes all that is open. */
void sl_event_end(struct sl_jw *w);

#endif
