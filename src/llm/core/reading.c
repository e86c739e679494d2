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

const char *sl_tier_read(struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        const char *to;
    } tiers[] = {
        { SL_STR_INIT("default"), "default" }, { SL_STR_INIT("standard"), "default" },
        { SL_STR_INIT("flex"), "flex" },       { SL_STR_INIT("priority"), "priority" },
        { SL_STR_INIT("scale"), "scale" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(tiers); i++) {
        if (sl_json_str_eq(v, tiers[i].word)) {
            return tiers[i].to;
        }
    }
    return NULL;
}

int64_t sl_count_get(struct sl_json_val object, const char *key)
{
    int64_t n;
    bool is_count = sl_json_int(sl_json_get(object, key), true, &n) == 0 && n >= 0 && n <= SL_USAGE_COUNT_MAX;
    return is_count ? n : -1;
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
