/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/unfit.h"

#include "base/arena.h"
#include "gate/call/tries.h"

void sl_unfit_add(struct sl_unfit *unfit, struct sl_arena *arena, struct sl_tries *tries, struct sl_str name,
                  const struct sl_llm_error *error)
{
    if (!unfit->n++) {
        unfit->error = *error;
    }
    if (tries->n_passed < SL_PASSED_MAX) {
        tries->passed[tries->n_passed++] = (struct sl_passed_over){ name, error->message };
        unfit->text = sl_arena_printf(arena, "%.*s%s%.*s: %.*s", SL_STR_ARG(unfit->text), unfit->text.n ? " | " : "",
                                      SL_STR_ARG(name), SL_STR_ARG(error->message));
    }
    if (unfit->n > 1 && unfit->text.p && !sl_str_eq(error->message, unfit->error.message)) {
        unfit->error.message = unfit->text; /* the reasons differ, so each is reported */
    }
}

void sl_unfit_add_here(struct sl_unfit *unfit, struct sl_arena *arena, uint32_t target, uint32_t n_targets)
{
    if (!unfit->here) {
        unfit->here = SL_ARENA_ARRAY(arena, uint64_t, (n_targets + 63) / 64);
    }
    if (unfit->here) {
        unfit->here[target / 64] |= 1ULL << target % 64;
    }
}

bool sl_unfit_is_here(const struct sl_unfit *unfit, uint32_t target)
{
    return unfit->here && (unfit->here[target / 64] >> target % 64 & 1);
}
