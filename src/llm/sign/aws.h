/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's signatures, version 4: a request is signed with its host, its headers and its body. */
#ifndef SL_LLM_AWS_H
#define SL_LLM_AWS_H

#include "llm/core/llm.h"

struct sl_aws_keys {
    struct sl_str id, secret;
    struct sl_str token; /* of a session; "": none */
};

struct sl_aws_sign {
    struct sl_aws_keys keys;
    struct sl_str region, service;
    struct sl_str host; /* as it stands in the Host header */
    uint64_t wall_usec;
    bool keeps_path; /* the path is signed as it is: no dot segments or empty ones taken out */
};

/* Signs all that stands in io_req->headers, beside the host, and adds x-amz-date, x-amz-security-token and
 * authorization. What is added later is not signed. The day's signing key is kept by the thread. 0 or SL_E_NOMEM. */
SL_MUST int sl_aws_sign(const struct sl_aws_sign *sign, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
