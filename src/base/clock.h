/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Code below the loop gets `now` as a parameter. */
#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H

#include <stdint.h>

uint64_t sl_clock_usec(void);      /* monotonic */
uint64_t sl_clock_wall_usec(void); /* since 1970 */

#endif
