/* SPDX-License-Identifier: Apache-2.0 */
/* One row of the request log: what happened to one request. It has numbers and texts. On disk and in rings it is a list
 * of those that are there, each with its tag, so that versions of Sluice with more or fewer of them read each other's
 * rows. The order of both enums is on disk: add at the end, never take one away. */
#ifndef SL_LOG_ROW_H
#define SL_LOG_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Times are microseconds; counts are what the name says. -1: not known. */
enum sl_rlog_number {
    SL_RLOG_TIME, /* wall clock, when the request began; the first part of its id */
    SL_RLOG_NODE, /* the second part */
    SL_RLOG_COUNTER,
    SL_RLOG_DURATION,
    SL_RLOG_BODY,    /* from the head's end to the body's */
    SL_RLOG_QUEUE,   /* the wait for a place at a target */
    SL_RLOG_CONNECT, /* of the last attempt, as the next two */
    SL_RLOG_HEAD,    /* until the upstream's head came */
    SL_RLOG_UPSTREAM,
    SL_RLOG_FIRST_BYTE, /* from the request's first byte to the reply's */
    SL_RLOG_UPSTREAM_STATUS,
    SL_RLOG_N_ATTEMPTS,
    SL_RLOG_INPUT,
    SL_RLOG_OUTPUT,
    SL_RLOG_CACHED,
    SL_RLOG_CACHE_CREATION,
    SL_RLOG_REASONING,
    SL_RLOG_COST, /* nano-dollars */
    SL_RLOG_BYTES_IN,
    SL_RLOG_BYTES_OUT,
    SL_RLOG_NUMBERS
};

enum sl_rlog_text {
    SL_RLOG_ROUTE,
    SL_RLOG_TARGET,
    SL_RLOG_PROVIDER,
    SL_RLOG_MODEL,
    SL_RLOG_KEY,
    SL_RLOG_PRINCIPAL,
    SL_RLOG_CLIENT,
    SL_RLOG_PATH,
    SL_RLOG_STATUS,
    SL_RLOG_ERROR_TYPE,
    SL_RLOG_STREAM,
    SL_RLOG_REQUEST_ID, /* the caller's; none: it is the row's own id */
    SL_RLOG_UPSTREAM_REQUEST_ID,
    SL_RLOG_ERROR,
    SL_RLOG_UPSTREAM_CODE,
    SL_RLOG_UPSTREAM_SAID,
    SL_RLOG_DROPPED,
    SL_RLOG_ATTEMPTS, /* JSON, if there were several */
    SL_RLOG_PASSED,   /* JSON: targets that were passed over */
    SL_RLOG_MESSAGE,  /* what the client was told, if the gateway told it */
    SL_RLOG_GROUP,    /* of the key; words again from here on */
    SL_RLOG_SESSION,  /* the caller's name for it */
    SL_RLOG_LIMITS,   /* JSON: limits that were nearly reached, or refused the call */
    SL_RLOG_TEXTS
};

/* True: few values, each in many rows; such a text can be filtered by and counted. In a sealed block it has a
 * dictionary. */
bool sl_rlog_is_word(enum sl_rlog_text text);

/* n == 0: no such text. Texts are borrowed. */
struct sl_rlog_row {
    int64_t numbers[SL_RLOG_NUMBERS];
    struct sl_str texts[SL_RLOG_TEXTS];
};

void sl_rlog_row_clear(struct sl_rlog_row *row);

/* The most bytes of a text; a longer one is cut at a character. */
#define SL_RLOG_TEXT_MAX 4096
/* A row with more is cut: its last texts are left out. */
#define SL_RLOG_ROW_MAX 16384

/* Returns the length. */
size_t sl_rlog_row_write(const struct sl_rlog_row *row, char out[SL_RLOG_ROW_MAX]);
/* Texts point into `bytes`. SL_E_DAMAGED: these are no such bytes. Tags that are not known are passed over. */
SL_MUST int sl_rlog_row_read(struct sl_str bytes, struct sl_rlog_row *ret);

/* Calls fn for each part of a row: its tag, and the bytes of its text, or the eight of its number. */
typedef void sl_rlog_part_fn(void *arg, unsigned tag, bool is_text, const char *at, size_t n);
SL_MUST int sl_rlog_row_walk(struct sl_str bytes, sl_rlog_part_fn *fn, void *arg);

/* The id of a row, as 16 bytes in hexadecimal: time (8), node (4), counter (4). */
#define SL_RLOG_ID_HEX 32
struct sl_rlog_id {
    uint64_t time_usec;
    uint32_t node, counter;
};
void sl_rlog_id_format(const struct sl_rlog_id *id, char out[SL_RLOG_ID_HEX]);
/* False: the text is no id. */
bool sl_rlog_id_parse(struct sl_str text, struct sl_rlog_id *ret);
struct sl_rlog_id sl_rlog_row_id(const struct sl_rlog_row *row);

#endif
