/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the provider mock, and what is made from them once. */
#include "base/num.h"
#include "json/write.h"
#include "llm/mock/parts.h"

#define TOOLS_MAX     16
#define ARGUMENTS_MAX (1u << 20)

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

static void json_write(struct sl_jw *w, const struct sl_val *val)
{
    switch (val->kind) {
    case SL_VAL_NULL:
        sl_jw_null(w);
        return;
    case SL_VAL_BOOL:
    case SL_VAL_NUMBER:
        sl_jw_raw(w, val->text);
        return;
    case SL_VAL_STRING:
        sl_jw_str(w, val->text);
        return;
    case SL_VAL_LIST:
        sl_jw_array(w);
        break;
    case SL_VAL_MAP:
        sl_jw_object(w);
        break;
    }
    for (uint32_t i = 0; i < val->n && w->depth < SL_JW_DEPTH_MAX - 1; i++) {
        if (val->kind == SL_VAL_MAP) {
            sl_jw_key_str(w, val->items[i].key);
        }
        json_write(w, val->items[i].val);
    }
    sl_jw_end(w);
}

/* A text stays unchanged, even if it is no JSON; a map is written as JSON. */
static int arguments_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_str *ret = field;
    struct sl_json doc;
    struct sl_buf out = SL_BUF_INIT(ARGUMENTS_MAX);
    struct sl_jw w;
    int r = 0;
    if (val->kind == SL_VAL_STRING) {
        sl_buf_add_str(&out, val->text);
    } else if (val->kind == SL_VAL_MAP) {
        sl_jw_init(&w, &out);
        json_write(&w, val);
        sl_json_init(&doc, NULL);
        r = sl_buf_status(&out) < 0 ? 0 : sl_json_parse(&doc, sl_buf_str(&out));
        sl_json_done(&doc);
    } else {
        r = SL_E_TYPE;
    }
    *ret = r == 0 && sl_buf_status(&out) == 0 ? sl_arena_dup(bind->arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    if (r < 0) {
        return FAIL(bind, val, "must be a map, or the arguments as one text");
    }
    return ret->p ? 0 : FAIL(bind, val, "is too large");
}

static const struct sl_opt tool_opts[] = {
    { "name", SL_OPT_STR, offsetof(struct sl_mock_tool, name), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
      NULL, "the function that is called, if the request offers it" },
    { "arguments", SL_OPT_CUSTOM, offsetof(struct sl_mock_tool, arguments), "{}", 0, 0, SL_OPT_RELOAD, NULL, NULL,
      arguments_check, "the arguments of the call: a map, or the exact text of the arguments",
      .forms = "{\"type\":\"object\"},{\"type\":\"string\"}" },
    { NULL },
};

static int tools_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_mock_tools *tools = field;
    if (val->kind != SL_VAL_LIST || val->n > TOOLS_MAX) {
        return FAIL(bind, val, "must be a list of at most %d maps { name, arguments }", TOOLS_MAX);
    }
    struct sl_mock_tool *list = SL_ARENA_ARRAY(bind->arena, struct sl_mock_tool, val->n + 1);
    if (!list) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < val->n; i++) {
        const struct sl_val *one = val->items[i].val;
        list[i] = (struct sl_mock_tool){ 0 };
        if (one->kind != SL_VAL_MAP) {
            return FAIL(bind, one, "must be a map { name, arguments }");
        }
        int r = sl_opt_bind(bind, tool_opts, one, &list[i]);
        if (r < 0) {
            return r;
        }
    }
    *tools = (struct sl_mock_tools){ list, val->n };
    return 0;
}

static const struct sl_opt error_opts[] = {
    { "status", SL_OPT_U32, offsetof(struct sl_mock_error, status), "0", 0, 599, SL_OPT_RELOAD, NULL, NULL, NULL,
      "every call is answered with this status, 400 to 599; 0: with success" },
    { "message", SL_OPT_STR, offsetof(struct sl_mock_error, message), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the error's message" },
    { "type", SL_OPT_STR, offsetof(struct sl_mock_error, type), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the error's type" },
    { NULL },
};

const struct sl_opt sl_mock_opts[] = {
    { "template", SL_OPT_STR, offsetof(struct sl_mock_conf, template), "You said: {message}", 0, 0, SL_OPT_RELOAD, NULL,
      NULL, NULL,
      "the answer; {message} is the last user message or the prompt, {model} the route's model; a text counts as one "
      "token for every four bytes, rounded up" },
    { "tools", SL_OPT_CUSTOM, offsetof(struct sl_mock_conf, tools), NULL, 0, 0, SL_OPT_RELOAD, NULL, tool_opts,
      tools_check,
      "tools that the mock calls instead of an answer in text, if the request offers them; a request that ends with a "
      "tool's result gets a text",
      .forms = "{\"type\":\"array\",\"items\":%}" },
    { "reasoning", SL_OPT_STR, offsetof(struct sl_mock_conf, reasoning), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the reasoning before each answer of a chat" },
    { "refusal", SL_OPT_STR, offsetof(struct sl_mock_conf, refusal), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "a text with which every chat is refused" },
    { "latency", SL_OPT_USEC, offsetof(struct sl_mock_conf, latency_usec), "0s", 0, 3600 * SL_USEC_PER_SEC,
      SL_OPT_RELOAD, NULL, NULL, NULL, "waits this long before it answers" },
    { "chunk_size", SL_OPT_U32, offsetof(struct sl_mock_conf, chunk_size), "8", 1, 1000000, SL_OPT_RELOAD, NULL, NULL,
      NULL, "characters in a chunk of a stream" },
    { "chunk_delay", SL_OPT_USEC, offsetof(struct sl_mock_conf, chunk_delay_usec), "0s", 0, 3600 * SL_USEC_PER_SEC,
      SL_OPT_RELOAD, NULL, NULL, NULL, "waits this long before each chunk of text" },
    { "dimensions", SL_OPT_U32, offsetof(struct sl_mock_conf, dimensions), "8", 1, SL_MOCK_DIMENSIONS_MAX,
      SL_OPT_RELOAD, NULL, NULL, NULL, "numbers in an embedding, if the request does not set them" },
    { "error", SL_OPT_MAP, offsetof(struct sl_mock_conf, error), NULL, 0, 0, SL_OPT_RELOAD, NULL, error_opts, NULL,
      "a fixed error instead of every answer" },
    { NULL },
};

static const struct {
    struct sl_str word;
    enum sl_mock_piece_kind kind;
} words[] = { { SL_STR_INIT("{message}"), SL_MOCK_MESSAGE }, { SL_STR_INIT("{model}"), SL_MOCK_MODEL } };

/* The index of the word with which `text` begins; -1: none. */
static int word_at(struct sl_str text)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_has_prefix(text, words[i].word)) {
            return (int)i;
        }
    }
    return -1;
}

/* Takes the next piece of a template from *rest. */
static struct sl_mock_piece piece_take(struct sl_str *rest)
{
    struct sl_mock_piece piece = { SL_MOCK_LITERAL, SL_STR_NONE };
    int word = word_at(*rest);
    size_t n = 0;
    if (word >= 0) {
        piece.kind = words[word].kind;
        n = words[word].word.n;
    } else {
        while (n < rest->n && word_at(sl_str_sub(*rest, n, rest->n)) < 0) {
            n++;
        }
        piece.text = sl_str_sub(*rest, 0, n);
    }
    *rest = sl_str_sub(*rest, n, rest->n);
    return piece;
}

int sl_mock_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct sl_mock_conf *conf = target->conf;
    target->is_local = true;
    if (conf->error.status && (conf->error.status < 400 || conf->error.status > 599)) {
        const struct sl_val *error = sl_val_find(val, "error");
        sl_bind_problem(bind, SL_PROBLEM_ERROR, error ? error->pos : (struct sl_pos){ 0 }, NULL,
                        "error.status must be from 400 to 599");
        return SL_E_INVAL;
    }
    uint32_t n = 0;
    for (struct sl_str rest = conf->template; rest.n; n++) {
        piece_take(&rest);
    }
    conf->pieces.v = SL_ARENA_ARRAY(bind->arena, struct sl_mock_piece, n + 1);
    if (!conf->pieces.v) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val ? val->pos : (struct sl_pos){ 0 }, NULL, "out of memory");
        return SL_E_INVAL;
    }
    for (struct sl_str rest = conf->template; rest.n;) {
        conf->pieces.v[conf->pieces.n++] = piece_take(&rest);
    }
    return 0;
}
