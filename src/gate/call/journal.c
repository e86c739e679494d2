/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/journal.h"

#include "base/num.h"
#include "base/word.h"
#include "gate/call/near.h"
#include "gate/call/record.h"
#include "gate/call/state.h"
#include "gate/call/tries.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/watch/line.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "log/ident.h"
#include "log/rlog.h"
#include "net/loop.h"
#include "wire/headers.h"

/* The most bytes of the caller's path. */
#define PATH_MAX_SHOWN 256

#define MESSAGE_MAX 512

/* A longer name of a session is cut, as where its limits are counted. */
#define SESSION_MAX 256

/* Rows of calls without a valid key that a worker writes in a minute: they come from anybody, and must not push out
 * the rows of callers. The metrics count all of them. */
#define STRANGERS_MAX 60

/* What most calls do not have. */
struct lists {
    char attempts[SL_RLOG_TEXT_MAX], passed[SL_RLOG_TEXT_MAX], limits[SL_NEAR_MAX];
};

static int64_t since(uint64_t from, uint64_t to)
{
    return from && to >= from ? (int64_t)(to - from) : -1;
}

static void times_fill(const struct sl_xchg *x, struct sl_rlog_row *row)
{
    const struct sl_record *record = &x->record;
    const struct sl_hreq *req = x->req;
    uint64_t now = sl_loop_recent(x->desk->loop);
    int64_t *numbers = row->numbers;
    numbers[SL_RLOG_DURATION] = since(req->start_usec, SL_MAX(now, req->start_usec));
    numbers[SL_RLOG_BODY] = since(req->head_usec, req->body_usec);
    numbers[SL_RLOG_QUEUE] = record->queued_usec ? (int64_t)record->queued_usec : -1;
    numbers[SL_RLOG_CONNECT] = since(record->connect_start_usec, record->connected_usec);
    numbers[SL_RLOG_HEAD] = since(record->upstream_start_usec, record->upstream_head_usec);
    numbers[SL_RLOG_UPSTREAM] = since(record->upstream_start_usec, now);
    numbers[SL_RLOG_FIRST_BYTE] = since(req->start_usec, record->first_byte_usec);
}

static void numbers_fill(const struct sl_xchg *x, struct sl_rlog_row *row)
{
    const struct sl_record *record = &x->record;
    int64_t *numbers = row->numbers;
    numbers[SL_RLOG_TIME] = (int64_t)x->begun_wall_usec;
    numbers[SL_RLOG_NODE] = x->worker->idents->node;
    numbers[SL_RLOG_COUNTER] = x->id_counter;
    times_fill(x, row);
    numbers[SL_RLOG_UPSTREAM_STATUS] = record->upstream_status ? record->upstream_status : -1;
    numbers[SL_RLOG_N_ATTEMPTS] = record->n_attempts;
    numbers[SL_RLOG_INPUT] = record->usage.input;
    numbers[SL_RLOG_OUTPUT] = record->usage.output;
    numbers[SL_RLOG_CACHED] = record->usage.cached_input;
    numbers[SL_RLOG_CACHE_CREATION] = record->usage.cache_creation;
    numbers[SL_RLOG_REASONING] = record->usage.reasoning;
    numbers[SL_RLOG_COST] = record->cost_nano;
    numbers[SL_RLOG_BYTES_IN] = (int64_t)x->req->bytes_in;
    numbers[SL_RLOG_BYTES_OUT] = (int64_t)x->req->bytes_out;
}

/* What most calls do not have. */
static void faults_fill(struct sl_xchg *x, struct sl_rlog_row *row)
{
    const struct sl_record *record = &x->record;
    row->texts[SL_RLOG_DROPPED] = sl_record_dropped(x);
    if (!record->error_type) {
        return;
    }
    row->texts[SL_RLOG_MESSAGE] = sl_str_sub(record->told, 0, sl_utf8_fit(record->told, MESSAGE_MAX));
    row->texts[SL_RLOG_ERROR_TYPE] = sl_str_c(sl_error_type_word(record->error_type));
    row->texts[SL_RLOG_ERROR] = sl_record_error(record);
    row->texts[SL_RLOG_UPSTREAM_CODE] = record->upstream_code;
    row->texts[SL_RLOG_UPSTREAM_SAID] = record->upstream_said;
    row->texts[SL_RLOG_UPSTREAM_REQUEST_ID] = record->upstream_request_id;
}

static struct sl_str list_write(void (*write)(struct sl_line *line, const struct sl_tries *tries),
                                const struct sl_tries *tries, char out[SL_RLOG_TEXT_MAX])
{
    struct sl_line line = { out, out + SL_RLOG_TEXT_MAX };
    write(&line, tries);
    return sl_str_make(out, (size_t)(line.at - out));
}

static void texts_fill(struct sl_xchg *x, int status, char status_text[20], struct sl_rlog_row *row)
{
    const struct sl_record *record = &x->record;
    struct sl_str *texts = row->texts;
    if (x->route) {
        texts[SL_RLOG_ROUTE] = x->route->name;
    }
    if (record->target) {
        texts[SL_RLOG_TARGET] = record->target_name;
        texts[SL_RLOG_PROVIDER] = sl_str_c(record->target->provider->name);
        texts[SL_RLOG_MODEL] = record->target->model;
    }
    if (x->caller.key) {
        texts[SL_RLOG_KEY] = x->caller.key->name;
        texts[SL_RLOG_GROUP] = x->caller.key->group;
    }
    texts[SL_RLOG_PRINCIPAL] = x->caller.principal;
    texts[SL_RLOG_CLIENT] = x->caller.address;
    texts[SL_RLOG_PATH] = sl_str_sub(x->match.path, 0, PATH_MAX_SHOWN);
    texts[SL_RLOG_STATUS] = sl_str_make(status_text, sl_format_u64((uint64_t)status, status_text));
    texts[SL_RLOG_STREAM] = x->call->is_stream ? SL_STR("true") : SL_STR("false");
    if (x->caller.request_id.p != x->caller.own_id.p) {
        texts[SL_RLOG_REQUEST_ID] = x->caller.request_id;
    }
    if (x->has_own) {
        struct sl_str session = sl_headers_get(&x->req->msg.headers, "x-sluice-session");
        texts[SL_RLOG_SESSION] = sl_str_sub(session, 0, SL_MIN(session.n, (size_t)SESSION_MAX));
    }
}

/* True: it has no valid key, and there were many such calls in this minute. */
static bool is_one_too_many(struct sl_xchg *x)
{
    if (SL_LIKELY(x->record.error_type != SL_ERR_CALLER_UNAUTHENTICATED)) {
        return false;
    }
    struct sl_strangers *strangers = &x->worker->strangers;
    uint64_t minute = sl_loop_recent(x->desk->loop) / (60 * SL_USEC_PER_SEC);
    strangers->n = strangers->minute == minute ? strangers->n + 1 : 1;
    strangers->minute = minute;
    return strangers->n > STRANGERS_MAX;
}

void sl_journal_write(struct sl_xchg *x, int status)
{
    if (!sl_xchg_is_invocation(x) || SL_UNLIKELY(x->shadow_of) || is_one_too_many(x)) {
        return;
    }
    const struct sl_tries *tries = x->record.tries;
    struct sl_rlog_row row;
    struct lists lists;
    char status_text[20];
    sl_rlog_row_clear(&row);
    numbers_fill(x, &row);
    texts_fill(x, status, status_text, &row);
    faults_fill(x, &row);
    if (tries && (tries->n > 1 || x->record.is_estimated)) { /* else the row itself tells of a single one */
        row.texts[SL_RLOG_ATTEMPTS] = list_write(sl_tries_write, tries, lists.attempts);
    }
    if (tries && tries->n_passed) {
        row.texts[SL_RLOG_PASSED] = list_write(sl_tries_write_passed, tries, lists.passed);
    }
    if (x->charge || x->charge_away) {
        row.texts[SL_RLOG_LIMITS] = sl_near_write(x, lists.limits);
    }
    sl_rlog_push(x->desk->requests, &row, sl_loop_recent(x->desk->loop));
}
