/* SPDX-License-Identifier: Apache-2.0 */
/* Entra's access tokens for Azure, of a client's credentials. As a credential the first part is the header's value,
 * "Bearer …". */
#ifndef SL_LLM_ENTRA_H
#define SL_LLM_ENTRA_H

#include "llm/core/cred.h"

#define SL_ENTRA_AUTHORITY "https://login.microsoftonline.com"

struct sl_secret;

/* `authority`: the key azure_authority's value. The source is on the arena; `secret` is used as it stands then and must
 * live as long. SL_E_INVAL after a problem, or SL_E_NOMEM. */
SL_MUST int sl_entra_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_str authority,
                             struct sl_str tenant, struct sl_str client, const struct sl_secret *secret,
                             const struct sl_cred_source **ret_source);

#endif
