/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller may do, decided from what is given: no exchange, no clock, no list of keys. */
#ifndef SL_GATE_ACCESS_H
#define SL_GATE_ACCESS_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;
struct sl_key;

/* What a row of the path table asks for. */
enum sl_access {
    SL_ACCESS_QUERY,   /* any key; to invoke, one that may */
    SL_ACCESS_OPEN,    /* everyone */
    SL_ACCESS_ADMIN,   /* an admin's key */
    SL_ACCESS_METRICS, /* as auth.metrics says */
    /* What those two come to for a request. */
    SL_ACCESS_INVOKE, /* query or admin */
    SL_ACCESS_VIEWER, /* viewer or admin */
};

/* Longer ones are nobody's. */
#define SL_CREDENTIAL_MAX 4096

/* The credential of a request: of Authorization: Bearer, Basic's password, x-api-key, api-key, x-goog-api-key and
 * `query` (what its query says; p == NULL: nothing) the first that looks like one of our keys, else the first there is.
 * `own`: a header that is read as Authorization and before it, or NULL. Decoded text on the arena; p == NULL: none.
 * *io_is_torn: the query has two keys that differ; then also: two keys of ours that differ, or one of these headers
 * twice with two values; which one was meant cannot be told. */
struct sl_str sl_access_credential(const struct sl_headers *headers, const char *own, struct sl_str query,
                                   struct sl_arena *arena, bool *io_is_torn);

enum sl_access_verdict {
    SL_ACCESS_GRANTED,
    SL_ACCESS_NO_KEY,
    SL_ACCESS_UNKNOWN,
    SL_ACCESS_EXPIRED,
    SL_ACCESS_FORBIDDEN, /* the key's role does not allow it */
};

/* The roles that may, for people: "admin". */
const char *sl_access_roles(enum sl_access access);

/* `access` is neither SL_ACCESS_OPEN nor SL_ACCESS_METRICS; `key` is the credential's, or NULL. */
enum sl_access_verdict sl_access_judge(enum sl_access access, const struct sl_key *key, bool has_credential,
                                       uint64_t now_sec);

#endif
