/* SPDX-License-Identifier: Apache-2.0 */
/* The request log: what happened to each call of a model. Questions run on the thread pool, a slice at a time, so that
 * neither a loop nor one of the pool's threads is busy for long. */
#include "gate/api/requests.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/requests_facets.h"
#include "gate/api/requests_json.h"
#include "gate/api/requests_query.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/part.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"
#include "log/scan.h"
#include "net/loop.h"
#include "store/store.h"
#include "wire/uri.h"

/* Rows a page. */
#define PAGE_ROWS     100
#define PAGE_ROWS_MAX 1000
/* How many rows may have one id: a caller may send the same one again and again. */
#define HITS_MAX 100
/* Texts of a column that are listed, most rows first. */
#define FACET_TEXTS     100
#define FACET_TEXTS_MAX 1000
/* How long one slice takes, and how long a page may: then it is sent as it is, with a cursor. */
#define SLICE_USEC (20 * SL_USEC_PER_MSEC)
#define PAGE_USEC  (500 * SL_USEC_PER_MSEC)
/* How long a count may take, or the search for an id: then it is refused. */
#define LOOK_USEC (10 * SL_USEC_PER_SEC)
/* A page of rows, each of the greatest length and escaped. */
#define TEXT_MAX_BYTES (256u << 20)

/* A question that runs. */
struct look {
    uv_work_t work;
    struct sl_part part;
    struct sl_xchg *x; /* NULL: the client went away */
    struct sl_gate *gate;
    struct sl_loop *loop;
    struct sl_arena arena; /* of the query's texts */
    struct sl_rlog_query query;
    struct sl_rlog_scan scan;
    uint64_t begun_usec, seat;
    bool is_operators;
    bool is_count; /* it counts; else it lists rows */
    bool is_one;   /* it is about one id */
    uint64_t n_max;
    struct sl_rlog_facets facets;
    struct sl_buf text; /* the rows as JSON */
    struct sl_jw writer;
    uint64_t n_rows;
    int r;
};

static void look_free(struct look *look)
{
    sl_seats_leave(&look->gate->looks, look->seat);
    sl_rlog_facets_done(&look->facets);
    sl_buf_done(&look->text);
    sl_arena_done(&look->arena);
    free(look);
}

/* From the newest row on. */
static struct sl_rlog_scan scan_of(const struct look *look)
{
    return (struct sl_rlog_scan){
        .log = look->gate->requests, .query = &look->query, .before = UINT64_MAX, .searched_usec = INT64_MAX
    };
}

/* NULL: the exchange was failed. */
static struct look *look_new(struct sl_xchg *x)
{
    struct sl_gate *gate = x->worker->gate;
    uint64_t seat;
    if (!sl_seats_take(&gate->looks, sl_auth_tenant(x), &seat)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "Too many questions to the request log run: try again.");
        return NULL;
    }
    struct look *look = calloc(1, sizeof(*look));
    if (!look) {
        sl_seats_leave(&gate->looks, seat);
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    look->x = x;
    look->gate = gate;
    look->seat = seat;
    look->loop = x->desk->loop;
    look->is_operators = sl_requests_is_operators(x);
    sl_arena_init_small(&look->arena, 512);
    sl_buf_init(&look->text, TEXT_MAX_BYTES);
    sl_jw_init(&look->writer, &look->text);
    sl_rlog_facets_init(&look->facets);
    look->scan = scan_of(look);
    return look;
}

/* --- what a caller may ask --- */

bool sl_requests_log_or_refuse(struct sl_xchg *x)
{
    if (!x->worker->gate->requests) {
        sl_api_refuse(
            x, SL_ERR_SLUICE_STORE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE",
            "This gateway keeps no request log: it needs a data directory (--data DIR), and no `requests: off` "
            "in its configuration.");
        return false;
    }
    return true;
}

void sl_requests_refuse(struct sl_xchg *x, const struct sl_err *err)
{
    if (err->code == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else {
        sl_api_refuse(x, SL_ERR_CALLER_INVALID_REQUEST, "INVALID_PARAMETER_VALUE", "%s", err->text);
    }
}

bool sl_requests_is_operators(const struct sl_xchg *x)
{
    const struct sl_key *key = x->caller.key;
    return !key || (key->role != SL_ROLE_QUERY && !key->group.n);
}

int sl_requests_scope_add(const struct sl_xchg *x, struct sl_arena *arena, struct sl_rlog_query *io_query,
                          struct sl_err *err)
{
    if (sl_requests_is_operators(x)) {
        return 0;
    }
    const struct sl_key *key = x->caller.key;
    if (x->caller.group) { /* what was before is another group's, which had the same name */
        int64_t created_usec = (int64_t)(x->caller.group->def->created_sec * SL_USEC_PER_SEC);
        io_query->from_usec = SL_MAX(io_query->from_usec, created_usec);
    }
    bool is_own = key->role == SL_ROLE_QUERY;
    struct sl_str of = sl_arena_dup(arena, is_own ? x->caller.principal : key->group);
    return of.p && sl_rlog_query_is(io_query, is_own ? SL_RLOG_PRINCIPAL : SL_RLOG_GROUP, of) ? 0 : sl_fail_nomem(err);
}

/* --- on the pool --- */

static bool on_row(void *arg, uint64_t number, const struct sl_rlog_row *row)
{
    struct look *look = arg;
    (void)number;
    sl_requests_row_write(&look->writer, row, look->is_operators);
    return ++look->n_rows < look->n_max && sl_buf_status(&look->text) == 0;
}

static void look_run(uv_work_t *work)
{
    struct look *look = SL_CONTAINER_OF(work, struct look, work);
    uint64_t until = sl_clock_usec() + SLICE_USEC;
    look->r = look->is_count ? sl_rlog_scan_count(&look->scan, until, &look->facets)
                             : sl_rlog_scan_rows(&look->scan, until, on_row, look);
}

/* --- replies --- */

static void searched_write(const struct look *look, struct sl_jw *w)
{
    if (look->scan.is_done || look->scan.searched_usec == INT64_MIN) {
        sl_jw_member_null(w, "searched_until");
    } else {
        sl_requests_time_write(w, "searched_until", look->scan.searched_usec);
    }
    if (look->scan.n_damaged) {
        sl_jw_member_u64(w, "damaged_rows", look->scan.n_damaged);
    }
}

static void page_reply(struct sl_xchg *x, struct look *look)
{
    char next[20];
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_end(&look->writer);
    sl_jw_object(w);
    sl_jw_member_raw(w, "requests", sl_buf_str(&look->text));
    struct sl_str cursor = sl_str_make(next, sl_format_u64(look->scan.before, next));
    sl_jw_member_str(w, "next_cursor", look->scan.is_done ? SL_STR_NONE : cursor);
    searched_write(look, w);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

#define NO_SUCH_REQUEST                                                                            \
    "The request log has no request with this id that the caller may see. It has calls of models " \
    "only, for as long as `requests.keep` says, a moment after their end."

/* One hit is the row itself; several are a list. */
static void one_reply(struct sl_xchg *x, struct look *look)
{
    if (look->n_rows == 0) {
        const struct sl_store *store = x->worker->gate->store;
        sl_api_refuse(x, SL_ERR_CALLER_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST",
                      store && sl_store_is_shared(store) ? NO_SUCH_REQUEST
                          " Each node has its own log: ask the others, too."
                                                         : NO_SUCH_REQUEST);
        return;
    }
    if (look->n_rows > 1) {
        page_reply(x, look);
        return;
    }
    struct sl_buf *out = x->desk->text;
    sl_buf_reset(out);
    sl_buf_add(out, look->text.p + 1, look->text.len - 1); /* the list's bracket is not closed yet */
    sl_api_reply(x, 200);
}

static void facets_reply(struct sl_xchg *x, struct look *look)
{
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_requests_facets_write(w, &look->facets, look->n_max);
    if (look->scan.n_damaged) {
        sl_jw_member_u64(w, "damaged_rows", look->scan.n_damaged);
    }
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

/* A part of a count would be wrong, and a part of a search would say that there is nothing. */
static void late_refuse(struct sl_xchg *x)
{
    sl_api_refuse(x, SL_ERR_SLUICE_OVERLOADED, "TEMPORARILY_UNAVAILABLE",
                  "This takes more than ten seconds: ask for a shorter time (from, to), or try again later.");
}

/* --- slices --- */

static bool is_over(const struct look *look)
{
    bool is_page = !look->is_count && !look->is_one;
    bool is_late = sl_clock_usec() - look->begun_usec >= (is_page ? PAGE_USEC : LOOK_USEC);
    bool is_full = !look->is_count && look->n_rows >= look->n_max;
    return look->r < 0 || look->scan.is_done || is_full || is_late;
}

static void look_done(uv_work_t *work, int status);

static void look_queue(struct look *look)
{
    look->r = uv_queue_work(&look->loop->uv, &look->work, look_run, look_done) < 0 ? SL_E_NOMEM : 0;
    if (look->r < 0) {
        look_done(&look->work, 0);
    }
}

/* A caller may send another one's id as its x-request-id, again and again: so all rows are searched for the request
 * whose own id it is, and only then for those that brought it. True: they are searched once more. */
static bool look_again(struct look *look)
{
    bool is_again = look->is_one && look->query.is_own_id && look->r == 0 && look->scan.is_done && !look->n_rows;
    if (is_again) {
        look->query.is_own_id = false;
        look->scan = scan_of(look);
    }
    return is_again;
}

static void look_done(uv_work_t *work, int status)
{
    struct look *look = SL_CONTAINER_OF(work, struct look, work);
    struct sl_xchg *x = look->x;
    look->r = status < 0 ? SL_E_CANCELLED : look->r;
    if (x && (!is_over(look) || look_again(look))) {
        look_queue(look);
        return;
    }
    if (x) {
        sl_part_end(&x->parts, &look->part);
        if (look->r < 0 || sl_buf_status(&look->text) < 0) {
            sl_xchg_fail_nomem(x);
        } else if (!look->scan.is_done && (look->is_count || (look->is_one && !look->n_rows))) {
            late_refuse(x);
        } else if (look->is_count) {
            facets_reply(x, look);
        } else if (look->is_one) {
            one_reply(x, look);
        } else {
            page_reply(x, look);
        }
    }
    look_free(look);
}

/* The exchange ends first: nobody reads the answer. */
static void on_stop(struct sl_part *part)
{
    SL_CONTAINER_OF(part, struct look, part)->x = NULL;
}

static void look_start(struct look *look)
{
    sl_part_begin(&look->x->parts, &look->part, on_stop);
    look->begun_usec = sl_clock_usec();
    if (!look->is_count) {
        sl_jw_array(&look->writer);
    }
    look_queue(look);
}

/* --- handlers --- */

/* NULL: it was refused. */
static struct look *look_ask(struct sl_xchg *x, const char *also)
{
    struct look *look = sl_requests_log_or_refuse(x) ? look_new(x) : NULL;
    struct sl_err err = { 0 };
    if (look && (sl_requests_query_read(x->match.query, also, &look->arena, &look->query, &err) < 0 ||
                 sl_requests_scope_add(x, &look->arena, &look->query, &err) < 0)) {
        look_free(look);
        sl_requests_refuse(x, &err);
        return NULL;
    }
    return look;
}

static int number_read(const struct sl_xchg *x, const char *name, uint64_t min, uint64_t max, uint64_t *io,
                       struct sl_err *err)
{
    return sl_requests_number_read(x->match.query, name, min, max, x->arena, io, err);
}

static void handle_list(struct sl_xchg *x)
{
    struct look *look = look_ask(x, "limit cursor");
    struct sl_err err = { 0 };
    if (!look) {
        return;
    }
    look->n_max = PAGE_ROWS;
    if (number_read(x, "limit", 1, PAGE_ROWS_MAX, &look->n_max, &err) < 0 ||
        number_read(x, "cursor", 0, INT64_MAX, &look->scan.before, &err) < 0) {
        look_free(look);
        sl_requests_refuse(x, &err);
        return;
    }
    look_start(look);
}

static void handle_one(struct sl_xchg *x)
{
    struct look *look = look_ask(x, "");
    if (!look) {
        return;
    }
    look->is_one = true;
    look->n_max = HITS_MAX;
    look->query.id = sl_arena_dup(&look->arena, x->match.arg);
    if (!look->query.id.n) {
        look_free(look);
        sl_xchg_fail_nomem(x);
        return;
    }
    struct sl_rlog_id own;
    look->query.is_own_id = sl_rlog_id_parse(look->query.id, &own);
    look_start(look);
}

static void handle_facets(struct sl_xchg *x)
{
    struct look *look = look_ask(x, "by limit");
    struct sl_err err = { 0 };
    struct sl_str by = SL_STR("status");
    if (!look) {
        return;
    }
    look->is_count = true;
    look->n_max = FACET_TEXTS;
    SL_IGNORE(!sl_query_get(x->match.query, "by", x->arena, &by)); /* it has a default */
    if (sl_requests_facets_read(by, &look->facets, &err) < 0 ||
        number_read(x, "limit", 1, FACET_TEXTS_MAX, &look->n_max, &err) < 0) {
        look_free(look);
        sl_requests_refuse(x, &err);
        return;
    }
    look_start(look);
}

#define FILTERS                                                                                                 \
    "request_from request_to request_status request_error_type request_route request_target request_model "     \
    "request_provider request_group request_key request_principal request_session request_client request_path " \
    "request_stream request_min_ms "

const struct sl_path sl_requests_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/requests",
      .handle = handle_list,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("The calls of models, newest first; a key of role query sees those of its principal, any "
                      "other key in a group those of its group.",
                      .parameters = FILTERS "limit request_cursor", .reply = "RequestPage") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/requests/facets",
      .handle = handle_facets,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("How many of these calls have each value of some members; the counts are exact.",
                      .parameters = FILTERS "request_by limit", .reply = "RequestFacets") },
    { .methods = SL_GET,
      .pattern = "/api/sluice/v1/requests/tail",
      .handle = sl_requests_tail,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("The same calls as events, as soon as they have ended.", .parameters = FILTERS,
                      .media = "text/event-stream") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/requests/{}",
      .handle = handle_one,
      .access = SL_ACCESS_QUERY,
      .takes_slash = true,
      .told = SL_TOLD("One call, by its x-sluice-id or its x-request-id; a list if several have that one.",
                      .parameters = "", .reply = "RequestOrPage") },
    { 0 },
};
