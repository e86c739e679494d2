/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out who calls. Only the head is needed, so a refusal is sent before a body is read. */
#ifndef SL_GATE_AUTH_H
#define SL_GATE_AUTH_H

#include "base/err.h"
#include "base/str.h"

struct sl_key;
struct sl_session;
struct sl_settings;
struct sl_worker;
struct sl_xchg;

/* Finds the key of the exchange's request and checks that it may use the path; sets the exchange's key and principal.
 * False: the client was refused (401, 403), and the exchange is over. */
bool sl_auth_or_refuse(struct sl_xchg *x);
/* Finds who calls on a path that is open to all: sets key and principal, if the request has a valid key or session.
 * Says nothing to the client, and leaves the others strangers. True: its cookie is of a session that has ended. */
bool sl_auth_look(struct sl_xchg *x);
/* The key of that text, if it is valid now; else NULL, and the client was refused. */
struct sl_key *sl_auth_key_or_refuse(struct sl_xchg *x, struct sl_str text);
/* The key behind a session, borrowed as long as the session is; NULL: the session is void, because the key was revoked,
 * or the file does not name the identity provider any more, or gives other roles. */
struct sl_key *sl_auth_session_key(const struct sl_worker *worker, const struct sl_settings *settings,
                                   const struct sl_session *session);
/* True: this caller may see and use the route of that name. For any other caller, the route must look as if it did not
 * exist. */
bool sl_auth_may_use(const struct sl_xchg *x, struct sl_str route);
/* True: this caller may see and change what is in the group of that path (n == 0: in none), as far as its role goes. To
 * any other caller all of it must look as if it did not exist. */
bool sl_auth_reaches(const struct sl_xchg *x, struct sl_str group);

/* Whose share the caller takes of what is bounded for all together: that of its key, or its own. */
struct sl_str sl_auth_tenant(const struct sl_xchg *x);
/* True: what sl_auth_or_refuse said about the caller is still so: its key was not revoked, did not expire, and has the
 * same principal, role and group, and its session has not ended. For what goes on for long; it is no use of the
 * session. */
bool sl_auth_holds(struct sl_xchg *x);

/* True: `auth: none` lets other machines call. That is allowed, with a warning, whose text is in `err`. */
bool sl_auth_is_open(const struct sl_settings *settings, struct sl_str address, bool is_loopback, struct sl_err *err);
/* False: there is no auth section, so everyone may call, and this address is not loopback. The reason shows both ways
 * out. `address` as in server.listen. */
SL_MUST bool sl_auth_may_listen(const struct sl_settings *settings, struct sl_str address, bool is_loopback,
                                struct sl_err *err);

#endif
