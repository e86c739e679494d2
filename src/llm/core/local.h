/* SPDX-License-Identifier: Apache-2.0 */
/* A reply that is made here, in steps, for the provider `mock`. Its bytes are those that a real upstream would send, so
 * that all other code runs as usual. */
#ifndef SL_LLM_LOCAL_H
#define SL_LLM_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/headers.h"

struct sl_arena;
struct sl_buf;
struct sl_call;
struct sl_env;
struct sl_target;

struct sl_local_step {
    uint64_t wait_usec; /* before the next step */
    bool is_end;
};

struct sl_local_head {
    uint64_t delay_usec;
    int status;
    struct sl_headers headers; /* content-type; the relay adds the length */
};

struct sl_local {
    size_t state_size; /* zeroed by the caller */
    int (*start)(void *state, const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                 struct sl_arena *arena, struct sl_local_head *ret_head);
    /* Adds the next bytes of the body to `out`: a bounded number, whatever the call asked for. */
    int (*step)(void *state, struct sl_buf *out, struct sl_local_step *ret_step);
};

#endif
