/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/notice.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"

static uint64_t id_of(const struct sl_notice *notice)
{
    uint64_t id = sl_hash(notice->route) * 31 + sl_hash(sl_str_c(notice->kind));
    return id ? id : 1;
}

bool sl_notice_upstream(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec)
{
    uint64_t id = id_of(notice);
    size_t at = id % SL_ARRAY_LEN(notices->slots);
    uint64_t before = atomic_load(&notices->slots[at].id), told = atomic_load(&notices->slots[at].told_usec);
    bool is_same = before == id;
    if (is_same && now_usec < told + SL_NOTICE_EVERY_USEC) {
        atomic_fetch_add(&notices->slots[at].n_untold, 1);
        return false;
    }
    /* Of several threads one says it. */
    if (!atomic_compare_exchange_strong(&notices->slots[at].told_usec, &told, now_usec)) {
        atomic_fetch_add(&notices->slots[at].n_untold, 1);
        return false;
    }
    atomic_store(&notices->slots[at].id, id);
    uint64_t n = atomic_exchange(&notices->slots[at].n_untold, 0);
    char status[32] = "", more[64] = "";
    if (notice->status) {
        snprintf(status, sizeof(status), ", status %d", notice->status);
    }
    if (is_same && n) {
        snprintf(more, sizeof(more), "; %llu more like it since the last line", (unsigned long long)n);
    }
    sl_log(SL_LOG_WARNING, "upstream", "route '%.*s' (%.*s%s%.*s): %s%s%s%.*s%s%.*s%s%.*s%s%.*s%s%s",
           SL_STR_ARG(notice->route), SL_STR_ARG(notice->provider), notice->model.n ? ", " : "",
           SL_STR_ARG(notice->model), notice->kind, status, notice->code.n ? ", " : "", SL_STR_ARG(notice->code),
           notice->request_id.n ? ", its request " : "", SL_STR_ARG(notice->request_id), notice->text.n ? ": " : "",
           SL_STR_ARG(notice->text), notice->said.n ? ": \"" : "", SL_STR_ARG(notice->said), notice->said.n ? "\"" : "",
           more);
    return true;
}
