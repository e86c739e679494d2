/* SPDX-License-Identifier: Apache-2.0 */
/* What a call may use, seen from its bytes: fast enough for each call that has a limit of tokens or money, and of any
 * language. It is no count; estimate.h counts a call that was read. */
#ifndef SL_LLM_RECKON_H
#define SL_LLM_RECKON_H

#include "base/str.h"

/* What an image, or another part in base64, counts for. */
#define SL_RECKON_IMAGE_TOKENS 1000

struct sl_json;

struct sl_reckoning {
    uint64_t text_bytes; /* without what is in base64 */
    uint32_t n_images;   /* and other parts in base64 */
    int64_t max_output;  /* the most tokens of the answer that the call asks for; -1: not said */
};

/* `body`: JSON, or nothing. `doc`: where it was parsed, if it was; by now that may hold another text. Or NULL. */
void sl_reckon(struct sl_str body, const struct sl_json *doc, struct sl_reckoning *ret);

#endif
