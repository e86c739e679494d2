/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the request log: which rows. */
#ifndef SL_LOG_QUERY_H
#define SL_LOG_QUERY_H

#include "log/row.h"

/* A column of words must have this text. In a status an 'x' stands for any digit: "5xx". A group has those below it:
 * "acme" is also "acme/search". */
struct sl_rlog_is {
    enum sl_rlog_text text;
    struct sl_str value;
};

#define SL_RLOG_IS_MAX 16

/* All of it must be true of a row. Texts are borrowed. */
struct sl_rlog_query {
    int64_t from_usec, to_usec; /* the row's time is in [from, to) */
    int64_t min_duration_usec;  /* 0: any */
    struct sl_rlog_is is[SL_RLOG_IS_MAX];
    uint32_t n_is;
    struct sl_str id; /* its own id or the caller's; n == 0: any */
    bool is_own_id;   /* only its own */
};

#define SL_RLOG_QUERY_ALL ((struct sl_rlog_query){ .from_usec = INT64_MIN, .to_usec = INT64_MAX })

/* False: there is no room for one more. */
bool sl_rlog_query_is(struct sl_rlog_query *query, enum sl_rlog_text text, struct sl_str value);
bool sl_rlog_is_so(const struct sl_rlog_is *is, struct sl_str text);
bool sl_rlog_query_fits(const struct sl_rlog_query *query, const struct sl_rlog_row *row);

#endif
