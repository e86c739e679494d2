/* SPDX-License-Identifier: Apache-2.0 */
/* What runs for an exchange and must end with it: an attempt, a relay, a question to the store, a scrape. */
#ifndef SL_GATE_PART_H
#define SL_GATE_PART_H

#include "base/list.h"

struct sl_part {
    struct sl_link link;
    /* Nothing of it touches the exchange afterwards. It is out of the list already. */
    void (*stop)(struct sl_part *part);
};
SL_LIST_HEAD(sl_part_list);
SL_LIST_FUNCTIONS(sl_part_list, struct sl_part, link);

/* From now on it ends with the exchange whose parts these are. */
void sl_part_begin(struct sl_part_list *parts, struct sl_part *part, void (*stop)(struct sl_part *part));
/* It has ended by itself, or is ended here: stop is not called. Nothing happens when it was not in the list. */
void sl_part_end(struct sl_part_list *parts, struct sl_part *part);
/* The exchange ends. */
void sl_parts_stop(struct sl_part_list *parts);

#endif
