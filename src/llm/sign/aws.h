/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's signatures, version 4: they sign a request with its host, its headers and its body. */
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
    struct sl_str host; /* as in the Host header */
    uint64_t wall_usec;
    bool keeps_path; /* the path is signed unchanged: dot segments and empty ones stay */
};

/* Signs all headers in io_req->headers and the host, and adds x-amz-date, x-amz-security-token and authorization.
 * Headers that are added later are not signed. The thread keeps the signing key of the day. 0 or SL_E_NOMEM. */
SL_MUST int sl_aws_sign(const struct sl_aws_sign *sign, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
