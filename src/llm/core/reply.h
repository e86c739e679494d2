/* SPDX-License-Identifier: Apache-2.0 */
/* Replies and the deltas of streams, as all languages mean them. */
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
    struct sl_str arguments; /* tool call: the arguments' JSON text, decoded from the string it travels in */
    struct sl_str signature; /* where the provider signs it: thinking, a tool call, a text */
    struct sl_str redacted;  /* thinking that the provider gives in a form only it can read */
    /* A text's sources: a raw JSON list in OpenAI's words, places counted in all of the choice's text; p == NULL:
     * none. */
    struct sl_str annotations;
    /* The same in Anthropic's words, where the provider has places in documents of the call, too. */
    struct sl_str quotes;
    bool has_more_quotes; /* than `annotations` say */
};

struct sl_choice {
    int64_t index;
    struct sl_block *blocks;
    uint32_t n_blocks;
    enum sl_finish finish;
    struct sl_str finish_text; /* the provider's own word */
    struct sl_str logprobs;    /* raw JSON in OpenAI's words, or p == NULL */
};

struct sl_embedding {
    int64_t index;
    struct sl_str raw; /* JSON: an array of numbers, or a base64 string with its quotes */
};

struct sl_reply {
    struct sl_str id;
    struct sl_str model;
    int64_t created; /* unix seconds; -1: not said */
    struct sl_choice *choices;
    uint32_t n_choices;
    struct sl_embedding *embeddings;
    uint32_t n_embeddings;
    struct sl_usage usage;
    struct sl_str usage_raw; /* the JSON object as it came, or p == NULL */
    uint32_t lost;           /* what of it has no place here: enum sl_lost, lost.h */
};

/* --- a stream: blocks --- */

enum sl_delta_kind {
    SL_DELTA_START,       /* id, model, created */
    SL_DELTA_BLOCK_START, /* choice, block, block_kind; tool_id, tool_name and perhaps signature for tool calls */
    SL_DELTA_BLOCK,       /* choice, block, block_kind, text: a piece of text, or of the arguments' JSON; thinking may
                             have its signature or its redacted form instead of a text, a text its signature, its
                             annotations, its quotes or its tokens' probabilities */
    SL_DELTA_BLOCK_STOP,  /* choice, block */
    SL_DELTA_FINISH,      /* choice, finish, finish_text */
    SL_DELTA_USAGE,       /* usage; cumulative: the last one counts */
    SL_DELTA_ERROR,       /* error: the upstream reported one inside the stream */
    SL_DELTA_ALIVE,       /* a sign of life and nothing else */
    SL_DELTA_CHUNK, /* chunk: all of a frame in OpenAI's words, before its deltas; for a dialect whose chunks it can
                       become one to one */
    SL_DELTA_LOST,  /* lost: something was said that has no place here; said again, it says nothing new */
};

struct sl_delta {
    enum sl_delta_kind kind;
    uint32_t choice;
    uint32_t block; /* unique and ascending within a choice */
    enum sl_block_kind block_kind;
    struct sl_str text;
    struct sl_str signature, redacted;
    struct sl_str annotations, quotes, logprobs; /* as a block's and a choice's */
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

/* Takes deltas in order; pointers in them are valid during the call only. Non-zero stops the producer, which returns
 * it. */
struct sl_delta_sink {
    int (*push)(void *arg, const struct sl_delta *delta);
    void *arg;
    struct sl_arena *arena; /* scratch of this frame: rewound when it is done */
    struct sl_json *doc;    /* to read the frame with; its tape is used again by the next one */
    const struct sl_env *env;
};

/* A whole reply as the deltas of a stream: for a client that asked for one of an upstream that gave none. Returns what
 * stopped it. */
SL_MUST int sl_reply_push(const struct sl_reply *reply, struct sl_delta_sink *sink);

#endif
