/* SPDX-License-Identifier: Apache-2.0 */
/* Whole replies. */
#include "llm/responses/write.h"

#include "llm/core/reading.h"
#include "llm/responses/seal.h"

struct whole {
    struct sl_answer answer;
    const struct sl_choice *choice;
    struct sl_buf output, parts, notes, probs;
    struct sl_str text_seal; /* the signature of a text of the open message */
    uint32_t n_items;
    int64_t chars; /* of the texts so far */
    bool is_open;  /* a message is open */
};

static struct sl_jw jw_of(struct sl_buf *buf)
{
    struct sl_jw w;
    sl_buf_add_c(buf, buf->len ? "," : "");
    sl_jw_init(&w, buf);
    return w;
}

static void reasoning_add(struct whole *wh, struct sl_str text, const char *word, struct sl_str seal)
{
    struct sl_jw w = jw_of(&wh->output);
    sl_answer_reasoning(&w, &wh->answer, wh->n_items++, text, word, seal);
}

static void message_end(struct whole *wh, const char *status)
{
    if (wh->is_open) {
        struct sl_jw w = jw_of(&wh->output);
        sl_answer_message(&w, &wh->answer, wh->n_items++, status, sl_buf_str(&wh->parts));
        sl_buf_reset(&wh->parts);
        wh->is_open = false;
    }
    if (wh->text_seal.n) {
        reasoning_add(wh, SL_STR_NONE, SL_SEAL_TEXT, wh->text_seal);
        wh->text_seal = SL_STR_NONE;
    }
}

static void words_add(struct whole *wh, const struct sl_block *block)
{
    struct sl_jw w = jw_of(&wh->parts);
    wh->is_open = true;
    if (block->kind == SL_BLOCK_REFUSAL) {
        sl_answer_refusal(&w, block->text);
        return;
    }
    sl_buf_reset(&wh->notes);
    sl_answer_notes(&wh->notes, block->annotations, wh->chars);
    sl_answer_text(&w, block->text, sl_buf_str(&wh->notes), sl_buf_str(&wh->probs));
    sl_buf_reset(&wh->probs); /* they belong to the first text */
    wh->chars += sl_reading_chars(block->text);
    wh->text_seal = block->signature.n ? block->signature : wh->text_seal;
}

static void call_add(struct whole *wh, const struct sl_block *block, const char *status)
{
    if (block->signature.n) {
        reasoning_add(wh, SL_STR_NONE, SL_SEAL_CALL, block->signature);
    }
    struct sl_jw w = jw_of(&wh->output);
    sl_answer_call(&w, &wh->answer, wh->n_items++, status, block->tool_id, block->tool_name,
                   block->arguments.n ? block->arguments : SL_STR("{}"));
}

static void block_add(struct whole *wh, const struct sl_block *block, const char *status)
{
    bool is_closed = block->redacted.n > 0;
    switch (block->kind) {
    case SL_BLOCK_TEXT:
    case SL_BLOCK_REFUSAL:
        words_add(wh, block);
        break;
    case SL_BLOCK_THINKING:
        message_end(wh, "completed");
        reasoning_add(wh, block->text, is_closed ? SL_SEAL_CLOSED : SL_SEAL_THOUGHT,
                      is_closed ? block->redacted : block->signature);
        break;
    case SL_BLOCK_TOOL_CALL:
        message_end(wh, "completed");
        call_add(wh, block, status);
        break;
    }
}

int sl_responses_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                             struct sl_buf *out)
{
    static const struct sl_choice none = { 0 };
    int64_t now = (int64_t)(env->wall_usec / 1000000), created = reply->created >= 0 ? reply->created : now;
    struct whole wh = {
        .answer = { .call = call, .id = { env->random[0], env->random[1] }, .created = created },
        .choice = reply->n_choices ? &reply->choices[0] : &none, /* this language has only one choice */
        .output = SL_BUF_INIT(UINT32_MAX),
        .parts = SL_BUF_INIT(UINT32_MAX),
        .notes = SL_BUF_INIT(UINT32_MAX),
        .probs = SL_BUF_INIT(UINT32_MAX),
    };
    const char *status = sl_answer_status(wh.choice->finish);
    wh.answer.completed = SL_MAX(now, created);
    wh.answer.model = reply->model.n ? reply->model : call->model;
    sl_answer_probs(&wh.probs, wh.choice->logprobs);
    for (uint32_t i = 0; i < wh.choice->n_blocks; i++) {
        bool is_last = i + 1 == wh.choice->n_blocks;
        block_add(&wh, &wh.choice->blocks[i], is_last ? status : "completed");
    }
    message_end(&wh, status);
    struct sl_answer_end end = { .finish = wh.choice->finish,
                                 .output = sl_buf_str(&wh.output),
                                 .usage = &reply->usage };
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_answer_write(&w, &wh.answer, &end);
    struct sl_buf *bufs[] = { &wh.output, &wh.parts, &wh.notes, &wh.probs };
    int r = sl_buf_status(out);
    for (size_t i = 0; i < SL_ARRAY_LEN(bufs); i++) {
        r = r < 0 ? r : sl_buf_status(bufs[i]);
        sl_buf_done(bufs[i]);
    }
    return r;
}

/* --- reading the written answer --- */

static bool is_ended(struct sl_json_val response)
{
    struct sl_json_val status = sl_json_get(response, "status");
    return sl_json_str_eq(status, SL_STR("completed")) || sl_json_str_eq(status, SL_STR("incomplete"));
}

bool sl_responses_read_answer(struct sl_str written, struct sl_json *scratch, struct sl_str *ret_answer,
                              struct sl_str *ret_id, struct sl_str *ret_items)
{
    static const struct sl_str mark = SL_STR_INIT("\ndata: ");
    ptrdiff_t at = -1;
    for (ptrdiff_t next = 0; written.p && (next = sl_str_find(written, mark, (size_t)next)) >= 0; next++) {
        at = next;
    }
    struct sl_str text = at < 0 ? written : sl_str_trim(sl_str_sub(written, (size_t)at + mark.n, written.n));
    if (sl_json_parse_at(scratch, text, 4) < 0) {
        return false;
    }
    struct sl_json_val root = sl_json_root(scratch), response = at < 0 ? root : sl_json_get(root, "response");
    struct sl_str id = sl_json_raw(sl_json_get(response, "id")), output = sl_json_raw(sl_json_get(response, "output"));
    if (!is_ended(response) || id.n < 3 || output.n < 2) {
        return false;
    }
    *ret_answer = sl_json_raw(response);
    *ret_id = sl_str_sub(id, 1, id.n - 1);
    *ret_items = sl_str_trim(sl_str_sub(output, 1, output.n - 1));
    return true;
}
