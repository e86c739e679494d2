/* SPDX-License-Identifier: Apache-2.0 */
/* What logins by an identity provider share in the process: what the provider said of itself, and which logins were
 * finished. A login that has begun is not kept here, so nobody can fill anything by beginning many: all that is needed
 * is made anew from its cookie with a secret of the process. It does no I/O; any thread; `now` is passed in. */
#ifndef SL_GATE_LOGIN_TABLE_H
#define SL_GATE_LOGIN_TABLE_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;
struct sl_seats;

/* How long a login may take: the time until the provider sends the browser back. */
#define SL_LOGIN_SEC 600
/* 43 random characters, when it ends, and the number of the session that the browser had, with dots between; NUL
 * included. */
#define SL_LOGIN_COOKIE_SIZE 88
/* Base64url of 32 bytes, NUL included. */
#define SL_LOGIN_TEXT_SIZE 44
/* Logins that talk to the provider at one time: all, and of one address. */
#define SL_LOGIN_SEATS      64
#define SL_LOGIN_SEATS_EACH 16
/* So many states are remembered as used; a provider takes no code twice, either. */
#define SL_LOGIN_USED_MAX 4096
/* What the provider said of itself is asked for again after this time. */
#define SL_LOGIN_DOC_USEC (3600 * 1000000ull)
/* For a token with an unknown key its keys are fetched again so often in a minute. */
#define SL_LOGIN_RENEWALS 8
/* So many codes of one address may the provider refuse in a minute; beyond that it is not asked. */
#define SL_LOGIN_JUNK 32
/* So many refused logins are told in the log in a minute. */
#define SL_LOGIN_LINES 60

struct sl_logins;
/* NULL when there is no memory. */
struct sl_logins *sl_logins_new(void);
void sl_logins_free(struct sl_logins *logins);
struct sl_seats *sl_logins_seats(struct sl_logins *logins);

/* --- one login --- */

/* The cookie of a new login; `session`: the one that ends with it, or 0. */
void sl_logins_cookie(uint64_t now_sec, uint64_t session, char out[SL_LOGIN_COOKIE_SIZE]);
/* True: it has the form of one, and its time is not over. Only the state says whether this process made it. */
bool sl_logins_is_fresh(struct sl_str cookie, uint64_t now_sec, uint64_t *ret_session);

enum sl_login_text {
    SL_LOGIN_STATE,    /* binds the provider's answer to the browser that has the cookie */
    SL_LOGIN_NONCE,    /* binds the ID token to it */
    SL_LOGIN_VERIFIER, /* of PKCE (RFC 7636): binds the code to it */
};
/* Who does not know the process's secret cannot make them, also not one from another. `print`: of the provider. */
void sl_logins_text(const struct sl_logins *logins, uint64_t print, struct sl_str cookie, enum sl_login_text which,
                    char out[SL_LOGIN_TEXT_SIZE]);

/* Marks the state as used. False: it was used before. */
SL_MUST bool sl_logins_take(struct sl_logins *logins, const char state[SL_LOGIN_TEXT_SIZE]);
/* The login failed before the provider gave anything for it: so strangers cannot push out those that were used. */
void sl_logins_give_back(struct sl_logins *logins, const char state[SL_LOGIN_TEXT_SIZE]);

/* The provider refused a code that came from there. */
void sl_logins_junk_note(struct sl_logins *logins, struct sl_str who, uint64_t now_usec);
/* False: it refused too many from there in this minute. */
SL_MUST bool sl_logins_may_ask(struct sl_logins *logins, struct sl_str who, uint64_t now_usec);

/* --- the provider's documents --- */

enum sl_login_doc { SL_LOGIN_META, SL_LOGIN_KEYS, SL_LOGIN_DOCS };

/* The document that the provider with that print said last, on the arena; p == NULL: none. *ret_is_old: it should be
 * fetched again. */
struct sl_str sl_logins_doc(struct sl_logins *logins, enum sl_login_doc which, uint64_t print, uint64_t now_usec,
                            struct sl_arena *arena, bool *ret_is_old);
/* Without memory it is not kept. */
void sl_logins_doc_put(struct sl_logins *logins, enum sl_login_doc which, uint64_t print, uint64_t now_usec,
                       struct sl_str text);
/* True: its keys may be fetched again for a token that names an unknown one. Counts. */
SL_MUST bool sl_logins_may_renew(struct sl_logins *logins, uint64_t now_usec);

/* True: this refusal may be told in the log; *ret_n_hidden: so many before it were not. */
SL_MUST bool sl_logins_may_tell(struct sl_logins *logins, uint64_t now_usec, uint32_t *ret_n_hidden);

#endif
