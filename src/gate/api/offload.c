/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/offload.h"

#include <stdlib.h>

#include "gate/call/auth.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/snapshot.h"
#include "gate/policy/seats.h"
#include "gate/worker.h"
#include "net/loop.h"

struct sl_offload *sl_offload_new(struct sl_xchg *x, void (*run)(struct sl_offload *offload), struct sl_str media,
                                  size_t max)
{
    struct sl_offload *offload = calloc(1, sizeof(*offload));
    if (!offload) {
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    offload->x = x;
    offload->run = run;
    offload->media = media;
    offload->worker = x->worker;
    offload->gate = x->worker->gate;
    offload->snapshot = sl_snapshot_ref(x->worker->snapshot);
    sl_arena_init_small(&offload->arena, 256);
    sl_buf_init(&offload->text, max);
    return offload;
}

static void offload_free(struct sl_offload *offload)
{
    sl_snapshot_unref(offload->snapshot);
    sl_arena_done(&offload->arena);
    sl_buf_done(&offload->text);
    free(offload);
}

static void offload_run(uv_work_t *work)
{
    struct sl_offload *offload = SL_CONTAINER_OF(work, struct sl_offload, work);
    offload->run(offload);
}

static void offload_done(uv_work_t *work, int status)
{
    struct sl_offload *offload = SL_CONTAINER_OF(work, struct sl_offload, work);
    struct sl_worker *worker = offload->worker;
    struct sl_xchg *x = offload->x;
    if (offload->seats) {
        sl_seats_leave(offload->seats, offload->seat);
    }
    if (x) {
        sl_part_end(&x->parts, &offload->part);
        if (status < 0 || sl_buf_status(&offload->text) < 0) {
            sl_xchg_fail_nomem(x);
        } else {
            sl_xchg_reply(x, 200, offload->media, sl_buf_str(&offload->text));
        }
    }
    offload_free(offload);
    sl_worker_answered(worker);
}

/* The exchange ends first: nobody reads the reply. */
static void offload_on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct sl_offload, part)->x = NULL;
}

void sl_offload_start(struct sl_offload *offload, struct sl_seats *seats, const char *busy)
{
    struct sl_xchg *x = offload->x;
    if (seats && !sl_seats_take(seats, sl_auth_tenant(x), &offload->seat)) {
        offload_free(offload);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "%s", busy);
        return;
    }
    offload->seats = seats;
    if (uv_queue_work(&x->desk->loop->uv, &offload->work, offload_run, offload_done) < 0) {
        if (seats) {
            sl_seats_leave(seats, offload->seat);
        }
        offload_free(offload);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "The gateway has no thread for this now.");
        return;
    }
    offload->worker->n_questions++;
    sl_part_begin(&x->parts, &offload->part, offload_on_stop);
}
