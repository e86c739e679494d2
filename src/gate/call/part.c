/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/part.h"

void sl_part_begin(struct sl_part_list *parts, struct sl_part *part, void (*stop)(struct sl_part *part))
{
    part->stop = stop;
    sl_part_list_add(parts, part);
}

void sl_part_end(struct sl_part_list *parts, struct sl_part *part)
{
    if (part->link.list) {
        sl_part_list_remove(parts, part);
    }
}

void sl_parts_stop(struct sl_part_list *parts)
{
    for (struct sl_part *part; (part = sl_part_list_take_first(parts)) != NULL;) {
        part->stop(part);
    }
}
