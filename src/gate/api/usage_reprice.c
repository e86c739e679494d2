/* SPDX-License-Identifier: Apache-2.0 */
/* POST usage/reprice: prices the ledger anew, by the prices in force. */
#include "base/buf.h"
#include "base/word.h"
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/api/reprice.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/instant.h"
#include "gate/config/settings.h"
#include "json/json.h"
#include "json/write.h"

/* What is asked for. */
struct asked {
    uint64_t from_sec, to_sec;
    bool is_dry;
};

static void value_refuse(struct sl_xchg *x, const char *name, const char *want)
{
    sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s must be %s.", name, want);
}

/* A member that is not understood must not price everything anew. */
static bool members_or_refuse(struct sl_xchg *x, struct sl_json_val body)
{
    struct sl_json_iter it = sl_json_each(body);
    while (sl_json_next(&it)) {
        if (!sl_json_str_eq(it.key, SL_STR("from")) && !sl_json_str_eq(it.key, SL_STR("to")) &&
            !sl_json_str_eq(it.key, SL_STR("dry_run"))) {
            struct sl_str name = sl_json_raw(it.key);
            sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                          "There is no member %.*s here: it takes from, to and dry_run.",
                          SL_STR_ARG(sl_str_sub(name, 0, sl_utf8_fit(name, 64))));
            return false;
        }
    }
    return true;
}

static bool time_or_refuse(struct sl_xchg *x, struct sl_json_val body, const char *name, uint64_t *io_sec)
{
    struct sl_json_val val = sl_json_get(body, name);
    struct sl_str text;
    int64_t sec;
    if (sl_json_is_nothing(val)) {
        return true;
    }
    if (sl_json_int(val, true, &sec) == 0 && sec >= 0 && sec <= (int64_t)SL_INSTANT_MAX) {
        *io_sec = (uint64_t)sec;
        return true;
    }
    if (sl_json_text(val, x->arena, &text) == 0 && sl_instant_parse(text, io_sec) == 0) {
        return true;
    }
    value_refuse(x, name, "a time such as 2026-12-31T23:59:59Z or 1798761599");
    return false;
}

static bool body_or_refuse(struct sl_xchg *x, struct asked *ret)
{
    struct sl_json_val body;
    *ret = (struct asked){ .to_sec = SL_INSTANT_MAX + 1 };
    if (!sl_api_body_or_refuse(x, &body) || !members_or_refuse(x, body) ||
        !time_or_refuse(x, body, "from", &ret->from_sec) || !time_or_refuse(x, body, "to", &ret->to_sec)) {
        return false;
    }
    struct sl_json_val dry = sl_json_get(body, "dry_run");
    if (!sl_json_is_nothing(dry) && sl_json_bool(dry, &ret->is_dry) < 0) {
        value_refuse(x, "dry_run", "true or false");
        return false;
    }
    return true;
}

static void times_write(struct sl_jw *w, const struct asked *asked)
{
    char time[32];
    sl_jw_member_str(w, "from", asked->from_sec ? sl_instant_format(asked->from_sec, time) : SL_STR_NONE);
    sl_jw_member_str(w, "to", asked->to_sec <= SL_INSTANT_MAX ? sl_instant_format(asked->to_sec, time) : SL_STR_NONE);
}

static void failure_tell(struct sl_xchg *x, const struct sl_store_job *job)
{
    if (!job->is_write || job->n_done < 2) { /* the first transaction has no sums */
        sl_question_fail(x, job->r, &job->err);
        return;
    }
    sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                  "A part of the usage may have its new prices, the rest has not: price it once more. The gateway's "
                  "store failed: %s",
                  job->err.text);
}

static void on_repriced(struct sl_xchg *x, struct sl_question *question)
{
    const struct sl_store_reprice_job *job = &question->reprice_job;
    if (question->base.r < 0) {
        failure_tell(x, &question->base);
        return;
    }
    const struct asked asked = { job->from_sec, job->to_sec, !question->base.is_write };
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_member_bool(w, "dry_run", asked.is_dry);
    times_write(w, &asked);
    bool is_whole = sl_reprice_write(question->reprice, w);
    sl_jw_end(w);
    if (is_whole) {
        sl_api_reply(x, 200);
    } else {
        sl_xchg_fail_nomem(x);
    }
}

static void handle_reprice(struct sl_xchg *x)
{
    struct asked asked;
    if (!body_or_refuse(x, &asked)) {
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    times_write(w, &asked);
    sl_jw_end(w);
    struct sl_question *question = sl_question_new_reprice(x, asked.is_dry, sl_buf_str(x->desk->text));
    if (question) {
        question->reprice_job.from_sec = asked.from_sec;
        question->reprice_job.to_sec = asked.to_sec;
        sl_question_ask(question, on_repriced);
    }
}

const struct sl_path sl_usage_reprice_rows[] = {
    { .methods = SL_POST,
      .pattern = "/api/sluice/v1/usage/reprice",
      .handle = handle_reprice,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("Price what was used anew, by the prices in force; what no price is known of stays as it is.",
                      .statuses = "200", .body = "RepriceRequest", .reply = "Repriced") },
    { 0 },
};
