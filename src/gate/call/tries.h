/* SPDX-License-Identifier: Apache-2.0 */
/* What the logs tell of a call with several attempts, or whose route has several targets: its attempts, and the targets
 * that it passed over. */
#ifndef SL_GATE_TRIES_H
#define SL_GATE_TRIES_H

#include "llm/core/error.h"

/* Why an attempt was made, as it is written. */
#define SL_TRY_WHY(word) SL_STR(",\"why\":\"" word "\"")

/* One attempt, for the log. */
struct sl_try {
    struct sl_try *next;
    struct sl_str told; /* the beginning of its log entry */
    struct sl_str why;  /* SL_TRY_WHY: first, retry, fallback or hedge */
    bool is_beaten;     /* another attempt of the call was faster */
    int status;         /* the upstream's; 0: none came */
    enum sl_error_type error_type;
    struct sl_str error; /* the upstream's text, or a description */
    uint64_t start_usec, connect_start_usec, connected_usec, head_usec, end_usec;
    bool is_billed, is_estimated; /* it has no whole answer, but its provider bills it */
    int64_t input, output, cost_nano;
};

/* The most attempts of a call that are listed. */
#define SL_TRIES_MAX 20

/* A target that was passed over, because it cannot serve the call. */
struct sl_passed_over {
    struct sl_str name, why;
};

/* The most of these that are listed. */
#define SL_PASSED_MAX 8

struct sl_tries {
    struct sl_try *first, **end; /* on the exchange's arena */
    uint32_t n;
    uint32_t n_passed;
    bool is_of_one; /* the route has one target: the access log has a number in place of the list */
    struct sl_passed_over passed[SL_PASSED_MAX];
};

struct sl_arena;
struct sl_record;
void sl_tries_init(struct sl_tries *tries, bool is_of_one);
/* Adds the attempt that the record is about; the caller sets what the record does not know. NULL: no more are listed,
 * or no memory. */
struct sl_try *sl_tries_add(struct sl_tries *tries, const struct sl_record *record, struct sl_arena *arena);

struct sl_line;

/* The room that one attempt and the rest of a line need at most. */
#define SL_TRIES_ROOM 1400
/* Write a list as JSON: the result of each attempt, and the targets that could not serve the call. Both leave out what
 * the line has no room for. */
void sl_tries_write(struct sl_line *line, const struct sl_tries *tries);
void sl_tries_write_passed(struct sl_line *line, const struct sl_tries *tries);

#endif
