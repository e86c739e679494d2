/* SPDX-License-Identifier: Apache-2.0 */
/* GET usage: the sums of the usage ledger. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/auth.h"
#include "gate/call/part.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/instant.h"
#include "gate/config/key.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/watch/ledger.h"
#include "gate/watch/sheet.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "json/write.h"
#include "store/usage.h"
#include "wire/uri.h"

/* The most rows of a reply: some 15 MB of JSON. */
#define ROWS_MAX 50000
#define TEXT_MAX (64u << 20)

static const struct word {
    const char *name;
    uint32_t span_sec; /* a part of the time; 0: it is a name */
    enum sl_usage_of of;
} words[] = {
    { "route", 0, SL_USAGE_ROUTE },         { "target", 0, SL_USAGE_TARGET },
    { "provider", 0, SL_USAGE_PROVIDER },   { "model", 0, SL_USAGE_MODEL },
    { "group", 0, SL_USAGE_GROUP },         { "key", 0, SL_USAGE_KEY },
    { "principal", 0, SL_USAGE_PRINCIPAL }, { "minute", SL_USAGE_MINUTE, 0 },
    { "hour", SL_USAGE_HOUR, 0 },           { "day", SL_USAGE_DAY, 0 },
};
#define WORDS_TEXT "route, target, provider, model, group, key, principal, minute, hour, day"

/* The sums that are shown, in this order; the cost comes after them. */
static const struct {
    enum sl_usage_sum sum;
    const char *name;
} shown[] = {
    { SL_USAGE_REQUESTS, "requests" },
    { SL_USAGE_ERRORS, "errors" },
    { SL_USAGE_UNMETERED, "unmetered" },
    { SL_USAGE_INPUT, "input_tokens" },
    { SL_USAGE_OUTPUT, "output_tokens" },
    { SL_USAGE_CACHED, "cached_tokens" },
    { SL_USAGE_CACHE_WRITE, "cache_write_tokens" },
    { SL_USAGE_REASONING, "reasoning_tokens" },
    { SL_USAGE_UNPRICED, "unpriced" },
    { SL_USAGE_ESTIMATED, "estimated" },
    { SL_USAGE_LOST, "lost_attempts" },
};

static struct sl_str dollars_of(int64_t nano, char out[SL_DOLLARS_TEXT_MAX])
{
    return sl_str_make(out, sl_format_dollars((uint64_t)nano, out));
}

/* In dollars; n == 0: no call's cost is known, though some were answered. */
static struct sl_str cost_of(const struct sl_usage_row *row, char out[SL_DOLLARS_TEXT_MAX])
{
    bool is_known = row->sums[SL_USAGE_PRICED] || !row->sums[SL_USAGE_UNPRICED];
    return sl_str_make(out, is_known ? sl_format_dollars((uint64_t)row->sums[SL_USAGE_COST], out) : 0);
}

/* A report that a thread of the pool makes: it reads the store, which would stop the loop. */
struct report {
    uv_work_t work;
    struct sl_part part;
    struct sl_xchg *x; /* NULL: the client went away */
    struct sl_worker *worker;
    const struct word *by[SL_ARRAY_LEN(words)]; /* in the order that was asked for */
    uint32_t n_by;
    struct sl_usage_query query;
    struct sl_arena arena; /* for the query's key */
    bool is_csv;
    uint64_t seat;
    int r;
    struct sl_err err;
    struct sl_buf text;
};

static void report_free(struct report *report)
{
    sl_arena_done(&report->arena);
    sl_buf_done(&report->text);
    free(report);
}

/* --- writing --- */

static int row_cmp(const void *a, const void *b, void *arg)
{
    const struct sl_usage_row *x = *(const struct sl_usage_row *const *)a, *y = *(const struct sl_usage_row *const *)b;
    const struct report *report = arg;
    int cmp = x->at_sec < y->at_sec ? -1 : x->at_sec > y->at_sec;
    for (uint32_t i = 0; cmp == 0 && i < report->n_by; i++) {
        const struct word *word = report->by[i];
        cmp = word->span_sec ? 0 : sl_str_cmp(x->of[word->of], y->of[word->of]);
    }
    return cmp;
}

/* The row's value for a word, as text. A day has no time. */
static struct sl_str value_of(const struct sl_usage_row *row, const struct word *word, char time[32])
{
    if (!word->span_sec) {
        return row->of[word->of];
    }
    struct sl_str at = sl_instant_format(row->at_sec - row->at_sec % word->span_sec, time);
    return word->span_sec == SL_USAGE_DAY ? sl_str_sub(at, 0, strlen("2026-12-31")) : at;
}

static void json_write(struct report *report, const struct sl_usage_row *const *rows, size_t n)
{
    char time[32], dollars[SL_DOLLARS_TEXT_MAX];
    struct sl_jw w;
    sl_jw_init(&w, &report->text);
    sl_jw_object(&w);
    sl_jw_key(&w, "usage");
    sl_jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        sl_jw_object(&w);
        for (uint32_t k = 0; k < report->n_by; k++) {
            sl_jw_member_str(&w, report->by[k]->name, value_of(rows[i], report->by[k], time));
        }
        for (size_t k = 0; k < SL_ARRAY_LEN(shown); k++) {
            sl_jw_member_i64(&w, shown[k].name, rows[i]->sums[shown[k].sum]);
        }
        struct sl_str cost = cost_of(rows[i], dollars);
        sl_jw_member_raw(&w, "cost", cost.n ? cost : SL_STR("null"));
        sl_jw_member_raw(&w, "lost_cost", dollars_of(rows[i]->sums[SL_USAGE_LOST_COST], dollars));
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    const struct sl_usage_query *query = &report->query;
    sl_jw_member_str(&w, "from", query->from_sec ? sl_instant_format(query->from_sec, time) : SL_STR_NONE);
    sl_jw_member_str(&w, "to", query->to_sec <= SL_INSTANT_MAX ? sl_instant_format(query->to_sec, time) : SL_STR_NONE);
    sl_jw_member_str(&w, "kept", report->worker->gate->store ? SL_STR("disk") : SL_STR("memory"));
    sl_jw_end(&w);
}

/* RFC 4180. Callers choose some of these texts, and programs for tables calculate what begins like a formula: an
 * apostrophe makes it a text. */
static void cell_write(struct sl_buf *out, struct sl_str text)
{
    bool is_plain = true, is_formula = text.n && memchr("=+-@\t\r", text.p[0], 6);
    for (size_t i = 0; i < text.n; i++) {
        is_plain &= text.p[i] != ',' && text.p[i] != '"' && text.p[i] != '\n' && text.p[i] != '\r';
    }
    sl_buf_add_str(out, is_plain ? SL_STR("") : SL_STR("\""));
    sl_buf_add_str(out, is_formula ? SL_STR("'") : SL_STR(""));
    if (is_plain) {
        sl_buf_add_str(out, text);
        return;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            sl_buf_add_char(out, '"');
        }
        sl_buf_add_char(out, text.p[i]);
    }
    sl_buf_add_char(out, '"');
}

static void csv_write(struct report *report, const struct sl_usage_row *const *rows, size_t n)
{
    char time[32], dollars[SL_DOLLARS_TEXT_MAX];
    struct sl_buf *out = &report->text;
    for (uint32_t k = 0; k < report->n_by; k++) {
        sl_buf_printf(out, "%s,", report->by[k]->name);
    }
    for (size_t k = 0; k < SL_ARRAY_LEN(shown); k++) {
        sl_buf_printf(out, "%s,", shown[k].name);
    }
    sl_buf_add_lit(out, "lost_cost,cost\r\n");
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < report->n_by; k++) {
            cell_write(out, value_of(rows[i], report->by[k], time));
            sl_buf_add_char(out, ',');
        }
        for (size_t k = 0; k < SL_ARRAY_LEN(shown); k++) {
            sl_buf_printf(out, "%lld,", (long long)rows[i]->sums[shown[k].sum]);
        }
        sl_buf_add_str(out, dollars_of(rows[i]->sums[SL_USAGE_LOST_COST], dollars));
        sl_buf_add_char(out, ',');
        sl_buf_add_str(out, cost_of(rows[i], dollars));
        sl_buf_add_lit(out, "\r\n");
    }
}

static int sheet_write(struct report *report, const struct sl_sheet *sheet)
{
    size_t n = 0;
    const struct sl_usage_row **rows = malloc((sheet->rows.n + 1) * sizeof(*rows));
    if (!rows) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; (rows[n] = sl_sheet_each(sheet, &i)) != NULL;) {
        n++;
    }
    qsort_r(rows, n, sizeof(*rows), row_cmp, report);
    (report->is_csv ? csv_write : json_write)(report, rows, n);
    free(rows);
    return sl_buf_status(&report->text);
}

static void report_run(uv_work_t *work)
{
    struct report *report = SL_CONTAINER_OF(work, struct report, work);
    struct sl_gate *gate = report->worker->gate;
    struct sl_sheet sheet;
    sl_sheet_init(&sheet);
    report->r = sl_ledger_ask(gate->ledger, gate->store, &report->query, &sheet, &report->err);
    report->r = report->r < 0 ? report->r : sheet_write(report, &sheet);
    sl_sheet_done(&sheet);
}

static void report_fail(struct sl_xchg *x, const struct report *report)
{
    bool is_operator = sl_auth_reaches(x, SL_STR("")); /* the store's text may name a host and a user */
    if (report->r == SL_E_LIMIT) {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                      "This asks for more than %d rows, or for more than can be read in ten seconds: ask for a shorter "
                      "time, or for fewer words in by.",
                      ROWS_MAX);
    } else if (report->r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else {
        sl_api_refuse(x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
                      "The usage cannot be read: the gateway's store is not available%s%s", is_operator ? ": " : ".",
                      is_operator ? report->err.text : "");
    }
}

static void report_done(uv_work_t *work, int status)
{
    struct report *report = SL_CONTAINER_OF(work, struct report, work);
    struct sl_xchg *x = report->x;
    struct sl_worker *worker = report->worker;
    sl_seats_leave(&worker->gate->reports, report->seat);
    if (x) {
        sl_part_end(&x->parts, &report->part);
        report->r = status < 0 ? SL_E_NOMEM : report->r;
        if (report->r < 0) {
            report_fail(x, report);
        } else {
            sl_xchg_reply(x, 200, report->is_csv ? SL_STR("text/csv; charset=utf-8") : SL_STR("application/json"),
                          sl_buf_str(&report->text));
        }
    }
    report_free(report);
    sl_worker_answered(worker);
}

/* The exchange ends first: nobody reads the report. */
static void report_on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct report, part)->x = NULL;
}

/* --- asking --- */

/* The shortest part of the time decides. */
static void by_add(struct report *report, const struct word *word)
{
    struct sl_usage_query *query = &report->query;
    for (uint32_t i = 0; i < report->n_by; i++) {
        if (report->by[i] == word) {
            return;
        }
    }
    report->by[report->n_by++] = word;
    if (!word->span_sec) {
        query->by |= SL_BIT(word->of);
    } else if (!query->span_sec || word->span_sec < query->span_sec) {
        query->span_sec = word->span_sec;
    }
}

static bool by_or_refuse(struct sl_xchg *x, struct report *report)
{
    struct sl_str by, text;
    if (!sl_query_get(x->match.query, "by", x->arena, &by) || !by.n) {
        return true;
    }
    while (sl_str_next(&by, ',', &text)) {
        size_t i = 0;
        while (i < SL_ARRAY_LEN(words) && !sl_str_eq_c(text, words[i].name)) {
            i++;
        }
        if (i == SL_ARRAY_LEN(words)) {
            sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                          "by: there is no '%.*s'. It takes " WORDS_TEXT ", with commas between them.",
                          SL_STR_ARG(sl_str_sub(text, 0, 64)));
            return false;
        }
        by_add(report, &words[i]);
    }
    return true;
}

static bool time_or_refuse(struct sl_xchg *x, const char *name, uint64_t *io_sec)
{
    struct sl_str text;
    if (!sl_query_get(x->match.query, name, x->arena, &text) || sl_instant_parse(text, io_sec) == 0) {
        return true;
    }
    sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE",
                  "%s: '%.*s' is no time, such as 2026-12-31T23:59:59Z or 1798761599.", name,
                  SL_STR_ARG(sl_str_sub(text, 0, 64)));
    return false;
}

/* A key of role query sees its own usage, any other that of its group and those in it. */
static int scope_set(struct report *report, const struct sl_key *key)
{
    bool is_own = key && key->role == SL_ROLE_QUERY, is_of_group = key && !is_own && key->group.n;
    struct sl_usage_query *query = &report->query;
    query->key = is_own ? sl_arena_dup(&report->arena, key->id) : SL_STR_NONE;
    query->group = is_of_group ? sl_arena_dup(&report->arena, key->group) : SL_STR_NONE;
    return (is_own && !query->key.p) || (is_of_group && !query->group.p) ? SL_E_NOMEM : 0;
}

static bool query_or_refuse(struct sl_xchg *x, struct report *report)
{
    struct sl_usage_query *query = &report->query;
    *query = (struct sl_usage_query){ .to_sec = SL_INSTANT_MAX + 1, .max = ROWS_MAX };
    query->sums = SL_BIT64(SL_USAGE_PRICED) | SL_BIT64(SL_USAGE_COST) | SL_BIT64(SL_USAGE_LOST_COST);
    for (size_t i = 0; i < SL_ARRAY_LEN(shown); i++) {
        query->sums |= SL_BIT64(shown[i].sum);
    }
    if (scope_set(report, x->caller.key) < 0) {
        sl_xchg_fail_nomem(x);
        return false;
    }
    if (!by_or_refuse(x, report) || !time_or_refuse(x, "from", &query->from_sec) ||
        !time_or_refuse(x, "to", &query->to_sec)) {
        return false;
    }
    /* What was before is another group's, which had the same name. Old sums are of whole days. */
    if (query->group.n && x->caller.group) {
        uint64_t created_sec = x->caller.group->def->created_sec;
        query->from_sec = SL_MAX(query->from_sec, created_sec - created_sec % SL_USAGE_DAY);
    }
    return true;
}

static void busy_refuse(struct sl_xchg *x)
{
    sl_api_refuse(x, SL_ERR_SLUICE_OVERLOADED, "TEMPORARILY_UNAVAILABLE",
                  "Other reports of usage are being made: try again in a second.");
}

static void report_ask(struct sl_xchg *x, struct report *report)
{
    struct sl_seats *seats = &x->worker->gate->reports;
    if (!sl_seats_take(seats, sl_auth_tenant(x), &report->seat)) {
        report_free(report);
        busy_refuse(x);
        return;
    }
    if (uv_queue_work(&x->desk->loop->uv, &report->work, report_run, report_done) < 0) {
        sl_seats_leave(seats, report->seat);
        report_free(report);
        busy_refuse(x);
        return;
    }
    report->worker->n_questions++;
    sl_part_begin(&x->parts, &report->part, report_on_stop);
}

static void handle_usage(struct sl_xchg *x)
{
    struct report *report = calloc(1, sizeof(*report));
    if (!report || !x->worker->gate->ledger) {
        free(report);
        sl_xchg_fail_nomem(x);
        return;
    }
    report->x = x;
    report->worker = x->worker;
    sl_arena_init_small(&report->arena, 256);
    sl_buf_init(&report->text, TEXT_MAX);
    struct sl_str accept = sl_headers_get(&x->req->msg.headers, "accept");
    report->is_csv = sl_str_find(accept, SL_STR("text/csv"), 0) >= 0;
    if (query_or_refuse(x, report)) {
        report_ask(x, report);
    } else {
        report_free(report);
    }
}

const struct sl_path sl_usage_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/usage",
      .handle = handle_usage,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("What was used: calls, tokens and their cost, summed up. A key of role query sees its own, one "
                      "with a group that of its group.",
                      .parameters = "usage_by usage_from usage_to", .reply = "UsageReport") },
    { 0 },
};
