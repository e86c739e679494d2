/* SPDX-License-Identifier: Apache-2.0 */
/* How many tokens a chat has, where the upstream cannot say: an estimate, from the call as it was read. The numbers
 * stand in docs/dialects.md. */
#ifndef SL_LLM_ESTIMATE_H
#define SL_LLM_ESTIMATE_H

#include <stdint.h>

struct sl_chat;

uint64_t sl_chat_estimate(const struct sl_chat *chat);

#endif
