/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/errbody.h"

#include "llm/core/google_error.h"
#include "llm/core/language.h"
#include "llm/core/pieces.h"

#define ERRBODY_TEXT_MAX 1024
/* Error bodies are small; a larger one is not read as JSON. */
#define ERRBODY_TOKENS_MAX 4096

static struct sl_str text_of(struct sl_json_val v, struct sl_arena *arena)
{
    struct sl_str text = SL_STR_NONE;
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        return sl_json_raw(v); /* codes are sometimes numbers */
    }
    /* Any other value gives no text, and so does a lack of memory. */
    SL_IGNORE(sl_json_text(v, arena, &text) < 0);
    return text;
}

void sl_errbody_read_val(struct sl_json_val error, struct sl_arena *arena, struct sl_errbody *ret)
{
    *ret = (struct sl_errbody){ 0 };
    if (sl_json_is(error, SL_JSON_STRING)) {
        ret->message = text_of(error, arena);
        return;
    }
    ret->message = text_of(sl_json_get(error, "message"), arena);
    ret->type = text_of(sl_json_get(error, "type"), arena);
    ret->code = text_of(sl_json_get(error, "code"), arena);
    ret->param = text_of(sl_json_get(error, "param"), arena);
}

/* "body.n: Input should be …": the first entry of a list of faults. */
static struct sl_str detail_text(struct sl_json_val detail, struct sl_arena *arena)
{
    struct sl_json_val first = sl_json_at(detail, "[0]");
    struct sl_str msg = text_of(sl_json_get(first, "msg"), arena);
    struct sl_json_val loc = sl_json_get(first, "loc");
    if (!msg.p || !sl_json_is(loc, SL_JSON_ARRAY)) {
        return msg;
    }
    char where[256];
    size_t n = 0;
    for (struct sl_json_iter it = sl_json_each(loc); sl_json_next(&it);) {
        struct sl_str part = text_of(it.val, arena);
        if (!part.p || n + part.n + 2 > sizeof(where)) {
            break;
        }
        if (n) {
            where[n++] = '.';
        }
        memcpy(where + n, part.p, part.n);
        n += part.n;
    }
    struct sl_str text = sl_arena_printf(arena, "%.*s: %.*s", (int)n, where, SL_STR_ARG(msg));
    return text.p ? text : msg;
}

static void root_read(struct sl_json_val root, struct sl_arena *arena, struct sl_errbody *ret)
{
    struct sl_json_val error = sl_json_get(root, "error");
    if (!sl_json_is_present(error)) {
        error = sl_json_at(root, "[0].error");
    }
    if (sl_json_is(error, SL_JSON_OBJECT) || sl_json_is(error, SL_JSON_STRING)) {
        sl_errbody_read_val(error, arena, ret);
        if (ret->message.p) {
            /* xAI: the error is only a text, and the code stands beside it. */
            ret->code = ret->code.p ? ret->code : text_of(sl_json_get(root, "code"), arena);
            ret->type = ret->type.p ? ret->type : text_of(sl_json_get(root, "error_type"), arena);
            return;
        }
    }
    static const char *const paths[] = { "message", "Message", "detail", "errors[0].message", "fault.faultstring" };
    for (size_t i = 0; i < SL_ARRAY_LEN(paths) && !ret->message.p; i++) {
        ret->message = text_of(sl_json_at(root, paths[i]), arena);
    }
    if (!ret->message.p) {
        ret->message = detail_text(sl_json_get(root, "detail"), arena);
    }
    static const char *const codes[] = { "code", "error_code" };
    for (size_t i = 0; i < SL_ARRAY_LEN(codes) && !ret->code.p; i++) {
        ret->code = text_of(sl_json_get(root, codes[i]), arena);
    }
    if (!ret->type.p) {
        ret->type = text_of(sl_json_get(root, "type"), arena);
    }
}

/* Cuts a text that is not for programs to its first KiB. It keeps whole words, so that masking never sees half of a
 * credential. */
static struct sl_str text_cut(struct sl_str s)
{
    size_t from = 0, to = s.n;
    while (from < to && (unsigned char)s.p[from] <= ' ') {
        from++;
    }
    if (to > from + ERRBODY_TEXT_MAX) {
        to = from + ERRBODY_TEXT_MAX;
        while (to > from && (unsigned char)s.p[to] > ' ') {
            to--;
        }
    }
    while (to > from && (unsigned char)s.p[to - 1] <= ' ') {
        to--;
    }
    return to > from ? sl_str_sub(s, from, to) : SL_STR_NONE;
}

static bool is_markup(struct sl_str s)
{
    s = sl_str_trim(s);
    return s.n && s.p[0] == '<';
}

/* The title of an HTML page; edge proxies answer with pages, and only the title fits into an error. */
static struct sl_str title_of(struct sl_str s)
{
    ptrdiff_t from = sl_str_find(s, SL_STR("<title>"), 0);
    ptrdiff_t to = from < 0 ? -1 : sl_str_find(s, SL_STR("</title>"), (size_t)from);
    return to < 0 ? s : sl_str_sub(s, (size_t)from + 7, (size_t)to);
}

void sl_errbody_read(struct sl_str body, struct sl_arena *arena, struct sl_errbody *ret)
{
    *ret = (struct sl_errbody){ 0 };
    struct sl_json_limits limits = { .depth = 64, .tokens = ERRBODY_TOKENS_MAX };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    if (sl_json_parse(&doc, sl_skip_bom(body)) == 0) {
        root_read(sl_json_root(&doc), arena, ret);
    }
    sl_json_done(&doc);
    if (!ret->message.p) {
        ret->message = text_cut(is_markup(body) ? title_of(body) : body);
    }
}

static bool has_words(struct sl_str text, const char *words)
{
    size_t n = strlen(words);
    for (size_t i = 0; i + n <= text.n; i++) {
        if (sl_str_case_eq(sl_str_make(text.p + i, n), sl_str_make(words, n))) {
            return true;
        }
    }
    return false;
}

enum sl_error_type sl_errbody_type(int status, const struct sl_errbody *said)
{
    static const char *const phrases[] = { "credit balance",      "insufficient_quota", "insufficient balance",
                                           "insufficient credit", "insufficient funds", "billing hard limit",
                                           "enable billing",      "billing account",    "billing is not",
                                           "check your billing",  "payment required" };
    /* xAI and Hugging Face report a bad key with 400, and have no code for it. */
    static const char *const refused[] = { "incorrect api key", "the token seems invalid" };
    enum sl_error_type type = sl_error_type_of(status, said->type, said->code);
    for (size_t i = 0; i < SL_ARRAY_LEN(refused) && status == 400; i++) {
        if (has_words(said->message, refused[i])) {
            return SL_ERR_PROVIDER_AUTH_FAILED;
        }
    }
    bool may_be_money = type == SL_ERR_PROVIDER_REJECTED || type == SL_ERR_PROVIDER_RATE_LIMITED || status == 403;
    for (size_t i = 0; i < SL_ARRAY_LEN(phrases) && may_be_money; i++) {
        if (has_words(said->message, phrases[i])) {
            return SL_ERR_PROVIDER_BILLING;
        }
    }
    return type;
}

bool sl_errbody_is_no_path(struct sl_str message)
{
    static const struct sl_str begins[] = { SL_STR_INIT("Invalid URL ("), SL_STR_INIT("Unknown request URL") };
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        if (sl_str_has_prefix(message, begins[i])) {
            return true;
        }
    }
    return sl_str_eq(message, SL_STR("Not Found"));
}

bool sl_errbody_lacks_version(struct sl_str path)
{
    static const char *const ends[] = { "completions", "embeddings", "messages", "responses" };
    /* Behind these segments stands a name, and no version. */
    static const char *const named[] = { "deployments", "serving-endpoints", "endpoints" };
    bool is_known = false;
    struct sl_str segment;
    while (sl_str_next(&path, '/', &segment)) {
        bool is_version = segment.n > 1 && segment.p[0] == 'v' && segment.p[1] >= '0' && segment.p[1] <= '9';
        for (size_t i = 0; i < SL_ARRAY_LEN(named); i++) {
            is_version |= sl_str_eq_c(segment, named[i]);
        }
        if (is_version) {
            return false;
        }
        is_known = false;
        for (size_t i = 0; i < SL_ARRAY_LEN(ends); i++) {
            is_known |= sl_str_eq_c(segment, ends[i]);
        }
    }
    return is_known;
}

/* google.rpc.Status has more than message and code. */
static void google_read(int status, struct sl_str body, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    struct sl_json_limits limits = { .depth = 64, .tokens = ERRBODY_TOKENS_MAX };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    if (sl_json_parse(&doc, body) == 0) {
        struct sl_json_val root = sl_json_root(&doc), first = sl_json_at(root, "[0]");
        struct sl_json_val error = sl_json_get(sl_json_is_present(first) ? first : root, "error");
        if (sl_google_error_is(error)) {
            sl_google_error_read(error, status, arena, io_error);
        }
    }
    sl_json_done(&doc);
}

struct sl_llm_error sl_errbody_event(const struct sl_errbody *said)
{
    int status = sl_error_status_of(said->type, said->code);
    return (struct sl_llm_error){
        .type = sl_errbody_type(status, said),
        .upstream_status = status,
        .code = said->type,
        .message = said->message.n ? said->message : SL_STR("the upstream reported an error"),
    };
}

void sl_errbody_classify(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                         struct sl_llm_error *ret_error)
{
    struct sl_errbody said;
    sl_errbody_read(body, arena, &said);
    *ret_error = (struct sl_llm_error){
        .type = sl_errbody_type(status, &said),
        .upstream_status = status,
        .message = said.message.p ? said.message : sl_str_c(sl_status_reason(status)),
        .code = said.code,
        .param = said.param,
        .upstream_body = body,
        .upstream_content_type = headers ? sl_headers_get(headers, "content-type") : SL_STR_NONE,
    };
    google_read(status, body, arena, ret_error);
}

void sl_errbody_judge(struct sl_str body, const char *answer, struct sl_json *doc, struct sl_reply_judgement *ret)
{
    *ret = (struct sl_reply_judgement){ .error_type = SL_ERR_PROVIDER_SERVER_ERROR };
    struct sl_json_val root = sl_json_parse_at(doc, body, 1) == 0 ? sl_json_root(doc) : SL_JSON_ABSENT;
    struct sl_json_val found = sl_json_get(root, answer), message = sl_json_get(root, "message");
    ret->is_object = sl_json_is(root, SL_JSON_OBJECT);
    ret->has_answer = sl_json_is(found, SL_JSON_OBJECT) || sl_json_is(found, SL_JSON_ARRAY);
    ret->is_error = !ret->has_answer &&
                    (sl_json_is(message, SL_JSON_STRING) || sl_json_is_present(sl_json_get(root, "Message")));
}
