/* SPDX-License-Identifier: Apache-2.0 */
/* What a call cost, where its price depends on more than what the upstream says that it used: on what was asked for
 * (images by the piece, the characters of a text, the size of a search), or on where it was served. */
#ifndef SL_GATE_ASKED_H
#define SL_GATE_ASKED_H

#include "llm/core/types.h"

struct sl_arena;
struct sl_llm_error;
struct sl_target;
struct sl_xchg;

/* What prices need of a call's body, read once: of images, of speech or of searches. */
struct sl_asked {
    uint32_t n_images;      /* 0: none were named, which means one */
    uint64_t width, height; /* 0: another size, such as "auto" */
    struct sl_str quality;
    int64_t characters;
    uint8_t search_size;
};

#define SL_ASKED_NUMBER_FAULT "`n`, the number of images, must be a whole number from 1 to 1000."

/* The body was just parsed: looks at how many images it asks for. SL_E_NOMEM; SL_E_INVAL: that is no number. */
SL_MUST int sl_asked_read(struct sl_xchg *x, struct sl_llm_error *ret_error);
/* A form with images has this field: `n`, `size` or `quality`. False: SL_ASKED_NUMBER_FAULT. */
SL_MUST bool sl_asked_take(struct sl_asked *asked, struct sl_str name, struct sl_str value, struct sl_arena *arena);

/* What so much costs at a target; SL_COST_UNKNOWN. *ret_is_apart: the cost depends on more than these counts, so nobody
 * can make it anew from them. May be NULL. */
int64_t sl_asked_cost(struct sl_xchg *x, const struct sl_target *target, const struct sl_usage *usage,
                      bool *ret_is_apart);

#endif
