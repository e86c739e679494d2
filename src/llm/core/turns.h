/* SPDX-License-Identifier: Apache-2.0 */
/* What of a chat's body stays the same over the turns of one conversation, in any language: what the system says, and
 * the first words of the user. */
#ifndef SL_LLM_TURNS_H
#define SL_LLM_TURNS_H

#include "json/json.h"

struct sl_turns {
    uint64_t print;   /* of both; 0: there is nothing that a user says */
    bool has_history; /* somebody has answered before: it is no first turn */
};

/* `root` may be folded. `spare` is parsed over. */
void sl_turns_read(struct sl_json_val root, struct sl_json *spare, struct sl_turns *ret);

#endif
