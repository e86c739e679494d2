/* SPDX-License-Identifier: Apache-2.0 */
/* The header Server-Timing: the gateway's own time, that of the attempts, and their first byte. */
#ifndef SL_GATE_TIMING_H
#define SL_GATE_TIMING_H

#include <stddef.h>
#include <stdint.h>

struct sl_timing {
    uint64_t since_usec;          /* when the gateway had the request */
    uint64_t upstream_first_usec; /* when the first attempt began; 0: there was none */
    uint64_t upstream_head_usec;  /* when a reply's head had come; 0: none came */
    uint64_t now_usec;
};

#define SL_TIMING_MAX 128
/* Returns the length. */
size_t sl_timing_format(const struct sl_timing *times, char out[SL_TIMING_MAX]);

#endif
