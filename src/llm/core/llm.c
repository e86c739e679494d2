/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/llm.h"

#include "json/write.h"

static const char *const finish_names[] = {
    [SL_FINISH_NONE] = NULL,
    [SL_FINISH_STOP] = "stop",
    [SL_FINISH_LENGTH] = "length",
    [SL_FINISH_TOOL_CALLS] = "tool_calls",
    [SL_FINISH_CONTENT_FILTER] = "content_filter",
    [SL_FINISH_OTHER] = "stop", /* there was output, and the provider's own word has no equivalent */
};

const char *sl_finish_name(enum sl_finish finish)
{
    SL_ASSERT(finish < SL_ARRAY_LEN(finish_names));
    return finish_names[finish];
}

/* --- a whole reply as the deltas of a stream --- */

static int block_push(const struct sl_choice *choice, uint32_t i, struct sl_delta_sink *sink)
{
    const struct sl_block *block = &choice->blocks[i];
    bool is_tool = block->kind == SL_BLOCK_TOOL_CALL;
    struct sl_delta delta = {
        .kind = SL_DELTA_BLOCK_START,
        .choice = (uint32_t)choice->index,
        .block = i,
        .block_kind = block->kind,
        .tool_id = block->tool_id,
        .tool_name = block->tool_name,
        .signature = is_tool ? block->signature : SL_STR_NONE,
    };
    int r = sink->push(sink->arg, &delta);
    delta.kind = SL_DELTA_BLOCK;
    delta.text = is_tool ? block->arguments : block->text;
    if (r == 0 && delta.text.n) {
        r = sink->push(sink->arg, &delta);
    }
    if (r == 0 && !is_tool && (block->signature.n || block->redacted.n)) {
        delta.text = SL_STR_NONE;
        delta.signature = block->signature;
        delta.redacted = block->redacted;
        r = sink->push(sink->arg, &delta);
    }
    if (r == 0 && (block->annotations.n || block->quotes.n)) {
        delta.text = delta.signature = delta.redacted = SL_STR_NONE;
        delta.annotations = sl_json_flat(block->annotations, sink->arena);
        delta.quotes = sl_json_flat(block->quotes, sink->arena);
        delta.has_more_quotes = block->has_more_quotes;
        r = sink->push(sink->arg, &delta);
    }
    delta.kind = SL_DELTA_BLOCK_STOP;
    return r < 0 ? r : sink->push(sink->arg, &delta);
}

int sl_reply_push(const struct sl_reply *reply, struct sl_delta_sink *sink)
{
    struct sl_delta start = {
        .kind = SL_DELTA_START, .id = reply->id, .model = reply->model, .created = reply->created
    };
    int r = sink->push(sink->arg, &start);
    for (uint32_t c = 0; c < reply->n_choices && r == 0; c++) {
        const struct sl_choice *choice = &reply->choices[c];
        for (uint32_t i = 0; i < choice->n_blocks && r == 0; i++) {
            r = block_push(choice, i, sink);
        }
        struct sl_delta finish = { .kind = SL_DELTA_FINISH,
                                   .choice = (uint32_t)choice->index,
                                   .finish = choice->finish,
                                   .finish_text = choice->finish_text };
        if (r == 0 && choice->logprobs.n) {
            r = sink->push(sink->arg, &(struct sl_delta){ .kind = SL_DELTA_BLOCK,
                                                          .choice = (uint32_t)choice->index,
                                                          .logprobs = sl_json_flat(choice->logprobs, sink->arena) });
        }
        r = r < 0 ? r : sink->push(sink->arg, &finish);
    }
    struct sl_delta usage = { .kind = SL_DELTA_USAGE, .usage = reply->usage };
    bool is_counted = reply->usage.input >= 0 || reply->usage.output >= 0;
    return r < 0 || !is_counted ? r : sink->push(sink->arg, &usage);
}
