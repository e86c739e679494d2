/* SPDX-License-Identifier: Apache-2.0 */
/* The source of a target's credential, when it is fetched (cred.h). */
#ifndef SL_LLM_CRED_SOURCE_H
#define SL_LLM_CRED_SOURCE_H

#include "base/str.h"

struct sl_cred_ops;
struct sl_uri;

/* Lives as long as the target. */
struct sl_cred_source {
    const struct sl_cred_ops *ops;
    const void *conf;       /* the first argument of `step` */
    struct sl_str identity; /* bytes: equal for the same credential, different for any other */
    /* The endpoint that the configuration names, or its default; NULL: no endpoint is asked. */
    const struct sl_uri *place;
    const char *place_key; /* the key of the configuration that names it */
};

#endif
