/* SPDX-License-Identifier: Apache-2.0 */
/* A reply made here, step by step, where the provider answers by itself. */
#ifndef SL_GATE_PLAY_H
#define SL_GATE_PLAY_H

#include "base/err.h"

struct sl_attempt_events;
struct sl_play;
struct sl_target;
struct sl_xchg;

/* Lies on the exchange's arena. SL_E_NOMEM, or what the provider says. */
SL_MUST int sl_play_start(struct sl_xchg *x, const struct sl_target *target, const struct sl_attempt_events *events,
                          void *user, struct sl_play **ret);
/* Nothing of it calls back afterwards. NULL is legal. */
void sl_play_stop(struct sl_play *play);
void sl_play_pause(struct sl_play *play);
void sl_play_resume(struct sl_play *play);

#endif
