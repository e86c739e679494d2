/* SPDX-License-Identifier: Apache-2.0 */
/* Server-Timing: what the gateway itself took, what the attempts took, and their first byte. */
#ifndef SL_GATE_TIMING_H
#define SL_GATE_TIMING_H

#include <stddef.h>
#include <stdint.h>

struct sl_timing {
    uint64_t since_usec;          /* the gateway had the request */
    uint64_t upstream_first_usec; /* the first attempt's start; 0: none was made */
    uint64_t upstream_head_usec;  /* a reply's head was there; 0: none was */
    uint64_t now_usec;
};

#define SL_TIMING_MAX 128
/* Returns its length. */
size_t sl_timing_format(const struct sl_timing *times, char out[SL_TIMING_MAX]);

#endif
