/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI family's pass-through: what is noted as bytes go by untouched. It runs once an event, so it looks for
 * words before it parses. */
#include "llm/openai/openai.h"

#include "llm/core/errbody.h"
#include "wire/sse.h"

static void count_read(struct sl_json_val object, const char *key, int64_t *ret)
{
    int64_t n;
    if (sl_json_int(sl_json_get(object, key), true, &n) == 0 && n >= 0 && n <= SL_USAGE_COUNT_MAX) {
        *ret = n;
    }
}

int sl_openai_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    struct sl_usage u = SL_USAGE_NONE;
    count_read(usage, "prompt_tokens", &u.input);
    count_read(usage, "completion_tokens", &u.output);
    count_read(usage, "total_tokens", &u.total);
    struct sl_json_val in = sl_json_get(usage, "prompt_tokens_details");
    count_read(in, "cached_tokens", &u.cached_input);
    count_read(in, "cache_write_tokens", &u.cache_creation);
    count_read(sl_json_get(usage, "completion_tokens_details"), "reasoning_tokens", &u.reasoning);
    if (u.cached_input < 0) {
        count_read(usage, "prompt_cache_hit_tokens", &u.cached_input);
    }
    *ret = u;
    return 0;
}

static bool has(struct sl_str s, struct sl_str needle)
{
    return sl_str_find(s, needle, 0) >= 0;
}

bool sl_openai_refused_usage(int status, struct sl_str body)
{
    return (status == 400 || status == 422) && body.n &&
           (has(body, SL_STR("stream_options")) || has(body, SL_STR("include_usage")));
}

/* The first byte of the value behind `"word":` anywhere in `s`, or 0. A quote inside a string is escaped, so that text
 * cannot imitate a key (it can look like one as a whole string value, "usage" in an array; then no ':' follows). */
static char value_behind(struct sl_str s, struct sl_str quoted_word)
{
    const char *end = s.p + s.n;
    const char *at = s.p;
    while ((at = memmem(at, (size_t)(end - at), quoted_word.p, quoted_word.n)) != NULL) {
        at += quoted_word.n;
        const char *p = at;
        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }
        if (p < end && *p == ':') {
            p++;
            while (p < end && (*p == ' ' || *p == '\t')) {
                p++;
            }
            if (p < end && *p != 'n') { /* null says nothing: look on */
                return *p;
            }
        }
    }
    return '\0';
}

struct data_lines {
    struct sl_str first;
    unsigned n;
};

static struct data_lines data_find(struct sl_str event)
{
    struct data_lines found = { SL_STR_NONE, 0 };
    size_t at = 0;
    while (at < event.n) {
        size_t end = at;
        while (end < event.n && event.p[end] != '\n' && event.p[end] != '\r') {
            end++;
        }
        struct sl_str line = sl_str_sub(event, at, end);
        if (sl_str_has_prefix(line, SL_STR("data:"))) {
            if (found.n++ == 0) {
                found.first = sl_str_trim(sl_str_sub(line, 5, line.n));
            }
        }
        at = end + 1;
    }
    return found;
}

static int event_keep(void *arg, const struct sl_sse_event *event)
{
    struct sl_buf *buf = arg;
    sl_buf_add_str(buf, event->data);
    return 0;
}

/* JSON spread over several data lines: lawful, and rare enough to pay for. */
static enum sl_pass chunk_note(struct sl_pass_state *state, struct sl_str json, struct sl_json *scratch);

static enum sl_pass lines_note(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct sl_buf buf = SL_BUF_INIT(SL_SSE_EVENT_MAX);
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, SL_SSE_EVENT_MAX, event_keep, &buf);
    enum sl_pass pass = SL_PASS_FORWARD;
    if (sl_sse_push(&dec, event) == 0 && sl_sse_finish(&dec) == 0 && sl_buf_status(&buf) == 0) {
        pass = chunk_note(state, sl_buf_str(&buf), scratch);
    }
    sl_sse_decoder_done(&dec);
    sl_buf_done(&buf);
    return pass;
}

static enum sl_pass chunk_note(struct sl_pass_state *state, struct sl_str json, struct sl_json *scratch)
{
    struct sl_json_limits limits = scratch->limits;
    scratch->limits.record_depth = 3; /* of choices only whether there are any */
    int r = sl_json_parse(scratch, json);
    scratch->limits = limits;
    if (r < 0) {
        return SL_PASS_FORWARD; /* not ours to judge */
    }
    struct sl_json_val root = sl_json_root(scratch);
    struct sl_json_val usage = sl_json_get(root, "usage");
    if (sl_openai_read_usage(usage, &state->usage) < 0) {
        return SL_PASS_FORWARD;
    }
    struct sl_json_val choices = sl_json_get(root, "choices");
    bool is_empty = sl_json_is(choices, SL_JSON_ARRAY) && sl_json_count(choices) == 0;
    return state->is_asked && is_empty ? SL_PASS_DROP : SL_PASS_FORWARD;
}

static struct sl_str word_of(struct sl_json_val v)
{
    struct sl_str raw = sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
    return raw.n > 2 ? sl_str_sub(raw, 1, raw.n - 1) : SL_STR_NONE;
}

/* An event whose data begins with an error object. */
static void error_note(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    if (!sl_str_has_prefix(event, SL_STR("data:"))) {
        return;
    }
    struct sl_str data = sl_str_trim(sl_str_sub(event, 5, event.n));
    if (data.n < 10 || data.p[0] != '{' || !has(sl_str_sub(data, 0, 10), SL_STR("\"error"))) {
        return;
    }
    if (sl_json_parse(scratch, data) < 0) {
        return;
    }
    struct sl_json_val error = sl_json_get(sl_json_root(scratch), "error");
    if (!sl_json_is(error, SL_JSON_OBJECT) && !sl_json_is(error, SL_JSON_STRING)) {
        return;
    }
    state->has_error = true;
    state->error_type = sl_error_type_of(0, word_of(sl_json_get(error, "type")), word_of(sl_json_get(error, "code")));
}

enum sl_pass sl_openai_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    if (!state->has_finish) {
        char c = value_behind(event, SL_STR("\"finish_reason\""));
        state->has_finish = c == '"';
    }
    bool has_usage = value_behind(event, SL_STR("\"usage\"")) == '{';
    error_note(state, event, scratch);
    bool may_be_end = event.n < 256; /* [DONE]; a comment beside it is seldom longer */
    if (!has_usage && !may_be_end) {
        return SL_PASS_FORWARD;
    }
    struct data_lines data = data_find(event);
    if (data.n == 0) {
        return SL_PASS_FORWARD;
    }
    if (sl_str_eq(data.first, SL_STR("[DONE]"))) {
        state->is_done = true;
        return SL_PASS_DONE;
    }
    if (!has_usage) {
        return SL_PASS_FORWARD;
    }
    return data.n == 1 ? chunk_note(state, data.first, scratch) : lines_note(state, event, scratch);
}
