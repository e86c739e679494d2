/* SPDX-License-Identifier: Apache-2.0 */
/* A provider's configuration as a body brings it and the store keeps it: which member is a secret, and what may be
 * shown. By the provider's rows. */
#ifndef SL_GATE_CONF_PART_H
#define SL_GATE_CONF_PART_H

#include "base/err.h"

struct sl_jw;
struct sl_opt;
struct sl_seal;
struct sl_val;

/* Writes the members of `now`, then those secrets of `old` that it lacks; maps are merged inside. */
void sl_conf_keep(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *now, const struct sl_val *old);
/* Who may change a route shall not thereby learn its credential: it is not sent to another place than the one it was
 * given for. `where`: of the configuration, in the message. SL_E_INVAL. */
SL_MUST int sl_conf_keep_check(const struct sl_opt *rows, const char *where, const struct sl_val *now,
                               const struct sl_val *old, struct sl_err *err);

/* What may be shown of it, as an object. */
void sl_conf_show(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config);
/* Members of an open object: each secret's name, with its map's and `prefix` before it, and its fingerprint.
 * SL_E_NOMEM. */
SL_MUST int sl_conf_prints(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config,
                           const struct sl_seal *seal, const char *prefix);

#endif
