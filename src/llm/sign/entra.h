/* SPDX-License-Identifier: Apache-2.0 */
/* Entra's access tokens for Azure: for a client's secret, for a workload's token file (Kubernetes), or for the
 * machine's managed identity. The first part of the credential is the header's value, "Bearer …". */
#ifndef SL_LLM_ENTRA_H
#define SL_LLM_ENTRA_H

#include "llm/core/cred.h"

#define SL_ENTRA_AUTHORITY    "https://login.microsoftonline.com"
#define SL_ENTRA_METADATA_URL "http://169.254.169.254"

struct sl_secret;

enum sl_entra_kind { SL_ENTRA_SECRET, SL_ENTRA_WORKLOAD, SL_ENTRA_MANAGED };

/* What the configuration says; texts may be "". For a workload, environment variables replace missing texts, as in
 * Azure's SDKs: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST. A managed identity
 * is asked for at IDENTITY_ENDPOINT with IDENTITY_HEADER if both are set, else at the metadata service. */
struct sl_entra_want {
    enum sl_entra_kind kind;
    struct sl_str authority;    /* the key azure_authority */
    struct sl_str metadata_url; /* the key azure_metadata_url */
    struct sl_str tenant, client;
    const struct sl_secret *secret; /* the client's; must live as long as the source */
};

/* The source is on the arena. SL_E_INVAL after a problem, or SL_E_NOMEM. */
SL_MUST int sl_entra_prepare(struct sl_bind *bind, const struct sl_val *val, const struct sl_entra_want *want,
                             const struct sl_cred_source **ret_source);

#endif
