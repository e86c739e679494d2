/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of streams, and what is noted about bytes that pass untouched. */
#ifndef SL_LLM_FRAME_H
#define SL_LLM_FRAME_H

#include "llm/core/error.h"
#include "llm/core/types.h"

struct sl_buf;

enum sl_framing {
    SL_FRAMING_SSE,
    SL_FRAMING_NDJSON,
    SL_FRAMING_AWS,
    SL_FRAMING_AWS_SSE, /* Amazon's frames with pieces of an SSE stream as payloads; exceptions come as they are */
};

struct sl_frame {
    struct sl_str name; /* the event's name, "" when it has none */
    struct sl_str data;
    struct sl_str kind; /* Amazon's: event, exception or error (then the data is its text) */
};

/* The members that are looked for in a whole reply that passes. */
enum sl_reply_member {
    SL_REPLY_USAGE,
    SL_REPLY_ERROR,
    SL_REPLY_ANSWER, /* every reply has something in it, except errors */
    SL_REPLY_DATA,   /* the same for embeddings */
    SL_REPLY_ID,     /* its id, if the answer can be read again */
    SL_REPLY_META,   /* the usage of embeddings, if it has another name */
    SL_REPLY_TIER, /* the service tier that served the call, where it is not in the usage; only looked for where a price
                      needs it */
    SL_REPLY_COUNT
};

enum sl_pass {
    SL_PASS_FORWARD,
    SL_PASS_DROP,
    SL_PASS_REPLACE, /* forward pass_state.edited in its place */
    SL_PASS_ALIVE,   /* a heartbeat: forward it if the client can take one */
};

/* Notes about a stream that passes, for one attempt. */
struct sl_pass_state {
    bool is_asked;   /* the gateway asked for the usage chunk and the client did not: the client must not see it */
    bool is_done;    /* [DONE] or a similar end was seen */
    bool has_finish; /* a finish_reason was seen on a choice */
    bool has_error;  /* the upstream reported an error inside the stream */
    bool is_unread;  /* the last event could not be read, so nothing is known about it */
    enum sl_error_type error_type; /* of that error */
    struct sl_usage usage;
    uint64_t n_events; /* how many events passed, if the language numbers them */
    char id[96];       /* the answer's id, if the answer can be read again */
    uint8_t n_id;
    uint32_t n_choices;    /* asked for; with more than one, each must finish */
    uint64_t begun;        /* one bit for each choice that has begun, for languages that count choices in this way */
    uint64_t finished;     /* one bit for each choice that has finished */
    struct sl_buf *edited; /* the caller's buffer, for SL_PASS_REPLACE; NULL: nothing is replaced */
};

#endif
