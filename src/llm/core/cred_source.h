/* SPDX-License-Identifier: Apache-2.0 */
/* Where a target's credential comes from, when it is fetched (cred.h). */
#ifndef SL_LLM_CRED_SOURCE_H
#define SL_LLM_CRED_SOURCE_H

#include "base/str.h"

struct sl_cred_ops;
struct sl_uri;

/* Lives as long as the target. */
struct sl_cred_source {
    const struct sl_cred_ops *ops;
    const void *conf;           /* what `step` is given */
    struct sl_str identity;     /* bytes: the same for the same credential, and for no other */
    const struct sl_uri *place; /* the endpoint that the configuration names, or its default; NULL: none is asked */
    const char *place_key;      /* the key of the configuration that names it */
};

#endif
