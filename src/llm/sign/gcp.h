/* SPDX-License-Identifier: Apache-2.0 */
/* Google's access tokens: for a service account's key (a signed JWT is exchanged, RFC 7523), for a user's refresh
 * token, or from the machine's metadata server. The first part of the credential is the header's value, "Bearer …". */
#ifndef SL_LLM_GCP_H
#define SL_LLM_GCP_H

#include "llm/core/cred.h"

#define SL_GCP_METADATA_URL "http://metadata.google.internal"
#define SL_GCP_TOKEN_URI    "https://oauth2.googleapis.com/token"

enum sl_gcp_kind { SL_GCP_METADATA, SL_GCP_SERVICE_ACCOUNT, SL_GCP_USER };

struct sl_gcp_conf {
    enum sl_gcp_kind kind;
    struct sl_uri base;     /* of the token endpoint or the metadata server */
    struct sl_str target;   /* its path */
    struct sl_str audience; /* for a service account: the token endpoint's URL */
    struct sl_str email, key_id;
    const struct sl_secret *secret; /* the private key in PEM; for a user, the form, ready to be sent */
    struct sl_headers headers;
};

/* What the configuration says. `secret` is the text of a credentials file (service_account or authorized_user); it is
 * replaced by the part that is needed later. If it is not set, the metadata server is asked. `token_uri` and
 * `metadata_url` may be "". The keys name the members in problems. SL_E_INVAL after a problem, or SL_E_NOMEM. */
struct sl_gcp_keys {
    const char *credentials, *token_uri, *metadata_url;
};
SL_MUST int sl_gcp_prepare(struct sl_bind *bind, const struct sl_val *val, const struct sl_gcp_keys *keys,
                           struct sl_secret *secret, struct sl_str token_uri, struct sl_str metadata_url,
                           struct sl_gcp_conf *conf, struct sl_cred_source *ret_source);

#endif
