/* SPDX-License-Identifier: Apache-2.0 */
/* A structured answer that is no object, for an upstream whose schemas must be objects: the schema goes up as the
 * member `value` of an object, and the client gets that member of the answer. */
#ifndef SL_LLM_WRAP_H
#define SL_LLM_WRAP_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_delta;
struct sl_form;
struct sl_json_val;
struct sl_reply;

/* 1: *ret_raw is an object's schema around this one, on the arena. 0: it is an object's schema already, or it cannot be
 * moved because it refers to its own root. SL_E_NOMEM. */
SL_MUST int sl_wrap_schema(const struct sl_form *form, struct sl_json_val schema, struct sl_str *ret_raw);

/* --- replies --- */

#define SL_UNWRAP_CHOICES 16 /* further choices pass unchanged */
#define SL_UNWRAP_HELD    64 /* bytes until the value begins: with more it is no wrapper of ours */

/* The state for a stream; zeroed by the caller. */
struct sl_unwrap {
    struct sl_unwrap_choice {
        enum { SL_UNWRAP_BEGIN, SL_UNWRAP_VALUE, SL_UNWRAP_END, SL_UNWRAP_PLAIN } at;
        char held[SL_UNWRAP_HELD]; /* BEGIN: text that may be the wrapper */
        uint32_t n_held, block;
        uint32_t depth; /* VALUE: open brackets of the value */
        bool is_string, is_escaped;
    } choices[SL_UNWRAP_CHOICES];
};

/* Pushes the delta without the wrapper; a result of `push` other than 0 ends it. */
SL_MUST int sl_unwrap_push(struct sl_unwrap *unwrap, const struct sl_delta *delta,
                           int (*push)(void *arg, const struct sl_delta *delta), void *arg);
/* The stream is over: pushes the texts that are still held, because they did not become a wrapper. */
SL_MUST int sl_unwrap_end(struct sl_unwrap *unwrap, int (*push)(void *arg, const struct sl_delta *delta), void *arg);
/* Removes the wrapper from the texts of a whole reply. Leaves other texts unchanged. 0 or SL_E_NOMEM. */
SL_MUST int sl_unwrap_reply(struct sl_reply *reply, struct sl_arena *arena);

#endif
