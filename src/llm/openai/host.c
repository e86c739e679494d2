/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/openai/host.h"

#include "json/edit.h"
#include "llm/chat/chat.h"
#include "llm/core/language.h"
#include "llm/openai/host_form.h"
#include "llm/openai/host_messages.h"
#include "llm/openai/host_order.h"

/* Containers are folded at this depth; their text shows whether they are empty. */
static bool says_nothing(struct sl_json_val v, int64_t neutral)
{
    int64_t n;
    if (sl_json_is(v, SL_JSON_ARRAY) || sl_json_is(v, SL_JSON_OBJECT)) {
        struct sl_str raw = sl_json_raw(v);
        return sl_str_trim(sl_str_sub(raw, 1, raw.n - 1)).n == 0;
    }
    return sl_json_says_nothing(v) || sl_json_str_eq(v, SL_STR("auto")) ||
           (neutral && sl_json_int(v, true, &n) == 0 && n == neutral);
}

/* True: the row applies to this call. */
static bool is_due(const struct sl_host_edit *e, const struct sl_host_member *row)
{
    if ((row->types && !(row->types & SL_BIT(e->call->type))) || (row->models && !(e->model->can & row->models)) ||
        (row->is_foreign && !e->is_foreign)) {
        return false;
    }
    if (!row->is_sampling || !(e->model->can & SL_MODEL_RESTS)) {
        return true;
    }
    struct sl_json_val effort = sl_json_get(e->root, "reasoning_effort");
    return !sl_json_is_nothing(effort) && !sl_json_str_eq(effort, SL_STR("none"));
}

static bool row_says_nothing(const struct sl_host_member *row, struct sl_json_val v)
{
    int64_t n;
    if (row->zero_speaks && (sl_json_is(v, SL_JSON_NUMBER) || sl_json_is(v, SL_JSON_FALSE))) {
        return sl_json_int(v, true, &n) == 0 && n == row->neutral;
    }
    return says_nothing(v, row->neutral);
}

static int member_edit(struct sl_host_edit *e, const struct sl_host_member *row)
{
    struct sl_json_val v = is_due(e, row) ? sl_json_get(e->root, row->name) : SL_JSON_ABSENT;
    if (!sl_json_is_present(v)) {
        return 0;
    }
    if (row->to_is_newer && !sl_json_is_nothing(sl_json_get(e->root, row->to))) {
        sl_json_edit_remove(&e->all, e->root, row->name);
        return 0;
    }
    if (row->to && !sl_json_is_nothing(v)) {
        sl_json_edit_remove(&e->all, e->root, row->to); /* OpenAI's newer name wins */
        for (struct sl_json_iter it = sl_json_each(e->root); sl_json_next(&it);) {
            if (sl_json_str_eq(it.key, sl_str_c(row->name))) {
                sl_json_edit_rename(&e->all, it.key, row->to);
            }
        }
        return 0;
    }
    bool is_said = !row_says_nothing(row, v);
    if (is_said && row->is_refused) {
        return sl_refuse(e->call, e->arena, e->error, row->name, "The parameter '%s' is not supported for %s models.",
                         row->name, e->label);
    }
    if (is_said && !row->is_quiet) {
        sl_body_leave_out(e->notes, sl_str_c(row->name));
    }
    sl_json_edit_remove(&e->all, e->root, row->name);
    return 0;
}

/* At OpenAI `logprobs` is a boolean and `top_logprobs` the number; here `logprobs` is the number. */
static int logprobs_edit(struct sl_host_edit *e)
{
    struct sl_json_val v = sl_json_get(e->root, "logprobs"), top = sl_json_get(e->root, "top_logprobs");
    int64_t n;
    bool has_number = sl_json_is_present(top) && sl_json_int(top, true, &n) == 0;
    if (e->call->manners->checks_as_mlflow && !sl_json_is_nothing(v) && !sl_json_is(v, SL_JSON_NUMBER) &&
        !sl_json_is_bool(v)) {
        return sl_refuse(e->call, e->arena, e->error, "logprobs",
                         "Wrong type for logprobs. It should be an 32bit integer.");
    }
    if (e->call->manners->checks_as_mlflow && !sl_json_is_nothing(top) && !has_number) {
        return sl_refuse(e->call, e->arena, e->error, "top_logprobs",
                         "Wrong type for top_logprobs. It should a 32bit integer.");
    }
    if (has_number && !sl_json_is(v, SL_JSON_FALSE)) {
        sl_json_edit_set(&e->all, e->root, "logprobs", sl_json_raw(top));
    } else if (sl_json_is(v, SL_JSON_TRUE)) {
        sl_json_edit_set(&e->all, e->root, "logprobs", SL_STR("1"));
    } else if (sl_json_is(v, SL_JSON_FALSE)) {
        sl_json_edit_remove(&e->all, e->root, "logprobs");
    }
    sl_json_edit_remove(&e->all, e->root, "top_logprobs");
    return 0;
}

/* As MLflow's own adapter does it. */
static int halves_edit(struct sl_host_edit *e)
{
    static const char *const gone[] = { "n", "stop" };
    double t;
    if (e->call->type != SL_LLM_COMPLETIONS || !e->call->manners->checks_as_mlflow) {
        return 0;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(gone); i++) {
        struct sl_json_val v = sl_json_get(e->root, gone[i]);
        if (!says_nothing(v, 1)) {
            sl_body_leave_out(e->notes, sl_str_c(gone[i]));
        }
        sl_json_edit_remove(&e->all, e->root, gone[i]);
    }
    if (sl_json_double(sl_json_get(e->root, "temperature"), &t) < 0) {
        return 0; /* not given */
    }
    struct sl_buf buf = SL_BUF_INIT(64);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_double(&w, t / 2);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_set(&e->all, e->root, "temperature", text);
    return 0;
}

/* "tool_calls", "tool_call_id", "function_call": most bodies have none of these, and are searched once. */
static bool says_call(struct sl_str text)
{
    for (ptrdiff_t at = 0; (at = sl_str_find_char(text, '_', (size_t)at)) >= 0; at++) {
        if (sl_str_has_prefix(sl_str_sub(text, (size_t)at + 1, text.n), SL_STR("call"))) {
            return true;
        }
    }
    return false;
}

static int body_edit(struct sl_host_edit *e, struct sl_json *spare)
{
    e->has_calls = e->call->type == SL_LLM_CHAT && says_call(e->text);
    int r = sl_host_order_edit(e, spare);
    for (const struct sl_host_member *row = e->host->members; row && row->name && r == 0; row++) {
        r = member_edit(e, row);
    }
    r = r < 0 ? r : sl_host_form_edit(e);
    if (r == 0 && (e->host->quirks & SL_HOST_LOGPROBS)) {
        r = logprobs_edit(e);
    }
    if (r == 0 && (e->host->quirks & SL_HOST_HALVES)) {
        r = halves_edit(e);
    }
    r = r < 0 ? r : sl_host_messages_edit(e);
    return r == 0 && e->lacks_thoughts && (e->host->quirks & SL_HOST_THOUGHTS) ? sl_host_rest(e) : r;
}

static int slices_make(struct sl_host_edit *e, struct sl_http_req *io_req)
{
    if (e->notes->n_dropped) {
        io_req->dropped = sl_arena_dup(e->arena, sl_str_make(e->notes->dropped, e->notes->n_dropped));
        if (!io_req->dropped.p) {
            return SL_E_NOMEM;
        }
    }
    return sl_json_edits_slices(&e->all, e->text, &io_req->slices, &io_req->n_slices, &io_req->body_len);
}

/* A failure without a message gets one. */
static int refused(struct sl_host_edit *e, int r)
{
    return r < 0 && r != SL_E_NOMEM && !e->error->message.p
               ? sl_refuse(e->call, e->arena, e->error, NULL, "The request could not be read again.")
               : r;
}

int sl_host_pass(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                 const struct sl_env *env, const struct sl_call_edit *edits, size_t n, struct sl_arena *arena,
                 struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    struct sl_body notes; /* a large struct; only its list is used */
    struct sl_host_edit e = { .host = host,
                              .call = call,
                              .notes = &notes,
                              .env = env,
                              .model = target->row,
                              .label = target->provider->label,
                              .arena = arena,
                              .error = ret_error,
                              .is_foreign = call->manners->checks_as_mlflow,
                              .text = call->body };
    struct sl_json spare;
    notes.n_dropped = 0;
    sl_json_init(&spare, NULL);
    *ret_error = (struct sl_llm_error){ 0 };
    int r = sl_call_edits(call, &spare, arena, &e.root, &e.all);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (edits[i].is_due && edits[i].json.p) {
            sl_json_edit_set(&e.all, e.root, edits[i].key, edits[i].json);
        } else if (edits[i].is_due) {
            sl_json_edit_remove(&e.all, e.root, edits[i].key);
        }
    }
    r = r < 0 ? r : body_edit(&e, &spare);
    r = r < 0 ? r : slices_make(&e, io_req);
    sl_json_done(&spare);
    return refused(&e, r);
}

int sl_host_halves_mend(const struct sl_call *call, struct sl_arena *arena, struct sl_http_req *io_req)
{
    if (sl_json_holds(call->doc, call->body) && !call->doc->has_halves) {
        return 0;
    }
    struct sl_str text = call->body;
    int r = sl_json_mend(&text, arena);
    if (r < 0 || text.p == call->body.p) {
        return r; /* valid pairs only */
    }
    text = sl_req_flat(io_req, arena);
    r = text.p ? sl_json_mend(&text, arena) : SL_E_NOMEM;
    if (r < 0) {
        return r;
    }
    struct sl_str *slice = SL_ARENA_NEW(arena, struct sl_str);
    if (!slice) {
        return SL_E_NOMEM;
    }
    *slice = text;
    io_req->slices = slice;
    io_req->n_slices = 1;
    return 0;
}

int sl_host_mend(const struct sl_openai_host *host, const struct sl_call *call, const struct sl_target *target,
                 const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req,
                 struct sl_llm_error *ret_error)
{
    struct sl_body notes;
    struct sl_host_edit e = { .is_foreign = true,
                              .notes = &notes,
                              .host = host,
                              .call = call,
                              .env = env,
                              .model = target->row,
                              .arena = arena,
                              .error = ret_error,
                              .label = target->provider->label };
    struct sl_json spare;
    struct sl_str rest = io_req->dropped, part;
    notes.n_dropped = 0;
    while (rest.n && sl_str_next(&rest, ',', &part)) {
        sl_body_leave_out(e.notes, part);
    }
    e.text = sl_req_flat(io_req, arena);
    if (!e.text.p) {
        return SL_E_NOMEM;
    }
    *ret_error = (struct sl_llm_error){ 0 };
    sl_json_init(&spare, NULL);
    sl_json_edits_init(&e.all, arena);
    *ret_error = (struct sl_llm_error){ 0 };
    int r = sl_json_parse_at(&spare, e.text, 1);
    e.root = sl_json_root(&spare);
    r = r < 0 ? r : body_edit(&e, &spare);
    r = r < 0 ? r : slices_make(&e, io_req);
    sl_json_done(&spare);
    return refused(&e, r);
}
