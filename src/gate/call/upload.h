/* SPDX-License-Identifier: Apache-2.0 */
/* A body that goes up as it comes. What the client sends lies here until the upstream takes it:
 *
 *   client ──add──> hold (256 KiB) ──feed──> upstream         the client is held back while the upstream takes nothing
 *                     └─> file                                 before it is known where it goes; for another target
 *
 * As long as nothing was let go of, an attempt can be repeated: what fits into the hold always, what lies in a file
 * too. One piece of it, the name of the route, becomes another text on the way. */
#ifndef SL_GATE_UPLOAD_H
#define SL_GATE_UPLOAD_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sl_hcall;
struct sl_upload;
struct sl_xchg;

/* x->upload, which ends with the exchange. SL_E_NOMEM. */
SL_MUST int sl_upload_new(struct sl_xchg *x);

/* --- the client's side --- */

/* The next bytes. SL_E_BUDGET: server.limits.memory; SL_E_LIMIT: server.limits.spool; SL_E_IO: the file (the operator
 * was told why); SL_E_NOMEM. */
SL_MUST int sl_upload_add(struct sl_upload *upload, struct sl_str bytes);
/* The target's model goes to `at`, in the place of `n` bytes, with `before` and `after` around it. They live as long as
 * the exchange. Once, before it flows. */
void sl_upload_place(struct sl_upload *upload, uint64_t at, uint64_t n, struct sl_str before, struct sl_str after);
/* It is known where it goes. `is_kept`: there may be several places, so all of it is kept. */
void sl_upload_flow(struct sl_upload *upload, bool is_kept);
/* There are no more. SL_E_IO as above. */
SL_MUST int sl_upload_end(struct sl_upload *upload);

/* --- the attempt's side --- */

/* An attempt can begin with the first byte. */
bool sl_upload_can_repeat(const struct sl_upload *upload);
/* The length with this model in it; SL_HCALL_LENGTH_UNKNOWN: nobody knows it yet. */
uint64_t sl_upload_length(const struct sl_upload *upload, struct sl_str model);
/* The bytes go to this call, from the first on, when it asks for them. */
void sl_upload_attach(struct sl_upload *upload, struct sl_hcall *call, struct sl_str model);
void sl_upload_detach(struct sl_upload *upload);
/* The call asks. SL_E_IO as above. */
SL_MUST int sl_upload_pump(struct sl_upload *upload);

#endif
