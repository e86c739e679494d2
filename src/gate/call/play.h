/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a reply here, step by step, for a provider that answers by itself. */
#ifndef SL_GATE_PLAY_H
#define SL_GATE_PLAY_H

#include "base/err.h"

struct sl_attempt_events;
struct sl_play;
struct sl_target;
struct sl_xchg;

/* On the exchange's arena. SL_E_NOMEM, or an error of the provider's code. */
SL_MUST int sl_play_start(struct sl_xchg *x, const struct sl_target *target, const struct sl_attempt_events *events,
                          void *user, struct sl_play **ret);
/* It calls nothing back afterwards. NULL is allowed. */
void sl_play_stop(struct sl_play *play);
void sl_play_pause(struct sl_play *play);
void sl_play_resume(struct sl_play *play);

#endif
