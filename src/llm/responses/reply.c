/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole responses to canonical replies. */
#include "json/write.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/responses/responses.h"

/* --- what whole replies and streams share --- */

enum sl_finish sl_responses_finish(struct sl_reading *rd, struct sl_json_val response, bool has_calls,
                                   struct sl_str *ret_word)
{
    static const struct sl_finish_word reasons[] = {
        { SL_STR_INIT("max_output_tokens"), SL_FINISH_LENGTH },
        { SL_STR_INIT("max_tokens"), SL_FINISH_LENGTH },
        { SL_STR_INIT("content_filter"), SL_FINISH_CONTENT_FILTER },
        { { 0 }, SL_FINISH_NONE },
    };
    struct sl_str status = sl_reading_text(rd, sl_json_get(response, "status"));
    struct sl_str reason = sl_reading_text(rd, sl_json_at(response, "incomplete_details.reason"));
    *ret_word = reason.n ? reason : status;
    if (sl_str_eq_c(status, "incomplete")) {
        return reason.n ? sl_finish_find(reasons, reason) : SL_FINISH_OTHER;
    }
    if (status.n && !sl_str_eq_c(status, "completed")) {
        return SL_FINISH_OTHER;
    }
    return has_calls ? SL_FINISH_TOOL_CALLS : SL_FINISH_STOP;
}

void sl_responses_usage_read(struct sl_json_val usage, struct sl_usage *ret)
{
    enum { INPUT, OUTPUT, TOTAL, IN, OUT, COST, TICKS, N };
    static const struct sl_str names[N] = { SL_STR_INIT("input_tokens"),          SL_STR_INIT("output_tokens"),
                                            SL_STR_INIT("total_tokens"),          SL_STR_INIT("input_tokens_details"),
                                            SL_STR_INIT("output_tokens_details"), SL_STR_INIT("cost"),
                                            SL_STR_INIT("cost_in_usd_ticks") };
    struct sl_json_val v[N];
    struct sl_usage u = SL_USAGE_NONE;
    sl_json_pick(usage, names, N, v);
    u.input = sl_count_of(v[INPUT]);
    u.output = sl_count_of(v[OUTPUT]);
    u.total = sl_count_of(v[TOTAL]);
    sl_parts_read(v[IN], v[OUT], &u);
    if (sl_json_is_present(v[COST]) || sl_json_is_present(v[TICKS])) {
        u.cost_nano = sl_cost_read(usage);
    }
    *ret = u;
}

struct sl_str sl_responses_signature(struct sl_reading *rd, struct sl_json_val item)
{
    struct sl_str id = sl_reading_text(rd, sl_json_get(item, "id"));
    struct sl_str closed = sl_reading_text(rd, sl_json_get(item, "encrypted_content"));
    if (!closed.n) {
        return SL_STR("");
    }
    bool is_known = sl_str_has_prefix(id, SL_STR(SL_RESPONSES_REASONING)) && sl_str_find_char(id, ':', 0) < 0;
    struct sl_str text = sl_arena_printf(
        rd->arena, "%.*s:%.*s", SL_STR_ARG(is_known ? id : SL_STR(SL_RESPONSES_REASONING)), SL_STR_ARG(closed));
    if (!text.p) {
        sl_reading_no_memory(rd);
    }
    return text;
}

struct sl_str sl_responses_logprobs(struct sl_reading *rd, struct sl_json_val list)
{
    struct sl_str text = sl_arena_printf(rd->arena, "{\"content\":%.*s,\"refusal\":null}",
                                         SL_STR_ARG(sl_json_raw(list)));
    if (!text.p) {
        sl_reading_no_memory(rd);
    }
    return text;
}

struct sl_str sl_responses_annotation(struct sl_reading *rd, struct sl_json_val annotation, int64_t before)
{
    static const char *const places[] = { "start_index", "end_index" }, *const texts[] = { "url", "title" };
    if (!sl_json_str_eq(sl_json_get(annotation, "type"), SL_STR("url_citation"))) {
        return SL_STR("");
    }
    struct sl_buf buf = SL_BUF_INIT(sl_json_raw(annotation).n + 256);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_array(&w);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("url_citation"));
    sl_jw_key(&w, "url_citation");
    sl_jw_object(&w);
    for (size_t i = 0; i < SL_ARRAY_LEN(places); i++) {
        int64_t at = sl_count_get(annotation, places[i]);
        if (at >= 0) {
            sl_jw_member_i64(&w, places[i], at + before);
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_json_val v = sl_json_get(annotation, texts[i]);
        if (sl_json_is(v, SL_JSON_STRING)) {
            sl_jw_member_raw(&w, texts[i], sl_json_raw(v));
        }
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_jw_end(&w);
    struct sl_str list = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!list.p) {
        sl_reading_no_memory(rd);
    }
    return list;
}

/* True: the code says that the request is wrong. */
static bool is_callers(struct sl_str code)
{
    static const char *const heads[] = { "invalid_", "image_", "unsupported_", "empty_", "failed_to_download_" };
    for (size_t i = 0; i < SL_ARRAY_LEN(heads); i++) {
        if (sl_str_has_prefix(code, sl_str_c(heads[i]))) {
            return true;
        }
    }
    return sl_str_eq_c(code, "bio_policy") || sl_str_eq_c(code, "data_residency_mismatch");
}

void sl_responses_error_read(struct sl_json_val error, struct sl_arena *arena, struct sl_llm_error *ret)
{
    struct sl_errbody said;
    sl_errbody_read_val(error, arena, &said);
    if (sl_str_eq_c(said.type, "error")) {
        said.type = SL_STR_NONE; /* that type is the event's own */
    }
    int status = sl_error_status_of(said.type, said.code);
    status = status == 0 && is_callers(said.code) ? 400 : status;
    *ret = (struct sl_llm_error){
        .type = sl_errbody_type(status, &said),
        .upstream_status = status,
        .message = said.message.n ? said.message : SL_STR("the upstream reported an error"),
        .code = said.code,
        .param = said.param,
    };
}

/* --- whole replies --- */

struct reader {
    const struct sl_call *call;
    struct sl_reading in;
    struct sl_reply *reply;
    struct sl_choice *choice;
    int64_t chars; /* of the texts so far */
    bool has_calls;
};

static void block_add(struct reader *rd, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n) {
        rd->choice->blocks[rd->choice->n_blocks++] = (struct sl_block){ .kind = kind, .text = text };
    }
}

/* Joins a list of texts, with an empty line between them. */
static struct sl_str texts_join(struct reader *rd, struct sl_json_val list)
{
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return SL_STR("");
    }
    struct sl_buf buf = SL_BUF_INIT(sl_json_raw(list).n * 2 + 1);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_str text = sl_reading_text(&rd->in, sl_json_get(it.val, "text"));
        sl_buf_add_c(&buf, buf.len && text.n ? "\n\n" : "");
        sl_buf_add_str(&buf, text);
    }
    struct sl_str all = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->in.arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!all.p) {
        sl_reading_no_memory(&rd->in);
    }
    return all;
}

/* Reads the thoughts: a summary, or all of them if the model shows them. */
static void reasoning_read(struct reader *rd, struct sl_json_val item)
{
    struct sl_str text = texts_join(rd, sl_json_get(item, "summary"));
    struct sl_str signature = sl_responses_signature(&rd->in, item);
    text = text.n ? text : texts_join(rd, sl_json_get(item, "content"));
    if (text.n || signature.n) {
        rd->choice->blocks[rd->choice->n_blocks++] = (struct sl_block){
            .kind = SL_BLOCK_THINKING,
            .text = text,
            .signature = text.n ? signature : SL_STR_NONE,
            .redacted = text.n ? SL_STR_NONE : signature,
        };
    }
}

static void call_read(struct reader *rd, struct sl_json_val item)
{
    struct sl_choice *choice = rd->choice;
    struct sl_str name = sl_reading_text(&rd->in, sl_json_get(item, "name"));
    struct sl_block block = {
        .kind = SL_BLOCK_TOOL_CALL,
        .tool_id = sl_reading_text(&rd->in, sl_json_get(item, "call_id")),
        .tool_name = sl_form_name_back(rd->call->aliases, name),
        .arguments = sl_arguments_text(sl_json_get(item, "arguments"), rd->in.arena),
    };
    if (block.tool_id.n == 0) {
        block.tool_id = sl_call_id_make(rd->reply->id, 0, choice->n_blocks, rd->in.arena);
    }
    if (!block.tool_id.p || !block.arguments.p) {
        sl_reading_no_memory(&rd->in);
    }
    rd->has_calls = true;
    choice->blocks[choice->n_blocks++] = block;
}

/* With several texts, the first that has probabilities counts. */
static void logprobs_read(struct reader *rd, struct sl_json_val list)
{
    if (rd->choice->logprobs.p || sl_json_count(list) == 0 || !sl_json_is(list, SL_JSON_ARRAY)) {
        return;
    }
    rd->choice->logprobs = sl_responses_logprobs(&rd->in, list);
}

/* Reads a text's web sources. Other sources have no place in a chat. */
static void annotations_read(struct reader *rd, struct sl_json_val list, int64_t before)
{
    struct sl_choice *choice = rd->choice;
    if (!sl_json_is(list, SL_JSON_ARRAY) || sl_json_count(list) == 0 || choice->n_blocks == 0) {
        return;
    }
    struct sl_buf buf = SL_BUF_INIT(sl_json_raw(list).n + 256 * (size_t)sl_json_count(list));
    for (struct sl_json_iter it = sl_json_each(list); rd->in.status == 0 && sl_json_next(&it);) {
        struct sl_arena_mark mark = sl_arena_mark(rd->in.arena);
        struct sl_str one = sl_responses_annotation(&rd->in, it.val, before);
        if (one.n) {
            sl_buf_add_char(&buf, buf.len ? ',' : '[');
            sl_buf_add_str(&buf, sl_str_sub(one, 1, one.n - 1));
        } else {
            sl_reading_lose(&rd->in, SL_LOST_ANNOTATIONS);
        }
        sl_arena_rewind(rd->in.arena, mark);
    }
    sl_buf_add_c(&buf, buf.len ? "]" : "");
    struct sl_str all = sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->in.arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!all.p) {
        sl_reading_no_memory(&rd->in);
    }
    choice->blocks[choice->n_blocks - 1].annotations = all;
}

static void message_read(struct reader *rd, struct sl_json_val item)
{
    struct sl_json_val content = sl_json_get(item, "content");
    for (struct sl_json_iter it = sl_json_each(content); sl_json_is(content, SL_JSON_ARRAY) && sl_json_next(&it);) {
        bool is_refusal = sl_json_str_eq(sl_json_get(it.val, "type"), SL_STR("refusal"));
        struct sl_str text = sl_reading_text(&rd->in, sl_json_get(it.val, is_refusal ? "refusal" : "text"));
        block_add(rd, is_refusal ? SL_BLOCK_REFUSAL : SL_BLOCK_TEXT, text);
        logprobs_read(rd, sl_json_get(it.val, "logprobs"));
        if (text.n && !is_refusal) {
            annotations_read(rd, sl_json_get(it.val, "annotations"), rd->chars);
            rd->chars += sl_reading_chars(text);
        }
    }
}

static void output_read(struct reader *rd, struct sl_json_val output)
{
    static const struct {
        struct sl_str type;
        void (*read)(struct reader *rd, struct sl_json_val item);
    } kinds[] = {
        { SL_STR_INIT("message"), message_read },
        { SL_STR_INIT("function_call"), call_read },
        { SL_STR_INIT("reasoning"), reasoning_read },
    };
    size_t n = 0;
    for (struct sl_json_iter it = sl_json_each(output); sl_json_next(&it);) {
        n += 1 + (size_t)sl_json_count(sl_json_get(it.val, "content"));
    }
    rd->choice = sl_reading_choice(&rd->in, n, rd->reply);
    for (struct sl_json_iter it = sl_json_each(output); rd->in.status == 0 && sl_json_next(&it);) {
        struct sl_json_val type = sl_json_get(it.val, "type");
        bool is_known = false;
        for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
            if (sl_json_str_eq(type, kinds[i].type)) {
                kinds[i].read(rd, it.val);
                is_known = true;
            }
        }
        sl_reading_lose(&rd->in, is_known ? 0u : SL_LOST_SERVER_TOOLS);
    }
}

static bool is_error(struct sl_json_val error)
{
    return sl_json_is(error, SL_JSON_OBJECT) || sl_json_is(error, SL_JSON_STRING);
}

static void root_read(struct reader *rd, struct sl_json_val root)
{
    struct sl_json_val output = sl_json_get(root, "output"), status = sl_json_get(root, "status");
    struct sl_json_val error = sl_json_get(root, "error");
    struct sl_reply *reply = rd->reply;
    if (is_error(error)) {
        struct sl_llm_error said;
        sl_responses_error_read(error, rd->in.arena, &said);
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is an error: %.*s", SL_STR_ARG(said.message));
        return;
    }
    if (!sl_json_is(output, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of items");
        return;
    }
    if (sl_json_str_eq(status, SL_STR("in_progress")) || sl_json_str_eq(status, SL_STR("queued"))) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is not complete");
        return;
    }
    reply->id = sl_reading_text(&rd->in, sl_json_get(root, "id"));
    reply->model = sl_reading_text(&rd->in, sl_json_get(root, "model"));
    SL_IGNORE(sl_json_int(sl_json_get(root, "created_at"), true, &reply->created) < 0); /* not given */
    output_read(rd, output);
    if (rd->in.status < 0) {
        return;
    }
    struct sl_choice *choice = rd->choice;
    choice->finish = sl_responses_finish(&rd->in, root, rd->has_calls, &choice->finish_text);
    sl_responses_usage_read(sl_json_get(root, "usage"), &reply->usage);
    reply->usage.tier = sl_tier_read(sl_json_get(root, "service_tier"));
    if (choice->finish == SL_FINISH_OTHER && choice->n_blocks == 0 && rd->in.status == 0) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "the response ended with %.*s and no answer",
                                SL_STR_ARG(choice->finish_text));
    }
}

int sl_responses_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body,
                          struct sl_arena *arena, struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 0, err);
    if (r < 0) {
        return r;
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct reader rd = { .call = call, .in = SL_READING_REPLY(arena, err), .reply = &reply };
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "it is not a JSON object");
    }
    root_read(&rd, root);
    if (rd.in.status == 0) {
        reply.lost = rd.in.lost;
        *ret_reply = reply;
    }
    return rd.in.status;
}

/* --- judging a reply --- */

void sl_responses_judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc,
                              struct sl_reply_judgement *ret)
{
    (void)type;
    *ret = (struct sl_reply_judgement){ 0 };
    if (sl_json_parse_at(doc, sl_skip_bom(body), 4) < 0 || !sl_json_is(sl_json_root(doc), SL_JSON_OBJECT)) {
        return;
    }
    struct sl_json_val root = sl_json_root(doc), error = sl_json_get(root, "error");
    ret->is_object = true;
    ret->is_error = is_error(error);
    ret->has_answer = !ret->is_error;
    ret->is_told = sl_json_str_eq(sl_json_get(root, "object"), SL_STR("response"));
    if (ret->is_error) {
        struct sl_llm_error said;
        struct sl_arena arena;
        sl_arena_init(&arena, NULL);
        sl_responses_error_read(error, &arena, &said);
        ret->error_type = said.type;
        ret->error_status = said.upstream_status;
        sl_arena_done(&arena);
    }
}
