/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates how many tokens a chat has, from the call as it was read, when the upstream cannot count. docs/dialects.md
 * has the numbers. */
#ifndef SL_LLM_ESTIMATE_H
#define SL_LLM_ESTIMATE_H

#include <stdint.h>

struct sl_chat;

uint64_t sl_chat_estimate(const struct sl_chat *chat);

#endif
