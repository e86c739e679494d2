/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the part of a chat's body that stays the same over the turns of one conversation, in any language: the system
 * message and the user's first message. */
#ifndef SL_LLM_TURNS_H
#define SL_LLM_TURNS_H

#include "json/json.h"

struct sl_turns {
    uint64_t print;               /* hash of the system message and the user's first message; 0: no text of a user */
    bool has_history;             /* true: there is an answer already, so it is not the first turn */
    struct sl_json_val cache_key; /* the client's key for the prompt's cache; absent: none */
};

/* `root` may be folded. `spare` is overwritten. */
void sl_turns_read(struct sl_json_val root, struct sl_json *spare, struct sl_turns *ret);

#endif
