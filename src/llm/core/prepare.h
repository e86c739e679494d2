/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by providers when they prepare a target from its configuration. */
#ifndef SL_LLM_PREPARE_H
#define SL_LLM_PREPARE_H

#include "llm/core/llm.h"

struct sl_secret;

/* The position for a problem with `key`: that of its value, else of the map. */
struct sl_pos sl_prepare_pos(const struct sl_val *val, const char *key);

#define SL_PREPARE_FAIL(bind, val, key, ...) \
    (sl_bind_problem((bind), SL_PROBLEM_ERROR, sl_prepare_pos((val), (key)), NULL, __VA_ARGS__), SL_E_INVAL)

/* Reads the base URL from `key`. */
SL_MUST int sl_prepare_base(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str text,
                            struct sl_uri *ret);
/* For providers whose base URL always has its version: warns when there is none. */
void sl_prepare_version(struct sl_bind *bind, const struct sl_val *val, const char *key, const struct sl_uri *base);
/* Makes the credential as its header needs it, with `prefix`: it is made once, in memory that is wiped. SL_E_INVAL
 * after a problem, or SL_E_NOMEM. */
SL_MUST int sl_prepare_key(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str prefix,
                           struct sl_secret *secret);
/* Adds a text of the configuration as a header, if it is set. */
SL_MUST int sl_prepare_header(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str name,
                              struct sl_str value, struct sl_headers *headers);

/* A piece of a path or query with percent encoding, on the arena; p == NULL: no memory. */
struct sl_str sl_percent_encode(struct sl_str s, struct sl_arena *arena);
/* Starts a request's headers: those of the configuration, with room for the gateway's own. */
SL_MUST int sl_headers_start(const struct sl_headers *from, struct sl_arena *arena, struct sl_headers *ret);

/* The `build` of most providers: a POST to `path` (p == NULL: the language knows it) with the configuration's headers
 * and a body in the target's language. */
SL_MUST int sl_build_post(const struct sl_headers *headers, struct sl_str path, const struct sl_call *call,
                          const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                          struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error);

/* The same for a call of a type that passes untranslated (passage.h: `tail`): the client's body with `model_json` in
 * it, or its form with the target's model. */
SL_MUST int sl_build_tail(const struct sl_headers *headers, struct sl_str path, struct sl_str model_json,
                          const struct sl_call *call, const struct sl_target *target, struct sl_arena *arena,
                          struct sl_http_req *ret_req, struct sl_llm_error *ret_error);

/* The `models_target` of most providers: the path `models` after the base's path. sl_path_target does it for any path;
 * `query` may be "". */
SL_MUST int sl_models_target(const struct sl_target *target, struct sl_arena *arena, struct sl_str *ret);
SL_MUST int sl_path_target(const struct sl_uri *base, const char *path, const char *query, struct sl_arena *arena,
                           struct sl_str *ret);

/* Lists that most providers' rows use: the header of a bearer token; headers that any SDK may send to any upstream;
 * headers that name the operator's account. */
extern const struct sl_str sl_credential_bearer[], sl_pass_common[], sl_hidden_common[];

#endif
