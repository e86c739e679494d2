/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens of an OAuth 2.0 token endpoint (RFC 6749): one question, one answer. The first part of the credential
 * is the header's value, "Bearer …". */
#ifndef SL_LLM_OAUTH_H
#define SL_LLM_OAUTH_H

#include "base/buf.h"
#include "json/json.h"
#include "llm/core/cred.h"

struct sl_secret;

/* Where to ask for a token. */
struct sl_oauth_ask {
    const struct sl_uri *base;
    struct sl_str target; /* path and query */
    const struct sl_headers *headers;
};

/* A text of a JSON object; "" if it is missing or no text. */
struct sl_str sl_oauth_text(struct sl_json_val root, const char *key, struct sl_arena *arena);
/* Appends "key=value" to the form, with escapes. */
void sl_oauth_form_add(struct sl_buf *form, const char *key, struct sl_str value, struct sl_arena *scratch);
/* The value of an Authorization header for a client and its secret (RFC 6749 2.3.1); p == NULL: no memory. */
struct sl_str sl_oauth_basic(struct sl_str id, struct sl_str secret, struct sl_arena *arena);
/* Makes the question: a POST of the form, or a GET if the form is empty. `r`: the result of writing the form. The form
 * may have secrets: it is wiped and freed here. */
SL_MUST int sl_oauth_ask(const struct sl_oauth_ask *ask, int r, struct sl_buf *form, struct sl_arena *arena,
                         struct sl_cred_step *ret);
/* Reads the token from the endpoint's answer, {"access_token", "expires_in"}. */
SL_MUST int sl_oauth_token_read(const struct sl_cred_answer *last, const struct sl_env *env, struct sl_arena *arena,
                                struct sl_cred_step *ret, struct sl_err *err);

/* A client and its secret, sent as Basic (RFC 6749 2.3.1), for the grant client_credentials. */
struct sl_oauth_client {
    const char *key;   /* names the base URL in problems */
    struct sl_str url; /* of the endpoint */
    const char *scope;
    struct sl_str id;
    const struct sl_secret *secret; /* must live as long as the source */
};
/* The source is on the arena. SL_E_INVAL after a problem, or SL_E_NOMEM. */
SL_MUST int sl_oauth_client_prepare(struct sl_bind *bind, const struct sl_val *val,
                                    const struct sl_oauth_client *client, const struct sl_cred_source **ret_source);

#endif
