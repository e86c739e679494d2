/* SPDX-License-Identifier: Apache-2.0 */
/* Texts about limits, for clients. */
#ifndef SL_GATE_WORDS_H
#define SL_GATE_WORDS_H

#include "base/str.h"

struct sl_arena;
struct sl_jw;
struct sl_limit_rule;
struct sl_limit_shown;
struct sl_limit_view;

/* Whole seconds, rounded up. */
uint64_t sl_wait_sec(uint64_t usec);
/* Writes "1m30s", "1h0m0s": whole seconds, in the form that clients of rate limits read. Returns the length. */
#define SL_WAIT_MAX 48
size_t sl_wait_format(uint64_t usec, char out[SL_WAIT_MAX]);
/* An amount of a rule's kind: "5 calls", "1 token", "$2.50". Returns `out`. */
#define SL_LIMIT_AMOUNT_MAX 64
const char *sl_limit_amount_format(const struct sl_limit_rule *rule, uint64_t v, char out[SL_LIMIT_AMOUNT_MAX]);
/* The period of a rule behind its amount: " per 5 minutes", " per 1 month in Europe/Berlin", " at a time". */
#define SL_LIMIT_PERIOD_MAX 128
const char *sl_limit_period_format(const struct sl_limit_rule *rule, char out[SL_LIMIT_PERIOD_MAX]);
/* Writes a member with an amount: money in dollars. */
void sl_limit_amount_write(struct sl_jw *w, const char *key, const struct sl_limit_rule *rule, uint64_t v);
/* The text why a call is refused, on the arena. `names_wait`: a sentence with the limit that makes the caller wait
 * longest, and the wait; else MLflow's words for the first limit that refused. */
struct sl_str sl_limit_words(const struct sl_limit_view *view, bool names_wait, struct sl_arena *arena);
/* A limit as JSON, for programs: owner, kind, cap, used, reset. `shows_used`: else that is null. On the arena. */
struct sl_str sl_limit_json(const struct sl_limit_shown *shown, bool shows_used, struct sl_arena *arena);

#endif
