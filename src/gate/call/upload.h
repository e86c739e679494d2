/* SPDX-License-Identifier: Apache-2.0 */
/* A body that goes up while it comes. The client's bytes are kept here until the upstream takes them:
 *
 *   client ──add──> hold (256 KiB) ──feed──> upstream         the client is paused while the upstream takes nothing
 *                     └─> file                                 while the target is not known, and for another target
 *
 * An attempt can be repeated as long as no byte was freed: always if the body fits into the hold or is in a file. One
 * piece of it, the name of the route, is replaced on the way. */
#ifndef SL_GATE_UPLOAD_H
#define SL_GATE_UPLOAD_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sl_hcall;
struct sl_upload;
struct sl_xchg;

/* Makes x->upload, which ends with the exchange. SL_E_NOMEM. */
SL_MUST int sl_upload_new(struct sl_xchg *x);

/* --- the client's side --- */

/* Adds bytes. SL_E_BUDGET: server.limits.memory; SL_E_LIMIT: server.limits.spool; SL_E_IO: the file failed (the
 * operator's log says why); SL_E_NOMEM. */
SL_MUST int sl_upload_add(struct sl_upload *upload, struct sl_str bytes);
/* Replaces `n` bytes at `at` by the target's model, between `before` and `after`. These must live as long as the
 * exchange. Once, before the body flows. */
void sl_upload_place(struct sl_upload *upload, uint64_t at, uint64_t n, struct sl_str before, struct sl_str after);
/* The target is known. `is_kept`: there may be several, so the whole body is kept. */
void sl_upload_flow(struct sl_upload *upload, bool is_kept);
/* The body is complete. SL_E_IO as above. */
SL_MUST int sl_upload_end(struct sl_upload *upload);

/* --- the attempt's side --- */

/* True: a new attempt can begin with the first byte. */
bool sl_upload_can_repeat(const struct sl_upload *upload);
/* The body's length with this model in it; SL_HCALL_LENGTH_UNKNOWN: not known yet. */
uint64_t sl_upload_length(const struct sl_upload *upload, struct sl_str model);
/* From now on this call gets the bytes, from the first on, when it asks for them. */
void sl_upload_attach(struct sl_upload *upload, struct sl_hcall *call, struct sl_str model);
void sl_upload_detach(struct sl_upload *upload);
/* The call asks for bytes. SL_E_IO as above. */
SL_MUST int sl_upload_pump(struct sl_upload *upload);

#endif
