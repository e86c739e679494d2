/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static uint64_t clock_read(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t sl_clock_usec(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t sl_clock_wall_usec(void)
{
    return clock_read(CLOCK_REALTIME);
}
