/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that are fetched: the pure half. A source says, step by step, what to ask for and makes a credential of
 * the answers; whoever fetches (gate/call/credential.h) does the I/O, keeps the credential until it expires and hands
 * it to every call as env->credential.
 *
 *     step(first) ─> HTTP or FILE ─answer─> step ─> … ─> DONE
 */
#ifndef SL_LLM_CRED_H
#define SL_LLM_CRED_H

#include "llm/core/cred_source.h"
#include "llm/core/http_req.h"
#include "wire/uri.h"

struct sl_arena;
struct sl_bind;
struct sl_env;
struct sl_err;
struct sl_val;

/* What the parts are is the source's own business: a bearer's header value; key id, secret and session token. */
#define SL_CRED_PARTS 3

struct sl_cred {
    struct sl_str parts[SL_CRED_PARTS];
    uint64_t expires_usec; /* wall clock; UINT64_MAX: never */
};

enum sl_cred_step_kind { SL_CRED_HTTP, SL_CRED_FILE, SL_CRED_DONE };

struct sl_cred_step {
    enum sl_cred_step_kind kind;
    struct sl_uri base;     /* HTTP: the origin; its texts live as long as the arena or the source */
    struct sl_http_req req; /* HTTP */
    const char *path;       /* FILE: read whole */
    struct sl_cred cred;    /* DONE */
};

/* What the last step brought. */
struct sl_cred_answer {
    int status;         /* HTTP's; 0: a file; -1: nothing came, and `body` tells why */
    struct sl_str body; /* alive during the call */
};

struct sl_cred_ops {
    const char *name;
    size_t state_size; /* per fetch, zeroed by the caller; alive with the arena until the fetch ends */
    /* The next step; `last` NULL: the first. What is left for later must be on the arena. SL_E_NOMEM, or any other code
     * with a text in `err` for the log, in which the endpoint's own words may stand (sl_cred_said). */
    int (*step)(const void *conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err);
    /* Does this head of the provider's answer say that the credential is no longer good? NULL: 401 does. */
    bool (*is_refused)(int status, const struct sl_headers *headers);
};

/* The bytes of an identity: a digest of the texts, which may be secret. p == NULL: no memory. */
struct sl_str sl_cred_identity(struct sl_arena *arena, const struct sl_str *texts, size_t n);
/* Of an endpoint's refusal: `text` when it is a code word ("invalid_grant", "AccessDenied"), else "". Keys have
 * digits. */
struct sl_str sl_cred_word(struct sl_str text);
/* What it says in words: the beginning, or "". It may quote the credential that was sent: who fetches masks it. */
struct sl_str sl_cred_said(struct sl_str text);
/* A file's only line, without its ends and blanks around it. */
struct sl_str sl_cred_line(struct sl_str file);
/* The machine's own identity may be used by routes of the file only: SL_E_INVAL after a problem otherwise. */
SL_MUST int sl_cred_may_borrow(struct sl_bind *bind, const struct sl_val *val, const char *key);

#endif
