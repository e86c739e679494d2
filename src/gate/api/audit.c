/* SPDX-License-Identifier: Apache-2.0 */
/* What was changed, when and by whom. */
#include <stdio.h>

#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "wire/uri.h"

#define AUDIT_PAGE 100

static void row_write(struct sl_jw *w, const struct sl_audit_row *row)
{
    char time[32];
    sl_jw_object(w);
    sl_jw_member_u64(w, "id", row->id);
    sl_jw_member_str(w, "time", sl_time_format(row->at_usec / SL_USEC_PER_SEC, time));
    sl_jw_member_str(w, "principal", row->who.principal);
    sl_jw_member_str(w, "key_id", row->who.key.n ? row->who.key : SL_STR_NONE);
    sl_jw_member_str(w, "request_id", row->who.request_id);
    sl_jw_member_str(w, "action", row->action);
    sl_jw_member_str(w, "target", row->target.n ? row->target : SL_STR_NONE);
    sl_jw_member_raw(w, "before", row->before.p ? row->before : SL_STR("null"));
    sl_jw_member_raw(w, "after", row->after.p ? row->after : SL_STR("null"));
    sl_jw_end(w);
}

static void on_read(struct sl_xchg *x, struct sl_pending *pending)
{
    const struct sl_store_audit_job *job = &pending->audit;
    if (job->job.r < 0) {
        sl_pending_fail(x, job->job.r, &job->job.err);
        return;
    }
    struct sl_jw writer, *w = sl_manage_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "audit");
    sl_jw_array(w);
    for (uint32_t i = 0; i < job->n; i++) {
        row_write(w, &job->rows[i]);
    }
    sl_jw_end(w);
    char next[24] = "";
    if (job->has_more) {
        snprintf(next, sizeof(next), "%llu", (unsigned long long)job->rows[job->n - 1].id);
    }
    sl_jw_member_str(w, "next_page_token", job->has_more ? sl_str_c(next) : SL_STR_NONE);
    sl_jw_end(w);
    sl_manage_reply(x, 200);
}

void sl_handle_audit(struct sl_xchg *x)
{
    struct sl_str token;
    uint64_t before = 0;
    if (sl_query_get(x->match.query, "page_token", &x->req->arena, &token) &&
        sl_parse_u64(token, 1, INT64_MAX, &before) < 0) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Invalid page_token: it must be the next_page_token of an earlier reply.");
        return;
    }
    struct sl_pending *pending = sl_pending_new_audit(x, before, AUDIT_PAGE);
    if (pending) {
        sl_pending_ask(pending, on_read);
    }
}
