/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about the OpenAI family's bytes as they pass untouched. It runs for each event. So it first searches
 * for words, and asks the judge only when these show that the event may be more than a piece of text. */
#include "json/simd.h"
#include "llm/core/errbody.h"
#include "llm/core/reading.h"
#include "llm/openai/dialect.h"
#include "llm/openai/judge.h"
#include "llm/openai/openai.h"
#include "wire/sse.h"

const struct sl_json_scan_want sl_openai_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096 },          [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096 },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("choices"), 0 },          [SL_REPLY_DATA] = { SL_STR_INIT("data"), 0 },
    [SL_REPLY_TIER] = { SL_STR_INIT("service_tier"), 32, '"' },
};

int sl_openai_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    enum { INPUT, OUTPUT, TOTAL, IN, OUT, COST, TICKS, HIT, CACHED, REASONING, CITATIONS, SEARCHES, N };
    static const struct sl_str names[N] = {
        [INPUT] = SL_STR_INIT("prompt_tokens"),
        [OUTPUT] = SL_STR_INIT("completion_tokens"),
        [TOTAL] = SL_STR_INIT("total_tokens"),
        [IN] = SL_STR_INIT("prompt_tokens_details"),
        [OUT] = SL_STR_INIT("completion_tokens_details"),
        [COST] = SL_STR_INIT("cost"),
        [TICKS] = SL_STR_INIT("cost_in_usd_ticks"),
        /* of single hosts: DeepSeek, Mistral, Perplexity */
        [HIT] = SL_STR_INIT("prompt_cache_hit_tokens"),
        [CACHED] = SL_STR_INIT("num_cached_tokens"),
        [REASONING] = SL_STR_INIT("reasoning_tokens"),
        [CITATIONS] = SL_STR_INIT("citation_tokens"),
        [SEARCHES] = SL_STR_INIT("num_search_queries"),
    };
    struct sl_json_val v[N];
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    struct sl_usage u = SL_USAGE_NONE;
    sl_json_pick(usage, names, N, v);
    u.input = sl_count_of(v[INPUT]);
    u.output = sl_count_of(v[OUTPUT]);
    u.total = sl_count_of(v[TOTAL]);
    sl_parts_read(v[IN], v[OUT], &u);
    if (u.reasoning > 0 && u.input >= 0 && u.output >= 0 && u.total == u.input + u.output + u.reasoning) {
        u.output += u.reasoning; /* xAI counts it apart from the answer */
    }
    if (u.cached_input < 0) {
        u.cached_input = sl_count_of(sl_json_is_present(v[HIT]) ? v[HIT] : v[CACHED]);
    }
    u.reasoning = u.reasoning < 0 ? sl_count_of(v[REASONING]) : u.reasoning;
    u.citations = sl_count_of(v[CITATIONS]);
    u.searches = sl_count_of(v[SEARCHES]);
    if (sl_json_is_present(v[COST]) || sl_json_is_present(v[TICKS])) {
        u.cost_nano = sl_cost_read(usage);
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

/* The words that were found in an event before it is parsed. A quote inside a string is escaped, so a text cannot
 * imitate a key. (A whole string value can look like one, such as "usage" in an array; but no ':' follows it.) */
struct words {
    /* Where the first value behind the key that is not null begins; NULL: there is none. */
    const char *choices, *usage, *finish;
    bool has_error; /* the word is there, as a key or as a value */
};

static const char *blanks_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    return p;
}

/* `p` is behind the key's closing quote. null counts as no value: NULL. */
static const char *value_behind(const char *p, const char *end)
{
    p = blanks_skip(p, end);
    if (p == end || *p != ':') {
        return NULL;
    }
    p = blanks_skip(p + 1, end);
    return p < end && *p != 'n' ? p : NULL;
}

/* The key with its closing quote is at `p`: notes its value, if none was found before. */
static void key_note(const char **io_value, struct sl_str key, const char *p, const char *end)
{
    if (!*io_value && (size_t)(end - p) >= key.n && memcmp(p, key.p, key.n) == 0) {
        *io_value = value_behind(p + key.n, end);
    }
}

/* Finds all words in one walk. */
static struct words words_find(struct sl_str event)
{
    static const char letters[4] = { 'c', 'u', 'f', 'e' };
    struct words found = { 0 };
    const char *end = event.p + event.n;
    for (const char *p = event.p; (p = sl_simd_word_find(p, end, letters)) < end;) {
        switch (*++p) {
        case 'c':
            key_note(&found.choices, SL_STR("choices\""), p, end);
            break;
        case 'u':
            key_note(&found.usage, SL_STR("usage\""), p, end);
            break;
        case 'f':
            key_note(&found.finish, SL_STR("finish_reason\""), p, end);
            break;
        default:
            found.has_error |= sl_str_has_prefix(sl_str_make(p, (size_t)(end - p)), SL_STR("error\""));
            break;
        }
    }
    return found;
}

/* True: only one data line, which looks like a piece of the answer, as most events of most streams do. */
static bool is_plain(const struct sl_pass_state *state, struct sl_str event, const struct words *words)
{
    const char *end = event.p + event.n;
    if (state->n_choices > 1 || !sl_str_has_prefix(event, SL_STR("data:")) || words->has_error || !words->choices ||
        *words->choices != '[' || (words->usage && *words->usage == '{')) {
        return false;
    }
    const char *first = blanks_skip(words->choices + 1, end);
    return first < end && *first == '{';
}

/* A decoded event: its name and its data, which may have several lines. */
struct decoded {
    struct sl_buf name, data;
    bool has_event;
};

static int event_keep(void *arg, const struct sl_sse_event *event)
{
    struct decoded *d = arg;
    sl_buf_add_str(&d->name, event->name);
    sl_buf_add_str(&d->data, event->data);
    d->has_event = true;
    return 0;
}

static int event_decode(struct sl_str event, struct decoded *ret)
{
    *ret = (struct decoded){ .name = SL_BUF_INIT(1024), .data = SL_BUF_INIT(event.n + 1) };
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, event.n, event_keep, ret);
    int r = sl_sse_push(&dec, event);
    r = r < 0 ? r : sl_sse_finish(&dec);
    sl_sse_decoder_done(&dec);
    r = r < 0 ? r : sl_buf_status(&ret->name);
    return r < 0 ? r : sl_buf_status(&ret->data);
}

/* Removes the token counts that only the gateway asked for. The choices stay, because clients look at the first choice
 * of every chunk. */
static enum sl_pass usage_cut(struct sl_pass_state *state, const struct sl_judgement *said, struct sl_str data)
{
    if (!state->edited) {
        return SL_PASS_FORWARD;
    }
    struct sl_arena arena;
    struct sl_json_edits edits;
    sl_arena_init_small(&arena, 1024);
    sl_json_edits_init(&edits, &arena);
    sl_json_edit_remove(&edits, said->root, "usage");
    if (!said->has_choices) {
        sl_json_edit_set(&edits, said->root, "choices", SL_STR("[{\"index\":0,\"delta\":{},\"finish_reason\":null}]"));
    }
    sl_buf_reset(state->edited);
    sl_buf_add_lit(state->edited, "data: ");
    sl_json_edits_write(&edits, data, state->edited);
    sl_buf_add_lit(state->edited, "\n\n");
    bool is_done = edits.status == 0 && sl_buf_status(state->edited) == 0;
    sl_arena_done(&arena);
    return is_done ? SL_PASS_REPLACE : SL_PASS_FORWARD;
}

/* Clients only look for an object in the member `error`: an error in another form is written in that form. */
static enum sl_pass error_note(struct sl_pass_state *state, const struct sl_judgement *said, struct sl_str data)
{
    state->has_error = true;
    state->error_type = said->error_type;
    struct sl_json_val error_in = sl_json_get(said->root, "error");
    if (!state->edited || (sl_json_is(error_in, SL_JSON_OBJECT) && sl_openai_is_error(error_in))) {
        return SL_PASS_FORWARD;
    }
    struct sl_arena arena;
    sl_arena_init_small(&arena, 1024);
    struct sl_errbody words = { 0 };
    if (sl_json_is_present(said->error)) {
        sl_errbody_read_val(said->error, &arena, &words);
    } else {
        sl_errbody_read(data, &arena, &words);
    }
    struct sl_llm_error error = {
        .type = said->error_type,
        .upstream_status = said->error_status,
        .message = words.message.n ? words.message : SL_STR("the upstream reported an error"),
        .code = words.code,
        .param = words.param,
    };
    sl_buf_reset(state->edited);
    sl_openai_write_error_event(&error, state->edited);
    sl_arena_done(&arena);
    return sl_buf_status(state->edited) == 0 ? SL_PASS_REPLACE : SL_PASS_FORWARD;
}

/* Clients know the end in one spelling, and read any other as JSON. */
static enum sl_pass end_respell(struct sl_pass_state *state)
{
    if (!state->edited) {
        return SL_PASS_FORWARD;
    }
    sl_buf_reset(state->edited);
    sl_buf_add_lit(state->edited, "data: [DONE]\n\n");
    return sl_buf_status(state->edited) == 0 ? SL_PASS_REPLACE : SL_PASS_FORWARD;
}

/* Notes which of several choices have finished. */
static void finishes_note(struct sl_pass_state *state, struct sl_json_val choices)
{
    for (struct sl_json_iter it = sl_json_each(choices); sl_json_next(&it);) {
        int64_t index = 0;
        if (sl_json_is(sl_json_get(it.val, "finish_reason"), SL_JSON_STRING) &&
            (sl_json_int(sl_json_get(it.val, "index"), true, &index) < 0 || (index >= 0 && index < 64))) {
            state->finished |= (uint64_t)1 << index;
        }
    }
    state->has_finish = (uint32_t)__builtin_popcountll(state->finished) >= SL_MIN(state->n_choices, 64u);
}

static enum sl_pass said_note(struct sl_pass_state *state, const struct sl_judgement *said, struct sl_str event,
                              struct sl_str data)
{
    struct sl_usage usage;
    if (sl_openai_read_usage(said->usage, &usage) == 0) {
        usage.tier = sl_tier_read(sl_json_get(said->root, "service_tier"));
        state->usage = usage;
    }
    if (state->n_choices > 1) {
        finishes_note(state, said->choices);
    }
    switch (said->said) {
    case SL_SAID_END:
        state->is_done = true;
        return sl_str_has_prefix(data, SL_STR("[DONE]")) ? SL_PASS_FORWARD : end_respell(state);
    case SL_SAID_ERROR:
        return error_note(state, said, data);
    case SL_SAID_USAGE:
        return !state->is_asked ? SL_PASS_FORWARD : said->has_more ? usage_cut(state, said, data) : SL_PASS_DROP;
    case SL_SAID_EMPTY:
        /* After the finish the counts came because the gateway asked; before it, a filter's findings may be the chunk's
         * only content. */
        return state->is_asked && state->has_finish && !said->has_more ? SL_PASS_DROP : SL_PASS_FORWARD;
    case SL_SAID_ALIVE:
        /* Clients read every event with a field as JSON, even if it has only a name, and fail. */
        return sl_sse_is_silent(event) ? SL_PASS_ALIVE : SL_PASS_DROP;
    case SL_SAID_GARBAGE: /* not ours to judge: the client sees it */
        state->is_unread = true;
        break;
    case SL_SAID_CHUNK:
        break;
    }
    return SL_PASS_FORWARD;
}

enum sl_pass sl_openai_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct words words = words_find(event);
    if (!state->has_finish && state->n_choices <= 1) {
        state->has_finish = words.finish && *words.finish == '"';
    }
    if (is_plain(state, event, &words)) {
        return SL_PASS_FORWARD;
    }
    struct decoded d;
    enum sl_pass pass = SL_PASS_FORWARD;
    int r = event_decode(event, &d);
    state->is_unread = r < 0;
    if (r == 0) {
        struct sl_judgement said = { .said = SL_SAID_ALIVE };
        struct sl_str data = sl_str_trim(sl_buf_str(&d.data));
        if (d.has_event) {
            sl_openai_judge(sl_buf_str(&d.name), data, state->has_finish, scratch, &said);
        }
        pass = said_note(state, &said, event, data);
    }
    sl_buf_done(&d.name);
    sl_buf_done(&d.data);
    return pass;
}
