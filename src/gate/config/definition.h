/* SPDX-License-Identifier: Apache-2.0 */
/* The definition of a dynamic route, as a body brings it and the store keeps it: its *spec* (JSON with everything but
 * the providers' configurations, safe to show) and those *configurations* (JSON, secret as a whole: sealed in the
 * file). The binder, its rows and its texts are the configuration file's. */
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
    struct sl_str config; /* "{}" when there is none; of several targets all of theirs */
};

/* What is wrong with a body as a body (422), before the binder looks at it: `loc` is the member, "" the whole. */
struct sl_body_fault {
    const char *type; /* of MLflow's schemas: "missing", "string_type", … */
    const char *loc;
    const char *msg;
};

/* Splits a body on the arena. `name` p != NULL: the path's; the body's may be absent but not another. SL_E_TYPE with a
 * fault: not the schema; SL_E_INVAL with a text; SL_E_NOMEM. */
SL_MUST int sl_definition_read(struct sl_json_val body, struct sl_str name, struct sl_arena *arena,
                               struct sl_definition *ret, struct sl_body_fault *ret_fault, struct sl_err *err);

/* Binds. SL_E_INVAL: `err` has every problem. Literals only. A new one may have nothing that no row knows; a stored one
 * (by another version, perhaps) may: it is passed over. */
SL_MUST int sl_definition_bind(const struct sl_definition *def, const struct sl_settings *settings, bool is_stored,
                               struct sl_route **ret_route, struct sl_err *err);

/* `config` with the credentials that it leaves out taken from `old`, where both are for the same provider; those of a
 * target from the one of its name. Holds secrets. SL_E_INVAL with a text: a URL changed, and a credential goes only
 * where it was given for. */
SL_MUST int sl_definition_keep(const struct sl_definition *def, const struct sl_store_route *old, struct sl_buf *out,
                               struct sl_err *err);

/* Members of a GET: "name", the type, "model" with what may be shown of its configuration, "limit", "sluice",
 * "secrets": the fingerprint of each, and "target_secrets": those of each target. Into an open object. */
SL_MUST int sl_definition_write(struct sl_jw *w, const struct sl_definition *def, const struct sl_seal *seal);

/* For struct sl_store_cbs: the same as one object. */
void sl_definition_describe(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);

#endif
