/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mock/stream.h"

#include "llm/core/reply.h"
#include "llm/openai/openai.h"

static int delta_write(struct sl_mock_state *st, struct sl_buf *out, const struct sl_delta *delta)
{
    return sl_openai_write_delta(&st->chunks, &st->call, &st->env, delta, out);
}

/* Writes the next `chunk_size` characters of a block. */
static int piece_write(struct sl_mock_state *st, const struct sl_mock_block *block, struct sl_buf *out)
{
    struct sl_delta piece = {
        .kind = SL_DELTA_BLOCK, .choice = st->choice, .block = st->block, .block_kind = block->kind
    };
    uint32_t left = st->conf->chunk_size, n;
    piece.text = sl_mock_text_next(&block->text, &st->cursor, SIZE_MAX, left, &n);
    left -= n;
    if (left == 0 || st->cursor.done == block->text.len) {
        return delta_write(st, out, &piece);
    }
    struct sl_buf joined = SL_BUF_INIT(SL_MOCK_TEXTS_MAX);
    sl_buf_add_str(&joined, piece.text);
    while (left && st->cursor.done < block->text.len) {
        sl_buf_add_str(&joined, sl_mock_text_next(&block->text, &st->cursor, SIZE_MAX, left, &n));
        left -= n;
    }
    piece.text = sl_buf_str(&joined);
    int r = sl_buf_status(&joined);
    r = r < 0 ? r : delta_write(st, out, &piece);
    sl_buf_done(&joined);
    return r;
}

/* True: the choice has text left. */
static bool has_text_left(const struct sl_mock_state *st)
{
    const struct sl_mock_answer *answer = &st->answers[st->choice];
    for (uint32_t i = st->block; i < answer->n_blocks; i++) {
        if ((i == st->block ? st->cursor.done : 0) < answer->blocks[i].text.len) {
            return true;
        }
    }
    return false;
}

/* Writes the next event of a choice: a block's start and its next piece, or the choice's end. */
static int choice_step(struct sl_mock_state *st, struct sl_buf *out)
{
    const struct sl_mock_answer *answer = &st->answers[st->choice];
    while (st->block < answer->n_blocks) {
        const struct sl_mock_block *block = &answer->blocks[st->block];
        int r = 0;
        if (!st->has_begun && block->text.len) {
            struct sl_delta begin = { .kind = SL_DELTA_BLOCK_START,
                                      .choice = st->choice,
                                      .block = st->block,
                                      .block_kind = block->kind,
                                      .tool_id = block->tool_id,
                                      .tool_name = block->tool_name };
            r = delta_write(st, out, &begin);
            st->has_begun = true;
        }
        if (r < 0 || st->cursor.done < block->text.len) {
            return r < 0 ? r : piece_write(st, block, out);
        }
        st->block++;
        st->has_begun = false;
        st->cursor = (struct sl_mock_cursor){ 0 };
    }
    struct sl_delta finish = { .kind = SL_DELTA_FINISH, .choice = st->choice, .finish = answer->finish };
    st->choice++;
    st->block = 0;
    st->step = st->choice == st->n_choices ? SL_MOCK_STEP_FINISH : SL_MOCK_STEP_BLOCKS;
    return delta_write(st, out, &finish);
}

int sl_mock_stream_step(struct sl_mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    struct sl_delta start = { .kind = SL_DELTA_START, .id = st->id_str, .model = st->model, .created = -1 };
    struct sl_delta usage = { .kind = SL_DELTA_USAGE, .usage = st->usage };
    int r = 0;
    switch (st->step) {
    case SL_MOCK_STEP_START:
        st->step = st->n_choices ? SL_MOCK_STEP_BLOCKS : SL_MOCK_STEP_FINISH;
        r = delta_write(st, out, &start);
        break;
    case SL_MOCK_STEP_BLOCKS:
        r = choice_step(st, out);
        break;
    case SL_MOCK_STEP_FINISH:
        st->step = SL_MOCK_STEP_END;
        step->is_end = true;
        r = delta_write(st, out, &usage);
        sl_openai_write_end(&st->chunks, out);
        break;
    case SL_MOCK_STEP_END:
        step->is_end = true;
        break;
    }
    if (st->step == SL_MOCK_STEP_BLOCKS && has_text_left(st)) {
        step->wait_usec = st->conf->chunk_delay_usec;
    }
    return r;
}
