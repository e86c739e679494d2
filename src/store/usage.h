/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger in the store: sums of calls, by time and by whom and what they were for. A row is a minute, and an
 * hour or a day when it is older. Rows are put in the transaction of a tick, whose mark stands in the same transaction:
 * so whoever lost an answer can look whether its rows are there, and nothing counts twice. */
#ifndef SL_STORE_USAGE_H
#define SL_STORE_USAGE_H

#include "base/err.h"
#include "base/str.h"

struct sl_store;
struct sl_usage_reader;

/* Whom and what a sum is for. The last two are not shown: with them a sum can be priced anew. */
enum sl_usage_of {
    SL_USAGE_ROUTE,
    SL_USAGE_TARGET,
    SL_USAGE_PROVIDER,
    SL_USAGE_MODEL,
    SL_USAGE_GROUP,
    SL_USAGE_KEY,
    SL_USAGE_PRINCIPAL,
    SL_USAGE_TIER,  /* the tier that served the call */
    SL_USAGE_ABOVE, /* its class: how large its input was, or that no price holds for it (gate/watch/pricing.h) */
    SL_USAGE_OF_COUNT
};

/* X(symbol, column): all sums but the first. Tokens and other counts are as the upstream said them; what is not shown
 * is there to be priced anew. */
#define SL_USAGE_MORE_SUMS(X)                                                               \
    X(ERRORS, "errors")                                                                     \
    X(UNMETERED, "unmetered") /* succeeded without a word on what was used */               \
    X(PRICED, "priced")       /* their cost is known */                                     \
    X(UNPRICED, "unpriced")   /* succeeded, and their cost is not known */                  \
    X(COST, "cost_nano")      /* of those that are priced */                                \
    X(TOLD, "told")           /* of those that are priced, by the upstream's own account */ \
    X(TOLD_COST, "told_nano") /* the part of the cost that these have */                    \
    X(INPUT, "input")                                                                       \
    X(OUTPUT, "output")                                                                     \
    X(CACHED, "cached") /* parts of the input, as in struct sl_usage */                     \
    X(CACHE_WRITE, "cache_write")                                                           \
    X(CACHE_HOUR, "cache_hour")                                                             \
    X(REASONING, "reasoning") /* parts of the output */                                     \
    X(AUDIO_INPUT, "audio_input")                                                           \
    X(IMAGE_INPUT, "image_input")                                                           \
    X(VIDEO_INPUT, "video_input")                                                           \
    X(AUDIO_OUTPUT, "audio_output")                                                         \
    X(IMAGE_OUTPUT, "image_output")                                                         \
    X(VIDEO_OUTPUT, "video_output")                                                         \
    X(CACHED_AUDIO, "cached_audio")                                                         \
    X(CACHED_IMAGE, "cached_image")                                                         \
    X(BILLED_INPUT, "billed_input")                                                         \
    X(BILLED_OUTPUT, "billed_output")                                                       \
    X(SEARCHES, "searches")                                                                 \
    X(CITATIONS, "citations")                                                               \
    X(QUERIES, "queries")                                                                   \
    X(MSEC, "msec")                                                                         \
    X(LOST, "lost")           /* attempts that were billed, and others followed */          \
    X(LOST_COST, "lost_nano") /* the part of the cost that these have */                    \
    X(ESTIMATED, "estimated") /* calls, and such attempts, of whose counts a part is an estimate */

enum sl_usage_sum {
    SL_USAGE_REQUESTS,
#define X(symbol, column) SL_USAGE_##symbol,
    SL_USAGE_MORE_SUMS(X)
#undef X
        SL_USAGE_SUM_COUNT
};

#define SL_USAGE_MINUTE 60u
#define SL_USAGE_HOUR   3600u
#define SL_USAGE_DAY    86400u

/* The principal of callers without a key when there are too many of them. */
#define SL_USAGE_OTHER "other"
/* The most principals without a key that have sums of their own in the store; more are counted as SL_USAGE_OTHER. */
#define SL_USAGE_CALLERS_MAX 100000
/* Minutes and hours become hours and days after this time, and sooner when there are more rows of them. */
#define SL_USAGE_MINUTES_SEC (48 * 3600u)
#define SL_USAGE_HOURS_SEC   (90 * 86400u)
#define SL_USAGE_ROWS_MAX    2000000
/* No row becomes larger. */
#define SL_USAGE_SUM_MAX ((int64_t)1 << 53)

struct sl_usage_row {
    uint64_t at_sec;   /* where it begins; unix time, UTC */
    uint32_t span_sec; /* SL_USAGE_MINUTE, …; 0: all time */
    struct sl_str of[SL_USAGE_OF_COUNT];
    int64_t sums[SL_USAGE_SUM_COUNT];
};

struct sl_usage_query {
    uint64_t from_sec, to_sec; /* of rows that begin there, without the end */
    uint32_t by;               /* bits of enum sl_usage_of: the others are summed up */
    uint32_t span_sec;         /* the same for the time; 0: all in one */
    uint64_t sums;             /* bits of enum sl_usage_sum; the store leaves the others 0 */
    struct sl_str key;         /* only this one; p == NULL: all */
    struct sl_str group;       /* only this one and those in it; p == NULL: all */
    uint32_t max;              /* for sheets: more rows are SL_E_LIMIT */
};

/* The sum, at most SL_USAGE_SUM_MAX. */
SL_INLINE int64_t sl_usage_plus(int64_t a, int64_t b)
{
    int64_t sum = a + b; /* both are at most SL_USAGE_SUM_MAX */
    return sum > SL_USAGE_SUM_MAX ? SL_USAGE_SUM_MAX : sum;
}

/* True: it is the group `of`, or one in it. */
SL_INLINE bool sl_usage_is_in(struct sl_str group, struct sl_str of)
{
    return sl_str_has_prefix(group, of) && (group.n == of.n || group.p[of.n] == '/');
}

/* True: one of the callers that are bounded, because anyone can be many of them. */
SL_INLINE bool sl_usage_is_bounded(const struct sl_str *of)
{
    return !of[SL_USAGE_KEY].n && of[SL_USAGE_PRINCIPAL].n && !sl_str_eq_c(of[SL_USAGE_PRINCIPAL], SL_USAGE_OTHER);
}

/* --- for on_tick --- */

/* Adds a row's sums to those that are there. *ret_is_other: there were too many principals without a key. */
SL_MUST int sl_store_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other,
                               struct sl_err *err);
/* Sets the mark; reads it (0: none was ever set). `node` is another name under which this process was known; NULL: its
 * own. */
SL_MUST int sl_store_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err);
SL_MUST int sl_store_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err);
/* Makes hours of old minutes and days of old hours, some rows at a time. */
SL_MUST int sl_store_usage_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err);

/* --- reading: on any thread but a loop's, beside the store's own --- */

SL_MUST int sl_store_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err);
/* From here on the reader sees the rows of this moment. */
SL_MUST int sl_usage_begin(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err);
/* Gives the sums of each series, in no order: there may be several rows of the same names. A text lives until on_row
 * returns; a result <0 of it ends the walk and is returned. SL_E_LIMIT: it took too long. */
SL_MUST int sl_usage_run(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                         int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err);
/* Accepts NULL. */
void sl_usage_close(struct sl_usage_reader *reader);

#endif
