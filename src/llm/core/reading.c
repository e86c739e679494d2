/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/reading.h"

int sl_reply_parse(struct sl_json *doc, struct sl_str body, uint32_t depth, struct sl_err *err)
{
    int r = sl_json_parse_at(doc, sl_skip_bom(body), depth);
    return r < 0 ? sl_fail(err, r, "%s at offset %zu", sl_json_fault_text(doc->fault), doc->fault_offset) : 0;
}

int sl_event_parse(struct sl_json *doc, struct sl_str data, struct sl_err *err)
{
    int r = sl_json_parse_at(doc, data, 0);
    return r < 0 ? sl_fail(err, r, "an event is not JSON: %s at offset %zu", sl_json_fault_text(doc->fault),
                           doc->fault_offset)
                 : 0;
}

int sl_reading_event(struct sl_reading *rd, struct sl_str data, struct sl_json_val *ret_root)
{
    int r = sl_event_parse(rd->sink->doc, data, rd->err);
    *ret_root = r == 0 ? sl_json_root(rd->sink->doc) : (struct sl_json_val){ 0 };
    if (r == 0 && !sl_json_is(*ret_root, SL_JSON_OBJECT)) {
        r = sl_fail(rd->err, SL_E_INVAL, "an event is not a JSON object");
    }
    rd->status = rd->status ? rd->status : r;
    return rd->status;
}

void sl_reading_no_memory(struct sl_reading *rd)
{
    rd->status = rd->status ? rd->status : sl_fail(rd->err, SL_E_NOMEM, "out of memory");
}

struct sl_str sl_reading_text(struct sl_reading *rd, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    if (rd->status == 0 && sl_json_is(v, SL_JSON_STRING) && sl_json_text(v, rd->arena, &text) < 0) {
        sl_reading_no_memory(rd);
    }
    return text;
}

struct sl_str sl_reading_half(struct sl_reading *rd, struct sl_half *half, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    if (rd->status == 0 && sl_json_is(v, SL_JSON_STRING) && sl_half_text(half, v, rd->arena, &text) < 0) {
        sl_reading_no_memory(rd);
    }
    return text;
}

struct sl_choice *sl_reading_choice(struct sl_reading *rd, size_t n_blocks, struct sl_reply *reply)
{
    struct sl_choice *choice = SL_ARENA_NEW(rd->arena, struct sl_choice);
    struct sl_block *blocks = SL_ARENA_ARRAY(rd->arena, struct sl_block, n_blocks + 1);
    if (!choice || !blocks) {
        sl_reading_no_memory(rd);
        return NULL;
    }
    choice->blocks = blocks;
    reply->choices = choice;
    reply->n_choices = 1;
    return choice;
}

int64_t sl_reading_chars(struct sl_str text)
{
    const uint64_t ones = 0x0101010101010101ULL;
    int64_t n = 0;
    size_t i = 0;
    for (; text.n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, text.p + i, 8);
        uint64_t inner = w >> 7 & ~w >> 6 & ones; /* a one for each byte that goes on a character */
        n += 8 - (int64_t)(inner * ones >> 56);
    }
    for (; i < text.n; i++) {
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return n;
}

void sl_reading_push(struct sl_reading *rd, const struct sl_delta *delta)
{
    if (rd->status == 0) {
        rd->status = rd->sink->push(rd->sink->arg, delta);
    }
}

void sl_reading_lose(struct sl_reading *rd, uint32_t lost)
{
    rd->lost |= lost;
    if (lost && rd->sink) {
        sl_reading_push(rd, &(struct sl_delta){ .kind = SL_DELTA_LOST, .lost = lost });
    }
}

int sl_reading_cut(struct sl_err *err)
{
    return sl_fail(err, SL_E_TRUNCATED, "the upstream ended the stream before its end");
}

/* Numbers with more digits are larger than any count, or have another form. */
#define PLAIN_MAX 13

int64_t sl_count_of(struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_NUMBER)) {
        return -1;
    }
    int64_t n = 0;
    struct sl_str raw = sl_json_raw(v);
    size_t i = 0;
    for (; i < raw.n && i < PLAIN_MAX && raw.p[i] >= '0' && raw.p[i] <= '9'; i++) {
        n = n * 10 + (raw.p[i] - '0');
    }
    if (i == raw.n) { /* nearly all are digits only */
        return n <= SL_USAGE_COUNT_MAX ? n : -1;
    }
    bool is_count = sl_json_int(v, true, &n) == 0 && n >= 0 && n <= SL_USAGE_COUNT_MAX;
    return is_count ? n : -1;
}

int64_t sl_count_get(struct sl_json_val object, const char *key)
{
    return sl_count_of(sl_json_get(object, key));
}

void sl_parts_read(struct sl_json_val in, struct sl_json_val out, struct sl_usage *io_usage)
{
    enum { CACHED, WRITTEN, AUDIO_IN, IMAGE_IN, N_IN };
    enum { REASONING, AUDIO_OUT, IMAGE_OUT, N_OUT };
    static const struct sl_str in_names[N_IN] = { SL_STR_INIT("cached_tokens"), SL_STR_INIT("cache_write_tokens"),
                                                  SL_STR_INIT("audio_tokens"), SL_STR_INIT("image_tokens") };
    static const struct sl_str out_names[N_OUT] = { SL_STR_INIT("reasoning_tokens"), SL_STR_INIT("audio_tokens"),
                                                    SL_STR_INIT("image_tokens") };
    struct sl_json_val ins[N_IN], outs[N_OUT];
    sl_json_pick(in, in_names, N_IN, ins);
    sl_json_pick(out, out_names, N_OUT, outs);
    io_usage->cached_input = sl_count_of(ins[CACHED]);
    io_usage->cache_creation = sl_count_of(ins[WRITTEN]);
    io_usage->audio_input = sl_count_of(ins[AUDIO_IN]);
    io_usage->image_input = sl_count_of(ins[IMAGE_IN]);
    io_usage->reasoning = sl_count_of(outs[REASONING]);
    io_usage->audio_output = sl_count_of(outs[AUDIO_OUT]);
    io_usage->image_output = sl_count_of(outs[IMAGE_OUT]);
}

/* US dollars as nano-dollars; SL_COST_UNKNOWN: no amount. */
static int64_t dollars_get(struct sl_json_val v)
{
    double dollars;
    bool is_amount = sl_json_double(v, &dollars) == 0 && dollars >= 0 && dollars * 1e9 <= (double)SL_COST_MAX;
    return is_amount ? (int64_t)(dollars * 1e9 + 0.5) : SL_COST_UNKNOWN;
}

int64_t sl_cost_read(struct sl_json_val usage)
{
    struct sl_json_val cost = sl_json_get(usage, "cost");
    int64_t ticks, nano = dollars_get(sl_json_is(cost, SL_JSON_OBJECT) ? sl_json_get(cost, "total_cost") : cost);
    if (nano < 0) { /* xAI's: ten of them are a nano-dollar */
        bool is_count = sl_json_int(sl_json_get(usage, "cost_in_usd_ticks"), true, &ticks) == 0 && ticks >= 0;
        return is_count && ticks / 10 <= SL_COST_MAX ? ticks / 10 : SL_COST_UNKNOWN;
    }
    bool is_own_key = sl_json_is(sl_json_get(usage, "is_byok"), SL_JSON_TRUE);
    int64_t rest = is_own_key ? dollars_get(sl_json_at(usage, "cost_details.upstream_inference_cost")) : 0;
    return rest > 0 ? SL_MIN(nano + rest, SL_COST_MAX) : nano; /* OpenRouter's own fee, and what the provider takes */
}

enum sl_tier sl_tier_read(struct sl_json_val v)
{
    struct sl_str raw = sl_json_raw(v);
    return sl_json_is(v, SL_JSON_STRING) ? sl_tier_parse(sl_str_sub(raw, 1, raw.n - 1)) : SL_TIER_NONE;
}

enum sl_finish sl_finish_find(const struct sl_finish_word *words, struct sl_str word)
{
    for (; word.n && words->word.n; words++) {
        if (sl_str_eq(word, words->word)) {
            return words->finish;
        }
    }
    return word.n ? SL_FINISH_OTHER : SL_FINISH_NONE;
}
