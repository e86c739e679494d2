/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_OVERRIDES_H
#define SL_GATE_OVERRIDES_H

#include "base/str.h"

/* From flags and the environment; they win over the file. */
struct sl_config_overrides {
    struct sl_str listen; /* p == NULL: the file's value */
    int64_t workers;      /* -1: the file's value; 0: auto */
    /* Seconds for upstream.timeouts.total when the file has none, and the name of the variable that has them. NULL:
     * none. */
    const char *total_sec, *total_name;
    /* The URL of the shared counters from the environment, for a file that says nothing about them, and the variable's
     * name; NULL: not set. */
    const char *counters, *counters_name;
    struct sl_str text; /* what is read in place of the embedded default; p == NULL: that */
};

#endif
