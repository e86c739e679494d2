/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/login_net.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/secret.h"
#include "gate/call/part.h"
#include "gate/call/state.h"
#include "gate/engine.h"
#include "gate/worker.h"
#include "wire/uri.h"

/* A person waits for it. */
#define CONNECT_USEC    (5 * SL_USEC_PER_SEC)
#define FIRST_BYTE_USEC (10 * SL_USEC_PER_SEC)
#define TOTAL_USEC      (15 * SL_USEC_PER_SEC)
#define ANSWER_MAX      (256u << 10)

struct fetch {
    struct sl_part part;
    struct sl_xchg *x;
    struct sl_login_ask ask;
    struct sl_uri base;
    struct sl_str form;
    struct sl_hcall hcall;
    struct sl_buf body;
    int status;
};

static void body_free(struct fetch *fetch)
{
    if (fetch->body.p) {
        sl_wipe(fetch->body.p, fetch->body.len);
    }
    sl_buf_done(&fetch->body);
}

static void answer(struct fetch *fetch, int status, struct sl_str body)
{
    struct sl_str copy = sl_arena_dup(fetch->x->arena, body);
    sl_part_end(&fetch->x->parts, &fetch->part);
    body_free(fetch);
    fetch->ask.on_answer(fetch->ask.arg, copy.p ? status : 0, copy.p ? copy : SL_STR("out of memory"));
}

static void on_stop(struct sl_part *part)
{
    struct fetch *fetch = SL_CONTAINER_OF(part, struct fetch, part);
    sl_hcall_cancel(&fetch->hcall);
    body_free(fetch);
}

static void on_head(struct sl_hcall *hcall, int status, const struct sl_headers *headers, int64_t length)
{
    (void)headers, (void)length;
    struct fetch *fetch = hcall->user;
    fetch->status = status;
}

static void on_data(struct sl_hcall *hcall, struct sl_str bytes)
{
    struct fetch *fetch = hcall->user;
    sl_buf_add_str(&fetch->body, bytes); /* errors are sticky when it is too large; the total time ends it */
}

static void on_end(struct sl_hcall *hcall)
{
    struct fetch *fetch = hcall->user;
    bool is_whole = sl_buf_status(&fetch->body) == 0;
    answer(fetch, is_whole ? fetch->status : 0,
           is_whole ? sl_buf_str(&fetch->body) : SL_STR("its answer is too large"));
}

static void on_error(struct sl_hcall *hcall, enum sl_hcall_fault fault, const char *text)
{
    (void)fault;
    answer(hcall->user, 0, sl_str_c(text));
}

static void on_turn(struct sl_hcall *hcall)
{
    (void)hcall;
}

static const struct sl_hcall_cbs cbs = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_error = on_error,
    .on_turn = on_turn,
};

static int request_write(struct fetch *fetch, struct sl_hcall_req *ret)
{
    struct sl_arena *arena = fetch->x->arena;
    const struct sl_uri *base = &fetch->base;
    struct sl_str target = sl_arena_printf(arena, "%s%.*s%s%.*s", base->path.n ? "" : "/", SL_STR_ARG(base->path),
                                           base->has_query ? "?" : "", SL_STR_ARG(base->query));
    *ret = (struct sl_hcall_req){ .method = fetch->form.p ? "POST" : "GET", .target = target };
    int r = target.p ? sl_headers_add(&ret->headers, arena, SL_STR("user-agent"), SL_STR("sluice/" SL_VERSION))
                     : SL_E_NOMEM;
    r = r < 0 ? r : sl_headers_add(&ret->headers, arena, SL_STR("accept"), SL_STR("application/json"));
    if (r == 0 && fetch->ask.authorization.p) {
        r = sl_headers_add(&ret->headers, arena, SL_STR("authorization"), fetch->ask.authorization);
    }
    if (r == 0 && fetch->form.p) {
        r = sl_headers_add(&ret->headers, arena, SL_STR("content-type"), SL_STR("application/x-www-form-urlencoded"));
        ret->slices = &fetch->form;
        ret->n_slices = 1;
        ret->body_len = fetch->form.n;
    }
    return r;
}

/* Moves the form to the arena, which is wiped. */
static int form_take(struct fetch *fetch, struct sl_buf *form)
{
    int r = sl_buf_status(form);
    fetch->form = r < 0 ? SL_STR_NONE : sl_arena_dup(fetch->x->arena, sl_buf_str(form));
    if (form->p) {
        sl_wipe(form->p, form->len);
    }
    sl_buf_done(form);
    return fetch->form.p ? 0 : SL_E_NOMEM;
}

int sl_login_net_ask(struct sl_xchg *x, const struct sl_login_ask *ask)
{
    static const struct sl_hcall_timeouts timeouts = { CONNECT_USEC, FIRST_BYTE_USEC, FIRST_BYTE_USEC, TOTAL_USEC };
    struct fetch *fetch = SL_ARENA_NEW(x->arena, struct fetch);
    struct sl_hcall_req req;
    int r = fetch ? 0 : SL_E_NOMEM;
    if (r == 0) {
        fetch->x = x;
        fetch->ask = *ask;
        sl_buf_init(&fetch->body, ANSWER_MAX);
    }
    r = r < 0 || !ask->form ? r : form_take(fetch, ask->form);
    r = r < 0 ? r : sl_uri_parse(ask->url, &fetch->base, NULL);
    r = r < 0 ? r : request_write(fetch, &req);
    r = r < 0 ? r
              : sl_hcall_start(&fetch->hcall, &x->worker->engine->client, &fetch->base, &req, &timeouts, x->arena, &cbs,
                               fetch);
    if (r == 0) {
        sl_part_begin(&x->parts, &fetch->part, on_stop);
    }
    return r;
}
