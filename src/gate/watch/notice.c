/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/notice.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"

static uint64_t id_of(const struct sl_notice *notice)
{
    uint64_t id = sl_hash(notice->route) * 31 + sl_hash(sl_str_c(notice->kind));
    id = notice->target.n ? id * 31 + sl_hash(notice->target) : id;
    id += notice->is_copy;
    return id ? id : 1;
}

/* True: it is time for a line. False: it is only counted. *ret_n: how many were counted since the last line. */
static bool is_due(struct sl_notices *notices, uint64_t id, uint64_t now_usec, uint64_t *ret_n)
{
    size_t at = id % SL_ARRAY_LEN(notices->slots);
    uint64_t before = atomic_load(&notices->slots[at].id), told = atomic_load(&notices->slots[at].told_usec);
    bool is_same = before == id;
    if (is_same && now_usec < told + SL_NOTICE_EVERY_USEC) {
        atomic_fetch_add(&notices->slots[at].n_untold, 1);
        return false;
    }
    /* Only one of several threads writes the line. */
    if (!atomic_compare_exchange_strong(&notices->slots[at].told_usec, &told, now_usec)) {
        atomic_fetch_add(&notices->slots[at].n_untold, 1);
        return false;
    }
    atomic_store(&notices->slots[at].id, id);
    uint64_t n = atomic_exchange(&notices->slots[at].n_untold, 0);
    *ret_n = is_same ? n : 0;
    return true;
}

#define MORE_MAX 64

static const char *more_text(uint64_t n, char room[MORE_MAX])
{
    room[0] = '\0';
    if (n) {
        snprintf(room, MORE_MAX, "; %llu more like it since the last line", (unsigned long long)n);
    }
    return room;
}

bool sl_notice_overloaded(struct sl_notices *notices, struct sl_str what, uint64_t now_usec)
{
    uint64_t n = 0;
    char more[MORE_MAX];
    if (!is_due(notices, sl_hash(what) | 1, now_usec, &n)) {
        return false;
    }
    sl_log(SL_LOG_WARNING, "serve", "calls are refused with 503: %.*s%s", SL_STR_ARG(what), more_text(n, more));
    return true;
}

/* A copy's failure must not look as if callers of the route had to do with that target. */
static const char *before_target(const struct sl_notice *notice)
{
    return !notice->target.n ? "" : notice->is_copy ? ", shadow '" : ", target '";
}

bool sl_notice_upstream(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec)
{
    uint64_t n = 0;
    char status[32] = "", more[MORE_MAX];
    if (!is_due(notices, id_of(notice), now_usec, &n)) {
        return false;
    }
    if (notice->status) {
        snprintf(status, sizeof(status), ", status %d", notice->status);
    }
    sl_log(SL_LOG_WARNING, "upstream", "route '%.*s'%s%.*s%s (%.*s%s%.*s): %s%s%s%.*s%s%.*s%s%.*s%s%.*s%s%s",
           SL_STR_ARG(notice->route), before_target(notice), SL_STR_ARG(notice->target), notice->target.n ? "'" : "",
           SL_STR_ARG(notice->provider), notice->model.n ? ", " : "", SL_STR_ARG(notice->model), notice->kind, status,
           notice->code.n ? ", " : "", SL_STR_ARG(notice->code), notice->request_id.n ? ", its request " : "",
           SL_STR_ARG(notice->request_id), notice->text.n ? ": " : "", SL_STR_ARG(notice->text),
           notice->said.n ? ": \"" : "", SL_STR_ARG(notice->said), notice->said.n ? "\"" : "", more_text(n, more));
    return true;
}

bool sl_notice_route(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec)
{
    uint64_t n = 0;
    char more[MORE_MAX];
    if (!is_due(notices, id_of(notice), now_usec, &n)) {
        return false;
    }
    sl_log(SL_LOG_WARNING, "upstream", "route '%.*s'%s%.*s%s: %.*s%s", SL_STR_ARG(notice->route),
           notice->target.n ? ", target '" : "", SL_STR_ARG(notice->target), notice->target.n ? "'" : "",
           SL_STR_ARG(notice->text), more_text(n, more));
    return true;
}
