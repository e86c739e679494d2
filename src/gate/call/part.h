/* SPDX-License-Identifier: Apache-2.0 */
/* A thing that runs for an exchange and must end with it: an attempt, a relay, a question to the store, a scrape. */
#ifndef SL_GATE_PART_H
#define SL_GATE_PART_H

#include "base/list.h"

struct sl_part {
    struct sl_link link;
    /* After this it must not touch the exchange. It is no longer in the list. */
    void (*stop)(struct sl_part *part);
};
SL_LIST_HEAD(sl_part_list);
SL_LIST_FUNCTIONS(sl_part_list, struct sl_part, link);

/* From now on it ends with the exchange that owns `parts`. */
void sl_part_begin(struct sl_part_list *parts, struct sl_part *part, void (*stop)(struct sl_part *part));
/* It ended by itself, or its owner ends it: stop is not called. Does nothing if it is not in the list. */
void sl_part_end(struct sl_part_list *parts, struct sl_part *part);
/* The exchange ends: stops all parts. */
void sl_parts_stop(struct sl_part_list *parts);

#endif
