/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a provider's configuration, as a body brings it and the store keeps it: which members are secrets, and
 * which may be shown. The provider's rows decide. */
#ifndef SL_GATE_CONF_PART_H
#define SL_GATE_CONF_PART_H

#include "base/err.h"

struct sl_jw;
struct sl_opt;
struct sl_seal;
struct sl_val;

/* Writes the members of `now`, then the secrets of `old` that it lacks; maps inside are merged too. */
void sl_conf_keep(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *now, const struct sl_val *old);
/* A user who may change a route must not learn its credential this way: so it is not sent to another URL than the one
 * it was given for. `where`: the path of the configuration, for the message. SL_E_INVAL. */
SL_MUST int sl_conf_keep_check(const struct sl_opt *rows, const char *where, const struct sl_val *now,
                               const struct sl_val *old, struct sl_err *err);

/* Writes what may be shown of it, as an object. */
void sl_conf_show(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config);
/* Members of an open object: the name of each secret (behind `prefix` and the name of its map) and its fingerprint.
 * SL_E_NOMEM. */
SL_MUST int sl_conf_prints(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config,
                           const struct sl_seal *seal, const char *prefix);

#endif
