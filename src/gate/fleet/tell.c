/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/tell.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/fleet/command.h"
#include "gate/fleet/state.h"
#include "gate/policy/limit_home.h"

/* The shares of one command. */
#define BATCH 200

struct batch {
    struct sl_fleet_link *link;
    struct batch *next;
    uint32_t n;
    struct sl_limit_share v[BATCH];
};

struct telling {
    struct sl_fleet_link *link;
    struct batch *first;
    bool is_short; /* of memory */
};

static void on_share(void *arg, const struct sl_limit_share *share)
{
    struct telling *telling = arg;
    struct batch *batch = telling->first;
    if (!batch || batch->n == BATCH) {
        batch = calloc(1, sizeof(*batch));
        if (!batch) {
            telling->is_short = true; /* it stays pinned: there is no memory anyway */
            return;
        }
        batch->link = telling->link;
        batch->next = telling->first;
        telling->first = batch;
    }
    batch->v[batch->n++] = *share;
}

static void batch_back(struct batch *batch, int64_t server_usec, const struct sl_resp *answers)
{
    struct sl_fleet_link *link = batch->link;
    for (uint32_t i = 0; i < batch->n; i++) {
        struct sl_limit_answer answer;
        if (answers) {
            answer = sl_fleet_answer(link, server_usec, &answers[4 * (size_t)i]);
        }
        sl_limiter_share_back(link->fleet->limiter, &batch->v[i], answers ? &answer : NULL);
    }
    free(batch);
}

static void on_shared(void *arg, const struct sl_resp *reply, size_t n)
{
    struct batch *batch = arg;
    struct sl_fleet_link *link = batch->link;
    int64_t first;
    int left = reply ? link->events->reply(link, reply, n, &first) : SL_E_IO;
    bool is_whole = left == 1 + 4 * (int)batch->n;
    if (is_whole) {
        sl_fleet_clock(link, reply[2].number, sl_clock_wall_usec());
    }
    batch_back(batch, is_whole ? reply[2].number : 0, is_whole ? &reply[3] : NULL);
    link->n_shares_due--;
    link->is_share_lost |= !is_whole;
    if (reply && !link->n_shares_due) {
        link->events->told(link, !link->is_share_lost);
    }
}

static uint64_t bounded(uint64_t v)
{
    return SL_MIN(v, (uint64_t)SL_FLEET_NUMBER_MAX);
}

static int batch_send(struct sl_fleet_link *link, struct batch *batch)
{
    sl_fleet_command(link, SL_FLEET_SHARE, batch->n, 3 + 6 * batch->n);
    for (uint32_t i = 0; i < batch->n; i++) {
        sl_fleet_command_key(link, batch->v[i].name);
    }
    sl_fleet_command_mine(link);
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct sl_limit_share *share = &batch->v[i];
        uint64_t end = share->end_usec;
        sl_resp_word_u64(&link->out, share->start_usec);
        sl_resp_word_u64(&link->out, bounded(end == UINT64_MAX || !end ? end : end + (uint64_t)link->offset_usec));
        sl_resp_word_u64(&link->out, bounded(share->used));
        sl_resp_word_u64(&link->out, bounded(share->reserved));
        sl_resp_word_u64(&link->out, bounded(share->floor));
        sl_resp_word_u64(&link->out, share->is_session ? bounded(share->period_usec) : 0);
    }
    return sl_fleet_command_send(link, on_shared, batch);
}

int sl_fleet_tell(struct sl_fleet_link *link)
{
    struct telling telling = { .link = link };
    sl_limiter_each_share(link->fleet->limiter, link->number, link->is_new_epoch, sl_clock_wall_usec(), on_share,
                          &telling);
    int r = telling.is_short ? SL_E_NOMEM : 0;
    link->is_share_lost = false;
    link->n_shares_due = 0;
    while (telling.first) {
        struct batch *batch = telling.first;
        telling.first = batch->next;
        r = r < 0 ? r : batch_send(link, batch);
        if (r < 0) {
            batch_back(batch, 0, NULL);
        } else {
            link->n_shares_due++;
        }
    }
    if (r == 0 && !link->n_shares_due) {
        link->events->told(link, true);
    }
    return r;
}
