/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions of browsers, one table for the process: a browser logs in once and sends a cookie instead of a key. The
 * table has only hashes of the cookies. It decides nothing about keys: a session says whose it is, and the caller looks
 * whether that key still holds. Any thread; `now` is passed in (monotonic). All sessions end with the process. */
#ifndef SL_GATE_SESSION_TABLE_H
#define SL_GATE_SESSION_TABLE_H

#include "base/err.h"
#include "base/str.h"

struct sl_key;
struct sl_sessions;

#define SL_SESSION_HASH_BYTES 32
/* A session ends when it was not used for so long, and so long after its login. */
#define SL_SESSION_IDLE_USEC (3600 * 1000000ull)
#define SL_SESSION_LIFE_USEC (12 * SL_SESSION_IDLE_USEC)
/* The most in all; of one tenant (sl_key_tenant); and of one owner. Beyond the last two the one that was used longest
 * ago ends. */
#define SL_SESSIONS_MAX        8192
#define SL_SESSIONS_TENANT_MAX 1024
#define SL_SESSIONS_OWNER_MAX  16

#define SL_SESSION_CLIENT_MAX 64

struct sl_session {
    uint64_t number;                            /* from 1, in the order of the logins */
    unsigned char owner[SL_SESSION_HASH_BYTES]; /* the hash of the key that logged in; of `key` if that is set */
    /* Who an identity provider says that it is; NULL: the key with the hash `owner`. */
    struct sl_key *key;
    uint64_t provider;                  /* which provider said so (its settings' print) */
    char client[SL_SESSION_CLIENT_MAX]; /* the address that logged in */
    uint64_t begun_usec, used_usec;
};

/* NULL when there is no memory. */
struct sl_sessions *sl_sessions_new(void);
void sl_sessions_free(struct sl_sessions *sessions);

/* Begins a session for the cookie with that hash. `spec` has owner, key, provider and client; the rest is set here.
 * SL_E_LIMIT: there are too many in all. SL_E_NOMEM. */
SL_MUST int sl_sessions_begin(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES],
                              struct sl_str tenant, uint64_t now_usec, struct sl_session *io_spec);
/* Finds it in a time that says nothing about other hashes, and notes that it was used. False: there is none, or it has
 * ended. The caller must call sl_session_done. */
SL_MUST bool sl_sessions_use(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES],
                             uint64_t now_usec, struct sl_session *ret);
/* The same, but this is no use of it: its time goes on. */
SL_MUST bool sl_sessions_look(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES],
                              uint64_t now_usec, struct sl_session *ret);
/* Ends it. Does nothing if it has ended, or for 0. */
void sl_sessions_end(struct sl_sessions *sessions, uint64_t number);
/* Up to `max` running sessions with a number above `after`, in that order; returns how many. The caller must call
 * sl_session_done for each. */
SL_MUST size_t sl_sessions_list(struct sl_sessions *sessions, uint64_t after, uint64_t now_usec, struct sl_session *ret,
                                size_t max);
void sl_session_done(struct sl_session *session);

#endif
