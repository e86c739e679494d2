/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign: from the configuration, from a role that is assumed, or from the machine: its environment, a web
 * identity, its container or its instance. The parts of the credential are key id, secret and session token. */
#ifndef SL_LLM_AWS_CRED_H
#define SL_LLM_AWS_CRED_H

#include "base/secret.h"
#include "llm/core/cred.h"
#include "llm/sign/aws.h"

enum sl_aws_kind { SL_AWS_BEARER, SL_AWS_STATIC, SL_AWS_WEB, SL_AWS_CONTAINER, SL_AWS_INSTANCE };

/* MLflow's map `aws_config`. */
struct sl_aws_conf {
    struct sl_secret bearer, id, secret;
    struct sl_secret token; /* of the session; for a container, the token for asking its service */
    struct sl_str role_arn, region, endpoint, sts_endpoint;
    uint32_t session_sec;
    /* made by prepare */
    enum sl_aws_kind kind;
    bool has_role; /* the keys are used to assume a role */
    struct sl_str web_file, web_role, web_session, container_file;
    struct sl_uri sts, place; /* place: the container's or the instance's */
    struct sl_str place_target;
};

extern const struct sl_opt sl_aws_opts[];

/* `is_bedrock`: bearer tokens are accepted, and the environment may have one. `val` is the map around aws_config. When
 * keys are fetched, *ret_source says how; else its `ops` stay NULL. SL_E_INVAL after a problem, or SL_E_NOMEM. */
SL_MUST int sl_aws_prepare(struct sl_bind *bind, const struct sl_val *val, bool is_bedrock, struct sl_aws_conf *conf,
                           struct sl_cred_source *ret_source);
/* The domain of a region's hosts. */
const char *sl_aws_domain(struct sl_str region);

/* Adds the credential of `conf` to the request; call it when the rest of the request is complete. */
SL_MUST int sl_aws_authorize(const struct sl_aws_conf *conf, const char *service, const struct sl_target *target,
                             const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
