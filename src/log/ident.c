/* SPDX-License-Identifier: Apache-2.0 */
#include "log/ident.h"

#include "base/clock.h"
#include "base/num.h"
#include "log/row.h"

/* The wall clock may have been set; later than this it is read again. */
#define CLOCK_USEC   SL_USEC_PER_SEC
#define COUNTER_BITS 24
#define COUNTER_MAX  ((1u << COUNTER_BITS) - 1)

void sl_ident_init(struct sl_ident_source *source, uint32_t node, uint32_t worker)
{
    *source = (struct sl_ident_source){ .node = node, .first = worker << COUNTER_BITS };
}

void sl_ident_make(struct sl_ident_source *source, uint64_t begun_usec, struct sl_rlog_id *ret)
{
    if (SL_UNLIKELY(begun_usec - source->read_usec >= CLOCK_USEC)) {
        source->read_usec = begun_usec;
        source->offset_usec = sl_clock_wall_usec() - sl_clock_usec();
    }
    *ret = (struct sl_rlog_id){ begun_usec + source->offset_usec, source->node,
                                source->first | (source->n++ & COUNTER_MAX) };
}
