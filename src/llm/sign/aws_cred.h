/* SPDX-License-Identifier: Apache-2.0 */
/* Whose keys sign: those of the configuration, of a role that is assumed, or of the machine: its environment, a web
 * identity, its container or its instance. As a credential the parts are key id, secret and session token. */
#ifndef SL_LLM_AWS_CRED_H
#define SL_LLM_AWS_CRED_H

#include "base/secret.h"
#include "llm/core/cred.h"
#include "llm/sign/aws.h"

enum sl_aws_kind { SL_AWS_BEARER, SL_AWS_STATIC, SL_AWS_WEB, SL_AWS_CONTAINER, SL_AWS_INSTANCE };

/* The map `aws_config`, MLflow's. */
struct sl_aws_conf {
    struct sl_secret bearer, id, secret;
    struct sl_secret token; /* the session's; of a container, what its service is asked with */
    struct sl_str role_arn, region, endpoint, sts_endpoint;
    uint32_t session_sec;
    /* made by prepare */
    enum sl_aws_kind kind;
    bool has_role; /* and the keys are used to assume it */
    struct sl_str web_file, web_role, web_session, container_file;
    struct sl_uri sts, place; /* place: the container's or the instance's */
    struct sl_str place_target;
};

extern const struct sl_opt sl_aws_opts[];

/* `is_bedrock`: bearer tokens are taken, and the environment may have one. `val` is the map around aws_config. Where
 * keys are fetched, *ret_source says how; else its `ops` stay NULL. SL_E_INVAL after a problem, or SL_E_NOMEM. */
SL_MUST int sl_aws_prepare(struct sl_bind *bind, const struct sl_val *val, bool is_bedrock, struct sl_aws_conf *conf,
                           struct sl_cred_source *ret_source);
/* The domain of a region's hosts. */
const char *sl_aws_domain(struct sl_str region);

/* The request with its credential, as `conf` has it: to be called when all else of it is made. */
SL_MUST int sl_aws_authorize(const struct sl_aws_conf *conf, const char *service, const struct sl_target *target,
                             const struct sl_env *env, struct sl_arena *arena, struct sl_http_req *io_req);

#endif
