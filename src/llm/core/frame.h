/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of streams, and what is seen of bytes that pass untouched. */
#ifndef SL_LLM_FRAME_H
#define SL_LLM_FRAME_H

#include "llm/core/error.h"
#include "llm/core/types.h"

struct sl_buf;

enum sl_framing {
    SL_FRAMING_SSE,
    SL_FRAMING_NDJSON,
    SL_FRAMING_AWS,
    SL_FRAMING_AWS_SSE, /* Amazon's frames, whose payloads are the pieces of an SSE stream; exceptions come as they are
                         */
};

struct sl_frame {
    struct sl_str name; /* the event's, "" when it has none */
    struct sl_str data;
    struct sl_str kind; /* Amazon's: event, exception or error (whose text is the data) */
};

/* What is seen of a whole reply that passes. */
enum sl_reply_member {
    SL_REPLY_USAGE,
    SL_REPLY_ERROR,
    SL_REPLY_ANSWER, /* every reply has something in it, except errors */
    SL_REPLY_DATA,   /* the same of embeddings */
    SL_REPLY_ID,     /* its id, where it can be asked for again */
    SL_REPLY_META,   /* the usage of embeddings, where it has another name */
    SL_REPLY_COUNT
};

enum sl_pass {
    SL_PASS_FORWARD,
    SL_PASS_DROP,
    SL_PASS_REPLACE, /* what stands in pass_state.edited goes on in its place */
    SL_PASS_ALIVE,   /* a sign of life: forward it where the client can take one */
};

/* A pass-through stream's bookkeeping, per attempt. */
struct sl_pass_state {
    bool is_asked;                 /* we asked for the usage chunk, the client did not: it must not see it */
    bool is_done;                  /* [DONE] or its like was seen */
    bool has_finish;               /* a finish_reason was seen on a choice */
    bool has_error;                /* the upstream reported an error inside the stream */
    bool is_unread;                /* the last event cannot be read: it may say anything */
    enum sl_error_type error_type; /* which one */
    struct sl_usage usage;
    uint64_t n_events; /* that went by, where the language numbers them */
    char id[96];       /* the answer's, where it can be asked for again */
    uint8_t n_id;
    uint32_t n_choices;    /* asked for; with more than one, each must finish */
    uint64_t begun;        /* bits: those of which something was said, where that is how they are known */
    uint64_t finished;     /* bits: those that have */
    struct sl_buf *edited; /* the caller's, for SL_PASS_REPLACE; NULL: nothing is replaced */
};

#endif
