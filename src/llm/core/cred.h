/* SPDX-License-Identifier: Apache-2.0 */
/* Fetched credentials: the part without I/O. A source says, step by step, what to ask for, and makes a credential of
 * the answers. gate/call/credential.h does the I/O, keeps the credential until it expires and gives it to every call as
 * env->credential.
 *
 *     step(first) ─> HTTP or FILE ─answer─> step ─> … ─> DONE */
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

/* Each source decides what its parts are: a bearer's header value; or key id, secret and session token. */
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
    const char *path;       /* FILE: read the whole file */
    struct sl_cred cred;    /* DONE */
};

/* The answer to the last step. */
struct sl_cred_answer {
    int status;         /* of HTTP; 0: a file; -1: no answer, and `body` has the reason */
    struct sl_str body; /* lives during the call */
};

struct sl_cred_ops {
    const char *name;
    size_t state_size; /* bytes of state for each fetch, zeroed by the caller; it lives on the arena until the fetch
                          ends */
    /* Gives the next step; `last` NULL: the first. Anything that a later step needs must be on the arena. SL_E_NOMEM,
     * or any other code with a text in `err` for the log, which may have the endpoint's own words (sl_cred_said). */
    int (*step)(const void *conf, void *state, const struct sl_cred_answer *last, const struct sl_env *env,
                struct sl_arena *arena, struct sl_cred_step *ret, struct sl_err *err);
    /* True: this head of the provider's answer says that the credential is no longer valid. NULL: a 401 says it. */
    bool (*is_refused)(int status, const struct sl_headers *headers);
};

/* An identity, as bytes: a digest of the texts, which may be secret. p == NULL: no memory. */
struct sl_str sl_cred_identity(struct sl_arena *arena, const struct sl_str *texts, size_t n);
/* `text`, if it is a code word of an endpoint's refusal ("invalid_grant", "AccessDenied"), else "". A text with digits
 * may be a key, so it is no word. */
struct sl_str sl_cred_word(struct sl_str text);
/* The beginning of what an endpoint says, or "". It may quote the credential that was sent, so the caller masks it. */
struct sl_str sl_cred_said(struct sl_str text);
/* The only line of a file, without line ends and blanks around it. */
struct sl_str sl_cred_line(struct sl_str file);
/* Only routes of the file may use the machine's own identity: else SL_E_INVAL after a problem. */
SL_MUST int sl_cred_may_borrow(struct sl_bind *bind, const struct sl_val *val, const char *key);

#endif
