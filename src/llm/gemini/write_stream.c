/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, delta by delta. */
#include <stdlib.h>

#include "llm/core/language.h"
#include "llm/gemini/beside.h"
#include "llm/gemini/reader.h"
#include "llm/gemini/word.h"
#include "llm/gemini/write.h"

struct sl_gemini_held {
    uint32_t choice, block;
    struct sl_str id, name, signature; /* they point into `texts` */
    struct sl_buf texts, arguments;
};

/* --- begin and end --- */

void sl_gemini_write_begin(void *state, const struct sl_call *call, size_t max_held)
{
    struct sl_gemini_writer *st = state;
    st->is_list = call->is_list;
    st->has_thoughts = (call->noted & SL_GEMINI_THOUGHTS) != 0;
    st->is_word = (call->noted & SL_GEMINI_WORD) != 0;
    st->max_held = max_held;
    st->usage = SL_USAGE_NONE;
}

size_t sl_gemini_write_held(const void *state)
{
    const struct sl_gemini_writer *st = state;
    return st->bytes_held;
}

static void held_free(struct sl_gemini_held *held)
{
    sl_buf_done(&held->texts);
    sl_buf_done(&held->arguments);
    free(held);
}

void sl_gemini_write_done(void *state)
{
    struct sl_gemini_writer *st = state;
    for (uint32_t i = 0; i < st->n_held; i++) {
        held_free(st->held[i]);
    }
    free(st->words);
    free(st->held);
    st->words = NULL;
    st->held = NULL;
    st->n_held = st->cap_held = 0;
    st->bytes_held = 0;
}

/* --- items --- */

static void identify(struct sl_gemini_writer *st, const struct sl_call *call, const struct sl_env *env,
                     const struct sl_delta *start)
{
    char room[SL_GEMINI_ID_MAX];
    if (st->id_len) {
        return;
    }
    struct sl_str id = start && start->id.n ? start->id : sl_gemini_id_make(env, room);
    struct sl_str model = start && start->model.n ? start->model : call->model;
    st->id_len = (uint16_t)SL_MIN(id.n, sizeof(st->id));
    st->model_len = (uint16_t)SL_MIN(model.n, sizeof(st->model));
    memcpy(st->id, id.p, st->id_len);
    memcpy(st->model, model.p ? model.p : "", st->model_len);
}

static void item_open(struct sl_gemini_writer *st, struct sl_jw *w, struct sl_buf *out)
{
    sl_gemini_item_begin(st, out);
    sl_jw_init(w, out);
    sl_jw_object(w);
    sl_jw_key(w, "candidates");
    sl_jw_array(w);
}

static void item_close(struct sl_gemini_writer *st, struct sl_jw *w, bool is_last)
{
    const struct sl_usage *usage = is_last || st->usage.input >= 0 || st->usage.output >= 0 ? &st->usage : NULL;
    sl_jw_end(w);
    sl_gemini_tail_write(w, usage, sl_str_make(st->model, st->model_len), sl_str_make(st->id, st->id_len));
    sl_jw_end(w);
    sl_gemini_item_end(st, w->out);
}

/* Writes a candidate's start, up to its list of parts. */
static void candidate_open(struct sl_jw *w)
{
    sl_jw_object(w);
    sl_jw_key(w, "content");
    sl_jw_object(w);
    sl_jw_key(w, "parts");
    sl_jw_array(w);
}

/* Writes the members behind the parts; the candidate stays open. */
static void candidate_beside(struct sl_jw *w, uint32_t choice)
{
    sl_jw_end(w);
    sl_jw_member_str(w, "role", SL_STR("model"));
    sl_jw_end(w);
    sl_jw_member_u64(w, "index", choice);
}

static void candidate_close(struct sl_jw *w, uint32_t choice, const char *reason)
{
    candidate_beside(w, choice);
    if (reason) {
        sl_jw_member_str(w, "finishReason", sl_str_c(reason));
    }
    sl_jw_end(w);
}

static void part_send(struct sl_gemini_writer *st, uint32_t choice, const struct sl_block *block, struct sl_buf *out)
{
    struct sl_jw w;
    st->begun |= SL_BIT(choice);
    item_open(st, &w, out);
    candidate_open(&w);
    sl_gemini_part_write(&w, block);
    candidate_close(&w, choice, NULL);
    item_close(st, &w, false);
}

/* --- calls --- */

/* Nearly always the latest one is asked for. */
static struct sl_gemini_held *held_find(const struct sl_gemini_writer *st, const struct sl_delta *d)
{
    for (uint32_t i = st->n_held; i > 0; i--) {
        struct sl_gemini_held *held = st->held[i - 1];
        if (held->choice == d->choice && held->block == d->block) {
            return held;
        }
    }
    return NULL;
}

static int hold(struct sl_gemini_writer *st, struct sl_buf *buf, struct sl_str text)
{
    if (text.n > st->max_held - SL_MIN(st->bytes_held, st->max_held)) {
        return SL_E_LIMIT;
    }
    st->bytes_held += text.n;
    sl_buf_add_str(buf, text);
    return sl_buf_status(buf);
}

/* The memory of a call beside its texts. */
#define HELD_MIN sizeof(struct sl_gemini_held)

static int call_start(struct sl_gemini_writer *st, const struct sl_delta *d)
{
    if (st->n_held == st->cap_held) {
        uint32_t cap = st->cap_held ? st->cap_held * 2 : 4;
        struct sl_gemini_held **v = realloc(st->held, cap * sizeof(*v));
        if (!v) {
            return SL_E_NOMEM;
        }
        st->held = v;
        st->cap_held = cap;
    }
    struct sl_gemini_held *held = calloc(1, sizeof(*held));
    if (!held) {
        return SL_E_NOMEM;
    }
    st->held[st->n_held++] = held;
    st->bytes_held += HELD_MIN;
    held->choice = d->choice;
    held->block = d->block;
    sl_buf_init(&held->texts, st->max_held);
    sl_buf_init(&held->arguments, st->max_held);
    int r = hold(st, &held->texts, d->tool_id);
    r = r < 0 ? r : hold(st, &held->texts, d->tool_name);
    r = r < 0 ? r : hold(st, &held->texts, d->signature);
    if (r == 0) {
        struct sl_str all = sl_buf_str(&held->texts);
        held->id = sl_str_sub(all, 0, d->tool_id.n);
        held->name = sl_str_sub(all, d->tool_id.n, d->tool_id.n + d->tool_name.n);
        held->signature = sl_str_sub(all, d->tool_id.n + d->tool_name.n, all.n);
    }
    return r;
}

static void call_send(struct sl_gemini_writer *st, struct sl_gemini_held *held, struct sl_buf *out)
{
    struct sl_block block = {
        .kind = SL_BLOCK_TOOL_CALL,
        .tool_id = held->id,
        .tool_name = held->name,
        .signature = held->signature,
        .arguments = sl_buf_str(&held->arguments),
    };
    part_send(st, held->choice, &block, out);
    st->bytes_held -= HELD_MIN + held->texts.len + held->arguments.len;
    held_free(held);
}

/* Sends the calls of a candidate (UINT32_MAX: of all) that are complete. Some upstreams mix the pieces of several
 * calls, so calls are complete only when something other than calls follows. */
static void calls_send(struct sl_gemini_writer *st, uint32_t choice, struct sl_buf *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < st->n_held; i++) {
        if (choice == UINT32_MAX || st->held[i]->choice == choice) {
            call_send(st, st->held[i], out);
        } else {
            st->held[n++] = st->held[i];
        }
    }
    st->n_held = n;
}

/* --- deltas --- */

/* Counts for the places of sources: places in texts that are all ASCII so far are known, and the end. */
static void text_count(struct sl_gemini_writer *st, const struct sl_delta *d)
{
    struct sl_gemini_texts *texts = &st->texts[d->choice];
    if (d->block_kind != SL_BLOCK_TEXT) {
        return;
    }
    bool is_plain = texts->plain == texts->bytes;
    for (size_t i = 0; i < d->text.n; i++) {
        unsigned char c = (unsigned char)d->text.p[i];
        is_plain = is_plain && c < 0x80;
        texts->plain += is_plain;
        texts->chars += (c & 0xc0) != 0x80;
    }
    texts->bytes += (int64_t)d->text.n;
}

/* The whole text of a stream is one part. */
static bool counted_find(void *arg, int64_t character, uint32_t *ret_part, int64_t *ret_byte)
{
    const struct sl_gemini_texts *texts = arg;
    *ret_part = 0;
    *ret_byte = character <= texts->plain ? character : texts->bytes;
    return character <= texts->plain || character == texts->chars;
}

static void beside_send(struct sl_gemini_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_jw w;
    st->begun |= SL_BIT(d->choice);
    item_open(st, &w, out);
    candidate_open(&w);
    sl_jw_raw(&w, SL_STR("{\"text\":\"\"}"));
    candidate_beside(&w, d->choice);
    sl_gemini_grounding_write(&w, d->annotations, (struct sl_gemini_finder){ counted_find, &st->texts[d->choice] });
    sl_gemini_logprobs_write(&w, d->logprobs);
    sl_jw_end(&w);
    item_close(st, &w, false);
}

/* Sends a piece of one word of a list; it comes as a JSON string in pieces. */
static int word_send(struct sl_gemini_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (!st->words) {
        st->words = calloc(SL_GEMINI_CHOICES_MAX, sizeof(*st->words));
    }
    if (!st->words) {
        return SL_E_NOMEM;
    }
    struct sl_buf text = SL_BUF_INIT(d->text.n + SL_GEMINI_WORD_HELD);
    int r = sl_gemini_word_push(&st->words[d->choice], d->text, &text);
    struct sl_block block = { .kind = SL_BLOCK_TEXT, .text = sl_buf_str(&text) };
    if (r == 0 && block.text.n) {
        part_send(st, d->choice, &block, out);
    }
    sl_buf_done(&text);
    return r;
}

static int block_delta(struct sl_gemini_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (d->annotations.n || d->logprobs.n) {
        beside_send(st, d, out);
        return 0;
    }
    if (d->block_kind == SL_BLOCK_TOOL_CALL) {
        struct sl_gemini_held *held = held_find(st, d);
        return held ? hold(st, &held->arguments, d->text) : SL_E_INVAL;
    }
    if (d->block_kind == SL_BLOCK_THINKING && !st->has_thoughts) {
        return 0;
    }
    struct sl_block block = {
        .kind = d->block_kind, .text = d->text, .signature = d->signature, .redacted = d->redacted
    };
    if (d->text.n || d->signature.n || d->redacted.n) {
        text_count(st, d);
        calls_send(st, d->choice, out);
        if (st->is_word && d->block_kind == SL_BLOCK_TEXT) {
            return word_send(st, d, out);
        }
        part_send(st, d->choice, &block, out);
    }
    return 0;
}

static void finish_note(struct sl_gemini_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    calls_send(st, d->choice, out);
    st->finish[d->choice] = (uint8_t)d->finish;
    st->begun |= SL_BIT(d->choice);
    st->finished |= SL_BIT(d->choice);
}

int sl_gemini_write_delta(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *d,
                          struct sl_buf *out)
{
    struct sl_gemini_writer *st = state;
    int r = 0;
    if (st->has_error) {
        return 0;
    }
    if (d->kind <= SL_DELTA_FINISH) {
        identify(st, call, env, d->kind == SL_DELTA_START ? d : NULL);
    }
    if (d->choice >= SL_GEMINI_CHOICES_MAX) {
        return SL_E_INVAL;
    }
    switch (d->kind) {
    case SL_DELTA_START:
    case SL_DELTA_BLOCK_STOP:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
    case SL_DELTA_ALIVE:
        break;
    case SL_DELTA_BLOCK_START:
        r = d->block_kind == SL_BLOCK_TOOL_CALL ? call_start(st, d) : 0;
        break;
    case SL_DELTA_BLOCK:
        r = block_delta(st, d, out);
        break;
    case SL_DELTA_FINISH:
        finish_note(st, d, out);
        break;
    case SL_DELTA_USAGE:
        st->usage = d->usage;
        break;
    case SL_DELTA_ERROR:
        sl_gemini_write_stream_error(state, d->error, out);
        break;
    }
    return r < 0 ? r : sl_buf_status(out);
}

/* Writes the end of each candidate, and the usage. */
void sl_gemini_write_end(void *state, struct sl_buf *out)
{
    struct sl_gemini_writer *st = state;
    struct sl_jw w;
    if (!st || st->has_error) {
        return;
    }
    calls_send(st, UINT32_MAX, out);
    if (st->begun) {
        item_open(st, &w, out);
        for (uint32_t i = 0; i < SL_GEMINI_CHOICES_MAX; i++) {
            if (st->begun & SL_BIT(i)) {
                candidate_open(&w);
                sl_jw_raw(&w, SL_STR("{\"text\":\"\"}")); /* clients take a turn without parts for a broken one */
                candidate_close(&w, i, sl_gemini_reason((enum sl_finish)st->finish[i]));
            }
        }
        item_close(st, &w, true);
    }
    sl_gemini_list_end(st, out);
}
