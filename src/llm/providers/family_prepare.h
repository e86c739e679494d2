/* SPDX-License-Identifier: Apache-2.0 */
/* How the targets of OpenAI's family (family.c) are prepared: base, paths, credential, the model's name. Each function
 * of a name is one row's, and does what the common one does besides. */
#ifndef SL_LLM_FAMILY_PREPARE_H
#define SL_LLM_FAMILY_PREPARE_H

#include "llm/openai/openai.h"

/* The form in which MLflow's model server is asked. */
enum sl_server_api { SL_SERVER_INPUTS, SL_SERVER_OPENAI };

/* The configuration of every row; a row's options fill what it has. */
struct sl_family_conf {
    struct sl_openai_conf openai; /* first, because the language reads it */
    struct sl_str text_stream;    /* made by prepare: where text-generation-inference streams completions */
    struct sl_str portkey_provider, portkey_config;
    struct sl_secret provider_key;
    struct sl_str litellm_provider;
    struct sl_str client_id;
    struct sl_secret client_secret;
    int server_api; /* enum sl_server_api */
};

/* `prepare` of struct sl_provider. */
int sl_family_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* For servers that people run themselves: there is no default, so a warning cannot name the right path. */
int sl_family_prepare_own(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* MLflow's default key, for a server without keys, is the word itself. */
int sl_family_prepare_ollama(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* Magistral's answers are lists of parts, and thoughts are among these. */
int sl_family_prepare_mistral(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* It has a key of its own beside the provider's. */
int sl_family_prepare_portkey(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* A LiteLLM proxy knows models as "provider/name". */
int sl_family_prepare_litellm(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* A workspace's address; its models are under one path, which may be given or not. */
int sl_family_prepare_databricks(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* Chats are OpenAI's, under their path; texts have paths of their own. */
int sl_family_prepare_tgi(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);
/* There is one path for all types; the body shows the type. */
int sl_family_prepare_serving(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);

/* `build` of struct sl_provider: completions that stream go to the path that was made for them. */
int sl_family_build_tgi(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                        bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                        struct sl_llm_error *ret_error);

#endif
