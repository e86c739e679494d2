/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed texts that the mock upstream answers with, written once at the start. */
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

/* The chat answer in another API's form, and its stream with the same number of pieces. */
struct other_answer {
    const char *path, *stream_path; /* the ends of the paths; equal: the body decides between them */
    struct text whole;
    char *id; /* ID_DIGITS digits inside `whole`, other ones in each answer; NULL: they are always the same */
    unsigned long long n; /* how many had an id of their own */
    struct stream_text stream;
};
#define ID_DIGITS 16
enum other_api { OTHER_MESSAGES, OTHER_GEMINI, OTHER_CONVERSE, OTHER_COHERE, OTHER_RESPONSES, OTHER_COUNT };

struct answers {
    struct text chat, completion, embedding, transcription, not_found, bad_request;
    struct stream_text plain;      /* without stream_options */
    struct stream_text with_usage; /* with include_usage: `"usage":null` in each chunk, and one more chunk */
    struct other_answer others[OTHER_COUNT];
};

/* Ends the process when memory is short. `n_chunks` counts the events with a choice; 2 to CHUNKS_MAX. */
void answers_init(struct answers *a, size_t n_chunks);
void answers_done(struct answers *a);
/* The whole answer, with an id of its own if the API's clients can ask for it again by that. */
const struct text *answers_whole(struct other_answer *a);

#endif
