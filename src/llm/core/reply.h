/* SPDX-License-Identifier: Apache-2.0 */
/* Replies and the deltas of streams, in the form that all languages share. */
#ifndef SL_LLM_REPLY_H
#define SL_LLM_REPLY_H

#include "json/json.h"
#include "llm/core/types.h"

struct sl_arena;
struct sl_env;
struct sl_llm_error;

/* --- a reply --- */

enum sl_block_kind { SL_BLOCK_TEXT, SL_BLOCK_TOOL_CALL, SL_BLOCK_THINKING, SL_BLOCK_REFUSAL };

struct sl_block {
    enum sl_block_kind kind;
    struct sl_str text; /* text, thinking, refusal: decoded */
    struct sl_str tool_id;
    struct sl_str tool_name;
    struct sl_str arguments; /* tool call: the JSON text of the arguments, decoded from the string that carries it */
    struct sl_str signature; /* the provider's signature, if it has one: for thinking, a tool call, a text */
    struct sl_str redacted;  /* thinking in a form that only the provider can read */
    /* A text's sources: a raw JSON list in OpenAI's form, with places counted in the whole text of the choice; p ==
     * NULL: none. */
    struct sl_str annotations;
    /* The same in Anthropic's form, if the provider also has places in documents of the call. */
    struct sl_str quotes;
    bool has_more_quotes; /* `quotes` has sources that `annotations` has not */
};

struct sl_choice {
    int64_t index;
    struct sl_block *blocks;
    uint32_t n_blocks;
    enum sl_finish finish;
    struct sl_str finish_text; /* the provider's own word */
    struct sl_str logprobs;    /* raw JSON in OpenAI's form, or p == NULL */
};

struct sl_embedding {
    int64_t index;
    struct sl_str raw; /* JSON: an array of numbers, or a base64 string with its quotes */
};

struct sl_reply {
    struct sl_str id;
    struct sl_str model;
    int64_t created; /* unix seconds; -1: unknown */
    struct sl_choice *choices;
    uint32_t n_choices;
    struct sl_embedding *embeddings;
    uint32_t n_embeddings;
    struct sl_usage usage;
    struct sl_str usage_raw; /* the JSON object as it came, or p == NULL */
    uint32_t lost;           /* the parts that have no place here: enum sl_lost, lost.h */
};

/* --- a stream: blocks --- */

enum sl_delta_kind {
    SL_DELTA_START,       /* id, model, created */
    SL_DELTA_BLOCK_START, /* choice, block, block_kind; tool_id, tool_name and perhaps signature for tool calls */
    SL_DELTA_BLOCK, /* choice, block, block_kind, text: a piece of text, or of the arguments' JSON. In place of a text,
                       thinking may have its signature or its redacted form; a text may have its signature, annotations,
                       quotes or its tokens' probabilities */
    SL_DELTA_BLOCK_STOP, /* choice, block */
    SL_DELTA_FINISH,     /* choice, finish, finish_text */
    SL_DELTA_USAGE,      /* usage; cumulative: the last one counts */
    SL_DELTA_ERROR,      /* error: the upstream reported it inside the stream */
    SL_DELTA_ALIVE,      /* only a heartbeat */
    SL_DELTA_CHUNK, /* chunk: a whole frame in OpenAI's form, before its deltas; for a dialect that turns each chunk
                       into one of its own */
    SL_DELTA_LOST,  /* lost: a part had no place here; repeating it changes nothing */
};

struct sl_delta {
    enum sl_delta_kind kind;
    uint32_t choice;
    uint32_t block; /* unique and ascending within a choice */
    enum sl_block_kind block_kind;
    struct sl_str text;
    struct sl_str signature, redacted;
    struct sl_str annotations, quotes, logprobs; /* as in a block and a choice */
    bool has_more_quotes;
    uint32_t lost; /* enum sl_lost */
    struct sl_str tool_id, tool_name;
    struct sl_str id, model;
    int64_t created;
    enum sl_finish finish;
    struct sl_str finish_text;
    struct sl_usage usage;
    const struct sl_llm_error *error;
    struct sl_json_val chunk;
};

/* Gets deltas in order; their pointers are valid only during the call. A non-zero result stops the producer, which
 * returns it. */
struct sl_delta_sink {
    int (*push)(void *arg, const struct sl_delta *delta);
    void *arg;
    struct sl_arena *arena; /* scratch for this frame: rewound after it */
    struct sl_json *doc;    /* to parse the frame with; the next frame uses its tape again */
    const struct sl_env *env;
};

/* Pushes a whole reply as the deltas of a stream, for a client that asked for a stream when the upstream sent none.
 * Returns what stopped it. */
SL_MUST int sl_reply_push(const struct sl_reply *reply, struct sl_delta_sink *sink);

#endif
