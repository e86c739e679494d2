/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed texts the mock upstream answers with, written once at start. */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#define CHUNKS_MAX 1000

struct text {
    char *data;
    size_t len;
};

/* One event stream as it is written: pieces[0] is the head and the first event, the last one ends the body. */
struct stream_text {
    struct text pieces[CHUNKS_MAX];
    size_t n;
};

/* The chat answer as another API gives it, and its stream with as many pieces. */
struct other_answer {
    const char *path, *stream_path; /* their ends; equal: the body says which is meant */
    struct text whole;
    struct stream_text stream;
};
enum other_api { OTHER_MESSAGES, OTHER_GEMINI, OTHER_CONVERSE, OTHER_COHERE, OTHER_RESPONSES, OTHER_COUNT };

struct answers {
    struct text chat, completion, embedding, transcription, not_found, bad_request;
    struct stream_text plain;      /* as without stream_options */
    struct stream_text with_usage; /* as with include_usage: `"usage":null` in each chunk, and one chunk more */
    struct other_answer others[OTHER_COUNT];
};

/* Dies when memory is short. `n_chunks` counts the events with a choice in them; 2 to CHUNKS_MAX. */
void answers_init(struct answers *a, size_t n_chunks);
void answers_done(struct answers *a);

#endif
