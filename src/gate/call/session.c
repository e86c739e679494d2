/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/session.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/random.h"
#include "base/secret.h"
#include "gate/call/cookie.h"
#include "gate/call/peer.h"
#include "gate/call/reply.h"
#include "gate/call/session_table.h"
#include "gate/call/state.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "http/server.h"
#include "net/loop.h"

static const struct sl_headers *headers_of(const struct sl_xchg *x)
{
    return &x->req->msg.headers;
}

static void token_hash(struct sl_str token, unsigned char out[SL_SESSION_HASH_BYTES])
{
    SHA256((const unsigned char *)token.p, token.n, out);
}

/* Made from the token, so that the gateway need not keep it: who knows it cannot compute the token. */
void sl_session_csrf(struct sl_str token, char out[SL_SESSION_TEXT_SIZE])
{
    static const char prefix[] = "sluice csrf ";
    unsigned char hash[SL_SESSION_HASH_BYTES];
    char text[sizeof(prefix) + SL_SESSION_TEXT_SIZE];
    int n = snprintf(text, sizeof(text), "%s%.*s", prefix, SL_STR_ARG(token));
    SHA256((const unsigned char *)text, SL_MIN((size_t)n, sizeof(text) - 1), hash);
    sl_base64url_format(hash, sizeof(hash), out);
    sl_wipe(text, sizeof(text));
}

struct sl_str sl_session_token(const struct sl_xchg *x)
{
    bool is_torn;
    return sl_cookie_get(headers_of(x), SL_STR(SL_COOKIE_SESSION), &is_torn);
}

static bool is_marked(const struct sl_xchg *x, struct sl_str token)
{
    char want[SL_SESSION_TEXT_SIZE];
    struct sl_str given = sl_headers_get(headers_of(x), SL_COOKIE_CSRF_HEADER);
    sl_session_csrf(token, want);
    return given.n == sizeof(want) - 1 && CRYPTO_memcmp(given.p, want, sizeof(want) - 1) == 0;
}

enum sl_session_fault sl_session_look(struct sl_xchg *x, struct sl_session *ret)
{
    bool is_torn;
    struct sl_str token = sl_cookie_get(headers_of(x), SL_STR(SL_COOKIE_SESSION), &is_torn);
    if (!token.p || is_torn) {
        return is_torn ? SL_SESSION_TORN : SL_SESSION_NONE;
    }
    if (sl_peer_is_foreign_page(x->settings, &x->req->conn->peer, headers_of(x))) {
        return SL_SESSION_FOREIGN;
    }
    unsigned char *hash = sl_arena_alloc(x->arena, SL_SESSION_HASH_BYTES);
    if (!hash || token.n != SL_SESSION_TEXT_SIZE - 1) {
        return SL_SESSION_ENDED;
    }
    token_hash(token, hash);
    if (!sl_sessions_use(x->worker->gate->sessions, hash, sl_loop_recent(x->desk->loop), ret)) {
        return SL_SESSION_ENDED;
    }
    if (!(x->match.method & (SL_GET | SL_HEAD)) && !is_marked(x, token)) {
        sl_session_done(ret);
        return SL_SESSION_UNMARKED;
    }
    x->caller.session = hash;
    return SL_SESSION_SOUND;
}

void sl_session_refuse(struct sl_xchg *x, enum sl_session_fault fault)
{
    static const struct {
        enum sl_error_type type;
        const char *text;
    } faults[] = {
        [SL_SESSION_TORN] = { SL_ERR_CALLER_UNAUTHENTICATED, "Two different cookies " SL_COOKIE_SESSION
                                                             " came: delete this site's cookies, and log in again." },
        [SL_SESSION_FOREIGN] = { SL_ERR_CALLER_FORBIDDEN,
                                 "A page of another origin (Origin, Sec-Fetch-Site) must not use a session of the "
                                 "console. If it is the gateway's own, behind a proxy: name the proxy in "
                                 "server.trusted_proxies, or the address in server.public_url." },
        [SL_SESSION_ENDED] = { SL_ERR_CALLER_UNAUTHENTICATED, "The session has ended: log in again." },
        [SL_SESSION_UNMARKED] = { SL_ERR_CALLER_FORBIDDEN,
                                  "A call with the cookie of a session that is not GET or HEAD needs the "
                                  "header " SL_COOKIE_CSRF_HEADER "; GET /api/sluice/v1/session says its value." },
    };
    x->record.error_text = sl_str_c(faults[fault].text);
    sl_xchg_fail_text(x, faults[fault].type, "%s", faults[fault].text);
}

bool sl_session_origin_or_refuse(struct sl_xchg *x)
{
    if (sl_peer_is_foreign_page(x->settings, &x->req->conn->peer, headers_of(x))) {
        sl_session_refuse(x, SL_SESSION_FOREIGN);
        return false;
    }
    return true;
}

static int cookie_add(struct sl_xchg *x, struct sl_str token, struct sl_headers *io_headers)
{
    const struct sl_cookie cookie = { .name = SL_COOKIE_SESSION, .value = token, .path = "", .same_site = "Strict" };
    return sl_cookie_add(x, &cookie, io_headers);
}

int sl_session_forget(struct sl_xchg *x, struct sl_headers *io_headers)
{
    return cookie_add(x, SL_STR_NONE, io_headers);
}

uint64_t sl_session_number(const struct sl_xchg *x)
{
    struct sl_str token = sl_session_token(x);
    unsigned char hash[SL_SESSION_HASH_BYTES];
    struct sl_session own;
    if (!token.p) {
        return 0;
    }
    token_hash(token, hash);
    if (!sl_sessions_look(x->worker->gate->sessions, hash, sl_loop_recent(x->desk->loop), &own)) {
        return 0;
    }
    sl_session_done(&own);
    return own.number;
}

int sl_session_begin(struct sl_xchg *x, struct sl_str tenant, struct sl_session *io_spec, struct sl_headers *io_headers,
                     char ret_token[SL_SESSION_TEXT_SIZE])
{
    unsigned char bytes[32], *hash = sl_arena_alloc(x->arena, SL_SESSION_HASH_BYTES);
    uint64_t now = sl_loop_recent(x->desk->loop);
    if (!hash) {
        return SL_E_NOMEM;
    }
    sl_random_bytes(bytes, sizeof(bytes));
    sl_base64url_format(bytes, sizeof(bytes), ret_token);
    sl_wipe(bytes, sizeof(bytes));
    token_hash(sl_str_c(ret_token), hash);
    snprintf(io_spec->client, sizeof(io_spec->client), "%.*s", SL_STR_ARG(x->caller.address));
    sl_sessions_end(x->worker->gate->sessions, sl_session_number(x));
    int r = sl_sessions_begin(x->worker->gate->sessions, hash, tenant, now, io_spec);
    if (r == 0) {
        x->caller.session = hash;
        r = cookie_add(x, sl_str_c(ret_token), io_headers);
    }
    return r;
}
