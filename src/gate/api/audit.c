/* SPDX-License-Identifier: Apache-2.0 */
/* The audit: what was changed, when and by whom. */
#include <stdio.h>

#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/config/instant.h"
#include "json/write.h"

#define AUDIT_PAGE 100

static void row_write(struct sl_jw *w, const struct sl_audit_row *row)
{
    char time[32];
    sl_jw_object(w);
    sl_jw_member_u64(w, "id", row->id);
    sl_jw_member_str(w, "time", sl_instant_format_usec(row->at_usec, time));
    sl_jw_member_str(w, "principal", row->who.principal);
    sl_jw_member_str(w, "key_id", row->who.key.n ? row->who.key : SL_STR_NONE);
    sl_jw_member_str(w, "request_id", row->who.request_id);
    sl_jw_member_str(w, "action", row->action);
    sl_jw_member_str(w, "target", row->target.n ? row->target : SL_STR_NONE);
    sl_api_stored_write(w, "before", row->before);
    sl_api_stored_write(w, "after", row->after);
    sl_jw_end(w);
}

static void on_read(struct sl_xchg *x, struct sl_question *question)
{
    const struct sl_store_audit_job *job = &question->audit;
    if (question->base.r < 0) {
        sl_question_fail(x, question->base.r, &question->base.err);
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
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
    sl_api_reply(x, 200);
}

static void handle_audit(struct sl_xchg *x)
{
    uint64_t before;
    if (!sl_api_page_or_refuse(x, &before)) {
        return;
    }
    struct sl_question *question = sl_question_new_audit(x, before, AUDIT_PAGE);
    if (question) {
        sl_question_ask(question, on_read);
    }
}

const struct sl_path sl_audit_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/audit",
      .handle = handle_audit,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("What was changed, when and by whom, newest first, 100 a page.", .parameters = "page_number",
                      .reply = "AuditPage") },
    { 0 },
};
