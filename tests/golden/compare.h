/* SPDX-License-Identifier: Apache-2.0 */
/* Equality of JSON values for the golden cases: the order of members does not count, numbers count by value, the
 * `arguments` of a function are compared after parsing, and places that change are not compared. */
#ifndef SL_TEST_GOLDEN_COMPARE_H
#define SL_TEST_GOLDEN_COMPARE_H

#include "json/json.h"

struct sl_arena;

struct compare {
    struct sl_arena *arena;
    struct sl_json_val volatiles; /* JSON pointers, or absent */
    char path[256];               /* of the value that differs */
    const char *why;
};

/* True: they are equal. Otherwise `path` and `why` say where and how they differ. */
bool compare_vals(struct compare *cmp, struct sl_json_val got, struct sl_json_val want);

#endif
