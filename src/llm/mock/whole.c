/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mock/whole.h"

#include "json/write.h"
#include "llm/core/reply.h"
#include "llm/mock/embed.h"
#include "llm/openai/openai.h"

/* The most bytes of a frame, or of an error. */
#define FRAME_MAX (16u << 20)
/* How many bytes of a text one step escapes into a whole reply. */
#define SLICE_MAX 8192

/* Marks the place of a text or an embedding in the frame. No client can put it there, because a client's text goes only
 * into these places. */
static const struct sl_str mark = SL_STR_INIT("\x02mock\x02");
static const struct sl_str mark_escaped = SL_STR_INIT("\\u0002mock\\u0002");

/* --- answers --- */

static int choices_frame(const struct sl_mock_state *st, struct sl_arena *arena, struct sl_reply *reply)
{
    reply->choices = SL_ARENA_ARRAY(arena, struct sl_choice, st->n_choices + 1);
    if (!reply->choices) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < st->n_choices; i++) {
        const struct sl_mock_answer *answer = &st->answers[i];
        struct sl_block *blocks = SL_ARENA_ARRAY(arena, struct sl_block, answer->n_blocks + 1);
        if (!blocks) {
            return SL_E_NOMEM;
        }
        for (uint32_t k = 0; k < answer->n_blocks; k++) {
            const struct sl_mock_block *from = &answer->blocks[k];
            blocks[k] = (struct sl_block){
                .kind = from->kind,
                .text = from->kind == SL_BLOCK_TEXT ? mark : from->literal.text,
                .arguments = from->literal.text,
                .tool_id = from->tool_id,
                .tool_name = from->tool_name,
            };
        }
        reply->choices[i] = (struct sl_choice){
            .index = i, .blocks = blocks, .n_blocks = answer->n_blocks, .finish = answer->finish
        };
    }
    reply->n_choices = st->n_choices;
    return 0;
}

static int embeddings_frame(const struct sl_mock_state *st, struct sl_arena *arena, struct sl_reply *reply)
{
    reply->embeddings = SL_ARENA_ARRAY(arena, struct sl_embedding, st->n_inputs + 1);
    if (!reply->embeddings) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < st->n_inputs; i++) {
        reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ i, mark_escaped };
    }
    return 0;
}

int sl_mock_frame_make(struct sl_mock_state *st, struct sl_arena *arena)
{
    struct sl_reply reply = { .id = st->id_str, .model = st->model, .created = -1, .usage = st->usage };
    int r = st->inputs ? embeddings_frame(st, arena, &reply) : choices_frame(st, arena, &reply);
    struct sl_buf out = SL_BUF_INIT(FRAME_MAX);
    r = r < 0 ? r : sl_openai_write_reply(&st->call, &reply, &st->env, &out);
    if (r == 0) {
        st->frame = sl_arena_dup(arena, sl_buf_str(&out));
        r = st->frame.p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&out);
    return r;
}

/* Adds the next bytes of the text or embedding at a mark. */
static void mark_fill(struct sl_mock_state *st, struct sl_buf *out)
{
    if (st->inputs) {
        sl_mock_embedding(out, st->inputs[st->choice++], st->dimensions, st->is_base64);
        st->is_filling = false;
        return;
    }
    const struct sl_mock_answer *answer = &st->answers[st->choice];
    uint32_t n_chars;
    struct sl_str slice = sl_mock_text_next(&answer->blocks[answer->n_blocks - 1].text, &st->cursor, SLICE_MAX,
                                            SLICE_MAX, &n_chars);
    if (slice.n) {
        sl_json_escape(out, slice);
        return;
    }
    st->choice++;
    st->cursor = (struct sl_mock_cursor){ 0 };
    st->is_filling = false;
}

void sl_mock_whole_step(struct sl_mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    if (st->is_filling) {
        mark_fill(st, out);
        return;
    }
    ptrdiff_t at = sl_str_find(st->frame, mark_escaped, 0);
    size_t n = at < 0 ? st->frame.n : (size_t)at;
    sl_buf_add_str(out, sl_str_sub(st->frame, 0, n));
    st->frame = sl_str_sub(st->frame, at < 0 ? n : n + mark_escaped.n, st->frame.n);
    st->is_filling = at >= 0;
    step->is_end = at < 0;
}

/* --- errors --- */

int sl_mock_error_make(struct sl_mock_state *st, struct sl_arena *arena, struct sl_str type,
                       const struct sl_mock_refusal *said)
{
    struct sl_buf out = SL_BUF_INIT(FRAME_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message", said->message);
    sl_jw_member_str(&w, "type", type);
    sl_jw_member_str(&w, "param", said->param);
    sl_jw_member_str(&w, "code", said->code);
    sl_jw_end(&w);
    sl_jw_end(&w);
    st->call.is_stream = false;
    st->frame = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return st->frame.p ? 0 : SL_E_NOMEM;
}

int sl_mock_error_told(struct sl_mock_state *st, struct sl_arena *arena)
{
    const struct sl_mock_error *error = &st->conf->error;
    struct sl_mock_refusal said = {
        .message = error->message.p ? error->message : SL_STR("This is the error that the mock was told to give."),
    };
    struct sl_str type = error->type.p          ? error->type
                         : error->status >= 500 ? SL_STR("server_error")
                                                : SL_STR("invalid_request_error");
    return sl_mock_error_make(st, arena, type, &said);
}
