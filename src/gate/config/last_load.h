/* SPDX-License-Identifier: Apache-2.0 */
/* What came of the last time that the configuration was read: at the start, or for a reload. The main thread writes it,
 * any thread reads it. */
#ifndef SL_GATE_LAST_LOAD_H
#define SL_GATE_LAST_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/opt.h"

/* Immutable once it is set. */
struct sl_load_note {
    atomic_uint refs;
    struct sl_arena arena; /* holds everything below, and the note itself */
    uint64_t at_wall_usec;
    bool is_reload, is_ok;
    struct sl_problems problems; /* warnings too; at most SL_PROBLEMS_MAX */
};

struct sl_last_load {
    pthread_mutex_t lock;
    struct sl_load_note *note; /* NULL: none yet */
};

/* Copies the problems. NULL: no memory. */
struct sl_load_note *sl_load_note_new(const struct sl_problems *problems, uint64_t at_wall_usec);
void sl_load_note_unref(struct sl_load_note *note);

void sl_last_load_init(struct sl_last_load *last);
void sl_last_load_done(struct sl_last_load *last);
/* Takes the reference; NULL: nothing changes. */
void sl_last_load_set(struct sl_last_load *last, struct sl_load_note *note);
/* A reference of the caller's own; NULL: none yet. `last` may be NULL. */
struct sl_load_note *sl_last_load_get(struct sl_last_load *last);

#endif
