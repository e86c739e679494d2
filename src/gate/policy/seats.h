/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded number of seats for what takes long, such as reports of usage. One tenant has at most a part of them, so
 * that it keeps nobody else waiting. Any thread. */
#ifndef SL_GATE_SEATS_H
#define SL_GATE_SEATS_H

#include <pthread.h>

#include "base/str.h"

#define SL_SEATS_MAX 256

struct sl_seats {
    uint32_t max, part; /* of all, at most SL_SEATS_MAX; of one tenant */
    pthread_mutex_t lock;
    uint32_t n;
    uint64_t who[SL_SEATS_MAX]; /* hashes of the tenants */
};

void sl_seats_init(struct sl_seats *seats, uint32_t max, uint32_t part);
/* False: there is no seat for this tenant. `*ret_seat` is for sl_seats_leave. */
SL_MUST bool sl_seats_take(struct sl_seats *seats, struct sl_str tenant, uint64_t *ret_seat);
/* Once for each seat that was taken. */
void sl_seats_leave(struct sl_seats *seats, uint64_t seat);

#endif
