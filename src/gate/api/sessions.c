/* SPDX-License-Identifier: Apache-2.0 */
/* Logins of browsers: a key is exchanged for a session, whose cookie stands in for it. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/origin.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/session.h"
#include "gate/call/session_table.h"
#include "gate/call/state.h"
#include "gate/config/key.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/json.h"
#include "json/write.h"
#include "net/loop.h"
#include "wire/headers.h"

/* How many sessions are read from the table at a time. */
#define BATCH 64

/* --- showing --- */

/* The wall time of a moment on the monotonic clock. */
static uint64_t wall_sec(const struct sl_xchg *x, uint64_t usec)
{
    uint64_t now = sl_loop_recent(x->desk->loop), wall = sl_clock_wall_usec();
    return (usec < now ? wall - (now - usec) : wall + (usec - now)) / SL_USEC_PER_SEC;
}

static void who_write(struct sl_jw *w, const struct sl_key *key, const char *via)
{
    sl_jw_member_str(w, "principal", key->principal);
    sl_jw_member_str(w, "name", key->name);
    sl_jw_member_str(w, "role", sl_str_c(sl_role_name(key->role)));
    sl_jw_member_str(w, "group", key->group.n ? key->group : SL_STR_NONE);
    sl_jw_member_str(w, "via", sl_str_c(via));
}

static const char *via_of(const struct sl_session *session)
{
    return session->key ? "oidc" : "session";
}

static void times_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_session *session, const struct sl_key *key)
{
    uint64_t end = wall_sec(x, session->begun_usec + SL_SESSION_LIFE_USEC);
    sl_api_time_write(w, "created_at", wall_sec(x, session->begun_usec));
    sl_api_time_write(w, "expires_at", key->expires_sec ? SL_MIN(end, key->expires_sec) : end);
}

/* The gateway is open: nobody logs in. */
static void stranger_write(struct sl_xchg *x, struct sl_jw *w)
{
    sl_jw_member_str(w, "principal", x->caller.principal);
    sl_jw_member_null(w, "name");
    sl_jw_member_str(w, "role", sl_str_c(sl_role_name(SL_ROLE_ADMIN)));
    sl_jw_member_null(w, "group");
    sl_jw_member_str(w, "via", SL_STR("open"));
    sl_api_time_write(w, "created_at", 0);
    sl_api_time_write(w, "expires_at", 0);
    sl_jw_member_null(w, "idle_seconds");
}

static void key_write(struct sl_jw *w, const struct sl_key *key)
{
    who_write(w, key, "key");
    sl_api_time_write(w, "created_at", key->created_sec);
    sl_api_time_write(w, "expires_at", key->expires_sec);
    sl_jw_member_null(w, "idle_seconds");
}

/* Who calls. `session`: the caller's, or NULL; `token`: its cookie. */
static void session_reply(struct sl_xchg *x, int status, const struct sl_session *session, struct sl_str token,
                          struct sl_headers *headers)
{
    bool is_open = x->settings->auth.mode != SL_AUTH_KEYS;
    char csrf[SL_SESSION_TEXT_SIZE] = "";
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "session");
    if (is_open || x->caller.key) {
        sl_jw_object(w);
        if (is_open) {
            stranger_write(x, w);
        } else if (session) {
            who_write(w, x->caller.key, via_of(session));
            times_write(x, w, session, x->caller.key);
            sl_jw_member_u64(w, "idle_seconds", SL_SESSION_IDLE_USEC / SL_USEC_PER_SEC);
            sl_session_csrf(token, csrf);
        } else {
            key_write(w, x->caller.key);
        }
        sl_jw_end(w);
    } else {
        sl_jw_null(w);
    }
    sl_jw_key(w, "logins");
    sl_jw_array(w);
    if (!is_open) {
        sl_jw_str(w, SL_STR("key"));
    }
    if (!is_open && x->settings->auth.oidc) {
        sl_jw_str(w, SL_STR("oidc"));
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "csrf", *csrf ? sl_str_c(csrf) : SL_STR_NONE);
    sl_jw_member_bool(w, "secure", sl_origin_is_secure(x));
    sl_jw_end(w);
    struct sl_buf *text = x->desk->text;
    if (sl_buf_status(text) < 0 || sl_headers_add(headers, x->arena, SL_STR("cache-control"), SL_STR("no-store")) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply_with(x, status, headers, SL_STR("application/json"), sl_buf_str(text));
}

static void handle_session_get(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    struct sl_session session;
    struct sl_str token = sl_session_token(x);
    if (sl_auth_look(x) && sl_session_forget(x, &headers) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    if (x->caller.session &&
        sl_sessions_use(x->worker->gate->sessions, x->caller.session, sl_loop_recent(x->desk->loop), &session)) {
        session_reply(x, 200, &session, token, &headers);
        sl_session_done(&session);
        return;
    }
    session_reply(x, 200, NULL, token, &headers);
}

/* --- logging in --- */

static bool key_text_or_refuse(struct sl_xchg *x, struct sl_str *ret)
{
    struct sl_json_val body;
    if (!sl_api_body_or_refuse(x, &body)) {
        return false;
    }
    int r = sl_json_text(sl_json_get(body, "key"), x->arena, ret);
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r < 0 || !ret->n) {
        sl_api_refuse_body(x, "missing", "key", "an API key is needed, as a string");
        r = SL_E_INVAL;
    }
    return r == 0;
}

static void begin_refuse(struct sl_xchg *x, int r)
{
    if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "Too many browsers are logged in (%d): try again later.",
                      SL_SESSIONS_MAX);
}

static void handle_login(struct sl_xchg *x)
{
    struct sl_str text;
    if (x->settings->auth.mode != SL_AUTH_KEYS) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "This gateway asks for no key: nobody needs to log in.");
        return;
    }
    if (!sl_session_origin_or_refuse(x) || !key_text_or_refuse(x, &text)) {
        return;
    }
    const struct sl_key *key = sl_auth_key_or_refuse(x, text);
    if (!key) {
        return;
    }
    struct sl_session session = { 0 };
    struct sl_headers headers = { 0 };
    char token[SL_SESSION_TEXT_SIZE];
    memcpy(session.owner, key->hash, sizeof(session.owner));
    int r = sl_session_begin(x, sl_key_tenant(key), &session, &headers, token);
    if (r < 0) {
        begin_refuse(x, r);
        return;
    }
    session_reply(x, 201, &session, sl_str_c(token), &headers);
}

/* --- logging out --- */

static void forgotten_reply(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    if (sl_session_forget(x, &headers) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply_with(x, 200, &headers, SL_STR("application/json"), SL_STR("{}"));
}

static void handle_logout(struct sl_xchg *x)
{
    struct sl_session session;
    enum sl_session_fault fault = sl_session_look(x, &session);
    if (fault == SL_SESSION_FOREIGN || fault == SL_SESSION_UNMARKED) {
        sl_session_refuse(x, fault);
        return;
    }
    if (fault == SL_SESSION_SOUND) {
        sl_sessions_end(x->worker->gate->sessions, session.number);
        sl_session_done(&session);
    }
    forgotten_reply(x);
}

/* --- all sessions --- */

/* The key behind a session, if this caller may see it: its own, and for an admin all in its reach. One whose key is
 * gone has ended. */
static const struct sl_key *seen_key(const struct sl_xchg *x, const struct sl_session *session)
{
    const struct sl_key *key = sl_auth_session_key(x->worker, x->settings, session), *own = x->caller.key;
    if (!key || !own) {
        return key;
    }
    bool is_own = memcmp(key->hash, own->hash, sizeof(own->hash)) == 0;
    return is_own || (own->role == SL_ROLE_ADMIN && sl_auth_reaches(x, key->group)) ? key : NULL;
}

static void item_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_session *session, const struct sl_key *key,
                       uint64_t own)
{
    char id[24];
    snprintf(id, sizeof(id), "%llu", (unsigned long long)session->number);
    sl_jw_object(w);
    sl_jw_member_str(w, "id", sl_str_c(id));
    who_write(w, key, via_of(session));
    sl_jw_member_str(w, "client", sl_str_c(session->client));
    times_write(x, w, session, key);
    sl_api_time_write(w, "last_used_at", wall_sec(x, session->used_usec));
    sl_jw_member_bool(w, "current", session->number == own);
    sl_jw_end(w);
}

/* The number of the session with which this call came; 0: it came with a key. */
static uint64_t own_number(struct sl_xchg *x)
{
    struct sl_session own;
    if (!x->caller.session ||
        !sl_sessions_use(x->worker->gate->sessions, x->caller.session, sl_loop_recent(x->desk->loop), &own)) {
        return 0;
    }
    sl_session_done(&own);
    return own.number;
}

/* Writes those behind *io_after until the page is full. True: there are more. */
static bool items_write(struct sl_xchg *x, struct sl_jw *w, uint64_t *io_after)
{
    struct sl_session batch[BATCH];
    uint64_t now = sl_loop_recent(x->desk->loop), own = own_number(x), after = *io_after;
    bool is_full = false;
    uint32_t n_rows = 0;
    size_t n;
    do {
        n = sl_sessions_list(x->worker->gate->sessions, after, now, batch, BATCH);
        for (size_t i = 0; i < n; i++) {
            const struct sl_key *key = is_full ? NULL : seen_key(x, &batch[i]);
            if (key && sl_api_page_is_full(x, n_rows)) {
                is_full = true;
            } else if (key) {
                item_write(x, w, &batch[i], key, own);
                n_rows++;
                *io_after = batch[i].number;
            }
            after = batch[i].number;
            sl_session_done(&batch[i]);
        }
    } while (n == BATCH && !is_full);
    return is_full;
}

static void handle_session_list(struct sl_xchg *x)
{
    uint64_t after;
    if (!sl_api_page_or_refuse(x, &after)) {
        return;
    }
    char next[24];
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    sl_jw_object(w);
    sl_jw_key(w, "sessions");
    sl_jw_array(w);
    bool has_more = items_write(x, w, &after);
    sl_jw_end(w);
    snprintf(next, sizeof(next), "%llu", (unsigned long long)after);
    sl_jw_member_str(w, "next_page_token", has_more ? sl_str_c(next) : SL_STR_NONE);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void handle_session_end(struct sl_xchg *x)
{
    struct sl_sessions *sessions = x->worker->gate->sessions;
    struct sl_session session;
    uint64_t number, own = own_number(x);
    bool is_number = sl_parse_u64(x->match.arg, 1, INT64_MAX, &number) == 0, is_there = false;
    if (is_number && sl_sessions_list(sessions, number - 1, sl_loop_recent(x->desk->loop), &session, 1) == 1) {
        is_there = session.number == number && seen_key(x, &session);
        sl_session_done(&session);
    }
    if (!is_there) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no session with the id '%.*s'.",
                          SL_STR_ARG(sl_str_sub(x->match.arg, 0, 64)));
        return;
    }
    sl_sessions_end(sessions, number);
    if (number == own) {
        forgotten_reply(x);
        return;
    }
    sl_xchg_reply(x, 200, SL_STR("application/json"), SL_STR("{}"));
}

#define OWN "/api/sluice/v1/session"

const struct sl_path sl_sessions_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN,
      .handle = handle_session_get,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("Who calls, and how a browser can log in. For everyone.", .headers = "cache-control set-cookie",
                      .reply = "SessionState") },
    { .methods = SL_POST,
      .pattern = OWN,
      .handle = handle_login,
      .access = SL_ACCESS_OPEN,
      .takes_key = true,
      .told = SL_TOLD("Log in with an API key: the reply sets a cookie that stands in for it.",
                      .statuses = "201 401 409", .headers = "cache-control set-cookie", .body = "LoginRequest",
                      .reply = "SessionState") },
    { .methods = SL_DELETE,
      .pattern = OWN,
      .handle = handle_logout,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("Log out.", .parameters = "x-sluice-csrf", .headers = "set-cookie", .reply = "Empty") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = OWN "s",
      .handle = handle_session_list,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("List the caller's sessions; for an admin those of all keys in its reach.",
                      .parameters = "page_number", .reply = "SessionPage") },
    { .methods = SL_DELETE,
      .pattern = OWN "s/{}",
      .handle = handle_session_end,
      .access = SL_ACCESS_QUERY,
      .told = SL_TOLD("End a session.", .headers = "set-cookie", .reply = "Empty") },
    { 0 },
};
