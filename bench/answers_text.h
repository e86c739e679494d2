/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for all files that make the mock upstream's answers. */
#ifndef BENCH_ANSWERS_TEXT_H
#define BENCH_ANSWERS_TEXT_H

#include "answers.h"
#include "util.h"

/* The words of the chat answer as JSON, and those of a stream, one after the other. */
extern const char answers_content[];
const char *answers_word(size_t i);

/* Appends to a text of fixed size; ends the process when it is full. */
SL_PRINTF(2, 3) void text_add(struct text *t, const char *fmt, ...);
void text_add_bytes(struct text *t, const void *p, size_t n);
void text_free(struct text *t);
/* Writes head and `body` into `t`; frees the body. */
void text_reply(struct text *t, const char *status, struct text *body);
/* Moves the events into a piece of a stream, as one HTTP chunk, and empties them. The first piece begins with the head,
 * the last one ends with the last chunk. */
void piece_add(struct stream_text *s, size_t i, const char *type, struct text *events);

void make_gemini(struct other_answer *a, size_t n_chunks);
void make_converse(struct other_answer *a, size_t n_chunks);
void make_cohere(struct other_answer *a);
void make_responses(struct other_answer *a);

#endif
