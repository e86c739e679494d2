/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/upload.h"

#include "base/budget.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/spool.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/client.h"
#include "http/hreq.h"

/* With more, the client is held back, or a file is used. */
#define HOLD_MAX 262144
/* Room for what one read brings beyond that, also through TLS. */
#define HOLD_MORE 262144
/* The most bytes that the upstream gets at a time. */
#define PIECE_MAX 32768

struct sl_upload {
    struct sl_part part;
    struct sl_xchg *x;
    struct sl_buf hold; /* begins at `hold_at` of the body */
    size_t n_counted;   /* bytes of it that server.limits.memory counts */
    uint64_t hold_at;
    struct sl_spool spool; /* if open, it has the whole body, and the hold is empty */
    uint64_t received;
    bool is_flowing, is_kept, is_whole;
    uint64_t place_at, place_n;
    struct sl_str before, after;
    /* Of the attempt. */
    struct sl_hcall *call; /* NULL: there is none */
    struct sl_str model;
    uint64_t sent;
    bool is_placed;
};

static int count(struct sl_upload *upload, size_t held)
{
    struct sl_budget *memory = upload->x->desk->memory;
    if (held > upload->n_counted && !sl_budget_take(memory, held - upload->n_counted)) {
        return SL_E_BUDGET;
    }
    if (held < upload->n_counted) {
        sl_budget_give(memory, upload->n_counted - held);
    }
    upload->n_counted = held;
    return 0;
}

static void hold_drop(struct sl_upload *upload)
{
    upload->hold_at = upload->received;
    sl_buf_done(&upload->hold);
    SL_IGNORE(count(upload, 0) < 0); /* giving memory back cannot fail */
}

static int hold_add(struct sl_upload *upload, struct sl_str bytes)
{
    sl_buf_add_str(&upload->hold, bytes);
    int r = sl_buf_status(&upload->hold);
    return r < 0 ? SL_E_NOMEM : count(upload, upload->hold.cap);
}

static int file_fail(int r, const struct sl_err *err)
{
    if (r == SL_E_BUDGET) {
        return SL_E_LIMIT;
    }
    sl_log(SL_LOG_ERROR, "serve", "a file for an upload (server.spool): %s", err->text);
    return r;
}

static int file_add(struct sl_upload *upload, struct sl_str bytes)
{
    struct sl_err err = { 0 };
    int r = 0;
    if (upload->spool.fd < 0) {
        r = sl_spool_open(&upload->spool, upload->x->settings->server.spool, &upload->x->worker->gate->spool, &err);
        r = r < 0 ? r : sl_spool_add(&upload->spool, sl_buf_str(&upload->hold), &err);
        hold_drop(upload);
        upload->hold_at = 0; /* the file has it now */
    }
    r = r < 0 ? r : sl_spool_add(&upload->spool, bytes, &err);
    return r < 0 ? file_fail(r, &err) : 0;
}

static void upload_on_stop(struct sl_part *part)
{
    struct sl_upload *upload = SL_CONTAINER_OF(part, struct sl_upload, part);
    hold_drop(upload);
    sl_spool_close(&upload->spool);
    upload->call = NULL;
}

int sl_upload_new(struct sl_xchg *x)
{
    struct sl_upload *upload = SL_ARENA_NEW(x->arena, struct sl_upload);
    if (!upload) {
        return SL_E_NOMEM;
    }
    upload->x = x;
    upload->spool = SL_SPOOL_INIT;
    sl_buf_init(&upload->hold, HOLD_MAX + HOLD_MORE);
    sl_part_begin(&x->parts, &upload->part, upload_on_stop);
    x->upload = upload;
    return 0;
}

/* --- to the upstream --- */

/* True: the upstream has everything that came. */
static bool is_drained(const struct sl_upload *upload)
{
    return upload->call && upload->is_placed && upload->sent == upload->received;
}

static int piece_feed(struct sl_upload *upload, uint64_t end)
{
    char bytes[PIECE_MAX];
    size_t n = (size_t)SL_MIN(end - upload->sent, (uint64_t)PIECE_MAX);
    struct sl_str piece = { bytes, n };
    if (upload->spool.fd >= 0) {
        struct sl_err err = { 0 };
        int r = sl_spool_read(&upload->spool, upload->sent, bytes, n, &err);
        if (r < 0) {
            return file_fail(r, &err);
        }
    } else {
        piece.p = upload->hold.p + (upload->sent - upload->hold_at);
    }
    sl_hcall_feed(upload->call, &piece, false);
    upload->sent += n;
    return 0;
}

static void model_feed(struct sl_upload *upload)
{
    const struct sl_str *texts[] = { &upload->before, &upload->model, &upload->after };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        if (texts[i]->n) {
            sl_hcall_feed(upload->call, texts[i], false);
        }
    }
    upload->sent += upload->place_n;
    upload->is_placed = true;
}

int sl_upload_pump(struct sl_upload *upload)
{
    while (upload->call && sl_hcall_is_hungry(upload->call)) {
        uint64_t end = upload->is_placed ? upload->received : upload->place_at;
        if (upload->sent < end) {
            int r = piece_feed(upload, end);
            if (r < 0) {
                return r;
            }
        } else if (!upload->is_placed) {
            model_feed(upload);
        } else if (upload->is_whole) {
            sl_hcall_feed(upload->call, &SL_STR(""), true);
        } else {
            sl_hreq_resume_body(upload->x->req);
            break;
        }
    }
    return 0;
}

bool sl_upload_can_repeat(const struct sl_upload *upload)
{
    return upload->hold_at == 0;
}

uint64_t sl_upload_length(const struct sl_upload *upload, struct sl_str model)
{
    const struct sl_msg *msg = &upload->x->req->msg;
    if (!upload->is_whole && msg->framing != SL_BODY_LENGTH) {
        return SL_HCALL_LENGTH_UNKNOWN;
    }
    uint64_t n = upload->is_whole ? upload->received : msg->length;
    return n - upload->place_n + upload->before.n + model.n + upload->after.n;
}

void sl_upload_attach(struct sl_upload *upload, struct sl_hcall *call, struct sl_str model)
{
    SL_ASSERT(upload->is_flowing && sl_upload_can_repeat(upload));
    upload->call = call;
    upload->model = model;
    upload->sent = 0;
    upload->is_placed = false;
}

void sl_upload_detach(struct sl_upload *upload)
{
    upload->call = NULL;
}

/* --- from the client --- */

void sl_upload_place(struct sl_upload *upload, uint64_t at, uint64_t n, struct sl_str before, struct sl_str after)
{
    upload->place_at = at;
    upload->place_n = n;
    upload->before = before;
    upload->after = after;
}

void sl_upload_flow(struct sl_upload *upload, bool is_kept)
{
    upload->is_flowing = true;
    upload->is_kept = is_kept;
}

/* There is only one target, and the hold is not enough: bytes that the upstream took are freed. */
static int flow_add(struct sl_upload *upload, struct sl_str bytes)
{
    int r = sl_upload_pump(upload);
    if (r == 0 && is_drained(upload)) {
        upload->received += bytes.n;
        hold_drop(upload);
        sl_hcall_feed(upload->call, &bytes, false);
        upload->sent = upload->received;
    } else if (r == 0) {
        r = hold_add(upload, bytes);
        upload->received += bytes.n;
    }
    if (!is_drained(upload) || !sl_hcall_is_hungry(upload->call)) {
        sl_hreq_hold_body(upload->x->req);
    }
    return r;
}

int sl_upload_add(struct sl_upload *upload, struct sl_str bytes)
{
    int r;
    bool is_held = upload->spool.fd < 0 && upload->hold_at == 0 &&
                   bytes.n <= HOLD_MAX - SL_MIN(upload->hold.len, (size_t)HOLD_MAX);
    if (is_held) {
        r = hold_add(upload, bytes);
    } else if (upload->spool.fd < 0 && upload->is_flowing && !upload->is_kept) {
        return flow_add(upload, bytes);
    } else {
        r = file_add(upload, bytes);
    }
    upload->received += bytes.n;
    return r < 0 ? r : sl_upload_pump(upload);
}

int sl_upload_end(struct sl_upload *upload)
{
    upload->is_whole = true;
    return sl_upload_pump(upload);
}
