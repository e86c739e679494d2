/* SPDX-License-Identifier: Apache-2.0 */
/* The definition of a dynamic route, as a body brings it and the store keeps it. It has a *spec* (JSON with everything
 * but the providers' configurations, safe to show) and these *configurations* (JSON, all of it secret: sealed in the
 * file). The binder, the rows and the messages are those of the configuration file. */
#ifndef SL_GATE_DEFINITION_H
#define SL_GATE_DEFINITION_H

#include "json/json.h"

struct sl_arena;
struct sl_buf;
struct sl_jw;
struct sl_route;
struct sl_seal;
struct sl_settings;
struct sl_store_route;

struct sl_definition {
    struct sl_str name;
    struct sl_str spec;
    struct sl_str config; /* "{}" when there is none; when the route has targets, it has the configurations of all */
};

/* Why a body has not the right schema (422), before the binder looks at it. `loc` is the member, "" the whole body. */
struct sl_body_fault {
    const char *type; /* as in MLflow's schemas: "missing", "string_type", … */
    const char *loc;
    const char *msg;
};

/* Splits a body; the result is on the arena. `name` p != NULL is the path's name: the body's name may be absent, but
 * not another one. SL_E_TYPE with a fault: it has not the schema; SL_E_INVAL with a text; SL_E_NOMEM. */
SL_MUST int sl_definition_read(struct sl_json_val body, struct sl_str name, struct sl_arena *arena,
                               struct sl_definition *ret, struct sl_body_fault *ret_fault, struct sl_err *err);

/* Makes the route. SL_E_INVAL: `err` has every problem. Secrets must be literals. A new definition must not have
 * unknown keys; in a stored one, perhaps of another version, they are ignored. */
SL_MUST int sl_definition_bind(const struct sl_definition *def, const struct sl_settings *settings, bool is_stored,
                               struct sl_route **ret_route, struct sl_err *err);

/* Writes `config` with the credentials that it leaves out taken from `old`, when both have the same provider; a target
 * takes them from the target of the same name. The result holds secrets. SL_E_INVAL with a text: a URL changed, and a
 * credential goes only to the URL that it was given for. */
SL_MUST int sl_definition_keep(const struct sl_definition *def, const struct sl_store_route *old, struct sl_buf *out,
                               struct sl_err *err);

/* Writes members of a GET into an open object: "name", the type, "model" with what may be shown of its configuration,
 * "limit", "sluice", "secrets" (the fingerprint of each), and "target_secrets" (those of each target). */
SL_MUST int sl_definition_write(struct sl_jw *w, const struct sl_definition *def, const struct sl_seal *seal);

/* For struct sl_store_cbs: writes the same as one object. */
void sl_definition_describe(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);

#endif
