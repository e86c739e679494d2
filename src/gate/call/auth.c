/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/auth.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/reply.h"
#include "gate/call/session.h"
#include "gate/call/session_table.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/config/keyring.h"
#include "gate/config/keyset.h"
#include "gate/config/oidc.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/language.h"
#include "net/loop.h"
#include "wire/uri.h"

static enum sl_access metrics_access(const struct sl_xchg *x)
{
    switch ((enum sl_metrics_access)x->settings->auth.metrics) {
    case SL_METRICS_AUTO:
        return x->worker->gate->is_public ? SL_ACCESS_VIEWER : SL_ACCESS_OPEN;
    case SL_METRICS_VIEWER:
        return SL_ACCESS_VIEWER;
    case SL_METRICS_ADMIN:
        return SL_ACCESS_ADMIN;
    case SL_METRICS_OPEN:
        break;
    }
    return SL_ACCESS_OPEN;
}

static enum sl_access access_of(const struct sl_xchg *x)
{
    enum sl_access access = x->path ? x->path->access : SL_ACCESS_QUERY;
    if (access == SL_ACCESS_QUERY && sl_xchg_is_invocation(x)) {
        return SL_ACCESS_INVOKE;
    }
    return access == SL_ACCESS_METRICS ? metrics_access(x) : access;
}

static struct sl_key *hash_find(const struct sl_worker *worker, const struct sl_settings *settings,
                                const unsigned char hash[SL_KEY_HASH_BYTES])
{
    struct sl_key *key = sl_keyring_find(settings->auth.ring, hash);
    struct sl_key *admin = worker->gate->admin_key;
    const struct sl_keyset *stored = worker->snapshot->keys;
    if (!key) {
        key = sl_keyset_match(stored, hash);
    }
    if (!key && admin && CRYPTO_memcmp(admin->hash, hash, SL_KEY_HASH_BYTES) == 0) {
        key = admin;
    }
    return key;
}

static struct sl_key *key_find(const struct sl_xchg *x, struct sl_str credential)
{
    unsigned char hash[SL_KEY_HASH_BYTES];
    if (!credential.n || credential.n > SL_CREDENTIAL_MAX) {
        return NULL;
    }
    sl_key_hash(credential, hash);
    return hash_find(x->worker, x->settings, hash);
}

/* The message for a call that was signed instead of having a key; NULL: it was not signed. */
static const char *signed_words(const struct sl_xchg *x)
{
    struct sl_str given = sl_str_trim(sl_headers_get(&x->req->msg.headers, "authorization"));
    const char *scheme = x->dialect->signed_scheme;
    return scheme && sl_str_has_prefix(given, sl_str_c(scheme)) ? x->dialect->signed_words : NULL;
}

/* `key`: the expired one, or NULL. */
static void unknown_refuse(struct sl_xchg *x, enum sl_access_verdict verdict, struct sl_key *key)
{
    if (verdict == SL_ACCESS_UNKNOWN && sl_gate_is_unsure(x->worker->gate)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_STORE_UNAVAILABLE,
                          "The gateway's store cannot be read now: whether this API key is known cannot be told.");
        return;
    }
    const char *why = verdict == SL_ACCESS_EXPIRED   ? "The API key has expired."
                      : verdict == SL_ACCESS_UNKNOWN ? "The API key is not known to this gateway."
                                                     : "An API key is needed.";
    x->record.error_text = sl_str_c(why);
    if (verdict == SL_ACCESS_EXPIRED) {
        x->caller.key = sl_key_ref(key); /* for its name in the log */
    }
    const char *words = verdict == SL_ACCESS_NO_KEY ? signed_words(x) : NULL;
    const char *query = !words && x->dialect->key_member ? " Or as ?key=KEY." : "";
    sl_xchg_fail_text(x, SL_ERR_CALLER_UNAUTHENTICATED, "%s %s%s", why,
                      words
                          ? words
                          : "Send one as Authorization: Bearer KEY, as the password of Basic, as x-api-key, api-key or "
                            "x-goog-api-key.",
                      query);
}

static void forbidden_refuse(struct sl_xchg *x, enum sl_access access, enum sl_access_verdict verdict,
                             const struct sl_key *key)
{
    if (verdict == SL_ACCESS_OUTSIDE) {
        x->record.error_text = SL_STR("the API key is in a group, and this call needs one without");
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                          "This call needs a key of role %s without a group; this one is in the group '%.*s'.",
                          sl_access_roles(access), SL_STR_ARG(key->group));
        return;
    }
    x->record.error_text = SL_STR("the role of the API key does not allow this call");
    sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN, "This call needs a key of role %s; this one has role %s.",
                      sl_access_roles(access), sl_role_name(key->role));
}

/* A key whose group is gone opens nothing, because the group's limits would not hold. */
static bool group_or_refuse(struct sl_xchg *x, const struct sl_key *key)
{
    struct sl_group *group = sl_groups_find(x->worker->snapshot->groups, key->group);
    if (group) {
        x->caller.group = sl_group_ref(group);
        return true;
    }
    x->record.error_text = SL_STR("the group of the API key is not there any more");
    sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                      "The group '%.*s' of this API key is not there any more: ask whoever runs this gateway.",
                      SL_STR_ARG(key->group));
    return false;
}

/* The key in the query, where the dialect's clients may send it. *ret_is_torn: there are two different ones. */
static struct sl_str query_key(const struct sl_xchg *x, bool *ret_is_torn)
{
    struct sl_str key = SL_STR_NONE;
    const char *member = x->dialect->key_member;
    bool has = member && x->match.query.n && sl_query_get(x->match.query, member, x->arena, &key);
    *ret_is_torn = has && sl_query_is_torn(x->match.query, member, x->arena);
    return has ? key : SL_STR_NONE;
}

/* `key`: what was found for the credential; NULL: nothing. */
static bool judged_or_refuse(struct sl_xchg *x, enum sl_access access, struct sl_key *key, bool has_credential)
{
    uint64_t now_sec = sl_clock_wall_usec() / SL_USEC_PER_SEC;
    enum sl_access_verdict verdict = sl_access_judge(access, key, has_credential, now_sec);
    if (verdict != SL_ACCESS_GRANTED && verdict != SL_ACCESS_FORBIDDEN && verdict != SL_ACCESS_OUTSIDE) {
        unknown_refuse(x, verdict, key);
        return false;
    }
    x->caller.key = sl_key_ref(key);
    x->caller.principal = key->principal;
    atomic_store_explicit(&key->last_used_sec, now_sec, memory_order_relaxed);
    if (verdict != SL_ACCESS_GRANTED) {
        forbidden_refuse(x, access, verdict, key);
        return false;
    }
    return !key->group.n || group_or_refuse(x, key);
}

struct sl_key *sl_auth_session_key(const struct sl_worker *worker, const struct sl_settings *settings,
                                   const struct sl_session *session)
{
    if (!session->key) {
        return hash_find(worker, settings, session->owner);
    }
    const struct sl_oidc_conf *oidc = settings->auth.oidc;
    return oidc && oidc->print == session->provider ? session->key : NULL;
}

/* For a request without a key: a session may stand in for it. */
static bool session_or_refuse(struct sl_xchg *x, enum sl_access access)
{
    struct sl_session session;
    enum sl_session_fault fault = sl_session_look(x, &session);
    if (fault == SL_SESSION_NONE) {
        return judged_or_refuse(x, access, NULL, false);
    }
    if (fault != SL_SESSION_SOUND) {
        sl_session_refuse(x, fault);
        return false;
    }
    struct sl_key *key = sl_auth_session_key(x->worker, x->settings, &session);
    bool is_void = !key && !sl_gate_is_unsure(x->worker->gate), is_good = false;
    if (is_void) {
        sl_sessions_end(x->worker->gate->sessions, session.number);
        sl_session_refuse(x, SL_SESSION_ENDED);
    } else {
        is_good = judged_or_refuse(x, access, key, true);
    }
    sl_session_done(&session);
    return is_good;
}

/* The credential that came; p == NULL: none. False: the client was refused, because two came. */
static bool credential_or_refuse(struct sl_xchg *x, struct sl_str *ret)
{
    bool is_torn;
    struct sl_str in_query = query_key(x, &is_torn);
    *ret = sl_access_credential(&x->req->msg.headers, x->dialect->credential_header, in_query, x->arena, &is_torn);
    if (is_torn) {
        x->record.error_text = SL_STR("two different API keys came");
        sl_xchg_fail_text(x, SL_ERR_CALLER_UNAUTHENTICATED, "Two different API keys came: send one, in one place.");
    }
    return !is_torn;
}

bool sl_auth_or_refuse(struct sl_xchg *x)
{
    enum sl_access access = access_of(x);
    struct sl_str credential;
    if (x->settings->auth.mode != SL_AUTH_KEYS || access == SL_ACCESS_OPEN) {
        return true;
    }
    if (!credential_or_refuse(x, &credential)) {
        return false;
    }
    return credential.n ? judged_or_refuse(x, access, key_find(x, credential), true) : session_or_refuse(x, access);
}

/* True: the key opens something now. */
static bool is_in_force(const struct sl_snapshot *snapshot, const struct sl_key *key)
{
    return key && !sl_key_is_expired(key, sl_clock_wall_usec() / SL_USEC_PER_SEC) &&
           (!key->group.n || sl_groups_find(snapshot->groups, key->group));
}

static void caller_set(struct sl_xchg *x, struct sl_key *key)
{
    x->caller.key = sl_key_ref(key);
    x->caller.principal = key->principal;
}

bool sl_auth_look(struct sl_xchg *x)
{
    bool is_torn = false, has_ended = false;
    struct sl_str credential = sl_access_credential(&x->req->msg.headers, x->dialect->credential_header, SL_STR_NONE,
                                                    x->arena, &is_torn);
    struct sl_session session;
    if (x->settings->auth.mode != SL_AUTH_KEYS || is_torn) {
        return false;
    }
    if (credential.n) {
        struct sl_key *key = key_find(x, credential);
        if (is_in_force(x->worker->snapshot, key)) {
            caller_set(x, key);
        }
        return false;
    }
    enum sl_session_fault fault = sl_session_look(x, &session);
    if (fault == SL_SESSION_SOUND) {
        struct sl_key *key = sl_auth_session_key(x->worker, x->settings, &session);
        if (is_in_force(x->worker->snapshot, key)) {
            caller_set(x, key);
        } else {
            x->caller.session = NULL;
            has_ended = !sl_gate_is_unsure(x->worker->gate);
        }
        sl_session_done(&session);
    }
    return has_ended || fault == SL_SESSION_ENDED;
}

struct sl_key *sl_auth_key_or_refuse(struct sl_xchg *x, struct sl_str text)
{
    return judged_or_refuse(x, SL_ACCESS_QUERY, key_find(x, text), text.n > 0) ? x->caller.key : NULL;
}

struct sl_str sl_auth_tenant(const struct sl_xchg *x)
{
    return x->caller.key ? sl_key_tenant(x->caller.key) : x->caller.principal;
}

/* True: the same key is still there, with the same rights. */
static bool is_same(const struct sl_snapshot *snapshot, const struct sl_key *then, const struct sl_key *now)
{
    return is_in_force(snapshot, now) && now->role == then->role && sl_str_eq(now->principal, then->principal) &&
           sl_str_eq(now->group, then->group);
}

bool sl_auth_holds(struct sl_xchg *x)
{
    const struct sl_key *then = x->caller.key;
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_session session;
    if (!then) {
        return snapshot->settings->auth.mode != SL_AUTH_KEYS;
    }
    if (!x->caller.session) {
        return is_same(snapshot, then, hash_find(x->worker, snapshot->settings, then->hash));
    }
    if (!sl_sessions_look(x->worker->gate->sessions, x->caller.session, sl_loop_recent(x->desk->loop), &session)) {
        return false;
    }
    bool holds = is_same(snapshot, then, sl_auth_session_key(x->worker, snapshot->settings, &session));
    sl_session_done(&session);
    return holds;
}

bool sl_auth_may_use(const struct sl_xchg *x, struct sl_str route)
{
    return !x->caller.key || sl_key_may_use(x->caller.key, route);
}

bool sl_auth_reaches(const struct sl_xchg *x, struct sl_str group)
{
    return !x->caller.key || sl_key_reaches(x->caller.key, group);
}

bool sl_auth_is_open(const struct sl_settings *settings, struct sl_str address, bool is_loopback, struct sl_err *err)
{
    if (settings->auth.mode != SL_AUTH_NONE || is_loopback) {
        return false;
    }
    SL_IGNORE(sl_fail(err, SL_E_INVAL,
                      "auth is none, and other machines can reach %.*s: everyone there may call, and make and delete "
                      "routes",
                      SL_STR_ARG(address)) < 0); /* only the text matters */
    return true;
}

bool sl_auth_may_listen(const struct sl_settings *settings, struct sl_str address, bool is_loopback, struct sl_err *err)
{
    if (settings->auth.mode != SL_AUTH_ABSENT || is_loopback) {
        return true;
    }
    SL_IGNORE(
        sl_fail(err, SL_E_INVAL,
                "%.*s is reachable from other machines and no auth is configured: everyone could call. Either add "
                "an auth section (auth: {} makes an admin key), or say auth: none (or SLUICE_AUTH=none) when that "
                "is wanted",
                SL_STR_ARG(address)) < 0); /* only the text matters */
    return false;
}
