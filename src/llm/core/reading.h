/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the languages when they read replies and streams to canonical ones: JSON from an upstream, texts and deltas
 * with a sticky status, counts, and the words for an end. */
#ifndef SL_LLM_READING_H
#define SL_LLM_READING_H

#include "llm/core/pieces.h"

/* Parses a whole reply: skips a byte order mark, folds beyond `depth` (0: not at all). The root is in *doc. */
SL_MUST int sl_reply_parse(struct sl_json *doc, struct sl_str body, uint32_t depth, struct sl_err *err);
/* Parses an event of a stream: any JSON. */
SL_MUST int sl_event_parse(struct sl_json *doc, struct sl_str data, struct sl_err *err);

struct sl_reading {
    struct sl_arena *arena;
    struct sl_err *err;
    struct sl_delta_sink *sink; /* for a stream, else NULL */
    int status;                 /* sticky: the first failure, of this reading or of the sink */
    uint32_t lost;              /* of a whole reply */
};
#define SL_READING_REPLY(on_arena, error)    ((struct sl_reading){ (on_arena), (error), NULL, 0, 0 })
#define SL_READING_STREAM(delta_sink, error) ((struct sl_reading){ (delta_sink)->arena, (error), (delta_sink), 0, 0 })

/* Parses an event that must be an object; else the status says so, and is returned. */
SL_MUST int sl_reading_event(struct sl_reading *rd, struct sl_str data, struct sl_json_val *ret_root);
void sl_reading_no_memory(struct sl_reading *rd);
/* The text of a string; "" for any other value. */
struct sl_str sl_reading_text(struct sl_reading *rd, struct sl_json_val v);
/* The same for a piece whose last character may be cut in two. */
struct sl_str sl_reading_half(struct sl_reading *rd, struct sl_half *half, struct sl_json_val v);
/* The only choice of a reply, with room for `n_blocks`; NULL: no memory, and the status says so. */
struct sl_choice *sl_reading_choice(struct sl_reading *rd, size_t n_blocks, struct sl_reply *reply);
/* How many characters a text has. */
int64_t sl_reading_chars(struct sl_str text);
/* A part of the reply has no place in our types: enum sl_lost. For a stream it is reported at once, for a whole reply
 * with the reply. */
void sl_reading_lose(struct sl_reading *rd, uint32_t lost);
void sl_reading_push(struct sl_reading *rd, const struct sl_delta *delta);

/* Returns SL_E_TRUNCATED, and sets its text. */
SL_MUST int sl_reading_cut(struct sl_err *err);

/* The parts of input and output, as OpenAI and many others name them. */
void sl_parts_read(struct sl_json_val in, struct sl_json_val out, struct sl_usage *io_usage);
/* The cost that an upstream reports with its usage, in nano-dollars; SL_COST_UNKNOWN: none that can be read. */
int64_t sl_cost_read(struct sl_json_val usage);
/* The service tier that served a call. SL_TIER_NONE: another word, or none. */
enum sl_tier sl_tier_read(struct sl_json_val v);

/* A number of tokens; -1: missing, or impossible. */
int64_t sl_count_get(struct sl_json_val object, const char *key);
int64_t sl_count_of(struct sl_json_val v);

/* An upstream's words for how a reply ended; the last row is empty. */
struct sl_finish_word {
    struct sl_str word;
    enum sl_finish finish;
};
/* SL_FINISH_NONE for no word, SL_FINISH_OTHER for an unknown one. */
enum sl_finish sl_finish_find(const struct sl_finish_word *words, struct sl_str word);

#endif
