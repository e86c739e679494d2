/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by an identity provider: OpenID Connect's authorization code with PKCE (RFC 7636).
 *
 *   /console/login ── what does the provider say of itself? ──> the browser goes there, with a cookie for the way back
 *   /console/callback ── cookie, state ──> code for a token ──> its keys ──> signature, claims ──> role, group: a
 * session ^─ once more for an unknown key
 *
 * Nothing says where the browser goes after its login, so nobody can send it elsewhere. */
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/word.h"
#include "gate/api/login_meta.h"
#include "gate/api/login_net.h"
#include "gate/api/login_page.h"
#include "gate/api/login_who.h"
#include "gate/call/cookie.h"
#include "gate/call/login_table.h"
#include "gate/call/origin.h"
#include "gate/call/path.h"
#include "gate/call/peer.h"
#include "gate/call/reply.h"
#include "gate/call/session.h"
#include "gate/call/session_table.h"
#include "gate/call/state.h"
#include "gate/config/key.h"
#include "gate/config/oidc.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/policy/seats.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "http/server.h"
#include "jose/claims.h"
#include "jose/token.h"
#include "json/json.h"
#include "llm/sign/oauth.h"
#include "net/loop.h"
#include "wire/headers.h"

#define COOKIE   "sluice_login"
#define URL_MAX  8192
#define FORM_MAX 32768
#define CODE_MAX 4096

struct login {
    struct sl_part part; /* for its seat */
    struct sl_xchg *x;
    const struct sl_oidc_conf *conf; /* of the exchange's settings */
    struct sl_logins *logins;
    uint64_t seat;
    struct sl_login_meta meta;
    void (*then)(struct login *login); /* what follows when `meta` is there */
    struct sl_str old_meta;            /* what it said earlier; p == NULL: nothing */
    /* Of the callback: */
    struct sl_str cookie, code, id_token;
    uint64_t old_session; /* what the browser had when it began; 0: none */
    char state[SL_LOGIN_TEXT_SIZE];
    bool is_taken;    /* the state is marked as used */
    bool was_renewed; /* the keys were fetched again for this token */
};

static uint64_t now_of(const struct login *login)
{
    return sl_loop_recent(login->x->desk->loop);
}

static void seat_leave(struct sl_part *part)
{
    struct login *login = SL_CONTAINER_OF(part, struct login, part);
    sl_seats_leave(sl_logins_seats(login->logins), login->seat);
    if (login->is_taken) {
        sl_logins_give_back(login->logins, login->state);
    }
}

#define FAIL(login, type, inside, ...) sl_login_refuse((login)->x, (type), (inside), __VA_ARGS__)

/* The identity provider is at fault, or cannot be reached. */
static void provider_fail(struct login *login, enum sl_error_type type, struct sl_str why)
{
    char inside[512];
    snprintf(inside, sizeof(inside), "(%.*s)", SL_STR_ARG(sl_str_sub(why, 0, sl_utf8_fit(why, 400))));
    FAIL(login, type, inside,
         type == SL_ERR_PROVIDER_BAD_RESPONSE
             ? "The identity provider's answer cannot be used; whoever runs this gateway finds the reason in its log."
             : "The identity provider cannot be reached now: try again later.");
}

/* --- what the provider says of itself --- */

static void on_meta(void *arg, int status, struct sl_str body)
{
    struct login *login = arg;
    struct sl_err err = { 0 };
    int r = status == 200 ? sl_login_meta_read(login->conf, body, login->x->arena, &login->meta, &err) : SL_E_IO;
    if (r == 0) {
        sl_logins_doc_put(login->logins, SL_LOGIN_META, login->conf->print, now_of(login), body);
    } else if (login->old_meta.p) { /* it was right an hour ago */
        r = sl_login_meta_read(login->conf, login->old_meta, login->x->arena, &login->meta, &err);
    }
    if (r == 0) {
        login->then(login);
    } else if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(login->x);
    } else if (status == 0) {
        provider_fail(login, SL_ERR_PROVIDER_CONNECT_FAILED, body);
    } else {
        struct sl_str why = status == 200 ? sl_str_c(err.text)
                                          : sl_arena_printf(login->x->arena, "its description is a %d", status);
        provider_fail(login, SL_ERR_PROVIDER_BAD_RESPONSE, why);
    }
}

static void meta_need(struct login *login, void (*then)(struct login *login))
{
    struct sl_xchg *x = login->x;
    const struct sl_oidc_conf *conf = login->conf;
    struct sl_err err = { 0 };
    bool is_old;
    login->then = then;
    login->old_meta = sl_logins_doc(login->logins, SL_LOGIN_META, conf->print, now_of(login), x->arena, &is_old);
    if (!is_old && sl_login_meta_read(conf, login->old_meta, x->arena, &login->meta, &err) == 0) {
        then(login);
        return;
    }
    const struct sl_login_ask ask = {
        .url = sl_arena_printf(x->arena, "%s://%.*s%.*s", conf->base.is_https ? "https" : "http",
                               SL_STR_ARG(conf->base.authority), SL_STR_ARG(conf->discovery)),
        .on_answer = on_meta,
        .arg = login,
    };
    if (!ask.url.p || sl_login_net_ask(x, &ask) < 0) {
        sl_xchg_fail_nomem(x);
    }
}

/* NULL: the client was refused. */
static struct login *login_new(struct sl_xchg *x)
{
    struct login *login = SL_ARENA_NEW(x->arena, struct login);
    const struct sl_auth_settings *auth = &x->settings->auth;
    if (!login) {
        sl_xchg_fail_nomem(x);
        return NULL;
    }
    login->x = x;
    login->conf = auth->mode == SL_AUTH_KEYS ? auth->oidc : NULL;
    login->logins = x->worker->gate->logins;
    if (!login->conf) {
        FAIL(login, SL_ERR_CALLER_NOT_FOUND, NULL, "This gateway has no identity provider (auth.oidc).");
        return NULL;
    }
    if (!x->settings->server.console) {
        FAIL(login, SL_ERR_CALLER_NOT_FOUND, NULL, "The console is turned off here (server.console).");
        return NULL;
    }
    if (!sl_seats_take(sl_logins_seats(login->logins), x->caller.principal, &login->seat)) {
        FAIL(login, SL_ERR_SLUICE_OVERLOADED, NULL, "Too many people log in at this moment: try again.");
        return NULL;
    }
    sl_part_begin(&x->parts, &login->part, seat_leave);
    return login;
}

/* The address of the callback, as the browser knows it. p == NULL: no memory, or the Host is none. */
static struct sl_str callback_url(struct sl_xchg *x)
{
    struct sl_str base = sl_origin_public(x);
    return sl_str_find(base, SL_STR("://"), 0) > 0
               ? sl_arena_printf(x->arena, "%.*s/console/callback", SL_STR_ARG(base))
               : SL_STR_NONE;
}

static int cookie_add(struct sl_xchg *x, struct sl_str value, struct sl_headers *io_headers)
{
    /* Lax, because the provider's page sends the browser back. */
    const struct sl_cookie cookie = {
        .name = COOKIE, .value = value, .path = "/console", .same_site = "Lax", .max_age_sec = SL_LOGIN_SEC
    };
    return sl_cookie_add(x, &cookie, io_headers);
}

/* Sends the browser to `location`. */
static void redirect(struct sl_xchg *x, struct sl_headers *headers, struct sl_str location)
{
    int r = location.p ? sl_headers_add(headers, x->arena, SL_STR("location"), location) : SL_E_NOMEM;
    r = r < 0 ? r : sl_headers_add(headers, x->arena, SL_STR("cache-control"), SL_STR("no-store"));
    r = r < 0 ? r : sl_headers_add(headers, x->arena, SL_STR("referrer-policy"), SL_STR("no-referrer"));
    if (r < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply_with(x, 303, headers, SL_STR_NONE, SL_STR(""));
}

/* --- to the provider --- */

static void challenge_make(struct login *login, struct sl_str cookie, char out[SL_LOGIN_TEXT_SIZE])
{
    unsigned char hash[32];
    char verifier[SL_LOGIN_TEXT_SIZE];
    sl_logins_text(login->logins, login->conf->print, cookie, SL_LOGIN_VERIFIER, verifier);
    SHA256((const unsigned char *)verifier, sizeof(verifier) - 1, hash);
    sl_base64url_format(hash, sizeof(hash), out);
}

static struct sl_str scope_of(const struct sl_oidc_conf *conf, struct sl_arena *arena)
{
    struct sl_buf text = SL_BUF_INIT(URL_MAX);
    for (uint32_t i = 0; i < conf->scopes.n; i++) {
        sl_buf_printf(&text, "%s%.*s", i ? " " : "", SL_STR_ARG(conf->scopes.v[i]));
    }
    struct sl_str scope = sl_buf_status(&text) < 0 ? SL_STR_NONE : sl_arena_dup(arena, sl_buf_str(&text));
    sl_buf_done(&text);
    return scope;
}

/* p == NULL: no memory. */
static struct sl_str authorization_url(struct login *login, struct sl_str cookie, struct sl_str back)
{
    const struct sl_oidc_conf *conf = login->conf;
    struct sl_arena *arena = login->x->arena;
    struct sl_buf query = SL_BUF_INIT(URL_MAX);
    char state[SL_LOGIN_TEXT_SIZE], nonce[SL_LOGIN_TEXT_SIZE], challenge[SL_LOGIN_TEXT_SIZE];
    sl_logins_text(login->logins, conf->print, cookie, SL_LOGIN_STATE, state);
    sl_logins_text(login->logins, conf->print, cookie, SL_LOGIN_NONCE, nonce);
    challenge_make(login, cookie, challenge);
    sl_oauth_form_add(&query, "response_type", SL_STR("code"), arena);
    sl_oauth_form_add(&query, "client_id", conf->client_id, arena);
    sl_oauth_form_add(&query, "redirect_uri", back, arena);
    sl_oauth_form_add(&query, "scope", scope_of(conf, arena), arena);
    sl_oauth_form_add(&query, "state", sl_str_c(state), arena);
    sl_oauth_form_add(&query, "nonce", sl_str_c(nonce), arena);
    sl_oauth_form_add(&query, "code_challenge", sl_str_c(challenge), arena);
    sl_oauth_form_add(&query, "code_challenge_method", SL_STR("S256"), arena);
    struct sl_str at = login->meta.authorization;
    const struct sl_str parts[] = { at, sl_str_find_char(at, '?', 0) < 0 ? SL_STR("?") : SL_STR("&"),
                                    sl_buf_str(&query) };
    struct sl_str url = sl_buf_status(&query) < 0 ? SL_STR_NONE : sl_arena_join(arena, parts, SL_ARRAY_LEN(parts));
    sl_buf_done(&query);
    return url;
}

static void provider_send(struct login *login)
{
    struct sl_xchg *x = login->x;
    struct sl_headers headers = { 0 };
    char text[SL_LOGIN_COOKIE_SIZE];
    struct sl_str back = callback_url(x);
    if (!back.p) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL,
             "The request's Host is no name or address, so the provider cannot send you back here.");
        return;
    }
    sl_logins_cookie(sl_clock_wall_usec() / SL_USEC_PER_SEC, sl_session_number(x), text);
    struct sl_str cookie = sl_arena_dup(x->arena, sl_str_c(text));
    if (!cookie.p || cookie_add(x, cookie, &headers) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    redirect(x, &headers, authorization_url(login, cookie, back));
}

/* Another site must not log its visitor in anew: that would swap the session in all open pages of the console. */
static void handle_login(struct sl_xchg *x)
{
    if (sl_peer_is_foreign_page(x->settings, &x->req->conn->peer, &x->req->msg.headers)) {
        sl_login_refuse(x, SL_ERR_CALLER_FORBIDDEN, NULL,
                        "A page of another site asked for this login (Origin, Sec-Fetch-Site): it begins at the "
                        "console, or with an address that you type.");
        return;
    }
    struct login *login = login_new(x);
    if (login) {
        meta_need(login, provider_send);
    }
}

/* --- and back --- */

static void session_begin(struct login *login, struct sl_key *key)
{
    struct sl_xchg *x = login->x;
    struct sl_session session = { .key = key, .provider = login->conf->print };
    struct sl_headers headers = { 0 };
    char token[SL_SESSION_TEXT_SIZE];
    struct sl_str prefix = sl_origin_prefix(x);
    memcpy(session.owner, key->hash, sizeof(session.owner));
    x->caller.key = sl_key_ref(key); /* for the log */
    x->caller.principal = key->principal;
    int r = sl_session_begin(x, sl_key_tenant(key), &session, &headers, token);
    if (r == SL_E_LIMIT) {
        FAIL(login, SL_ERR_SLUICE_OVERLOADED, NULL, "Too many browsers are logged in: try again later.");
        return;
    }
    if (r < 0 || cookie_add(x, SL_STR_NONE, &headers) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_sessions_end(x->worker->gate->sessions, login->old_session); /* its Strict cookie does not come here */
    sl_log(SL_LOG_INFO, "login", "%.*s logged in as %.*s (%s%s%.*s) from %.*s", SL_STR_ARG(key->name),
           SL_STR_ARG(key->principal), sl_role_name(key->role), key->group.n ? " of " : "", SL_STR_ARG(key->group),
           SL_STR_ARG(x->caller.address));
    redirect(x, &headers, sl_arena_printf(x->arena, "%.*s/console", SL_STR_ARG(prefix)));
}

/* The signature was right: what does the token say? */
static void claims_judge(struct login *login, struct sl_str text)
{
    struct sl_xchg *x = login->x;
    char nonce[SL_LOGIN_TEXT_SIZE];
    struct sl_err err = { 0 };
    struct sl_key *key = NULL;
    struct sl_json_limits limits = { .depth = 32, .tokens = 16384 };
    struct sl_json doc;
    sl_logins_text(login->logins, login->conf->print, login->cookie, SL_LOGIN_NONCE, nonce);
    const struct sl_claims_wanted wanted = { .issuer = login->conf->issuer,
                                             .client = login->conf->client_id,
                                             .nonce = sl_str_c(nonce),
                                             .now_sec = sl_clock_wall_usec() / SL_USEC_PER_SEC };
    sl_json_init(&doc, &limits);
    int r = sl_json_parse(&doc, text) < 0 ? sl_fail(&err, SL_E_INVAL, "its content is not JSON")
                                          : sl_claims_check(sl_json_root(&doc), &wanted, &err);
    r = r < 0 ? r : sl_login_who(login->conf, x->worker->snapshot->groups, sl_json_root(&doc), x->arena, &key, &err);
    sl_json_done(&doc);
    if (r == 0) {
        session_begin(login, key);
    } else if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(x);
    } else if (r == SL_E_KEY) {
        FAIL(login, SL_ERR_CALLER_FORBIDDEN, NULL, "%s", err.text);
    } else {
        FAIL(login, SL_ERR_PROVIDER_BAD_RESPONSE, NULL, "The identity provider's ID token is not taken: %s.", err.text);
    }
    sl_key_unref(key);
}

static void keys_fetch(struct login *login);

static void token_judge(struct login *login, struct sl_str keys)
{
    struct sl_err err = { 0 };
    struct sl_str claims;
    int r = sl_token_verify(login->id_token, keys, login->x->arena, &claims, &err);
    if (r == SL_E_NOTFOUND && !login->was_renewed && sl_logins_may_renew(login->logins, now_of(login))) {
        keys_fetch(login); /* the provider may have new ones */
    } else if (r == 0) {
        claims_judge(login, claims);
    } else if (r == SL_E_NOMEM) {
        sl_xchg_fail_nomem(login->x);
    } else {
        FAIL(login, SL_ERR_PROVIDER_BAD_RESPONSE, NULL, "The identity provider's ID token is not taken: %s.", err.text);
    }
}

static void on_keys(void *arg, int status, struct sl_str body)
{
    struct login *login = arg;
    if (status != 200 || !sl_token_is_set(body)) {
        struct sl_str why = status ? sl_arena_printf(login->x->arena, "the answer with its keys, %d, is no set of keys",
                                                     status)
                                   : body;
        provider_fail(login, status ? SL_ERR_PROVIDER_BAD_RESPONSE : SL_ERR_PROVIDER_CONNECT_FAILED, why);
        return;
    }
    sl_logins_doc_put(login->logins, SL_LOGIN_KEYS, login->conf->print, now_of(login), body);
    token_judge(login, body);
}

static void keys_fetch(struct login *login)
{
    const struct sl_login_ask ask = { .url = login->meta.keys, .on_answer = on_keys, .arg = login };
    login->was_renewed = true;
    if (sl_login_net_ask(login->x, &ask) < 0) {
        sl_xchg_fail_nomem(login->x);
    }
}

/* The error that a token endpoint names: "invalid_grant". */
static struct sl_str error_word(struct login *login, struct sl_json_val root)
{
    struct sl_str word = sl_oauth_text(root, "error", login->x->arena);
    return sl_header_is_visible(word, 64) ? word : SL_STR("no reason");
}

static void on_token(void *arg, int status, struct sl_str body)
{
    struct login *login = arg;
    struct sl_arena *arena = login->x->arena;
    struct sl_json_limits limits = { .depth = 8, .tokens = 256 };
    struct sl_json doc;
    if (status == 0) {
        provider_fail(login, SL_ERR_PROVIDER_CONNECT_FAILED, body);
        return;
    }
    if (status >= 400 && status < 500) {
        sl_logins_junk_note(login->logins, login->x->caller.principal, now_of(login));
    }
    login->is_taken = login->is_taken && status != 200; /* now the state stays used */
    sl_json_init(&doc, &limits);
    bool is_json = sl_json_parse(&doc, body) == 0;
    struct sl_json_val root = is_json ? sl_json_root(&doc) : SL_JSON_ABSENT;
    login->id_token = status == 200 ? sl_oauth_text(root, "id_token", arena) : SL_STR("");
    struct sl_str why = status != 200 ? sl_arena_printf(arena, "it does not take the code: %d, %.*s", status,
                                                        SL_STR_ARG(error_word(login, root)))
                                      : SL_STR("it gives no id_token");
    sl_json_done(&doc);
    bool is_old;
    struct sl_str keys = sl_logins_doc(login->logins, SL_LOGIN_KEYS, login->conf->print, now_of(login), arena, &is_old);
    if (!login->id_token.n) {
        provider_fail(login, SL_ERR_PROVIDER_BAD_RESPONSE, why);
    } else if (is_old) {
        keys_fetch(login);
    } else {
        token_judge(login, keys);
    }
}

static void code_exchange(struct login *login)
{
    struct sl_xchg *x = login->x;
    const struct sl_oidc_conf *conf = login->conf;
    struct sl_str secret = sl_secret_reveal(&conf->client_secret), back = callback_url(x);
    char verifier[SL_LOGIN_TEXT_SIZE];
    struct sl_buf form = SL_BUF_INIT(FORM_MAX);
    bool has_basic = secret.n && login->meta.has_basic;
    sl_logins_text(login->logins, conf->print, login->cookie, SL_LOGIN_VERIFIER, verifier);
    sl_oauth_form_add(&form, "grant_type", SL_STR("authorization_code"), x->arena);
    sl_oauth_form_add(&form, "code", login->code, x->arena);
    sl_oauth_form_add(&form, "redirect_uri", back, x->arena);
    sl_oauth_form_add(&form, "code_verifier", sl_str_c(verifier), x->arena);
    if (!has_basic) {
        sl_oauth_form_add(&form, "client_id", conf->client_id, x->arena);
    }
    if (secret.n && !has_basic) {
        sl_oauth_form_add(&form, "client_secret", secret, x->arena);
    }
    const struct sl_login_ask ask = {
        .url = login->meta.token,
        .form = &form,
        .authorization = has_basic ? sl_oauth_basic(conf->client_id, secret, x->arena) : SL_STR_NONE,
        .on_answer = on_token,
        .arg = login,
    };
    if (sl_login_net_ask(x, &ask) < 0) {
        sl_xchg_fail_nomem(x);
    }
}

/* The provider's answer is there, and its description, too. */
static void answer_judge(struct login *login)
{
    struct sl_xchg *x = login->x;
    struct sl_str issuer;
    bool has_issuer = sl_query_get(x->match.query, "iss", x->arena, &issuer);
    if (has_issuer ? !sl_str_eq(issuer, login->conf->issuer) : login->meta.says_issuer) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL,
             "This answer is not of the identity provider that was asked (iss): log in again.");
        return;
    }
    if (!sl_logins_may_ask(login->logins, x->caller.principal, now_of(login))) {
        FAIL(login, SL_ERR_SLUICE_OVERLOADED, NULL, "Too many logins from this address failed: try again in a minute.");
        return;
    }
    if (!sl_logins_take(login->logins, login->state)) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL,
             "This login was finished before, and opens nothing again: log in again.");
        return;
    }
    login->is_taken = true;
    code_exchange(login);
}

/* The provider says no. Its words may be anybody's, so the person sees only one from the list (RFC 6749 4.1.2.1). */
static void error_tell(struct login *login, struct sl_str error)
{
    static const struct {
        const char *word, *text;
    } known[] = {
        { "access_denied", "you, or the identity provider, did not allow it" },
        { "login_required", "the identity provider wants you to log in there" },
        { "temporarily_unavailable", "the identity provider is busy: try again later" },
        { "server_error", "the identity provider has a fault: try again later" },
    };
    struct sl_str said = SL_STR("");
    char inside[400];
    const char *text = "the identity provider refuses; whoever runs this gateway finds its words in the log";
    for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
        text = sl_str_eq_c(error, known[i].word) ? known[i].text : text;
    }
    SL_IGNORE(!sl_query_get(login->x->match.query, "error_description", login->x->arena, &said));
    snprintf(inside, sizeof(inside), "(%.*s: %.*s)", SL_STR_ARG(sl_str_sub(error, 0, sl_utf8_fit(error, 64))),
             SL_STR_ARG(sl_str_sub(said, 0, sl_utf8_fit(said, 256))));
    FAIL(login, SL_ERR_CALLER_FORBIDDEN, inside, "The login was not finished: %s.", text);
}

/* Is it the answer to a login that this browser began? False: it was refused. */
static bool state_or_refuse(struct login *login)
{
    struct sl_xchg *x = login->x;
    bool is_torn;
    struct sl_str given = SL_STR(""), query = x->match.query;
    login->cookie = sl_cookie_get(&x->req->msg.headers, SL_STR(COOKIE), &is_torn);
    if (!login->cookie.p || is_torn) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL,
             "This browser began no login here, or its cookie is lost: log in again, and allow cookies.");
        return false;
    }
    if (!sl_logins_is_fresh(login->cookie, sl_clock_wall_usec() / SL_USEC_PER_SEC, &login->old_session)) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL, "This login took longer than %d minutes: log in again.",
             SL_LOGIN_SEC / 60);
        return false;
    }
    sl_logins_text(login->logins, login->conf->print, login->cookie, SL_LOGIN_STATE, login->state);
    bool is_given = sl_query_get(query, "state", x->arena, &given) && !sl_query_is_torn(query, "state", x->arena);
    if (!is_given || given.n != sizeof(login->state) - 1 ||
        CRYPTO_memcmp(given.p, login->state, sizeof(login->state) - 1) != 0) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL,
             "This is not the answer to the login that this browser began last: log in again.");
        return false;
    }
    return true;
}

static void handle_callback(struct sl_xchg *x)
{
    struct sl_str error;
    struct login *login = login_new(x);
    if (!login || !state_or_refuse(login)) {
        return;
    }
    if (sl_query_get(x->match.query, "error", x->arena, &error)) {
        error_tell(login, error);
        return;
    }
    if (!sl_query_get(x->match.query, "code", x->arena, &login->code) || !login->code.n || login->code.n > CODE_MAX ||
        sl_query_is_torn(x->match.query, "code", x->arena)) {
        FAIL(login, SL_ERR_CALLER_INVALID_REQUEST, NULL, "The identity provider's answer has no code: log in again.");
        return;
    }
    meta_need(login, answer_judge);
}

/* Not for HEAD: asking twice would use a code up. */
const struct sl_path sl_login_rows[] = {
    { .methods = SL_GET,
      .pattern = "/console/login",
      .handle = handle_login,
      .access = SL_ACCESS_OPEN,
      .takes_key = true,
      .told = SL_TOLD("Log in by the identity provider of auth.oidc: sends the browser there.",
                      .statuses = "303 403 404 502 504", .headers = "cache-control set-cookie") },
    { .methods = SL_GET,
      .pattern = "/console/callback",
      .handle = handle_callback,
      .access = SL_ACCESS_OPEN,
      .takes_key = true,
      .told = SL_TOLD("Where the identity provider sends the browser back; a session begins.",
                      .statuses = "303 404 502 504", .parameters = "code state",
                      .headers = "cache-control set-cookie") },
    { 0 },
};
