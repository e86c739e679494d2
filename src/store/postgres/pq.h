/* SPDX-License-Identifier: Apache-2.0 */
/* libpq, loaded when a configuration names PostgreSQL and not before: whoever uses no PostgreSQL needs no libpq on the
 * machine, and no start reads it and what it depends on. */
#ifndef SL_STORE_POSTGRES_PQ_H
#define SL_STORE_POSTGRES_PQ_H

#include <libpq-fe.h>

#include "base/err.h"

#define SL_PQ_FUNCTIONS(X)  \
    X(PQbackendPID)         \
    X(PQclear)              \
    X(PQcmdTuples)          \
    X(PQconnectdbParams)    \
    X(PQconninfoFree)       \
    X(PQconninfoParse)      \
    X(PQconsumeInput)       \
    X(PQerrorMessage)       \
    X(PQfinish)             \
    X(PQflush)              \
    X(PQfreemem)            \
    X(PQftype)              \
    X(PQgetResult)          \
    X(PQgetisnull)          \
    X(PQgetlength)          \
    X(PQgetvalue)           \
    X(PQhost)               \
    X(PQisBusy)             \
    X(PQnotifies)           \
    X(PQntuples)            \
    X(PQresultErrorField)   \
    X(PQresultStatus)       \
    X(PQsendQuery)          \
    X(PQsendQueryParams)    \
    X(PQserverVersion)      \
    X(PQsetNoticeProcessor) \
    X(PQsetnonblocking)     \
    X(PQsocket)             \
    X(PQstatus)             \
    X(PQtransactionStatus)

struct sl_pq {
#define X(name) __typeof__(&name) name;
    SL_PQ_FUNCTIONS(X)
#undef X
};

/* Loads it once. SL_E_UNSUPPORTED: it is not there, or too old; the text says what to install. */
SL_MUST int sl_pq_load(const struct sl_pq **ret, struct sl_err *err);

#endif
