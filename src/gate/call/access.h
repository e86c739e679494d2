/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller may do. The functions decide by their parameters alone: they know no exchange, no clock and no list of
 * keys. */
#ifndef SL_GATE_ACCESS_H
#define SL_GATE_ACCESS_H

#include "base/str.h"

struct sl_arena;
struct sl_headers;
struct sl_key;

/* Which key a row of the path table asks for. A key in a group may only use rows that say so. */
enum sl_access {
    SL_ACCESS_QUERY,    /* any key, also in a group; to call a model, one that may */
    SL_ACCESS_OPEN,     /* none: everyone */
    SL_ACCESS_OPERATOR, /* operator or admin */
    SL_ACCESS_ADMIN,    /* an admin's key */
    SL_ACCESS_METRICS,  /* as auth.metrics says */
    /* The same as VIEWER and ADMIN, also for a key in a group. The handler shows and changes only what is in its reach
     * (sl_auth_reaches). */
    SL_ACCESS_GROUP_VIEWER,
    SL_ACCESS_GROUP_ADMIN,
    /* For one request, QUERY and METRICS become one of these: */
    SL_ACCESS_INVOKE, /* query or admin, also in a group */
    SL_ACCESS_VIEWER, /* viewer, operator or admin, in no group; rows may ask for it, too */
};

/* Longer credentials are never valid. */
#define SL_CREDENTIAL_MAX 4096

/* Finds the credential of a request in Authorization: Bearer, in Basic's password, x-api-key, api-key, x-goog-api-key
 * and `query` (from its query; p == NULL: none). It takes the first that looks like a key of Sluice's, else the first
 * of all. `own`: a header that is read like Authorization and before it, or NULL. The result is decoded, on the arena;
 * p == NULL: none. *io_is_torn: true if the query has two different keys; after the call also if there are two
 * different keys of Sluice's, or one of these headers twice with two values: nobody can say which one was meant. */
struct sl_str sl_access_credential(const struct sl_headers *headers, const char *own, struct sl_str query,
                                   struct sl_arena *arena, bool *io_is_torn);

enum sl_access_verdict {
    SL_ACCESS_GRANTED,
    SL_ACCESS_NO_KEY,
    SL_ACCESS_UNKNOWN,
    SL_ACCESS_EXPIRED,
    SL_ACCESS_FORBIDDEN, /* the key's role does not allow it */
    SL_ACCESS_OUTSIDE,   /* its role does, but it is in a group */
};

/* The names of the roles that may, for a message: "admin". */
const char *sl_access_roles(enum sl_access access);

/* `access` must not be SL_ACCESS_OPEN or SL_ACCESS_METRICS; `key` is the credential's key, or NULL. */
enum sl_access_verdict sl_access_judge(enum sl_access access, const struct sl_key *key, bool has_credential,
                                       uint64_t now_sec);

#endif
