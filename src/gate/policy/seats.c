/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/seats.h"

#include "base/map.h"

void sl_seats_init(struct sl_seats *seats, uint32_t max, uint32_t part)
{
    SL_ASSERT(max <= SL_SEATS_MAX);
    *seats = (struct sl_seats){ .max = max, .part = part };
    pthread_mutex_init(&seats->lock, NULL);
}

bool sl_seats_take(struct sl_seats *seats, struct sl_str tenant, uint64_t *ret_seat)
{
    uint64_t who = sl_hash(tenant);
    uint32_t n_own = 0;
    pthread_mutex_lock(&seats->lock);
    for (uint32_t i = 0; i < seats->n; i++) {
        n_own += seats->who[i] == who;
    }
    bool is_taken = seats->n < seats->max && n_own < seats->part;
    if (is_taken) {
        seats->who[seats->n++] = who;
    }
    pthread_mutex_unlock(&seats->lock);
    *ret_seat = who;
    return is_taken;
}

void sl_seats_leave(struct sl_seats *seats, uint64_t seat)
{
    pthread_mutex_lock(&seats->lock);
    uint32_t i = 0;
    while (i < seats->n && seats->who[i] != seat) {
        i++;
    }
    SL_ASSERT(i < seats->n);
    seats->who[i] = seats->who[--seats->n];
    pthread_mutex_unlock(&seats->lock);
}
